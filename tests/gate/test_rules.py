"""The grammar of rules and settings: what is read, and what each mistake is told."""

from fractions import Fraction

import pytest

from costscope.errors import SettingsError
from costscope.gate.rules import DEFAULT_RULES, METRICS, Limit, Rule, Settings, from_flags


@pytest.mark.parametrize(("text", "metric", "kind", "value"), [
    ("+10%", "cost_per_unit", "relative", Fraction(1, 10)),
    ("+ 2.5 %", "tokens_per_unit", "relative", Fraction(1, 40)),
    ("+$0.002", "cost_per_unit", "increase", 2 * 10**9),
    ("> $0.05", "cost_per_unit", "above", 5 * 10**10),
    (">$500", "cost_total", "above", 500 * 10**12),
    (">4000", "tokens_per_unit", "above", 4000),
    ("+200", "output_tokens_per_call", "increase", 200),
    ("<40%", "cache_hit_rate", "below", Fraction(2, 5)),
    ("-10%", "cache_hit_rate", "relative", Fraction(1, 10)),
    ("+$0.001", "mix_effect", "increase", 10**9),
])  # fmt: skip
def test_limits(text, metric, kind, value):
    limit = Limit.parse(text, metric)
    assert (limit.kind, limit.value) == (kind, value)
    assert limit.needs_baseline == (kind in ("relative", "increase"))


@pytest.mark.parametrize(("text", "metric"), [
    ("10%", "cost_per_unit"), ("+ten%", "cost_per_unit"), ("+10", "cost_per_unit"),
    ("+$10%", "cost_per_unit"), ("-10%", "cost_per_unit"), ("<40%", "cost_per_unit"),
    (">$5", "tokens_per_unit"), ("+10%", "cache_hit_rate"), (">40%", "cache_hit_rate"),
    ("+10%", "cost_total"), (">$1", "mix_effect"), ("", "cost_per_unit"), ("+1e3%", "cost_per_unit"),
    ("<$5", "cost_total"), ("-$5", "cost_per_unit"),
])  # fmt: skip
def test_impossible_limits_say_what_to_write(text, metric):
    with pytest.raises(SettingsError, match=f"{metric}.*; write"):
        Limit.parse(text, metric)


def test_a_table():
    rule = Rule.parse({
        "id": "chat", "metric": "cost_per_unit", "fail": "+10%", "warn": "+5%",
        "floor": "$0.0005", "for": {"feature": "chat*"},
    })  # fmt: skip
    assert rule.floor_pd == 5 * 10**8
    assert (rule.segment, rule.needs_baseline) == ("chat*", True)
    assert Rule.parse({"metric": "tokens_per_unit", "fail": "+1%", "floor": "20"}).floor_pd == 20


@pytest.mark.parametrize(("table", "message"), [
    ({"metric": "cost_per_unit"}, "neither a fail nor a warn limit"),
    ({"metric": "cost_per_units", "fail": "+1%"}, "did you mean 'cost_per_unit'"),
    ({"fail": "+1%"}, "no metric is called None; there are: cost_per_unit"),
    ({"metric": "cost_per_unit", "fial": "+1%"}, "a rule has no key 'fial'; did you mean 'fail'"),
    ({"metric": "cost_per_unit", "fail": 10}, "fail should be text, it is 10"),
    ({"metric": "cost_per_unit", "fail": "+1%", "for": {"model": "x"}}, "for has no key 'model'"),
    ({"metric": "cost_per_unit", "fail": "+1%", "for": 3}, "for should be text"),
    ({"metric": "cost_per_unit", "fail": "+1%", "floor": "5"}, "'5' is no floor; write"),
    ({"metric": "cost_per_unit", "fail": ">$1", "warn": "+1%"}, "mixes an absolute limit"),
    ({"metric": "cost_per_unit", "fail": "+1%", "id": 7}, "id should be text"),
])  # fmt: skip
def test_mistakes_in_a_table(table, message):
    with pytest.raises(SettingsError, match=message):
        Rule.parse(table)


def test_flags():
    chat, overall, ceiling = from_flags(
        ["chat/cost_per_unit:+10%", "cost_per_unit:+20%", "a/b/cost_per_unit:>$0.05"],
        ["chat/cost_per_unit:+5%"],
    )
    assert (chat.segment, chat.fail.text, chat.warn.text) == ("chat", "+10%", "+5%")
    assert (overall.segment, overall.warn, overall.id) == ("", None, "cost_per_unit")
    assert (ceiling.segment, ceiling.needs_baseline) == ("a/b", False)


def test_a_relative_and_an_absolute_flag_are_two_rules():
    rules = from_flags(["cost_per_unit:+10%"], ["cost_per_unit:>$1"])
    assert [rule.needs_baseline for rule in rules] == [True, False]
    assert len({rule.id for rule in rules}) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cost_per_unit", r"write \[segment/\]metric:limit"),
        ("chat/latency:+10%", "no metric is called 'latency'"),
        ("cost_per_unit:", "'' is no limit"),
    ],
)
def test_mistakes_in_a_flag(text, message):
    with pytest.raises(SettingsError, match=message):
        from_flags([text], [])


def test_the_same_flag_twice():
    with pytest.raises(SettingsError, match="already a limit"):
        from_flags(["cost_per_unit:+10%", "cost_per_unit:+20%"], [])


def test_settings_from_a_table():
    found = Settings.parse({"unit": "conversation", "max_unpriced_share": "5 %", "min_coverage": 1})
    assert (found.unit, found.max_unpriced_share, found.min_coverage) == ("conversation", 0.05, 1)
    assert found.confidence == 0.95
    assert Settings.parse({"max_unpriced_share": 1e-06}).max_unpriced_share == 1e-6


@pytest.mark.parametrize(("table", "message"), [
    ({"units": "call"}, "check has no key 'units'; did you mean 'unit'"),
    ({"unit": "day"}, "unit is 'day'; it can be call, request, conversation"),
    ({"confidence": 1}, "confidence is 1.0"),
    ({"confidence": True}, "should be a share"),
    ({"min_clusters": 1}, "must be at least 2"),
    ({"min_clusters": "30"}, "should be a whole number"),
    ({"max_unpriced_share": "200%"}, "should be a share"),
    ({"on_inconclusive": "panic"}, "warn, fail, ignore"),
    ({"correction": 3}, "correction should be text"),
])  # fmt: skip
def test_mistakes_in_settings(table, message):
    with pytest.raises(SettingsError, match=message):
        Settings.parse(table)


def test_the_default_is_cost_per_unit_everywhere():
    [rule] = DEFAULT_RULES
    assert (rule.fail.text, rule.warn.text, rule.segment, rule.floor_pd) == (
        "+10%",
        "+5%",
        "",
        None,
    )
    assert rule.metric in METRICS
