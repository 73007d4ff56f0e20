"""A saving made together, divided fairly, in whole picodollars: exact Shapley values, or their mean over
some orders of joining where there are too many coalitions to look at."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from math import factorial, floor


def shapley(values: Mapping[frozenset[str], int], names: Collection[str]) -> dict[str, int]:
    """Each name's mean gain over all orders of joining, rounded so that the shares add up exactly.

    `values` has the worth of every subset of `names`; the worth of nothing counts as zero. What
    rounding down leaves over goes to the largest remainders, ties to the first name.
    """
    exact = {name: _mean_gain(values, name, frozenset(names)) for name in sorted(names)}
    return _rounded(exact, values[frozenset(names)] - values[frozenset()])


def by_orders(
    values: Mapping[frozenset[str], int], orders: Sequence[Sequence[str]]
) -> dict[str, int]:
    """Each name's mean gain over some orders of joining, rounded in the same way; `values` has the worth
    of what forms in them."""
    exact = dict.fromkeys(sorted(orders[0]), Fraction(0))
    for order in orders:
        for size, name in enumerate(order):
            gain = values[frozenset(order[: size + 1])] - values[frozenset(order[:size])]
            exact[name] += Fraction(gain, len(orders))
    return _rounded(exact, values[frozenset(orders[0])] - values[frozenset()])


def joining(names: Sequence[str], turns: int = 4) -> list[list[str]]:
    """Orders of joining that stand for all: the one given, turned on by an equal part of its length up to
    so many turns, and each of these backwards, so that everybody comes early as often as late."""
    starts = [round(turn * len(names) / turns) for turn in range(turns)]
    turned = [[*names[start:], *names[:start]] for start in starts]
    return [order for one in turned for order in (one, one[::-1])]


def _rounded(exact: Mapping[str, Fraction], total: int) -> dict[str, int]:
    """Whole numbers that add up to `total`, by largest remainders."""
    whole = {name: floor(share) for name, share in exact.items()}
    left = total - sum(whole.values())
    by_remainder = sorted(exact, key=lambda name: (whole[name] - exact[name], name))
    return {name: whole[name] + (name in by_remainder[:left]) for name in whole}


def _mean_gain(
    values: Mapping[frozenset[str], int], name: str, everyone: frozenset[str]
) -> Fraction:
    size = len(everyone)
    gain = sum(
        factorial(len(others))
        * factorial(size - len(others) - 1)
        * (values[others | {name}] - values[others])
        for others in values
        if others <= everyone and name not in others
    )
    return Fraction(gain, factorial(size))
