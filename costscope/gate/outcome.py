"""One comparison → pass, warn, fail or inconclusive, with the reason: the rules of the gate.

A failure takes three things at once: past the limit, above the floor, and more than chance.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Literal

from costscope.gate.compare import OVERALL, Comparison, Finding
from costscope.gate.rules import METRICS, Limit, Rule, Settings
from costscope.reports.verdict import Outcome, percent, signed_percent

FLOOR_SHARE = Fraction(1, 100)
"""The default floor: smaller moves than this share of the overall value are ignored."""

Judged = tuple[Outcome, str]


def outcome_of(
    rule: Rule, segment: str, found: Finding, p: float | None, pair: Comparison
) -> Judged:
    """fail: at least the limit, at least the floor, and the interval (after Holm) excludes no
    change. At least the limit without that certainty is inconclusive, and so is too little data."""
    settings = pair.settings
    if reason := _no_evidence(segment, found, pair):
        return "inconclusive", reason
    if found.worse == 0:
        return "pass", ""
    sure = p is not None and p <= 1 - settings.confidence
    for outcome, limit in _levels(rule):
        if not _reached(limit, found):
            continue
        if found.worse < _floor(rule, pair):
            return "pass", "below the floor"
        if sure:
            return outcome, ""
        if limit is (rule.fail or rule.warn):
            return "inconclusive", _doubt(found, settings)
    return "pass", _weakness(rule, found)


def absolute_outcome(rule: Rule, value: Fraction) -> Outcome:
    """The verdict on a figure of one log, by limits that need no baseline."""
    for outcome, limit in _levels(rule):
        if value < limit.value if limit.kind == "below" else value > limit.value:
            return outcome
    return "pass"


def _no_evidence(segment: str, found: Finding, pair: Comparison) -> str:
    if segment == OVERALL and pair.coverage < pair.settings.min_coverage:
        return f"only {percent(pair.coverage)} of the baseline's cost is in features of this log"
    if found.change.relative is None:
        return "the baseline is zero"
    if found.worse and thin(found, pair.settings):
        fewest = min(found.before.clusters, found.after.clusters)
        return f"{fewest} conversations on a side, {pair.settings.min_clusters} are needed"
    return ""


def _levels(rule: Rule) -> Iterator[tuple[Literal["fail", "warn"], Limit]]:
    if rule.fail:
        yield "fail", rule.fail
    if rule.warn:
        yield "warn", rule.warn


def _reached(limit: Limit, found: Finding) -> bool:
    scale = found.before.value if limit.kind == "relative" else 1
    return found.worse > 0 and found.worse >= limit.value * scale


def _floor(rule: Rule, pair: Comparison) -> Fraction:
    if rule.floor_pd is not None:
        return Fraction(rule.floor_pd)
    return FLOOR_SHARE * pair.plain(rule.metric)


def _weakness(rule: Rule, found: Finding) -> str:
    """What a pass could not have seen, if that is more than the limit."""
    limit = rule.fail or rule.warn
    if limit is None or found.change.mde is None:
        return ""
    scale = 1 if limit.kind == "relative" else found.before.value
    if found.change.mde * float(scale) <= limit.value:
        return ""
    mde = -found.change.mde if METRICS[rule.metric].falls else found.change.mde
    return f"could only see {signed_percent(mde, 0)} or more"


def _doubt(found: Finding, settings: Settings) -> str:
    if found.change.p is not None and found.change.p <= 1 - settings.confidence:
        return "past the limit, but among so many features one may be by chance"
    return "past the limit, but chance alone could do that"


def thin(found: Finding | None, settings: Settings) -> bool:
    """Whether there are too few conversations on a side to judge."""
    return not found or min(found.before.clusters, found.after.clusters) < settings.min_clusters
