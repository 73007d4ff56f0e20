"""What if answers that were cut by their length limit, thrown away and asked for again, had had a
limit that was long enough? Not about cut answers that were used, or continued where they ended.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import polars as pl

from costscope.columns import Ints
from costscope.errors import SettingsError
from costscope.levers._rows import IS_OUTPUT
from costscope.levers._runs import runs
from costscope.levers._waste.base import CALLER, SECONDS, Waste, carried, known, none, sized
from costscope.levers._words import count
from costscope.model import ANSWERED, Workload

CUT = ("length", "max_tokens", "max_output_tokens", "model_length", "incomplete")
"""Words for an answer that its limit cut, in small letters: of OpenAI and most others, Anthropic and
Bedrock and Gemini, and Mistral; OpenAI's Responses API calls such an answer incomplete."""

QUICK_S = 60
"""The pessimistic end takes only what was asked again within a minute, as a program does."""

_KNOWN = ["session", "trace", "user_id", "status", "finish_reason", "added"]
_SAME = ("_caller", "model", "prompt", "input_tokens")


@dataclass(frozen=True)
class WasteCutAnswers(Waste):
    """Drops calls whose answer was cut by its limit where the same caller then sent the same prompt to
    the same model again and got more tokens than the cut answer has, which means another limit. A cut
    answer that a later prompt carries was used, and stays."""

    title: ClassVar[str] = "Leave answers enough room at once"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    advice: ClassVar[str] = "Set the output limit of such calls as high as their second try had it"
    noun: ClassVar[str] = "cut answer"
    prerequisites: ClassVar[Sequence[str]] = (
        "The output limit is a setting; unused room under it is not billed.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Where the limit was low on purpose, to try cheaply first, raising it lengthens other answers.",
    )

    within_s: int = 600
    """How soon the same prompt has to come again, in seconds: as long as the SDKs of OpenAI and
    Anthropic wait for one answer."""

    def __post_init__(self) -> None:
        if self.within_s <= 0:
            raise SettingsError(f"within_s is {self.within_s}; it must be above 0")

    def found(self, workload: Workload) -> pl.DataFrame:
        cut, others = _candidates(workload.calls)
        if cut.is_empty():
            return none()
        both = sized(workload, others).join(_prompts(workload, others), on="call_no")
        both = both.sort(*_SAME, "sent_at")
        group = both.select(pl.struct(_SAME).rle_id()).to_series().to_numpy().astype(np.int64)
        sent = both["sent_at"].dt.timestamp("us").to_numpy()
        tokens = both["output_tokens"].to_numpy()
        longer = _longest(group, sent, tokens, self.within_s * SECONDS) > tokens
        again = both.filter(pl.Series(longer), "cut").select("call_no")
        again = again.with_columns(kind=pl.lit("cut, then asked again"))
        used = carried(workload.parts, again) if again.height else again
        return again.join(used, on="call_no", how="anti")

    def scenarios(self) -> tuple[Self, Self]:
        """Low: asked again within a minute. High: as set."""
        return replace(self, within_s=min(self.within_s, QUICK_S)), self

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How many answers were cut at all."""
        cut = before.calls[_KNOWN].filter(_is_cut())
        if cut.is_empty():
            return []
        said = f"Answers cut by their limit: {cut.height:,}; "
        said += f"seen to be asked for again: {known(before, self).height:,}."
        blind = cut.filter(CALLER.is_null()).height
        if blind:
            said += (
                f" Of {count(blind, 'cut answer')} the log does not say who asked: too little data."
            )
        return [said]


def _longest(group: Ints, sent: Ints, tokens: Ints, within: int) -> Ints:
    """The most tokens that any later row of the same group has, if it was sent within so much time; -1
    for none. Rows are sorted by group and time.

    Each looks at a stretch of rows. Its maximum is that of two stretches, as long as a power of two,
    which cover it, so that many rows alike cost no more than their number times its logarithm.
    """
    times = np.unique(sent)
    turns = len(times) + 1
    place = group * turns + np.searchsorted(times, sent)
    start = np.searchsorted(place, place, side="right")
    until = np.searchsorted(times, sent + within, side="right")
    end = np.searchsorted(place, group * turns + until)
    found, most, width = np.full(len(tokens), -1), tokens, 1
    while (end - start >= width).any():
        mine = np.flatnonzero((end - start >= width) & (end - start < 2 * width))
        found[mine] = np.maximum(most[start[mine]], most[end[mine] - width])
        most, width = np.maximum(most[:-width], most[width:]), 2 * width
    return found


def _is_cut() -> pl.Expr:
    cut = pl.col("finish_reason").str.to_lowercase().is_in(CUT)
    return cut & pl.col("status").is_in(ANSWERED) & ~pl.col("added")


def _candidates(calls: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Cut calls, and all answered ones of the same callers and models (themselves too)."""
    able = calls.lazy().filter(
        (pl.col("request_hash") != 0) & pl.col("sent_at").is_not_null() & ~pl.col("added"),
        CALLER.is_not_null(),
        pl.col("status").is_in(ANSWERED),
    ).select("call_no", "sent_at", "model", CALLER.alias("_caller"), cut=_is_cut())  # fmt: skip
    cut = able.filter("cut").collect()
    if cut.is_empty():
        return cut, cut
    who = cut.lazy().select("_caller", "model").unique()
    return cut, able.join(who, on=["_caller", "model"], how="semi").collect()


def _prompts(workload: Workload, calls: pl.DataFrame) -> pl.DataFrame:
    """call_no and `prompt`, the hash of the whole prompt, of these calls."""
    rows = runs(workload.parts).rows(calls["call_no"].to_numpy())
    parts = workload.parts[["call_no", "billing_class", "content", "prefix"]][rows]
    parts = parts.filter(~IS_OUTPUT, pl.col("content") != 0)
    return parts.group_by("call_no").agg(pl.col("prefix").last().alias("prompt"))
