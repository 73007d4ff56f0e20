"""What each threshold would have done on a log, and how many of its hits would have been false."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.levers._answers.allowed import MICROSECONDS, repeatable
from costscope.levers._similar.false import Point, same_answers
from costscope.levers._similar.log import Wanted, questions
from costscope.levers._similar.replay import SAME, Events, Hits, Known, Rule, replay
from costscope.model import Workload
from costscope.once import once


class Setting(NamedTuple):
    """What decides who may be served at all."""

    wanted: Wanted
    any_temperature: bool
    unknown_temperature: bool
    lead: float
    thresholds: tuple[float, ...]
    """Those of the curve, the strictest first."""

    def rule(self, threshold: float) -> Rule:
        return Rule(threshold, self.lead, self.wanted.ttl_s * MICROSECONDS)


class Curve(NamedTuple):
    """A point for each threshold of the setting; and how the log's own answers to the
    same words compare, which is what the measure of sameness makes of right answers."""

    points: Sequence[Point]
    repeats: int
    repeats_same: int


def events(workload: Workload, setting: Setting) -> Events | None:
    """The workload's calls that may be stored and served, in order of time; None without texts."""
    asked = questions(workload.log, setting.wanted)
    if asked is None:
        return None
    cold = repeatable(
        any_temperature=setting.any_temperature, unknown_temperature=setting.unknown_temperature
    )
    calls = asked.calls.filter(cold)
    if workload is not workload.log:
        there = workload.calls.select("call_no")
        calls = calls.join(there, on="call_no", how="semi", maintain_order="left")
    names = ("call_no", "question", "sent", "answered")
    return Events(*(calls[name].to_numpy() for name in names))


def served(workload: Workload, setting: Setting, threshold: float) -> Hits | None:
    """Who is served at a threshold; None without texts."""
    found, asked = events(workload, setting), questions(workload.log, setting.wanted)
    if found is None or asked is None:
        return None
    return replay(found, asked.near, setting.rule(threshold))


@once
def curve(log: Workload, setting: Setting) -> Curve | None:
    """What the thresholds do on a log; None without texts."""
    asked, all_events = questions(log, setting.wanted), events(log, setting)
    if asked is None or all_events is None:
        return None
    lists: Known = {}
    hits = [replay(all_events, asked.near, setting.rule(t), lists) for t in setting.thresholds]
    pairs = pl.concat([_pairs(found) for found in hits]).unique().sort("call", "source")
    same = same_answers(log, pairs.select("call", "source"), asked.embedder)
    known = pairs.join(same, on=["call", "source"]).unique(["call", "source"])
    repeats = known.filter("repeat")
    size = log.parts.filter(pl.col("call_no").is_in(pairs["call"].implode()))
    size = size.group_by("call_no").agg(pl.col("tokens").sum())
    found = [
        _point(threshold, one, known, size)
        for threshold, one in zip(setting.thresholds, hits, strict=True)
    ]
    return Curve(found, repeats.height, int(repeats["same"].sum()))


def _pairs(hits: Hits) -> pl.DataFrame:
    return pl.DataFrame(
        {"call": hits.call, "source": hits.source, "repeat": hits.likeness == SAME},
        schema={"call": pl.Int64, "source": pl.Int64, "repeat": pl.Boolean},
    )


def _point(threshold: float, hits: Hits, known: pl.DataFrame, size: pl.DataFrame) -> Point:
    pairs = _pairs(hits)
    near = pairs.filter(~pl.col("repeat")).join(known, on=["call", "source"])
    tokens = pairs.join(size, left_on="call", right_on="call_no")["tokens"].sum()
    return Point(
        threshold,
        pairs.height,
        int(np.count_nonzero(hits.likeness == SAME)),
        near.height,
        int((~near["same"]).sum()),
        int(tokens),
    )
