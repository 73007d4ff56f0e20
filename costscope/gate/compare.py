"""Two logs side by side: for a metric and a segment, both values, the change and its causes.

Whether a change is a failure is decided in judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from costscope.gate.basket import Basket, average, basket, mix
from costscope.gate.drivers import Effects, basket_effects, feature_effects, mix_effects, ranked
from costscope.gate.rules import METRICS, Settings
from costscope.gate.statistics import Change, Estimate, compare
from costscope.gate.sums import Sums
from costscope.reports.verdict import Driver

OVERALL = "overall"


@dataclass(frozen=True)
class Finding:
    """Both values of a metric in a segment and the change. `worse`: by how much the current value
    is worse, in the metric's own unit (picodollars, tokens, share); negative is better."""

    before: Estimate
    after: Estimate
    change: Change
    worse: Fraction


@dataclass(frozen=True)
class Comparison:
    """Baseline and current log, reduced alike and priced with one book."""

    before: Sums
    after: Sums
    settings: Settings

    @cached_property
    def bottom(self) -> str:
        """The measure that counts units."""
        return "clusters" if self.settings.unit == "conversation" else "calls"

    @cached_property
    def pulls(self) -> Mapping[str, Fraction]:
        """The mix effect by feature, in picodollars per unit."""
        return mix(self.before, self.after, self._basket("cost_per_unit"), self.bottom)

    @cached_property
    def coverage(self) -> Fraction:
        """The share of the baseline's cost in features that the current log has too."""
        kept = [m.sums["cost"] for f, m in self.before.features.items() if f in self.after.features]
        whole = self.before.overall.sums["cost"]
        return Fraction(sum(kept), whole) if whole else Fraction(len(kept) > 0)

    @cached_property
    def _effects(self) -> Mapping[str, Effects]:
        common = sorted({*self.before.features} & {*self.after.features})
        return {f: feature_effects(self.before, self.after, f, self.bottom) for f in common}

    def find(self, metric: str, segment: str) -> Finding | None:
        """The metric on both sides; None if one side has none of the segment, or nothing to divide
        by. Overall is the fixed basket."""
        sides = self._sides(metric, segment)
        if sides is None:
            return None
        falls = METRICS[metric].falls
        # A share, and a part of a cost, can be zero or small without the logarithm saying much.
        linear = falls or metric == "mix_effect"
        change = compare(*sides, self.settings.confidence, linear=linear)
        gain = sides[1].value - sides[0].value
        return Finding(*sides, change, -gain if falls else gain)

    def plain(self, metric: str) -> Fraction:
        """The baseline's overall value without any basket."""
        top, bottom = self.ratio_of(metric)
        sums = self.before.overall.sums
        return Fraction(sums[top], sums[bottom] or 1)

    def ratio_of(self, metric: str) -> tuple[str, str]:
        """The measures that a metric divides."""
        meaning = METRICS["cost_per_unit" if metric == "mix_effect" else metric]
        return meaning.top, self.bottom if meaning.bottom == "unit" else meaning.bottom

    def drivers(self, metric: str, segment: str, change: int) -> tuple[Driver, ...]:
        """The causes of a change of cost per unit or of its mix; they add up to `change`."""
        if metric == "mix_effect":
            return ranked(mix_effects(self.before, self.after, self.bottom, self.pulls), change)
        if segment != OVERALL:
            return ranked(self._effects[segment], change)
        held = self._basket(metric)
        return ranked(basket_effects(self._effects, held.weights), change) if held else ()

    def _basket(self, metric: str) -> Basket | None:
        return basket(self.before, self.after, *self.ratio_of(metric))

    def _sides(self, metric: str, segment: str) -> tuple[Estimate, Estimate] | None:
        if metric == "mix_effect":
            return self._mix_sides()
        if segment == OVERALL:
            held = self._basket(metric)
            return (held.before, held.after) if held else None
        top, bottom = self.ratio_of(metric)
        both = [s.features.get(segment) for s in (self.before, self.after)]
        known = [m.ratio(top, bottom) for m in both if m and m.sums[bottom]]
        return (known[0], known[1]) if len(known) == 2 else None

    def _mix_sides(self) -> tuple[Estimate, Estimate]:
        """The plain average, and what it would be had only the mix changed. The variance is that of
        the plain averages, of which the mix effect's is a part: on the safe side."""
        start = average(self.before, self.bottom)
        end = start + sum(self.pulls.values(), Fraction(0))
        raw = [s.overall.ratio("cost", self.bottom) for s in (self.before, self.after)]
        before, after = (
            Estimate(value, side.variance, side.clusters, side.calls)
            for value, side in zip((start, end), raw, strict=True)
        )
        return before, after
