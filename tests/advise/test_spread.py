"""The closed-form interval: against its formula in floats, against resampling, and at its edges."""

import random
from statistics import mean, stdev

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.advise.spread import Changed, Spread
from costscope.model import Interval


def whole(amounts):
    """Amounts of any size."""
    return np.array(amounts, np.int64 if all(abs(x) < 2**62 for x in amounts) else object)


def spread_of(amounts):
    """What was spent in each of some conversations, one call each."""
    return Spread.of(np.arange(len(amounts)), whole(amounts))


def saving(amounts):
    return Changed(np.arange(len(amounts)), -whole(amounts))


def test_it_is_the_formula():
    spent, saved = [100, 200, 300, 400, 1000], [10, 50, 0, 100, 40]
    share = sum(saved) / sum(spent)
    weights = [1 / (1 - o / sum(spent)) for o in spent]
    residuals = [w * (s - share * o) for w, s, o in zip(weights, saved, spent, strict=True)]
    error = (2 * 5 / 4 * sum(r * r for r in residuals)) ** 0.5
    big = 10**9
    spread = spread_of([x * big for x in spent])
    reach = spread.reach(saving([x * big for x in saved]))
    assert reach == pytest.approx(2.776 * error * big, rel=1e-9)


def test_an_even_share_everywhere_is_certain():
    spread = spread_of([100, 200, 300])
    assert spread.reach(saving([10, 20, 30])) == 0


def test_several_calls_of_a_conversation_are_one_cluster():
    more = Spread.of(np.array([0, 1, 2, 0]), whole([100, 100, 70, 200]))
    assert more.reach(saving([50, 20, 70])) == spread_of([300, 100, 70]).reach(saving([50, 20, 70]))
    parts = Changed(np.array([0, 2, 1, 0]), whole([-30, -70, -20, -20]))
    assert more.reach(parts) == more.reach(saving([50, 20, 70]))


def test_a_conversation_that_is_not_compared_is_none():
    some = Spread.of(np.array([0, 2, 4]), whole([100, 200, 300]))
    assert some.count == 3
    changed = Changed(np.array([0, 2, 4]), whole([-10, -50, -30]))
    assert some.reach(changed) == spread_of([100, 200, 300]).reach(saving([10, 50, 30]))


def test_nothing_saved_is_certain_and_one_conversation_tells_nothing():
    spread = spread_of([100])
    assert spread.interval([(0, saving([0]))]) == Interval(0, 0)
    assert spread.interval([(40, saving([40]))]) == Interval(0, 100)
    assert spread.interval([(-40, saving([-40]))]) == Interval(-40, 100)


def test_one_conversation_that_is_all_of_the_bill_tells_nothing():
    spread = spread_of([100, 0])
    assert spread.interval([(40, saving([40, 0]))]) == Interval(0, 100)


def test_what_costs_no_conversation_more_loses_at_most_its_fees():
    spread = spread_of([100, 200, 300])
    assert spread.interval([(90, saving([90, 0, 0]))]).low == 0
    assert spread.interval([(70, saving([90, 0, 0]))]).low == -20
    assert spread.interval([(80, saving([90, -10, 0]))]).low < -20


def test_scenarios_widen_it():
    spread = spread_of([100, 200, 300])
    cases = [(60, saving([10, 20, 30])), (30, saving([5, 10, 15])), (90, saving([15, 30, 45]))]
    assert spread.interval(cases) == Interval(30, 90)


def test_never_more_than_was_spent():
    spread = spread_of([100, 100, 100])
    found = spread.interval([(150, saving([100, 50, 0]))])
    assert found.high == 300
    assert found.low < 150


def test_it_agrees_with_resampling_conversations():
    dice = random.Random(7)
    spent = [round(1e6 * dice.lognormvariate(0, 1)) for _ in range(200)]
    saved = [round(x * dice.random()) for x in spent]
    shares = []
    for _ in range(4_000):
        draw = dice.choices(range(200), k=200)
        shares.append(sum(saved[i] for i in draw) / sum(spent[i] for i in draw))
    assert mean(shares) == pytest.approx(sum(saved) / sum(spent), rel=0.01)
    apart = [one - other for one, other in zip(shares[::2], shares[1::2], strict=True)]
    reach = spread_of(spent).reach(saving(saved))
    assert reach == pytest.approx(1.972 * stdev(apart) * sum(spent), rel=0.08)


def test_it_covers_another_draw_of_the_same_traffic():
    """Logs of 40 conversations, each with another log of the same size as the truth."""
    dice = random.Random(11)
    inside = 0
    for _ in range(300):
        one, other = (
            [(1e6 * dice.lognormvariate(0, 1), dice.random()) for _ in range(40)] for _ in "ab"
        )
        spent, saved = [round(x) for x, _ in one], [round(x * y) for x, y in one]
        reach = spread_of(spent).reach(saving(saved))
        truth = sum(x * y for x, y in other) / sum(x for x, _ in other)
        inside += abs(truth - sum(saved) / sum(spent)) <= reach / sum(spent)
    assert 0.92 <= inside / 300 <= 0.98


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**20), st.integers(-(10**20), 10**20)), min_size=2))
def test_it_is_whole_and_does_not_depend_on_order(rows):
    spent, saved = [b for b, _ in rows], [s for _, s in rows]
    reach = spread_of(spent).reach(saving(saved))
    assert spread_of(spent[::-1]).reach(saving(saved[::-1])) == reach
    assert reach is None or reach >= 0
