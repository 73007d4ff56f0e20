"""Fees over time: months that pay once what is paid once, and the calls that pay for it."""

import pytest

from costscope.advise.bench import Delta
from costscope.advise.bill import NOTHING
from costscope.advise.fees import MONTH_US, break_even, monthly, pays_from
from costscope.model import BreakEven
from costscope.reports.simulation import DAY_US


@pytest.mark.parametrize(
    ("fees", "saved", "calls", "expected"),
    [
        (1_000, 50, 10, 200),  # a call takes off 5: 200 of them pay 1,000
        (1_001, 50, 10, 201),  # not 200.2
        (0, 50, 10, 0),
        (1_000, 0, 10, None),
        (1_000, -5, 10, None),
        (1_000, 50, 0, None),
    ],
)
def test_break_even(fees, saved, calls, expected):
    assert break_even(fees, saved, calls) == expected


def test_a_month_pays_once_what_is_paid_once():
    assert monthly(100, 0, 3 * DAY_US) == 1_000
    assert monthly(-200, 300, 3 * DAY_US) == 700  # 100 in 3 days are 1,000, less 300
    assert monthly(100, 0, DAY_US - 1) is None
    assert monthly(100, 0, None) is None


def fees(recurring, once=0):
    return Delta(NOTHING, recurring + once, {}, once)


def test_calls_that_pay_for_fees():
    # 10 calls take 50 off the bill, which is 5 a call; 30 of fees in 3 days are 300 a month.
    assert pays_from(fees(30), 20, 10, 3 * DAY_US) == BreakEven(60, None)
    assert pays_from(fees(30, 1_000), 50 - 1_030, 10, MONTH_US) == BreakEven(6, 200)
    assert pays_from(fees(0), 50, 10, MONTH_US) is None
    assert pays_from(fees(30), -30, 10, MONTH_US) == BreakEven(None, None)
    assert pays_from(fees(30), 20, 10, None) == BreakEven(None, None)


def test_more_calls_than_the_fees_pay_for_do_not_pay_for_them():
    assert pays_from(fees(30), 20, 10, 3 * DAY_US, 60) == BreakEven(60, None)
    assert pays_from(fees(30), 20, 10, 3 * DAY_US, 59) == BreakEven(None, None)
