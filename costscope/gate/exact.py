"""Arithmetic that adds up: whole numbers from shares, and the fair split of a changed product.

Nothing here knows what the numbers mean.
"""

from collections.abc import Sequence
from fractions import Fraction
from math import floor


def apportion(total: int, shares: Sequence[Fraction | int]) -> list[int]:
    """Whole numbers that add up to `total` and are nearest to `shares` by the largest remainder.

    `shares` should add up to about `total`; what they miss goes to the largest remainders first,
    ties to the earlier one. An empty list stays empty.
    """
    whole = [floor(share) for share in shares]
    if not whole:
        return []
    order = sorted(range(len(whole)), key=lambda i: (whole[i] - shares[i], i))
    rounds, extra = divmod(total - sum(whole), len(whole))
    for place, i in enumerate(order):
        whole[i] += rounds + (place < extra)
    return whole


def split(total: int, weights: Sequence[int]) -> list[int]:
    """`total` in whole parts in proportion to weights of 0 or more; all zero if every weight is."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    return apportion(total, [Fraction(total * weight, whole) for weight in weights])


def shapley(before: Sequence[Fraction], after: Sequence[Fraction]) -> list[Fraction]:
    """Each factor's Shapley share of prod(after) - prod(before), exactly; the shares add up to it.

    The mean over all orders of changing the factors one by one equals the integral over x in 0..1
    of the product of the other factors at a + (b - a) x, which is a polynomial.
    """
    moving = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    fixed = Fraction(1)
    for i in set(range(len(before))) - set(moving):
        fixed *= before[i]
    shares = [Fraction(0)] * len(before)
    for i in moving:
        others = [(before[j], after[j] - before[j]) for j in moving if j != i]
        shares[i] = fixed * (after[i] - before[i]) * _mean_product(others)
    return shares


def _mean_product(lines: Sequence[tuple[Fraction, Fraction]]) -> Fraction:
    """The integral over x in 0..1 of the product of the lines start + slope x."""
    terms = [Fraction(1)]
    for start, slope in lines:
        raised = [Fraction(0), *(slope * term for term in terms)]
        terms = [
            high + start * low for high, low in zip(raised, [*terms, Fraction(0)], strict=True)
        ]
    return sum((term / (power + 1) for power, term in enumerate(terms)), Fraction(0))
