"""What if repeated requests were answered from a cache of whole answers, matched exactly?

Not the provider's prompt cache, which shortens a bill but still makes the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._rows import without
from costscope.levers._words import count, duration, percent
from costscope.levers.interface import Lever
from costscope.model import ANSWERED, Trait, Workload

SCOPES = {"all": [], "user": ["user_id"], "tenant": ["tenant"]}
"""Who may share an answer → the columns that must be known and equal."""

MICROSECONDS = 1_000_000


@dataclass(frozen=True)
class ResponseCache(Lever):
    """Answers a request from an earlier, successful call with the same request hash.

    An answer is stored when its call ends and kept for a fixed time; a hit does not prolong it. It
    is stored anew only when the request is computed again. Calls that failed or asked for a tool
    are neither stored nor served, so a retry of a failed request is no hit.
    """

    title: ClassVar[str] = "Reuse answers to repeated requests"
    stage: ClassVar[str] = "response_cache"
    flag: ClassVar[str] = "response-cache"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "low"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "A shared store for answers in front of the calls, keyed by model, prompt and parameters.",
        "Answers that may be as old as the time to live.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "The cost of running the store is not in the figure.",
        "Prompts about live data (prices, weather, the user's own records) must be kept out of it.",
    )

    ttl_s: int = 86_400
    """How long an answer is kept, in seconds from the moment at which it was stored."""
    scope: str = "all"
    """Who shares answers: "all", "user" or "tenant". A call without that id is never served."""
    any_temperature: bool = False
    """Also serve calls that were sampled (temperature above 0)."""
    unknown_temperature: bool = True
    """Also serve calls whose log has no temperature. Most logs leave it out where the caller did,
    and few callers who left it out want a new answer to the same question each time. The low end of
    the interval counts none of these calls."""

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise SettingsError(f"scope is {self.scope!r}; it can be: {', '.join(SCOPES)}")
        if self.ttl_s <= 0:
            raise SettingsError(f"ttl_s is {self.ttl_s}; it must be above 0")

    def apply(self, workload: Workload) -> Workload:
        hits = self._hits(workload.calls)
        return without(workload, hits["call_no"]) if hits.height else workload

    def action(self, before: Workload, after: Workload) -> str:
        served, asked = before.calls.height - after.calls.height, before.calls.height
        kept = duration(self.ttl_s)
        if not served:
            return "Answer repeated requests from a cache; none was found."
        return (
            f"Answer repeated requests from a cache that keeps answers for {kept}: "
            f"{count(served, 'call')} of {asked:,} ({percent(served, asked)}) need not be made."
        )

    def scenarios(self) -> tuple[Self, Self]:
        """Low: no call of unknown temperature is served. High: as set."""
        return replace(self, unknown_temperature=False), self

    def variants(self) -> Sequence[Self]:
        """Shorter times to live, the shortest first; none if the time was set by hand."""
        if self.ttl_s != type(self).ttl_s:
            return (self,)
        return tuple(replace(self, ttl_s=seconds) for seconds in (300, 3_600, self.ttl_s))

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """How often the log's own answer to a served call was the cached one, word for word:
        `hits`, `compared` (both texts known), `same_answer`. None where no two can be compared."""
        hits = self._hits(workload.calls)
        answers = _answers(workload.parts, hits)
        both = hits.join(answers, on="call_no").join(
            answers, left_on="source", right_on="call_no", suffix="_cached"
        )
        if both.is_empty():
            return None
        same = both.filter(pl.col("answer") == pl.col("answer_cached")).height
        return {"hits": hits.height, "compared": both.height, "same_answer": same}

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What it took for granted about hashes, times and temperatures."""
        gone = before.calls.join(after.calls, on="call_no", how="anti")
        silent = gone.filter(pl.col("temperature").is_null()).height
        blind = before.calls.filter(pl.col("request_hash") == 0).height
        found = []
        if silent:
            found.append(
                f"{count(silent, 'served call')} of unknown temperature "
                "counted as repeatable; the low end of the interval leaves them out."
            )
        if blind:
            found.append(f"{count(blind, 'call')} without logged text can never be a hit.")
        return found

    def _hits(self, calls: pl.DataFrame) -> pl.DataFrame:
        """A row for each call that is served: call_no, and `source`, the call that it repeats."""
        hits = [hit for group in self._repeats(calls) for hit in self._served(group)]
        return pl.DataFrame(hits, schema={"call_no": pl.Int64, "source": pl.Int64}, orient="row")

    def _repeats(self, calls: pl.DataFrame) -> Iterator[list[tuple[int, int, int, int]]]:
        """Requests made more than once: (group, sent, answered, call_no) in order of time."""
        keys = ["request_hash", *SCOPES[self.scope]]
        able = calls.filter(self._able(), pl.all_horizontal(pl.col(keys).is_not_null()))
        able = able.filter(pl.len().over(keys) > 1).sort(*keys, "sent_at", "call_id")
        sent = pl.col("sent_at").dt.timestamp("us")
        rows = able.select(
            pl.struct(keys).rle_id().alias("group"),
            sent.alias("sent"),
            (sent + pl.col("latency_us").fill_null(0)).alias("answered"),
            "call_no",
        ).iter_rows()
        for _, group in groupby(rows, itemgetter(0)):
            yield list(group)

    def _able(self) -> pl.Expr:
        """Calls that may be stored and served."""
        cold = pl.lit(self.any_temperature) | (pl.col("temperature") == 0)
        return (
            (pl.col("request_hash") != 0)
            & pl.col("status").is_in(ANSWERED)
            & pl.col("sent_at").is_not_null()
            & ((pl.col("traits") & Trait.TOOL_CALLED) == 0)
            & cold.fill_null(self.any_temperature or self.unknown_temperature)
            & ~pl.col("added")
        )

    def _served(self, group: list[tuple[int, int, int, int]]) -> Iterator[tuple[int, int]]:
        """(call, source) for the hits among calls of one request; the others are stored."""
        ttl = self.ttl_s * MICROSECONDS
        stored: list[tuple[int, int]] = []
        for _, sent, answered, call in group:
            stored = [entry for entry in stored if sent <= entry[0] + ttl]
            ready = [entry for entry in stored if entry[0] < sent]
            if ready:
                yield call, max(ready)[1]
            else:
                stored.append((answered, call))


def _answers(parts: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """call_no and `answer`, the hashes of the reply's texts, for calls of `hits` that have them."""
    wanted = pl.concat([hits["call_no"], hits["source"]]).unique()
    replies = parts.filter(
        pl.col("segment") == "output", pl.col("call_no").is_in(wanted.implode())
    ).sort("call_no", "seq")
    answers = replies.group_by("call_no").agg(pl.col("content").alias("answer"))
    return answers.filter(pl.col("answer").list.min() > 0)
