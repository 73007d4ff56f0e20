"""The baseline at another book's prices, so that a price change is no regression.

It prices nothing itself: the book comes in as a function (sums.Reprice).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from costscope.gate.baseline import Baseline
from costscope.gate.statistics import Moments
from costscope.gate.sums import RATIOS, TOKEN_CLASSES, Cell, Reprice, listed, rounded
from costscope.model import usd


def repriced(baseline: Baseline, reprice: Reprice) -> tuple[Baseline, tuple[str, ...]]:
    """The baseline as if it had been billed by the book `reprice`, and what to say about it.

    Each cell's cost of a class is scaled by new over old list price of the same tokens, exactly.
    A feature's moments are scaled as a whole by the ratio of its repriced cost: right if models mix
    alike in all its conversations, otherwise an approximation of the variance, not of the cost.
    """
    old = baseline.sums.cells
    new = tuple(_rebilled(cell, now) for cell, now in zip(old, listed(old, reprice), strict=True))
    stuck = sorted({was.key.model for was, now in zip(old, new, strict=True) if now is was})
    notes = [f"not repriced, no list price on one of the sides: {', '.join(stuck)}"] * bool(stuck)
    before, after = _bill(old), _bill(new)
    if before == after:
        return baseline, tuple(notes)
    factors = {f: Fraction(after[f], before[f]) if before[f] else Fraction(1) for f in before}
    sums = baseline.sums
    features = {f: _scaled(m, after[f]) for f, m in sums.features.items()}
    pairs = {
        (f, g): _scaled_pair(p, float(factors[f] * factors[g])) for (f, g), p in sums.pairs.items()
    }
    overall = _scaled(sums.overall, sum(after.values()))
    fresh = replace(sums, cells=new, features=features, pairs=pairs, overall=overall)
    notes.append(
        f"the baseline was repriced with today's prices: {usd(sum(before.values()))} became"
        f" {usd(sum(after.values()))} USD (spread scaled by feature, an approximation)"
    )
    return replace(baseline, sums=fresh), tuple(notes)


def _rebilled(was: Cell, now: Cell) -> Cell:
    """The cell at the new list prices; itself where one of the books has no price for it."""
    if was.listed is None or now.listed is None:
        return was
    cost = {
        name: round(Fraction(was.cost[name] * now.listed[name], was.listed[name]))
        for name in TOKEN_CLASSES
        if was.listed[name]
    }
    appeared = {n: now.listed[n] for n in TOKEN_CLASSES if not was.listed[n] and now.listed[n]}
    return replace(now, cost={**was.cost, **cost, **appeared})


def _bill(cells: Sequence[Cell]) -> dict[str, int]:
    bill: dict[str, int] = {}
    for cell in cells:
        bill[cell.key.feature] = bill.get(cell.key.feature, 0) + sum(cell.cost.values())
    return bill


def _scaled(moments: Moments, cost: int) -> Moments:
    was = moments.sums["cost"]
    factor = float(Fraction(cost, was)) if was else 1.0
    products = {
        name: rounded(value * factor ** name.count("cost"))
        for name, value in moments.products.items()
    }
    return Moments({**moments.sums, "cost": cost}, products)


def _scaled_pair(products: Sequence[float], factor: float) -> tuple[float, ...]:
    return tuple(
        rounded(product * factor) if top == "cost" else product
        for product, (top, _) in zip(products, RATIOS, strict=True)
    )
