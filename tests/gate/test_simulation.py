"""What the statistics promise, on seeded traffic: few false alarms, and real rises found."""

import pytest

from costscope.gate import Baseline, Rule, check
from tests.gate.frames import frame, traffic

FEATURES = ("chat", "search", "agent")
ANY_RISE = (Rule.parse({"metric": "cost_per_unit", "fail": "+0.01%", "floor": "$0"}),)


def alarms(runs, after_of):
    """In how many of the runs any rule failed, with limits so low that only certainty counts."""
    failed = 0
    for run in range(runs):
        before = Baseline.from_units(traffic(2 * run, 105, FEATURES))
        failed += check(after_of(2 * run + 1), before, ANY_RISE).verdict == "fail"
    return failed / runs


def test_unchanged_traffic_seldom_alarms():
    assert alarms(100, lambda seed: traffic(seed, 105, FEATURES)) <= 0.08


def test_half_as_dear_again_is_found():
    assert alarms(30, lambda seed: traffic(seed, 105, FEATURES, dearer=1.5)) > 0.9


def test_more_conversations_see_smaller_changes():
    def smallest(conversations):
        sides = (traffic(seed, conversations, ("chat",)) for seed in (1, 2))
        before, after = sides
        return check(after, Baseline.from_units(before)).results[0].mde

    # Four times the conversations, half the smallest detectable change.
    assert smallest(400) == pytest.approx(smallest(100) / 2, rel=0.25)


def test_calls_of_one_conversation_are_not_independent_evidence():
    """The same 40 conversations with each call ten times over: no surer than before."""

    def log(seed, times):
        rows = traffic(seed, 40, ("chat",)).iter_rows(named=True)
        return frame(row for row in rows for _ in range(times))

    once, often = (check(log(1, n), Baseline.from_units(log(2, n))).results[0] for n in (1, 10))
    assert often.n == 10 * once.n
    assert often.interval == pytest.approx(once.interval)
