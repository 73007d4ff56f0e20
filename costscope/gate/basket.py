"""The overall comparison: every feature weighed alike on both sides, and the mix effect beside it.

Without a fixed basket a shift of traffic towards a dear feature looks like a regression.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from costscope.gate.statistics import Estimate, pooled
from costscope.gate.sums import RATIOS, Sums

MIN_STRATUM = 10
"""Features with fewer clusters are pooled for the variance: of one cluster there is none."""


@dataclass(frozen=True)
class Basket:
    """Features on both sides with their weights (pooled shares of units), and the two values."""

    weights: Mapping[str, Fraction]
    before: Estimate
    after: Estimate


def basket(before: Sums, after: Sums, top: str, bottom: str) -> Basket | None:
    """The fixed basket of the ratio top/bottom, None if no feature is on both sides."""
    names = [f for f in before.features if _has(before, f, bottom) and _has(after, f, bottom)]
    units = {
        f: before.features[f].sums[bottom] + after.features[f].sums[bottom] for f in sorted(names)
    }
    if not units:
        return None
    weights = {f: Fraction(count, sum(units.values())) for f, count in units.items()}
    strata = _strata(before, after, list(units))
    sides = [_side(sums, weights, strata, top, bottom) for sums in (before, after)]
    return Basket(weights, *sides)


def _has(sums: Sums, feature: str, bottom: str) -> bool:
    return feature in sums.features and sums.features[feature].sums[bottom] > 0


def _strata(before: Sums, after: Sums, names: Sequence[str]) -> list[list[str]]:
    """Each feature by itself, but the smallest together until they have MIN_STRATUM clusters."""
    size = {f: min(s.features[f].sums["clusters"] for s in (before, after)) for f in names}
    order = sorted(names, key=lambda f: (size[f], f))
    small: list[str] = []
    while order and (size[order[0]] < MIN_STRATUM or 0 < sum(size[f] for f in small) < MIN_STRATUM):
        small.append(order.pop(0))
    return [stratum for stratum in (small, *([f] for f in order)) if stratum]


def _side(
    sums: Sums,
    weights: Mapping[str, Fraction],
    strata: Sequence[Sequence[str]],
    top: str,
    bottom: str,
) -> Estimate:
    ratios = {f: sums.features[f].ratio(top, bottom).value for f in weights}
    value = sum((weights[f] * ratios[f] for f in weights), Fraction(0))
    variance = _covariance(sums, weights, top, bottom)
    for names in strata:
        own = pooled([sums.features[f] for f in names]).ratio(top, bottom).variance
        if own is None:
            return Estimate(value, None, *_size(sums))
        variance += float(sum(weights[f] for f in names)) ** 2 * own
    return Estimate(value, max(variance, 0.0), *_size(sums))


def _size(sums: Sums) -> tuple[int, int]:
    return sums.overall.sums["clusters"], sums.overall.sums["calls"]


def _covariance(sums: Sums, weights: Mapping[str, Fraction], top: str, bottom: str) -> float:
    """What conversations that span features add to the variance of the weighted sum."""
    place, clusters = RATIOS.index((top, bottom)), sums.overall.sums["clusters"]
    total = 0.0
    for (f, g), products in sorted(sums.pairs.items()):
        if f in weights and g in weights:
            units = sums.features[f].sums[bottom] * sums.features[g].sums[bottom]
            total += 2 * float(weights[f] * weights[g]) * products[place] / units
    return total * clusters / max(1, clusters - 1)


def mix(before: Sums, after: Sums, held: Basket | None, bottom: str) -> dict[str, Fraction]:
    """What the changed shares of features did to cost per unit, in picodollars by feature.

    With basket weights w, shares w0 and w1 and costs c0 and c1 of a feature, and K the mean of both
    plain averages: (w1 - w)(c1 - K) - (w0 - w)(c0 - K). Their sum is the change of the plain average
    less that of the basket; with equal sides it is Kitagawa's (w1 - w0)(c0 + c1 - 2K) / 2. A feature
    on one side only is all mix.
    """
    middle = (average(before, bottom) + average(after, bottom)) / 2
    weights = held.weights if held else {}
    effects = {}
    for f in sorted({*before.features, *after.features}):
        start, end = (
            _pull(side, f, weights.get(f, Fraction(0)), middle, bottom) for side in (before, after)
        )
        effects[f] = end - start
    return effects


def _pull(sums: Sums, feature: str, weight: Fraction, middle: Fraction, bottom: str) -> Fraction:
    """(share - weight) times how much dearer than the middle the feature is; 0 if it is not there."""
    if feature not in sums.features:
        return Fraction(0)
    cost = sums.features[feature].ratio("cost", bottom).value
    return (unit_share(sums, feature, bottom) - weight) * (cost - middle)


def unit_share(sums: Sums, feature: str, bottom: str) -> Fraction:
    """The feature's share of all units. A conversation in two features is a unit of each."""
    mine = sums.features[feature].sums[bottom] if feature in sums.features else 0
    return Fraction(mine, sum(m.sums[bottom] for m in sums.features.values()))


def average(sums: Sums, bottom: str) -> Fraction:
    """Plain cost per unit, in picodollars, of the log as it is."""
    units = sum(m.sums[bottom] for m in sums.features.values())
    return Fraction(sums.overall.sums["cost"], units)
