"""What if repeated requests were answered from a cache of whole answers, matched exactly?

Not the provider's prompt cache, which shortens a bill but still makes the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
import polars as pl

from costscope.columns import Ints, numbered
from costscope.errors import SettingsError
from costscope.levers._answers.age import (
    by_age,
    by_feature,
    compared,
    differing,
    over_time,
    untimed,
)
from costscope.levers._answers.allowed import MICROSECONDS, SCOPES, able, moments, repeatable
from costscope.levers._answers.room import held, lost, served
from costscope.levers._rows import in_time, sizes_among, without
from costscope.levers._shares import wilson
from costscope.levers._words import count, duration, listing, percent
from costscope.levers.interface import Lever
from costscope.model import Table, Workload
from costscope.once import once

DIFFERS = 0.2
"""The pessimistic end takes it that a cache is switched off for a feature whose answers differ, word
for word, more often than this. No figure is published; one wrong word in five is our own patience."""

_KNOWN = [
    "call_no", "call_id", "sent_at", "latency_us", "tier", "status", "feature", "user_id", "tenant",
    "temperature", "request_hash", "traits", "added",
]  # fmt: skip
"""What is asked of a call."""

_HIT = {"call_no": pl.Int64, "source": pl.Int64}


@dataclass(frozen=True)
class ResponseCache(Lever):
    """Answers a request from an earlier, successful call with the same request hash.

    An answer is stored when its call ends and kept for a fixed time; a hit does not prolong it. It
    is stored anew only when the request is computed again. Where more answers are stored than fit,
    the one that was asked for longest ago goes first. Calls that failed or asked for a tool are
    neither stored nor served, so a retry of a failed request is no hit.
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
        "Prompts about live data (prices, weather, the user's own records) must be kept out of it: "
        "name their features in `never`.",
    )

    ttl_s: int = 86_400
    """How long an answer is kept, in seconds from the moment at which it was stored. An assumption: a
    question that comes back within a day finds its answer, and none is older than that. How the log's
    own answers change with age is shown, and `recommend` tries shorter times."""
    scope: str = "all"
    """Who shares answers: "all", "user" or "tenant". A call without that id is never served."""
    any_temperature: bool = False
    """Also serve calls that were sampled (temperature above 0)."""
    unknown_temperature: bool = True
    """Also serve calls whose log has no temperature. Most logs leave it out where the caller did,
    and few callers who left it out want a new answer to the same question each time. The low end of
    the interval counts none of these calls."""
    never: tuple[str, ...] = ()
    """Features (globs) whose answers are about live data; they are neither stored nor served."""
    max_entries: int = 100_000
    """How many answers the store holds; the one that was asked for longest ago makes room. At some
    4 kB an answer (a thousand tokens of English) these are 400 MB, what a small store holds."""
    max_differing: float = 1.0
    """A feature is left out if the log shows its answers to differ, word for word, more often than
    this share. 1: none is, because a sampled model words one answer in many ways. Low end 0.2."""

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise SettingsError(f"scope is {self.scope!r}; it can be: {', '.join(SCOPES)}")
        if self.ttl_s <= 0:
            raise SettingsError(f"ttl_s is {self.ttl_s}; it must be above 0")
        if self.max_entries < 1:
            raise SettingsError(f"max_entries is {self.max_entries}; it must be 1 or more")
        if not 0 <= self.max_differing <= 1:
            raise SettingsError(f"max_differing is {self.max_differing}; it must lie from 0 to 1")

    def apply(self, workload: Workload) -> Workload:
        hits = _hits(workload, self)
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
        """Low: no call of unknown temperature is served, and no feature whose answers surely differ
        in more than a fifth of the cases. High: as set."""
        most = min(self.max_differing, DIFFERS)
        return replace(self, unknown_temperature=False, max_differing=most), self

    def variants(self) -> Sequence[Self]:
        """Shorter times to live, the shortest first; none if the time was set by hand."""
        if self.ttl_s != type(self).ttl_s:
            return (self,)
        return tuple(replace(self, ttl_s=seconds) for seconds in (300, 3_600, self.ttl_s))

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """How often the log's own answer to a served call was the cached one, word for word:
        `hits`, `compared` (both texts known), `same_answer`, its share and that share's 95 % interval.
        None where no two can be compared."""
        hits = _hits(workload, self)
        both = _both(workload, self)
        same = int(both["same"].sum())
        ends = wilson(same, both.height)
        if ends is None:
            return None
        return {
            "hits": hits.height, "compared": both.height, "same_answer": same,
            "same_answer_share": same / both.height, "at_least": ends[0], "at_most": ends[1],
        }  # fmt: skip

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What it took for granted about hashes, times and temperatures, and what did not fit."""
        gone = before.calls[["call_no", "temperature"]].join(after.calls, on="call_no", how="anti")
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
        return [*found, *untimed(before), *self._left_out(before), *self._pushed_out(before)]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """Hits over time, and how often the log gave the same answer again, by its age and feature."""
        hits = _hits(before, self)
        if hits.is_empty():
            return ()
        asked = before.calls.filter(~pl.col("added")).select("call_no", "sent_at")
        tables = [over_time(asked, hits, self._stored(before.calls, hits), self.max_entries)]
        both = _both(before, self)
        return [*tables, by_age(both), by_feature(both)] if both.height else tables

    def _left_out(self, before: Workload) -> Iterator[str]:
        names = _unsteady(before, self)
        if names:
            shown = listing([name or "calls without a feature" for name in names])
            yield (
                f"Left out because the log's own answers differ in more than "
                f"{self.max_differing:.0%} of the cases: {shown}."
            )

    def _pushed_out(self, before: Workload) -> Iterator[str]:
        _, pushed, unlike = _served(before, self)
        if unlike:
            yield (
                f"Sent with the logged text of another, but billed for a prompt of another length: "
                f"{count(unlike, 'call')}. What differs is not in the log, so none is a hit."
            )
        if pushed:
            yield (
                f"Asked for again after it had made room for others: {count(pushed, 'answer')}; "
                f"{self.max_entries:,} fit."
            )

    def _stored(self, calls: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
        """From and until when (microseconds) each answer was held."""
        made = calls[_KNOWN].filter(self._able(calls)).join(hits, on="call_no", how="anti")
        return held(made, self._keys(), self.ttl_s * MICROSECONDS)

    def _asked(self, workload: Workload) -> tuple[pl.DataFrame, int]:
        """The calls whose request was made more than once, by request and time: group, sent, answered
        (microseconds), `lost` (whether the answer had made room by then), call_no. And how many calls
        share a hash with others but not the length of a prompt.

        The hash knows only what was logged, so the prompts must be billed at one length too.
        """
        calls = workload.calls
        fit = calls[_KNOWN].hstack([pl.Series("turn", in_time(calls))]).filter(self._able(calls))
        fit = fit.sort("turn")
        kind = self._kinds(fit)
        gone = lost(kind, self.max_entries)
        again = np.flatnonzero(np.bincount(kind)[kind] > 1) if len(kind) else kind
        alike = fit[again].hstack([pl.Series("kind", kind[again]), pl.Series("lost", gone[again])])
        lengths = sizes_among(workload.parts, alike["call_no"]).select("call_no", "input_tokens")
        both = alike.join(lengths, on="call_no", how="left")
        both = both.with_columns(pl.col("input_tokens").fill_null(0))
        keys = ("kind", "input_tokens")
        asked = both.filter(pl.len().over(keys) > 1).sort(*keys, "turn").select(
            pl.struct(keys).rle_id().alias("group"), *moments(), "lost", "call_no"
        )  # fmt: skip
        return asked, alike.height - asked.height

    def _kinds(self, calls: pl.DataFrame) -> Ints:
        """A number for each call's request, as far as answers to it are shared."""
        kind = np.unique(calls["request_hash"].to_numpy(), return_inverse=True)[1]
        for name in SCOPES[self.scope]:
            who = numbered(calls[name])
            kind = np.unique(kind * (who.max(initial=0) + 1) + who, return_inverse=True)[1]
        return kind

    def _keys(self) -> list[str]:
        return ["request_hash", *SCOPES[self.scope]]

    def _able(self, calls: pl.DataFrame) -> pl.Expr:
        """Calls that may be stored and served."""
        return able(calls, self._keys(), self.never) & repeatable(
            any_temperature=self.any_temperature, unknown_temperature=self.unknown_temperature
        )


