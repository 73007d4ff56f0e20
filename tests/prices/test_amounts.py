"""Tokens times rates, in 64 bits and beyond them."""

from __future__ import annotations

import numpy as np

from costscope.prices.amounts import FITS, plus, times


def test_tokens_times_rates_of_their_number() -> None:
    rates = np.array([[1, 2, 3, 4, 5, 6, 7], [10, 0, 0, 0, 0, 0, 20]])
    tokens = np.array([[1, 1, 0, 0, 0, 0, 2], [5, 9, 9, 9, 9, 9, 1], [0] * 7])
    assert times(tokens, rates, np.array([0, 1, 0])).tolist() == [17, 70, 0]


def test_what_64_bits_do_not_hold_is_exact_all_the_same() -> None:
    rates, tokens = np.full((1, 7), 10**10), np.full((2, 7), 10**9)
    assert times(tokens, rates, np.array([0, 0])).tolist() == [7 * 10**19] * 2


def test_more_is_added_at_its_places() -> None:
    assert plus(np.array([1, 2, 3]), np.array([2, 0]), [10, 20]).tolist() == [21, 2, 13]


def test_a_sum_that_two_of_would_not_fit_is_of_python_s_own_numbers() -> None:
    found = plus(np.array([FITS - 1, 5]), np.array([0]), [FITS - 1])
    assert found.dtype == object
    assert (found + found).tolist() == [4 * (FITS - 1), 10]
