"""What a reader should know beside a verdict: sentences with their numbers, never a judgement."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from costscope.gate.basket import average
from costscope.gate.compare import Comparison
from costscope.gate.sums import Sums
from costscope.reports.verdict import money, percent, signed_percent

HEAVY_TAIL = 0.2
MANY_CLUSTERS = 300
"""Below this many conversations, if the dearest 1 % of them hold more than HEAVY_TAIL of the cost,
intervals are too short (simulated: 90 to 91 % instead of 95 %)."""


def notes(pair: Comparison | None, now: Sums) -> tuple[str, ...]:
    """The notes of a comparison, or of one log where there is no baseline."""
    sides = [("this log", now)] if pair is None else [("baseline", pair.before), ("this log", now)]
    found = [note for name, sums in sides for note in _of_one(name, sums)]
    return (*(_of_both(pair) if pair else ()), *found)


def _of_both(pair: Comparison) -> Iterator[str]:
    before, after = (average(sums, pair.bottom) for sums in (pair.before, pair.after))
    unit, effect = pair.settings.unit, round(sum(pair.pulls.values(), Fraction(0)))
    if effect:
        yield (
            f"plain average per {unit}: {money(round(before))} → {money(round(after))}; of that"
            f" {money(effect, signed=True)} is feature mix, traffic between features, and not gated"
        )
    failed = [
        signed_percent(sums.overall.sums["failed"] / sums.overall.sums["calls"], 1).lstrip("+")
        for sums in (pair.before, pair.after)
    ]
    if failed[0] != failed[1]:
        yield f"failed calls: {failed[0]} → {failed[1]}, counted as calls"


def _of_one(name: str, sums: Sums) -> Iterator[str]:
    if sums.dropped_calls:
        yield f"{name}: calls left out, without a price or usage: {sums.dropped_calls:,}"
    clusters = sums.overall.sums["clusters"]
    if clusters < MANY_CLUSTERS and sums.top_share > HEAVY_TAIL:
        yield (
            f"{name}: heavy tail, the dearest 1 % of {clusters} conversations hold"
            f" {percent(sums.top_share)} of the cost; intervals are a little too short"
        )
