"""A saving made together, divided fairly: exact Shapley values in whole picodollars."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fractions import Fraction
from math import factorial, floor


def shapley(values: Mapping[frozenset[str], int], names: Collection[str]) -> dict[str, int]:
    """Each name's mean gain over all orders of joining, rounded so that the shares add up exactly.

    `values` has the worth of every subset of `names`; the worth of nothing counts as zero. What
    rounding down leaves over goes to the largest remainders, ties to the first name.
    """
    exact = {name: _mean_gain(values, name, frozenset(names)) for name in sorted(names)}
    whole = {name: floor(share) for name, share in exact.items()}
    left = values[frozenset(names)] - values[frozenset()] - sum(whole.values())
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
