"""The statistics of a ratio of sums over clusters: its variance, an interval, a p-value.

Closed forms only (no resampling, no scipy). Not here: limits and verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import exp, expm1, inf, lgamma, log, log1p, sqrt

POWER_FACTOR = 2.8
"""1.96 + 0.84: the smallest change found in 80 % of runs by a 5 % test, in standard errors."""


@dataclass(frozen=True)
class Estimate:
    """A value with its sampling variance (None: too few clusters to have one)."""

    value: Fraction
    variance: float | None
    clusters: int
    calls: int


@dataclass(frozen=True)
class Change:
    """After over before, minus one, with its confidence interval; None where it has no meaning.

    `p` is two-sided; `mde` is the smallest rise that 80 % of such comparisons would have found.
    """

    relative: float | None
    low: float | None
    high: float | None
    p: float | None
    mde: float | None


UNKNOWN = Change(None, None, None, None, None)


@dataclass(frozen=True)
class Moments:
    """What the variance of any ratio of two measures needs: sums over clusters, and of products.

    `sums`: clusters, calls, cost (picodollars), tokens, ...; `products`: "cost*calls" → the sum
    over clusters of the cluster's cost times its calls, and so on.
    """

    sums: Mapping[str, int]
    products: Mapping[str, float]

    def product(self, left: str, right: str) -> float:
        """Sum over clusters of left times right. "clusters" is 1 in each cluster."""
        if left == "clusters":
            return float(self.sums[right])
        if right == "clusters":
            return float(self.sums[left])
        return self.products[f"{left}*{right}"]

    def ratio(self, top: str, bottom: str) -> Estimate:
        """Σtop/Σbottom and its variance G/(G-1) Σr²/(Σbottom)², r = top - ratio·bottom per cluster
        (linearised by cluster: Miller 2024, arXiv 2411.00640). `bottom` must not sum to zero."""
        value = Fraction(self.sums[top], self.sums[bottom])
        return Estimate(
            value, self._variance(top, bottom), self.sums["clusters"], self.sums["calls"]
        )

    def _variance(self, top: str, bottom: str) -> float | None:
        clusters, below = self.sums["clusters"], self.sums[bottom]
        if clusters < 2:
            return None
        slope = self.sums[top] / below
        squares = (
            self.product(top, top)
            - 2 * slope * self.product(top, bottom)
            + slope * slope * self.product(bottom, bottom)
        )
        # A spread below the precision of the stored sums (12 digits) is no spread.
        noise = 4e-12 * self.product(top, top)
        return clusters / (clusters - 1) * (squares if squares > noise else 0.0) / below**2


def pooled(moments: Sequence[Moments]) -> Moments:
    """Several segments as one. A cluster that lies in two of them counts as two clusters."""
    return Moments(
        {k: sum(m.sums[k] for m in moments) for k in moments[0].sums},
        {k: sum(m.products[k] for m in moments) for k in moments[0].products},
    )


def compare(before: Estimate, after: Estimate, confidence: float, *, linear: bool) -> Change:
    """How `after` differs from `before`: on the log scale, or as a plain difference where `linear`
    (for shares, and whenever one side is zero). UNKNOWN if the baseline is zero."""
    if before.value <= 0:
        return Change(0.0, None, None, 1.0, None) if after.value == before.value else UNKNOWN
    relative = float(after.value / before.value - 1)
    freedom = min(before.clusters, after.clusters) - 1
    if before.variance is None or after.variance is None or freedom < 1:
        return Change(relative, None, None, None, None)
    if linear or after.value <= 0:
        error = sqrt(before.variance + after.variance) / float(before.value)
        return _linear(relative, error, freedom, confidence)
    parts = (side.variance / float(side.value) ** 2 for side in (before, after) if side.variance)
    return _logarithmic(relative, sqrt(sum(parts)), freedom, confidence)


def _linear(relative: float, error: float, freedom: int, confidence: float) -> Change:
    reach = error * quantile((1 + confidence) / 2, freedom)
    p = _p_value(relative, error, freedom)
    return Change(relative, relative - reach, relative + reach, p, POWER_FACTOR * error)


def _logarithmic(relative: float, error: float, freedom: int, confidence: float) -> Change:
    middle = log1p(relative)
    reach = error * quantile((1 + confidence) / 2, freedom)
    low, high = _grown(middle - reach), _grown(middle + reach)
    return Change(
        relative, low, high, _p_value(middle, error, freedom), _grown(POWER_FACTOR * error)
    )


def _grown(logarithm: float) -> float:
    """exp(x) - 1, held below overflow: a rise of 10**30 is as unknown as a larger one."""
    return expm1(min(logarithm, 69.0))


def _p_value(effect: float, error: float, freedom: int) -> float:
    if effect == 0:
        return 1.0
    return two_sided(inf if error == 0 else abs(effect) / error, freedom)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values adjusted for being several (Holm 1979), in their own order."""
    adjusted = [1.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: (p_values[i], i))):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def two_sided(t: float, freedom: int) -> float:
    """P(|T| >= |t|) for Student's t with `freedom` degrees of freedom."""
    if t == inf:
        return 0.0
    return _incomplete_beta(freedom / 2, 0.5, freedom / (freedom + t * t))


@cache
def quantile(probability: float, freedom: int) -> float:
    """The t below which Student's t lies with `probability` (0.5 to below 1), by bisection."""
    tail = 2 * (1 - probability)
    low, high = 0.0, 1.0
    while two_sided(high, freedom) > tail:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (middle, high) if two_sided(middle, freedom) > tail else (low, middle)
    return high


def _incomplete_beta(a: float, b: float, x: float) -> float:
    """The regularised incomplete beta function I_x(a, b) (DLMF 8.17.22)."""
    if x <= 0 or x >= 1:
        return float(x > 0)
    front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(a, b, x) / a
    return 1 - front * _beta_fraction(b, a, 1 - x) / b


def _beta_fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    value, above, below = 1.0, 1.0, 0.0
    for step in range(1000):
        term = _beta_term(a, b, x, step)
        below = 1 / (1 + term * below)
        above = 1 + term / above
        value *= above * below
        if abs(above * below - 1) < 1e-16:
            break
    return value - 1


def _beta_term(a: float, b: float, x: float, step: int) -> float:
    half = step // 2
    if step == 0:
        return 1.0
    if step % 2 == 0:
        return half * (b - half) * x / ((a + step - 1) * (a + step))
    return -(a + half) * (a + b + half) * x / ((a + step - 1) * (a + step))