class _Served(NamedTuple):
    """Who is served: call_no, and `source`, the call that it repeats; how many were not because the
    answer had made room for others; how many calls share a hash but not the length of a prompt."""

    hits: pl.DataFrame
    lost: int
    unlike: int


@once
def _asked(workload: Workload, lever: ResponseCache) -> tuple[pl.DataFrame, int]:
    return lever._asked(workload)


@once
def _served(workload: Workload, lever: ResponseCache) -> _Served:
    """The calls that are served, whatever their features' answers are like."""
    # What was asked for again is the same whatever the time to live.
    asked, unlike = _asked(workload, replace(lever, ttl_s=ResponseCache.ttl_s, max_differing=1.0))
    groups, ttl = groupby(asked.iter_rows(), itemgetter(0)), lever.ttl_s * MICROSECONDS
    hits = [hit for _, group in groups for hit in served(group, ttl)]
    found = pl.DataFrame(hits, schema=_HIT, orient="row")
    return _Served(found, int(asked["lost"].sum()), unlike)


@once
def _both(workload: Workload, lever: ResponseCache) -> pl.DataFrame:
    """Both answers of each hit, see `compared`."""
    return compared(workload, _hits(workload, lever))


@once
def _unsteady(workload: Workload, lever: ResponseCache) -> Sequence[str | None]:
    """The features that are left out because their answers differ too often."""
    if lever.max_differing == 1:
        return ()
    return differing(compared(workload, _served(workload, lever).hits), lever.max_differing)


@once
def _hits(workload: Workload, lever: ResponseCache) -> pl.DataFrame:
    """The calls that are served: none of, nor from, a feature that is left out."""
    hits, out = _served(workload, lever).hits, _unsteady(workload, lever)
    if not out:
        return hits
    steady = ~pl.col("feature").is_in(list(out), nulls_equal=True)
    kept = workload.calls.filter(steady).select("call_no")
    return hits.join(kept, on="call_no", how="semi", maintain_order="left").join(
        kept, left_on="source", right_on="call_no", how="semi", maintain_order="left"
    )
