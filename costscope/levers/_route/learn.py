"""A router between two models, learned from the judged calls of a log, and how good it is. Not a lever.

Each model's chance of a good answer is learned from that model's own calls; what is routed is where
the cheap one's is lowest below the other's last. Everything reported is out of fold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from costscope.levers._route.curve import RESAMPLED, Curve, curve
from costscope.levers._route.model import FOLDS, Examples, Floats, Model, learned, out_of_fold

BINS = 10
"""RouteLLM cuts the share of calls into ten."""

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Split:
    """What happens where the calls with a score of at least `cut` go to the cheap model."""

    cut: float
    routed: float
    """Share of the strong model's calls that go."""
    loss: float
    """By how much the share of good answers falls, over all calls."""
    cheap_good: float | None
    strong_good: float | None
    """Shares of good answers among the routed, by either model."""


@dataclass(frozen=True)
class Judged:
    """Judged calls of two models with the router's score for each (high: nothing is lost by the cheap
    model). They need not be of the same questions."""

    cheap: Floats
    cheap_good: Floats
    strong: Floats
    strong_good: Floats
    cheap_fold: Any = None
    strong_fold: Any = None

    def bins(self) -> tuple[Doubles, Doubles, Doubles]:
        """For each tenth of the strong model's calls by score, the lowest first: its lowest score, its
        weight, and the gain by the strong model there (weight times the difference in the share of
        good answers). A tenth without calls of the cheap model is taken to be like the one before."""
        edges = np.unique(np.quantile(self.strong, np.arange(BINS) / BINS))
        weight, strong, cheap = self._means(edges)
        return edges, weight / weight.sum(), weight / weight.sum() * (strong - cheap)

    def _means(self, edges: Doubles) -> tuple[Doubles, Doubles, Doubles]:
        """Calls and mean goodness of the strong model in each bin, mean goodness of the cheap one."""
        n, last = len(edges), len(edges) - 1
        mine, other = (
            np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, last)
            for scores in (self.strong, self.cheap)
        )
        weight = np.bincount(mine, minlength=n).astype(np.float64)
        strong = np.bincount(mine, self.strong_good, n) / np.maximum(weight, 1)
        has = np.bincount(other, minlength=n)
        cheap = np.bincount(other, self.cheap_good, n) / np.maximum(has, 1)
        filled = np.maximum.accumulate(np.where(has > 0, np.arange(n), -1))
        whole = float(self.cheap_good.mean()) if len(self.cheap_good) else 0.0
        return weight, strong, np.where(filled >= 0, cheap[np.maximum(filled, 0)], whole)

    def curve(self) -> Curve | None:
        """The cost-quality curve; None where the strong model is no better."""
        score, weight, gain = self.bins()
        return curve(score, gain, weight)

    def interval(self) -> tuple[float, float] | None:
        """A 95 % interval of APGR by resampling both models' calls; None where it often has none."""
        rng = np.random.default_rng(0)
        found = []
        for _ in range(RESAMPLED):
            a = rng.integers(0, len(self.cheap), len(self.cheap))
            b = rng.integers(0, len(self.strong), len(self.strong))
            again = Judged(
                self.cheap[a], self.cheap_good[a], self.strong[b], self.strong_good[b]
            ).curve()
            if again is not None:
                found.append(again.apgr)
        if len(found) < 0.9 * RESAMPLED:
            return None
        low, high = np.percentile(found, [2.5, 97.5])
        return float(low), float(high)

    def split(self, max_loss: float) -> Split:
        """The split that sends the most calls to the cheap model and loses at most `max_loss`."""
        edges, _, gain = self.bins()
        lost = np.cumsum(gain[::-1])[::-1]
        fine = np.flatnonzero(lost <= max_loss + 1e-12)
        return self.at(float(edges[fine[0]]) if len(fine) else np.inf)

    def at(self, cut: float) -> Split:
        """What happens at a cut."""
        mine, other = self.strong >= cut, self.cheap >= cut
        share = float(mine.mean()) if len(mine) else 0.0
        strong = float(self.strong_good[mine].mean()) if mine.any() else None
        cheap = float(self.cheap_good[other].mean()) if other.any() else None
        loss = share * (strong - cheap) if strong is not None and cheap is not None else 0.0
        return Split(cut, share, loss, cheap, strong)

    def held_out(self, max_loss: float) -> Split:
        """The same with each fold's cut chosen on the other folds."""
        mine, other = (np.zeros(len(x), bool) for x in (self.strong, self.cheap))
        for fold in range(FOLDS):
            away, here = self.strong_fold != fold, self.cheap_fold != fold
            rest = Judged(
                self.cheap[here], self.cheap_good[here], self.strong[away], self.strong_good[away]
            )
            if not len(rest.strong) or not len(rest.cheap):
                continue
            cut = rest.split(max_loss).cut
            mine |= ~away & (self.strong >= cut)
            other |= ~here & (self.cheap >= cut)
        flag = Judged(
            other.astype(np.float32), self.cheap_good, mine.astype(np.float32), self.strong_good
        )
        return flag.at(0.5)


@dataclass(frozen=True)
class Router:
    """The two models of P(good), learned from all examples, and what they do out of fold."""

    cheap: Model
    strong: Model
    judged: Judged
    chance: Floats = field(repr=False)
    """P(good) of the cheap model's judged calls, out of fold."""

    def calibration(self) -> float:
        """How far P(good) of the cheap model is from what was judged, on average."""
        return float(self.chance.mean() - self.judged.cheap_good.mean())


def trained(cheap: Examples, strong: Examples) -> Router:
    """A router from the judged answers of two models."""
    own, cheaps = out_of_fold(cheap, cheap, strong)
    others, strongs = out_of_fold(strong, cheap, strong)
    judged = Judged(
        score(own, others), cheap.good, score(cheaps, strongs), strong.good, cheap.fold, strong.fold
    )
    return Router(learned(cheap), learned(strong), judged, own)


def score(cheap: Floats, strong: Floats) -> Floats:
    """How little is lost by the cheap model; rounded, so that no machine's last bit decides."""
    return np.round(cheap - strong, 5)
