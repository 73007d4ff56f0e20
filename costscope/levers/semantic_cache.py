"""What if questions that were asked before in other words were answered from a cache?

Not an exact cache (response_cache), and no embedding service: likeness is worked out here, offline.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._answers.allowed import SCOPES
from costscope.levers._rows import without
from costscope.levers._similar.curve import Curve, Setting, curve, events, served
from costscope.levers._similar.embed import embedder
from costscope.levers._similar.false import Point, lowest, needed, table
from costscope.levers._similar.labels import points as labelled_points
from costscope.levers._similar.labels import read_pairs
from costscope.levers._similar.log import Wanted, questions
from costscope.levers._similar.lookups import with_lookups
from costscope.levers._similar.replay import SAME, Hits
from costscope.levers._words import count, duration, percent
from costscope.levers.interface import Lever
from costscope.model import Table, Workload

_STRICTER = 0.03
"""How much higher the threshold of the low end is: about one step of the grid."""


@dataclass(frozen=True)
class SemanticCache(Lever):
    """Answers a question from the nearest one that was answered before, if that is near enough.

    All of the prompt but the query must be the same, and feature, model, provider, temperature and kind
    of reply. The nearest question is served only if numbers, units, dates, negations, names and code
    agree, no word of it merely stands in another's place, and no other stored question is about as
    near. Who is stored and served is as with the exact cache: no failures, no calls of tools; an answer
    is there from its arrival until its time is up, and a hit does not prolong it.
    """

    title: ClassVar[str] = "Reuse answers to questions asked in other words"
    stage: ClassVar[str] = "response_cache"
    flag: ClassVar[str] = "semantic-cache"
    effort: ClassVar[str] = "high"
    risk: ClassVar[str] = "high"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "A vector store in front of the calls, keyed by feature, model and everything in the prompt but "
        "the query, and an embedding of each query.",
        "Guards as they are simulated here: no hit where numbers, units, dates, negations, names or code "
        "differ, or where two stored questions are about equally near.",
        "Answers that depend on the question alone: not on the user, the hour or live data, and without "
        "side effects.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Some users get the answer to another question. How many is estimated from answers that read "
        "differently; an answer that reads alike and is wrong is not seen.",
        "The threshold is one of the embedding used here; another model's has to be set anew on its own "
        "likeness, and false hits grow in number as a cache fills (vCache, arXiv 2502.03771).",
        "The cost of running the store is not in the figure. Google's terms forbid to cache answers "
        "grounded in its search for other users.",
    )

    threshold: float | None = None
    """From which likeness (0 to 1) an answer is served; else the lowest that keeps within `false_hits`."""
    false_hits: float = 0.02
    """The share of served answers that may be another question's, by the upper end of its 95 % interval.
    Published false-hit shares of unguarded caches are 3 to 8 % at a likeness of 0.8 (GPT Semantic Cache,
    arXiv 2411.05276), which is too much to sell as a saving; one in fifty is our own limit."""
    pairs: str = ""
    """A file of labelled pairs (JSON list or lines: stored, asked, same) that counts as evidence too."""
    ttl_s: int = 86_400
    """How long an answer is kept, in seconds from the moment at which it was stored."""
    scope: str = "all"
    """Who shares answers: "all", "user" or "tenant". A call without that id is never served."""
    never: tuple[str, ...] = ()
    """Features (globs) whose answers are about live data; they are neither stored nor served."""
    any_temperature: bool = False
    """Also serve calls that were sampled (temperature above 0)."""
    unknown_temperature: bool = True
    """Also serve calls whose log has no temperature; most logs leave it out where the caller did."""
    lead: float = 0.05
    """By how much the nearest stored question must be nearer than the next other one. Without it the 5
    false hits on GPTCache's pairs at a likeness of 0.8 are 27, for 105 more right ones (WordLlama)."""
    margin: float = 0.0
    """Added to the threshold, set or found. Low end 0.03."""
    max_query_tokens: int = 500
    """A longer query is not looked up: the likeness of long texts says little about what is asked."""
    max_questions: int = 100_000
    """Distinct questions that are compared, the latest of the log; earlier ones are left out."""
    embedding_model: str = "openai/text-embedding-3-small"
    """The model ("provider/model") that is paid for one embedding of each query that is looked up; ""
    is one of your own, for nothing."""
    local: str = ""
    """What makes vectors here: "wordllama" (extra `semantic`), "letters", or "" for the better one that
    is installed."""

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise SettingsError(f"scope is {self.scope!r}; it can be: {', '.join(SCOPES)}")
        for name in ("ttl_s", "max_query_tokens", "max_questions"):
            if getattr(self, name) <= 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("threshold", "lead", "margin"):
            if not 0 <= (getattr(self, name) or 0) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie from 0 to 1")
        if not 0 < self.false_hits <= 1:
            raise SettingsError(
                f"false_hits is {self.false_hits}; it must be above 0, and at most 1"
            )
        if self.embedding_model and "/" not in self.embedding_model:
            raise SettingsError(
                f"embedding_model is {self.embedding_model!r}; it must be provider/model"
            )
        embedder(self.local)

    def apply(self, workload: Workload) -> Workload:
        hits = self._hits(workload)
        if hits is None or not len(hits.call):
            return workload
        return without(self._charged(workload), pl.Series(hits.call))

    def action(self, before: Workload, after: Workload) -> str:
        gone = before.calls.join(after.calls, on="call_no", how="anti").height
        limit = self._limit(before)
        if gone and limit is not None:
            return (
                f"Answer questions that were asked before in other words, from a likeness of {limit:.2f} "
                f"on, for {duration(self.ttl_s)}: {count(gone, 'call')} of {before.calls.height:,} "
                f"({percent(gone, before.calls.height)}) need not be made."
            )
        return self._why_not(before, limit)

    def scenarios(self) -> tuple[Self, Self]:
        """Low: a threshold 0.03 higher than the one that is set or found. High: as set."""
        return replace(self, margin=min(self.margin + _STRICTER, 1.0)), self

    def variants(self) -> Sequence[Self]:
        """Smaller budgets of false hits, the smallest first; none if a threshold or a budget was set."""
        if self.threshold is not None or self.false_hits != type(self).false_hits:
            return (self,)
        return tuple(replace(self, false_hits=share) for share in (0.005, 0.01, self.false_hits))

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """What the log's own answers say of the hits at the threshold in use: `threshold`, `hits`,
        `repeats` (of the same words), `compared` others, `same_answer` of them, `false_hits` (share) and
        its 95 % interval. None where nothing can be compared."""
        limit, found = self._base(workload), curve(workload.log, self._setting())
        points = found.points if found is not None else ()
        point = next((p for p in points if p.threshold == limit), None)
        if point is None or not point.compared:
            return None
        low, high = point.ends() or (None, None)
        return {
            "threshold": point.threshold, "hits": point.hits, "repeats": point.repeats,
            "compared": point.compared, "same_answer": point.compared - point.wrong,
            "false_hits": point.share(), "at_least": low, "at_most": high,
        }  # fmt: skip

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How likeness was measured, what chose the threshold, what could not be compared."""
        asked = questions(before.log, self._setting().wanted)
        if asked is None:
            return ["The log's texts cannot be read, so no questions could be compared."]
        limit, hits = self._limit(before), self._hits(before)
        said = [
            f"Likeness by {asked.embedder.name}, of {count(asked.compared, 'distinct question')} that "
            "share all the rest of their prompt with another."
        ]
        if hits is not None and len(hits.call):
            repeats = int((hits.likeness == SAME).sum())
            said.append(
                f"Of the same words, so that an exact cache serves them as well: {repeats:,} of "
                f"{count(len(hits.call), 'hit')}."
            )
        if limit is not None and self.threshold is not None:
            said.append(
                "The threshold was set by hand; its false hits are whatever the curve says."
            )
        return [*said, *_gaps(asked.silent, asked.long, asked.left_out), *self._sameness(before)]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """The curve of thresholds, by the log's answers and by labelled pairs."""
        found = curve(before.log, self._setting())
        tables = []
        if found is not None and any(point.hits for point in found.points):
            tables.append(table("Thresholds of likeness, by the log's own answers", found.points))
        if self.pairs:
            tables.append(table("Thresholds of likeness, by labelled pairs", self._labelled()))
        return tables

    def _setting(self) -> Setting:
        thresholds = self._thresholds()
        wanted = Wanted(
            self.scope, self.never, self.ttl_s, self.max_query_tokens, self.max_questions,
            self.local, thresholds[-1] - self.lead,
        )  # fmt: skip
        return Setting(
            wanted, self.any_temperature, self.unknown_temperature, self.lead, thresholds
        )

    def _thresholds(self) -> tuple[float, ...]:
        """Those of the curve, the strictest first: worth trying, and the one that is set."""
        own = () if self.threshold is None else (self.threshold,)
        return tuple(sorted({*embedder(self.local).grid, *own}, reverse=True))

    def _labelled(self) -> Sequence[Point]:
        pairs = read_pairs(self.pairs)
        return labelled_points(pairs, embedder(self.local), self.lead, self._thresholds())

    def _curves(self, log: Workload) -> Sequence[Sequence[Point]]:
        """What is known of the thresholds, from the log and from labelled pairs."""
        found = curve(log, self._setting())
        curves = [found.points] if found is not None else []
        return [*curves, self._labelled()] if self.pairs else curves

    def _limit(self, workload: Workload) -> float | None:
        """The threshold in use; None where none is shown to be safe."""
        limit = self._base(workload)
        return None if limit is None else min(limit + self.margin, 1.0)

    def _base(self, workload: Workload) -> float | None:
        """The threshold that is set, else the one that is found, before the margin."""
        if questions(workload.log, self._setting().wanted) is None:
            return None
        if self.threshold is not None:
            return self.threshold
        return lowest(self._curves(workload.log), self.false_hits)

    def _hits(self, workload: Workload) -> Hits | None:
        limit = self._limit(workload)
        return None if limit is None else served(workload, self._setting(), limit)

    def _charged(self, workload: Workload) -> Workload:
        """The workload with an embedding of each query that is looked up."""
        asking = events(workload, self._setting())
        if not self.embedding_model or asking is None:
            return workload
        return with_lookups(workload, pl.Series(asking.call), self.embedding_model, self.name)

    def _why_not(self, before: Workload, limit: float | None) -> str:
        """Why nobody is served."""
        start = "Answer questions that were asked before in other words"
        curves = self._curves(before.log)
        if not curves:
            return f"{start}; the log's texts cannot be read, so nothing can be said."
        if limit is not None or not any(p.hits for points in curves for p in points):
            return f"{start}; none was found."
        most, least = max(p.compared for c in curves for p in c), needed(self.false_hits)
        if most < least:
            return (
                f"{start}: too little data to hold false hits under {self.false_hits:.1%}. "
                f"{count(most, 'would-be hit')} could be compared, at least {least} are needed."
            )
        return (
            f"{start}: no threshold holds false hits under {self.false_hits:.1%} on this log, so none "
            "is safe to use."
        )

    def _sameness(self, before: Workload) -> Iterator[str]:
        """What the measure of sameness makes of answers to the very same words."""
        found: Curve | None = curve(before.log, self._setting())
        if found is not None and found.repeats:
            differ = found.repeats - found.repeats_same
            yield (
                f"A hit counts as false where the log's own answer says something else. By that measure "
                f"{differ:,} of {count(found.repeats, 'answer')} to the very same words differ as well."
            )


def _gaps(silent: int, long: int, left_out: int) -> Iterator[str]:
    if silent:
        yield f"{count(silent, 'call')} could not be compared: their texts are gone from the logs."
    if long:
        yield f"Left alone because the query is too long, or has pictures in it: {count(long, 'call')}."
    if left_out:
        yield (
            f"Left out because only the latest distinct questions are compared: "
            f"{count(left_out, 'earlier call')}; the figure is too low by what they would have saved."
        )
