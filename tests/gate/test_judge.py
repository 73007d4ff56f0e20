"""Each verdict reached, for its own reason; what refuses to be judged; and what is said beside it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import ExitCode, InputError, SettingsError
from costscope.gate import Baseline, Rule, Settings, check, from_flags
from tests.gate.frames import bare, call, frame, planted, traffic


def rule(metric="cost_per_unit", **keys):
    return Rule.parse({"metric": metric, **({"fail": "+10%"} | keys)})


def judged(after, before, *rules, **table):
    """The verdict on a frame against a frame."""
    base = Baseline.from_units(before) if before is not None else None
    return check(after, base, rules or (rule(warn="+5%"),), Settings.parse(table))


def of(verdict, segment="overall"):
    [result] = [r for r in verdict.results if r.segment == segment]
    return result


def test_a_log_against_itself_passes_with_no_change_at_all():
    verdict = judged(traffic(1), traffic(1))
    assert (verdict.verdict, verdict.exit_code) == ("pass", ExitCode.OK)
    assert {(r.change, r.relative, r.p, r.drivers) for r in verdict.results} == {(0, 0, 1, ())}


def test_half_as_dear_again_fails():
    verdict = judged(traffic(2, dearer=1.5), traffic(1))
    assert (verdict.verdict, verdict.exit_code) == ("fail", ExitCode.FAILED)
    assert of(verdict).interval[0] > 0
    assert [r.segment for r in verdict.results] == ["overall", "chat", "search"]


def test_cheaper_passes():
    verdict = judged(traffic(2, dearer=0.5), traffic(1))
    assert verdict.verdict == "pass"
    assert of(verdict).interval[1] < 0


def constant(seed_tokens, conversations=40, **columns):
    """Conversations that all cost the same, so that any change is certain."""
    return frame(call(f"c{i}", fresh=seed_tokens, **columns) for i in range(conversations))


def test_between_warning_and_limit_warns():
    verdict = judged(constant(107), constant(100))
    assert (verdict.verdict, verdict.exit_code) == ("warn", ExitCode.OK)
    assert of(verdict).limit == "+5%"


def test_at_the_limit_fails_and_just_below_does_not():
    assert judged(constant(110), constant(100), rule()).verdict == "fail"
    assert judged(constant(1099), constant(1000), rule()).verdict == "pass"


def test_below_the_floor_passes_and_says_so():
    result = of(judged(constant(150), constant(100), rule(floor="$0.001")))
    assert (result.verdict, result.note) == ("pass", "below the floor")


def test_by_default_a_cheap_feature_does_not_fail_over_a_trifle():
    def log(cheap):
        rows = [call(f"a{i}", feature="cheap", fresh=cheap) for i in range(40)]
        return frame(rows + [call(f"b{i}", feature="dear", fresh=100_000) for i in range(40)])

    assert of(judged(log(200), log(100)), "cheap").note == "below the floor"
    assert of(judged(log(2000), log(100)), "cheap").verdict == "fail"


def test_past_the_limit_by_chance_is_inconclusive():
    before = frame(call(f"c{i}", fresh=100 if i % 10 else 3000) for i in range(40))
    after = frame(call(f"c{i}", fresh=100 if i % 8 else 3000) for i in range(40))
    verdict = judged(after, before, rule(), on_inconclusive="fail")
    assert (verdict.verdict, verdict.exit_code) == ("inconclusive", ExitCode.INCONCLUSIVE)
    assert "chance alone" in of(verdict).note


@pytest.mark.parametrize(("setting", "verdict", "code"), [
    ("warn", "inconclusive", ExitCode.OK),
    ("fail", "inconclusive", ExitCode.INCONCLUSIVE),
    ("ignore", "pass", ExitCode.OK),
])  # fmt: skip
def test_too_few_conversations(setting, verdict, code):
    found = judged(constant(200, 12), constant(100, 50), rule(), on_inconclusive=setting)
    assert (found.verdict, found.exit_code) == (verdict, code)
    assert of(found).note == "12 conversations on a side, 30 are needed"


def test_a_small_feature_beside_a_judged_whole_does_not_matter():
    def log(tokens, price):
        rows = [call(f"m{i}", feature="main", fresh=1000) for i in range(60)]
        return frame(rows + [call(f"r{i}", price, feature="rare", fresh=tokens) for i in range(3)])

    small = judged(log(100, 1.5), log(100, 1))
    assert (of(small, "rare").verdict, small.verdict) == ("inconclusive", "pass")
    large = judged(log(9000, 1.01), log(9000, 1))
    assert (of(large, "rare").verdict, large.verdict) == ("inconclusive", "inconclusive")


def test_among_many_features_one_may_be_dearer_by_chance():
    names = [f"f{i}" for i in range(12)]
    before, after = (traffic(seed, 480, names) for seed in (4, 104))
    plain = judged(after, before, rule(fail="+0.01%", floor="$0"), correction="none")
    holm = judged(after, before, rule(fail="+0.01%", floor="$0"))
    failed = [r.segment for r in plain.results if r.verdict == "fail"]
    assert failed
    assert {of(holm, s).verdict for s in failed} == {"inconclusive"}
    assert "among so many features" in of(holm, failed[0]).note


def test_new_and_gone_features_are_shown():
    before = traffic(1, 80, ("chat", "old"))
    after = traffic(1, 80, ("chat", "new"))
    verdict = judged(after, before, min_coverage="10%")
    assert [r.segment for r in verdict.results] == ["overall", "chat", "new", "old"]
    assert (of(verdict, "new").verdict, of(verdict, "new").baseline) == ("new", None)
    assert (of(verdict, "old").verdict, of(verdict, "old").current) == ("gone", None)
    assert of(verdict, "new").current > 0


def test_too_little_in_common_is_inconclusive():
    found = of(judged(traffic(1, 80, ("a", "new")), traffic(1, 80, ("a", "old"))))
    assert found.verdict == "inconclusive"
    assert found.note.endswith("of the baseline's cost is in features of this log")
    assert (
        of(judged(traffic(1, 9, ("a",)), traffic(1, 9, ("b",)))).note
        == "no feature is on both sides"
    )


def mixed(dear):
    rows = [call(f"a{i}", feature="cheap", fresh=100) for i in range(100 - dear)]
    return frame(rows + [call(f"b{i}", feature="dear", fresh=1000) for i in range(dear)])


def test_a_shift_of_traffic_passes_and_is_mentioned():
    verdict = judged(mixed(65), mixed(35))
    assert (verdict.verdict, of(verdict).change) == ("pass", 0)
    assert "is feature mix, traffic between features, and not gated" in verdict.notes[0]


def test_a_shift_of_traffic_fails_where_it_is_asked_to():
    [result] = judged(mixed(65), mixed(35), rule("mix_effect")).results
    assert (result.verdict, result.segment) == ("fail", "overall")
    assert {driver.effect for driver in result.drivers} == {"feature mix"}
    assert "dear: 35 % → 65 % of calls" in {driver.name for driver in result.drivers}
    assert sum(driver.amount for driver in result.drivers) == result.change


def test_a_broken_cache_fails_its_rule():
    cached, broken = constant(100, cache_read=900), constant(1000)
    hit = of(judged(broken, cached, rule("cache_hit_rate", fail="-10%")))
    assert (hit.verdict, hit.baseline, hit.current, hit.relative) == ("fail", 0.9, 0.0, -1.0)
    better = of(judged(cached, broken, rule("cache_hit_rate", fail="-10%")))
    assert (better.verdict, better.note) == ("inconclusive", "the baseline is zero")


def test_tokens_are_gated_like_money():
    verdict = judged(constant(100, output=50), constant(100, output=10),
                     rule("tokens_per_unit", id="t"),
                     rule("output_tokens_per_call", id="o", fail="+30"))  # fmt: skip
    whole = [r for r in verdict.results if r.segment == "overall"]
    assert [(r.id, r.verdict, r.change) for r in whole] == [("t", "fail", 40), ("o", "fail", 40)]


def test_a_pass_says_what_it_could_not_see():
    def log(seed):
        return traffic(seed, 40, ("chat",))

    result = of(judged(log(3), log(4), rule(fail="+400%")))
    assert (result.verdict, result.note) == ("pass", "")
    result = of(judged(log(3), log(5), rule(fail="+20%")))
    assert result.verdict == "pass"
    assert result.note.startswith("could only see +")


def test_conversations_as_the_unit():
    before = frame(call(f"c{i}", fresh=100) for i in range(40))
    after = frame(call(f"c{i}", fresh=100) for i in range(40) for _ in range(2))
    assert of(judged(after, before)).change == 0
    result = of(judged(after, before, unit="conversation"))
    assert (result.verdict, result.label) == ("fail", "cost per conversation")
    assert [d.effect for d in result.drivers] == ["calls per conversation"]


def test_absolute_limits_need_no_baseline():
    rules = from_flags(["cost_total:>$1", "chat/cost_per_unit:>$0.0001"],
                       ["cache_hit_rate:<40%"])  # fmt: skip
    total, chat, hits = judged(constant(100), None, *rules).results
    assert (total.verdict, total.current) == ("pass", 40 * 100 * 2_500_000)
    assert (chat.verdict, chat.segment, chat.baseline) == ("fail", "chat", None)
    assert (hits.verdict, hits.current) == ("warn", 0.0)


def test_an_absolute_limit_is_judged_beside_a_baseline_too():
    verdict = judged(constant(100), traffic(1), *from_flags(["search/cost_total:>$1"], []))
    assert [r.verdict for r in verdict.results] == ["gone"]


def test_a_log_without_input_has_no_hit_rate():
    for rules in (from_flags(["cache_hit_rate:<40%"], []), [rule("cache_hit_rate", fail="-5%")]):
        found = judged(constant(0, output=9), constant(0, output=9), *rules)
        assert {r.verdict for r in found.results} == {"inconclusive"}


def test_a_comparing_rule_without_a_baseline_cannot_run():
    with pytest.raises(
        InputError, match=r"'cost_per_unit' compares with a baseline and there is none"
    ):
        judged(constant(1), None)


def test_too_much_unpriced_cannot_run():
    rows = [call(f"c{i}", fresh=100) for i in range(40)]
    gap = frame([*rows, call("x", fresh=100, pd=None, unpriced_tokens=100)])
    with pytest.raises(InputError, match=r"2\.4% of the tokens of this log have no price"):
        judged(gap, constant(100))
    with pytest.raises(InputError, match="tokens of the baseline have no price"):
        judged(constant(100), gap)
    found = judged(gap, constant(100), max_unpriced_share="3%")
    assert (found.verdict, of(found).n) == ("pass", 40)
    assert "this log: calls left out, without a price or usage: 1" in found.notes


def test_segments_and_ids_are_checked():
    with pytest.raises(SettingsError, match=r"no feature matches 'chta\*'; there are: chat"):
        judged(constant(1), constant(1), rule(**{"for": "chta*"}))
    with pytest.raises(SettingsError, match="mix_effect is between features"):
        judged(constant(1), constant(1), rule("mix_effect", **{"for": "chat"}))
    with pytest.raises(SettingsError, match="two rules have the id 'cost_per_unit'"):
        judged(constant(1), constant(1), rule(), rule())


def test_a_rule_for_some_features_only():
    names = ("chat-a", "chat-b", "search")
    verdict = judged(traffic(1, 90, names), traffic(1, 90, names), rule(**{"for": "chat*"}))
    assert [r.segment for r in verdict.results] == ["chat-a", "chat-b"]
    verdict = judged(traffic(1, 90, names), traffic(1, 90, names), rule(**{"for": "overall"}))
    assert [r.segment for r in verdict.results] == ["overall"]


def test_notes_on_failures_and_heavy_tails():
    before = frame(call(f"c{i}", fresh=100) for i in range(50))
    after = frame(
        call(f"c{i}", fresh=100 if i else 50_000, status="error" if i < 5 else "ok")
        for i in range(50)
    )
    verdict = judged(after, before)
    assert "failed calls: 0.0 % → 10.0 %, counted as calls" in verdict.notes
    assert any(n.startswith("this log: heavy tail, the dearest 1 % of 50") for n in verdict.notes)


def test_the_planted_template_is_the_first_driver():
    verdict = judged(planted(1630, "v4", 2), planted(812, "v3", 1))
    first = of(verdict).drivers[0]
    assert first.effect == "tokens per call"
    assert first.name.startswith("support-chat: template answer v3 → v4, context tokens per call ")
    assert first.amount > 0.9 * of(verdict).change
    assert of(verdict, "search").verdict == "pass"


def test_without_cost_by_class_the_cause_is_still_named_and_the_gap_said():
    verdict = judged(bare(planted(1630, "v4", 2)), bare(planted(812, "v3", 1)))
    assert "context tokens per call" in of(verdict).drivers[0].name
    assert "cost by class of token is not known" in verdict.notes[0]


calls = st.builds(
    call,
    st.sampled_from([f"c{i}" for i in range(6)]),
    feature=st.sampled_from(["x", "y", "z"]),
    model=st.sampled_from(["large", "small"]),
    template_version=st.sampled_from(["v3", "v4"]),
    fresh=st.integers(0, 3000),
    cache_read=st.integers(0, 3000),
    output=st.integers(0, 900),
)
logs = st.lists(calls, min_size=1, max_size=14).map(frame)


@settings(max_examples=40, deadline=None)
@given(logs, logs, st.sampled_from(["call", "conversation"]))
def test_drivers_always_add_up_and_rows_may_come_in_any_order(before, after, unit):
    rules = (rule(), rule("mix_effect"), rule("tokens_per_unit"))
    table = {"unit": unit, "min_clusters": 2}
    verdict = judged(after, before, *rules, **table)
    for result in verdict.results:
        if result.drivers:
            assert sum(driver.amount for driver in result.drivers) == result.change
        elif result.metric != "tokens_per_unit":
            assert not result.change
    shuffled = (units.sample(fraction=1, shuffle=True, seed=3) for units in (after, before))
    assert judged(*shuffled, *rules, **table) == verdict


@settings(max_examples=30, deadline=None)
@given(logs)
def test_any_log_passes_against_itself(units):
    verdict = judged(units, units, rule(), rule("mix_effect"))
    assert verdict.verdict == "pass"
    assert {result.change for result in verdict.results} == {0}


def test_a_rule_that_only_warns_never_fails():
    verdict = judged(constant(300), constant(100), rule(fail=">$9", id="a"),
                     Rule.parse({"id": "b", "metric": "cost_per_unit", "warn": "+5%"}))  # fmt: skip
    assert verdict.verdict == "warn"


def test_a_rise_in_dollars():
    step = from_flags(["cost_per_unit:+$0.0002"], [])
    assert judged(constant(200), constant(100), *step).verdict == "fail"
    assert judged(constant(170), constant(100), *step).verdict == "pass"


def test_what_was_free_and_now_costs_cannot_be_a_percentage():
    result = of(judged(constant(100), constant(0)))
    assert (result.verdict, result.note) == ("inconclusive", "the baseline is zero")
    assert of(judged(constant(0), constant(0))).verdict == "pass"
