"""Calls to price keys and back, in bulk: which distinct (model, tier, day, hour, length) occur.

Polars thinks here and Python sees only the distinct keys; no price is known to this module.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from costscope.prices.quotes import Moment, tier_of
from costscope.prices.subjects import Subject

NAMES = ("provider", "channel", "region", "model", "tier")
_KEY = ("kind", "day", "slot", "step")


@dataclass(frozen=True)
class Key:
    """Calls that cost the same a token: a model, and a moment that stands for all of theirs."""

    subject: Subject
    moment: Moment


def keys(
    calls: pl.DataFrame, as_of: date, change_days: Callable[[Subject], Sequence[date]]
) -> tuple[pl.Series, list[Key]]:
    """For each call the number of its key (u32, in the order of `calls`), and the keys.

    `calls` has the columns of NAMES, sent_at and input_tokens; `change_days` tells on which days
    the prices of a model may change. Keys are numbered by names, then time, then length.
    """
    named = calls.select(
        *(pl.col(name).cast(pl.String).fill_null("") for name in NAMES),
        pl.col("input_tokens").cast(pl.Int64),
        _utc(calls.schema["sent_at"]),
    )
    kinds = named.select(NAMES).unique().sort(NAMES).with_row_index("kind")
    subjects = [Subject(*row) for row in kinds.select(NAMES[:4]).iter_rows()]
    limits = _limits(kinds, subjects)
    time = pl.col("sent_at").dt
    minute = time.hour().cast(pl.Int64) * 60 + time.minute().cast(pl.Int64)
    coded = named.join(limits, on=NAMES, how="left", maintain_order="left").select(
        "kind",
        day=time.date().fill_null(as_of),
        slot=_passed(minute, limits, "minute_", at=True),
        step=_passed(pl.col("input_tokens"), limits, "above_", at=False),
    )
    distinct = coded.unique().sort(_KEY)
    numbers, found = _merged(distinct, kinds["tier"].to_list(), subjects, change_days)
    numbered = distinct.with_columns(rate_no=pl.Series(numbers, dtype=pl.UInt32))
    return coded.join(numbered, on=_KEY, how="left", maintain_order="left")["rate_no"], found


def _merged(
    distinct: pl.DataFrame,
    tiers: Sequence[str],
    subjects: Sequence[Subject],
    change_days: Callable[[Subject], Sequence[date]],
) -> tuple[list[int], list[Key]]:
    """Days between two changes are one key; where it matters, days off are another."""
    numbers: dict[tuple[int, int, int, int], int] = {}
    found: list[Key] = []
    result = []
    changes = [change_days(subject) for subject in subjects]
    for kind, day, slot, step in distinct.iter_rows():
        subject = subjects[kind]
        epoch = 2 * bisect_right(changes[kind], day) + subject.is_off(day)
        number = numbers.setdefault((kind, epoch, slot, step), len(found))
        if number == len(found):
            found.append(Key(subject, _moment(subject, tiers[kind], day, slot, step)))
        result.append(number)
    return result, found


def _moment(subject: Subject, tier: str, day: date, slot: int, step: int) -> Moment:
    minute = subject.minutes[slot - 1] if slot else 0
    at = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    return Moment(at, tier_of(tier), subject.thresholds[step - 1] if step else None)


def _limits(kinds: pl.DataFrame, subjects: Sequence[Subject]) -> pl.DataFrame:
    """`kinds` with columns above_0, above_1, … and minute_0, …: where each kind's prices change."""
    for prefix, values in (
        ("above", [subject.thresholds for subject in subjects]),
        ("minute", [subject.minutes for subject in subjects]),
    ):
        for i in range(max(map(len, values), default=0)):
            column = [v[i] if i < len(v) else None for v in values]
            kinds = kinds.with_columns(pl.Series(f"{prefix}_{i}", column, dtype=pl.Int64))
    return kinds


def _utc(kind: pl.DataType) -> pl.Expr:
    """`sent_at` as a naive UTC time in microseconds."""
    time = pl.col("sent_at")
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        time = time.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return time.cast(pl.Datetime("us"))


def _passed(value: pl.Expr, limits: pl.DataFrame, prefix: str, *, at: bool) -> pl.Expr:
    """How many of a kind's limits a value exceeds (or, with `at`, has reached)."""
    names = [name for name in limits.columns if name.startswith(prefix)]
    tests = (value >= pl.col(name) if at else value > pl.col(name) for name in names)
    return pl.sum_horizontal(
        pl.lit(0, pl.Int64), *(test.fill_null(value=False).cast(pl.Int64) for test in tests)
    )
