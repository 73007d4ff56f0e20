"""What levers charge beside tokens: rows of `fees`, for the time that the log covers. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

import polars as pl

from costscope.model import PICO, Workload

DAY_US = 86_400_000_000
MONTH_US = 30 * DAY_US
"""A month is 30 days, as in monthly savings."""


class Fee(NamedTuple):
    """One row of `fees`. What recurs is charged for the log's window, what is paid `once` in full."""

    picodollars: int
    reason: str
    assumption: str
    once: bool = False


def span_us(workload: Workload) -> int | None:
    """Microseconds from the first call to the last of the log as it was; None without times. A
    what-if that drops calls makes no month shorter."""
    sent = pl.col("sent_at").dt.timestamp("us")
    span: int | None = workload.log.calls.select(sent.max() - sent.min()).item()
    return span


def exact(number: float) -> Fraction:
    """A setting as the decimal fraction that its user wrote: 0.1 is one tenth."""
    return Fraction(str(number))


def picodollars(usd: Fraction) -> int:
    """Dollars as whole picodollars, the nearest."""
    return round(usd * PICO)


def charged(workload: Workload, lever: str, fees: Sequence[Fee]) -> Workload:
    """The workload with these fees of a lever added; itself if none costs anything."""
    rows = [{"lever": lever, **fee._asdict()} for fee in fees if fee.picodollars]
    if not rows:
        return workload
    schema = workload.fees.schema
    more = pl.DataFrame(rows, schema_overrides={"picodollars": pl.Int128})
    return workload.with_(fees=pl.concat([workload.fees, more.select(schema.names()).cast(schema)]))


def in_a_month(fees: Sequence[Fee], span: int) -> int:
    """What the recurring ones of fees for `span` microseconds come to in 30 days, in picodollars."""
    recurring = sum(fee.picodollars for fee in fees if not fee.once)
    return round(Fraction(recurring * MONTH_US, span))
