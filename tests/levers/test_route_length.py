"""What routing levers share beside the routes: reply lengths that the log shows, and break-even shares."""

from fractions import Fraction

import pytest

from costscope.levers._route.even import break_even, told
from costscope.levers._route.length import Length, length
from costscope.levers.routing import Routing
from tests.levers.test_routing import PLAIN, easy
from tests.workloads import tokens, workload


def both_models(strong=40, cheap=20, n=25, feature="chat", **more):
    """`n` calls of either model on one feature, with replies of these lengths, give or take one."""
    return [
        easy(
            f"{feature} {model} {i}", model=model, reply=reply + i % 3 - 1, feature=feature, **more
        )
        for model, reply in (("gpt-4o-2024-08-06", strong), ("gpt-4o-mini-2024-07-18", cheap))
        for i in range(n)
    ]


def test_the_reply_length_is_measured_where_both_models_answer_a_feature():
    """24 of each: replies of 39, 40, 41 and 19, 20, 21: 20 / 40 tokens for one."""
    work = workload(*both_models(n=24), easy("x", feature="other", reply=100))
    found = length(work, "gpt-4o", "gpt-4o-mini")
    assert (found.base, found.calls) == (Fraction(1, 2), 48)
    variance = 16 / 23  # eight each of -1, 0, 1
    error = ((variance / 24 + 0.25 * variance / 24) ** 0.5) / 40
    assert float(found.low) == pytest.approx(0.5 + 1.96 * error, abs=0.0006)
    assert float(found.high) == pytest.approx(0.5 - 1.96 * error, abs=0.0006)
    after = Routing(**PLAIN).apply(work)
    assert tokens(after, "x")["output"] == 50


def test_reply_lengths_are_not_compared_across_features_or_on_few_calls():
    apart = both_models(feature="a")[:25] + both_models(feature="b")[25:]
    assert length(workload(*apart), "gpt-4o", "gpt-4o-mini") is None
    assert length(workload(*both_models(n=19)), "gpt-4o", "gpt-4o-mini") is None


def test_a_stated_reply_length_wins_over_the_log():
    work = workload(*both_models(), easy("x", feature="other", reply=100))
    assert tokens(Routing(output_ratio=0.9, **PLAIN).apply(work), "x")["output"] == 90


def test_an_assumed_length_has_ends():
    assert Length.assumed(Fraction(1)).of("low") == Fraction(13, 10)
    assert Length.assumed(Fraction(1)).of("high") == Fraction(4, 5)


def test_the_break_even_share_lies_where_the_saving_is_gone():
    assert break_even(300, -100) == Fraction(3, 4)
    assert break_even(0, -5) == 0
    assert break_even(300, 100) == Fraction(3, 2)
    assert break_even(5, 5) is None
    assert told(300, -100).startswith(
        "Break-even: the saving is gone where 75.0% of the routed calls"
    )
    assert told(300, 100).startswith("It saves something even if every routed call")
    assert told(-1, -2).startswith("It saves nothing")


def test_without_scores_there_is_nothing_to_measure_the_rules_on():
    assert Routing().backtest(workload(*both_models())) is None
