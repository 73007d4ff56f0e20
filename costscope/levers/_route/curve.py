"""How good a router is: what share of the stronger model's advantage it keeps at what share of calls.

The measures of RouteLLM (Ong et al., arXiv 2406.18665, section 3): performance gap recovered (PGR),
its mean over all shares of calls (APGR), and the share of calls that a PGR takes (CPT).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]

RESAMPLED = 400
"""Resamplings behind an interval of APGR."""


@dataclass(frozen=True)
class Curve:
    """Points from (0, 0), all calls to the cheap model, to (1, 1), all to the strong one."""

    strong: Doubles
    """Share of the calls that go to the strong model, rising."""
    recovered: Doubles
    """PGR: the share of the difference between the two models' quality that is kept."""

    @cached_property
    def apgr(self) -> float:
        """Mean PGR over all shares of calls, by trapezoids; 0.5 is a coin."""
        step, height = np.diff(self.strong), self.recovered
        return float((step * (height[1:] + height[:-1])).sum() / 2)

    def cpt(self, recovered: float) -> float:
        """The least share of calls to the strong model with this PGR, between points by a line."""
        at = int(np.argmax(self.recovered >= recovered - 1e-12))
        if at == 0:
            return float(self.strong[0])
        (x0, x1), (y0, y1) = self.strong[at - 1 : at + 1], self.recovered[at - 1 : at + 1]
        return float(x0 + (x1 - x0) * (recovered - y0) / (y1 - y0))

    def at(self, strong: float) -> float:
        """PGR where this share of calls goes to the strong model."""
        return float(np.interp(strong, self.strong, self.recovered))


def curve(score: Any, gain: Any, weight: Any) -> Curve | None:
    """The curve of a router that sends the calls with the lowest `score` to the strong model first.

    `gain`: by how much the strong model's answer is better, for each call or group of calls, already
    times its `weight`. Equal scores go together, on a line: among them the router is a coin. None
    where the strong model is no better over all, since then there is no gap to recover.
    """
    total = float(np.sum(gain))
    if len(np.atleast_1d(score)) == 0 or total <= 0:
        return None
    _, place = np.unique(score, return_inverse=True)
    calls = np.cumsum(np.bincount(place, weights=weight))
    gains = np.cumsum(np.bincount(place, weights=gain))
    return Curve(np.r_[0.0, calls / calls[-1]], np.r_[0.0, gains / total])


def interval(score: Any, gain: Any, weight: Any) -> tuple[float, float] | None:
    """A 95 % interval of APGR by resampling the calls or groups; None where there is too little."""
    rng = np.random.default_rng(0)
    score, gain, weight = (np.asarray(x, np.float64) for x in (score, gain, weight))
    found = []
    for _ in range(RESAMPLED):
        chosen = rng.integers(0, len(score), len(score))
        again = curve(score[chosen], gain[chosen], weight[chosen])
        if again is not None:
            found.append(again.apgr)
    if len(found) < RESAMPLED * 0.9:
        return None
    low, high = np.percentile(found, [2.5, 97.5])
    return float(low), float(high)
