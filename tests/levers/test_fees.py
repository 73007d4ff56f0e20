"""Fees: exact amounts for the log's window, what recurs and what does not."""

from fractions import Fraction

import polars as pl

from costscope.levers._own.fees import (
    DAY_US,
    MONTH_US,
    Fee,
    charged,
    exact,
    in_a_month,
    picodollars,
    span_us,
)
from costscope.levers._rows import without
from tests.workloads import START, call, output, query, workload


def days(*at, **columns):
    return workload(
        *(call(f"c{n}", query(1), output(1), at=86_400 * t, **columns) for n, t in enumerate(at))
    )


def test_the_window_is_that_of_the_log_as_it_was():
    work = days(0, 1, 3)
    assert span_us(work) == 3 * DAY_US
    assert span_us(without(work, pl.Series([3]))) == 3 * DAY_US
    assert span_us(days(5)) == 0
    assert span_us(workload()) is None
    assert span_us(days(0, 1, sent_at=None)) is None
    assert span_us(workload(*[call("a", sent_at=None), call("b", sent_at=START)])) == 0


def test_fees_are_rows_in_whole_picodollars_and_free_ones_are_none():
    work = days(0, 1)
    fees = [
        Fee(5, "rent", "a day"),
        Fee(0, "power", "included"),
        Fee(7, "training", "x", once=True),
    ]
    after = charged(work, "mine", fees)
    assert after.fees.rows() == [
        ("mine", 5, "rent", "a day", False),
        ("mine", 7, "training", "x", True),
    ]
    assert after.fees.schema == work.fees.schema
    assert work.fees.is_empty()
    assert charged(after, "other", fees[:1]).fees["lever"].to_list() == ["mine", "mine", "other"]
    assert charged(work, "mine", fees[1:2]) is work


def test_a_month_has_what_recurs_and_not_what_is_paid_once():
    fees = [Fee(10, "rent", ""), Fee(20, "people", ""), Fee(1_000, "training", "", once=True)]
    assert in_a_month(fees, 3 * DAY_US) == 300  # 30 in 3 days
    assert in_a_month(fees, MONTH_US) == 30


def test_dollars_are_what_their_user_wrote():
    assert exact(0.1) == Fraction(1, 10)
    assert picodollars(exact(0.1) * 3) == 300_000_000_000
