"""Whole numbers that add up, and Shapley shares against their definition over all orders."""

from fractions import Fraction
from itertools import permutations
from math import factorial, prod

from hypothesis import given
from hypothesis import strategies as st

from costscope.gate.exact import apportion, shapley, split

fractions = st.fractions(min_value=0, max_value=1000, max_denominator=50)
signed = st.fractions(min_value=-(10**6), max_value=10**6, max_denominator=1000)


@given(st.lists(signed, min_size=1, max_size=8), st.integers(-3, 3))
def test_apportioned_shares_add_up(shares, off):
    total = round(sum(shares)) + off
    whole = apportion(total, shares)
    assert sum(whole) == total
    assert all(abs(w - s) <= 1 + Fraction(abs(off) + 1) for w, s in zip(whole, shares, strict=True))


def test_the_largest_remainder_gets_the_odd_one():
    assert apportion(10, [Fraction(10, 3)] * 3) == [4, 3, 3]
    assert apportion(1, [Fraction(1, 5), Fraction(4, 5)]) == [0, 1]
    assert apportion(5, []) == []


def test_split_is_in_proportion():
    assert split(100, [1, 0, 3]) == [25, 0, 75]
    assert split(7, [0, 0]) == [0, 0]


def by_definition(before, after):
    """The mean of each factor's contribution over every order of change."""
    shares = [Fraction(0)] * len(before)
    for order in permutations(range(len(before))):
        now = list(before)
        for i in order:
            start = prod(now, start=Fraction(1))
            now[i] = after[i]
            shares[i] += prod(now, start=Fraction(1)) - start
    return [share / factorial(len(before)) for share in shares]


@given(st.lists(st.tuples(fractions, fractions), min_size=1, max_size=4))
def test_shapley_is_the_mean_over_all_orders(pairs):
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    assert shapley(before, after) == by_definition(before, after)


@given(st.lists(st.tuples(fractions, fractions), min_size=1, max_size=6))
def test_shapley_shares_add_up_exactly(pairs):
    before, after = [a for a, _ in pairs], [b for _, b in pairs]
    assert sum(shapley(before, after)) == prod(after) - prod(before)
