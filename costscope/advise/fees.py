"""What is not billed per token, over time: what it comes to in a month, and how many calls pay for it."""

from __future__ import annotations

from fractions import Fraction

from costscope.advise.bench import Delta
from costscope.model import BreakEven
from costscope.reports.simulation import DAY_US

MONTH_DAYS = 30
MONTH_US = MONTH_DAYS * DAY_US


def monthly(saved: int, once: int, window_us: int | None) -> int | None:
    """A saving in a window as that of the first 30 days, in which what is paid `once` is paid once; both
    in picodollars. None below a full day of traffic."""
    if window_us is None or window_us < DAY_US:
        return None
    return round(Fraction((saved + once) * MONTH_US, window_us)) - once


def pays_from(
    delta: Delta, saved: int, calls: int, window_us: int | None, most: int | None = None
) -> BreakEven | None:
    """From how many calls on a change pays for its fees, where it touches `calls` calls and saves `saved`
    picodollars of a window, fees paid; None where it has no fees. More calls a month than `most` would
    cost more fees, so such a number is none."""
    if delta.fees <= 0:
        return None
    gross, recurring = saved + delta.fees, delta.fees - delta.once
    known = recurring > 0 and window_us
    a_month = round(Fraction(recurring * MONTH_US, window_us)) if window_us else 0
    monthly_calls = break_even(a_month, gross, calls) if known else None
    within = monthly_calls is None or most is None or monthly_calls <= most
    return BreakEven(
        monthly_calls if within else None,
        break_even(delta.once, gross, calls) if delta.once else None,
    )


def break_even(fees: int, saved: int, calls: int) -> int | None:
    """How many calls pay for `fees`, where `calls` calls take `saved` off the bill before fees (both
    in picodollars): a month's fees give calls a month, a fee paid once gives calls in all.

    None where the calls take nothing off: no number of them pays.
    """
    if saved <= 0 or calls <= 0:
        return None
    return -(-fees * calls // saved)
