"""What if the same caller's identical calls, seconds apart, had been sent once? Double clicks, fan-out.

Not a cache of answers, which also serves other callers and repeats that come much later.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._waste.base import CALLER, FOUND, SECONDS, Waste
from costscope.levers._words import count
from costscope.model import Trait, Workload

_KNOWN = [
    "call_no", "call_id", "session", "trace", "user_id", "sent_at", "status", "temperature",
    "request_hash", "traits", "added",
]  # fmt: skip
_SAME = ("request_hash", "_caller")


@dataclass(frozen=True)
class WasteRepeats(Waste):
    """Drops all but the first of identical, answered calls of one caller within a few seconds.

    Identical is the whole request: model, prompt and parameters. Left alone are calls whose caller
    the log does not name, calls sampled on purpose (temperature above 0), replies that called a tool,
    and calls of the very same microsecond, which more likely are one call logged twice.
    """

    title: ClassVar[str] = "Send identical calls once"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    advice: ClassVar[str] = (
        "Send a request once where the same caller sends it again within seconds"
    )
    noun: ClassVar[str] = "repeated call"
    prerequisites: ClassVar[Sequence[str]] = (
        "The client can hold back a request that it is already waiting for, or share its answer.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Asking several times on purpose, to vote on the answers, looks the same where the log has no "
        "temperature.",
        "A cache of whole answers saves the same calls; together they are counted once.",
    )

    within_s: int = 10
    """How long after the first a call still counts as the same, in seconds. A person's second click
    comes within a second or two, a client's impatient second request while the first is under way;
    somebody who asks again later may want another answer."""
    any_temperature: bool = False
    """Also drop calls that were sampled (temperature above 0)."""
    unknown_temperature: bool = True
    """Also drop calls whose log has no temperature. The low end of the interval keeps them."""

    def __post_init__(self) -> None:
        if self.within_s <= 0:
            raise SettingsError(f"within_s is {self.within_s}; it must be above 0")

    def found(self, workload: Workload) -> pl.DataFrame:
        rows = [(call, "seconds apart") for call, wait in self._late(workload.calls) if wait]
        return pl.DataFrame(rows, schema=FOUND, orient="row")

    def scenarios(self) -> tuple[Self, Self]:
        """Low: no call of unknown temperature is dropped. High: as set."""
        return replace(self, unknown_temperature=False), self

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """Calls that may be one, and those of which nobody knows who made them."""
        twice = sum(not wait for _, wait in self._late(before.calls))
        same = before.calls.filter(pl.col("request_hash") != 0, CALLER.is_null())
        blind = same.filter(pl.len().over("request_hash") > 1).height
        said = []
        if twice:
            said.append(
                "Taken for one call logged twice, and kept: "
                f"{count(twice, 'call')} of the same microsecond as an identical one."
            )
        if blind:
            said.append(
                "Kept, because the log names no session, trace or user that could be the same caller: "
                f"{count(blind, 'call')} with a request that recurs."
            )
        return said

    def _late(self, calls: pl.DataFrame) -> Iterator[tuple[int, int]]:
        """(call_no, microseconds since the first) of the calls that repeat a first one."""
        rows = self._close(calls).select("group", "call_no", "sent").iter_rows()
        group, first = -1, 0
        for number, call, sent in rows:
            if number != group or sent - first > self.within_s * SECONDS:
                group, first = number, sent
            else:
                yield call, sent - first

    def _close(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Calls with an identical one near them in time, in order: group, call_no, sent."""
        able = calls[_KNOWN].filter(self._able()).with_columns(CALLER.alias("_caller"))
        able = able.filter(pl.col("_caller").is_not_null(), pl.col("request_hash").is_duplicated())
        able = able.sort(*_SAME, "sent_at", "call_id").select(
            pl.struct(_SAME).rle_id().alias("group"),
            "call_no",
            pl.col("sent_at").dt.timestamp("us").alias("sent"),
        )
        near = pl.col("sent").diff().over("group") <= self.within_s * SECONDS
        near = near.fill_null(value=False)
        return able.filter(near | near.shift(-1).over("group").fill_null(value=False))

    def _able(self) -> pl.Expr:
        """Calls that may be a first one or its repeat."""
        cold = pl.lit(self.any_temperature) | (pl.col("temperature") == 0)
        return (
            (pl.col("request_hash") != 0)
            & (pl.col("status") == "ok")
            & pl.col("sent_at").is_not_null()
            & ((pl.col("traits") & Trait.TOOL_CALLED) == 0)
            & cold.fill_null(self.any_temperature or self.unknown_temperature)
            & ~pl.col("added")
        )
