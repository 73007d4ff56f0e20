"""Sums and products of whole numbers in arrays, against Python's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.advise import exact

amounts = st.integers(-(2**62) + 1, 2**62 - 1)
pairs = st.lists(st.tuples(amounts, amounts, st.integers(0, 3)), max_size=20)


@settings(deadline=None, max_examples=60)
@given(pairs)
def test_they_are_those_of_pythons_own(rows):
    one, other = (np.array([row[n] for row in rows], np.int64) for n in (0, 1))
    place = np.array([row[2] for row in rows], np.int64)
    assert exact.total(one) == sum(row[0] for row in rows)
    assert exact.dot(one, other) == sum(a * b for a, b, _ in rows)
    assert exact.by_place(place, one, 4).tolist() == [
        sum(a for a, _, p in rows if p == n) for n in range(4)
    ]


@pytest.mark.parametrize("big", [10**30, -(10**30)])
def test_what_is_larger_than_64_bits_is_as_exact(big):
    one = np.array([big, 5, 7], object)
    assert one.tolist() == [big, 5, 7]
    assert exact.total(one) == big + 12
    assert (
        exact.dot(one, np.array([3, 4, 5])) == exact.dot(np.array([3, 4, 5]), one) == 3 * big + 55
    )
    assert exact.by_place(np.array([1, 0, 1]), one, 2).tolist() == [5, big + 7]
    assert exact.most(one) == 10**30


def test_nothing_is_nothing():
    empty = np.zeros(0, np.int64)
    assert (exact.total(empty), exact.dot(empty, empty), exact.most(empty)) == (0, 0, 0)
