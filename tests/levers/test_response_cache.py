"""The exact response cache: who is served, from what, and for how long."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import SettingsError
from costscope.levers.response_cache import ResponseCache
from costscope.model import Trait
from tests.workloads import call, output, query, same, shuffled, workload

HOUR = 3_600


def asked(call_id, at, **columns):
    """A call that asks the same as all others, at temperature 0."""
    blocks = (query(20, "q"), output(10, columns.pop("answer", "yes")))
    return call(call_id, *blocks, at=at, **({"request": "r", "temperature": 0.0} | columns))


def left(lever, *calls):
    """The ids of the calls that still have to be made."""
    return lever.apply(workload(*calls)).calls["call_id"].to_list()


def test_a_repeat_within_its_life_is_served_and_leaves_no_parts():
    work = workload(asked("a", 0), asked("b", 60))
    after = ResponseCache().apply(work)
    assert after.calls["call_id"].to_list() == ["a"]
    assert after.parts["call_no"].unique().to_list() == [1]


@pytest.mark.parametrize(("at", "made"), [(HOUR, ["a"]), (HOUR + 1, ["a", "b"])])
def test_an_answer_lives_exactly_its_time(at, made):
    assert left(ResponseCache(ttl_s=HOUR), asked("a", 0), asked("b", at)) == made


def test_a_hit_does_not_prolong_the_life():
    lever = ResponseCache(ttl_s=100)
    calls = [asked("a", 0), asked("b", 90), asked("c", 110), asked("d", 205), asked("e", 215)]
    assert left(lever, *calls) == ["a", "c", "e"]


def test_life_begins_when_the_answer_is_complete():
    lever = ResponseCache(ttl_s=100)
    assert left(lever, asked("a", 0, latency=30), asked("b", 130)) == ["a"]
    assert left(lever, asked("a", 0, latency=30), asked("b", 131)) == ["a", "b"]


def test_a_question_asked_while_the_first_is_being_answered_is_computed():
    calls = [asked("a", 0, latency=10), asked("b", 5, latency=1), asked("c", 7), asked("d", 20)]
    assert left(ResponseCache(), *calls) == ["a", "b"]


def test_questions_of_the_same_instant_are_parallel():
    assert left(ResponseCache(), asked("a", 0), asked("b", 0)) == ["a", "b"]


def test_a_retry_of_a_failure_is_no_hit_and_the_failure_is_no_source():
    calls = [asked("a", 0, status="error"), asked("b", 1), asked("c", 2)]
    assert left(ResponseCache(), *calls) == ["a", "b"]


def test_a_failed_call_is_not_served():
    assert left(ResponseCache(), asked("a", 0), asked("b", 1, status="error")) == ["a", "b"]


def test_replies_that_call_tools_are_neither_stored_nor_served():
    tool = Trait.TOOL_CALLED | Trait.TOOLS_OFFERED
    assert left(ResponseCache(), asked("a", 0, traits=tool), asked("b", 1, traits=tool)) == [
        "a",
        "b",
    ]
    offered = Trait.TOOLS_OFFERED
    assert left(ResponseCache(), asked("a", 0, traits=offered), asked("b", 1)) == ["a"]


@pytest.mark.parametrize(
    ("temperature", "rule", "served"),
    [
        (0.0, {"unknown_temperature": False}, True),
        (0.7, {}, False),
        (0.7, {"any_temperature": True}, True),
        (None, {}, True),
        (None, {"unknown_temperature": False}, False),
        (None, {"unknown_temperature": False, "any_temperature": True}, True),
    ],
)
def test_the_temperature_rule(temperature, rule, served):
    calls = [asked(i, at, temperature=temperature) for at, i in enumerate("ab")]
    assert (left(ResponseCache(**rule), *calls) == ["a"]) is served


def test_a_call_without_a_hash_or_a_time_is_never_served():
    assert left(ResponseCache(), asked("a", 0, request=""), asked("b", 1, request="")) == ["a", "b"]
    assert left(ResponseCache(), asked("a", 0), asked("b", 1, sent_at=None)) == ["a", "b"]


def test_scope_keeps_users_and_tenants_apart():
    calls = [
        asked("a", 0, user_id="u", tenant="t"), asked("b", 1, user_id="v", tenant="t"),
        asked("c", 2, user_id="u", tenant="t"), asked("d", 3),
    ]  # fmt: skip
    assert left(ResponseCache(), *calls) == ["a"]
    assert left(ResponseCache(scope="user"), *calls) == ["a", "b", "d"]
    assert left(ResponseCache(scope="tenant"), *calls) == ["a", "d"]


def test_the_low_end_serves_no_unknown_temperature():
    low, high = ResponseCache().scenarios()
    assert (low.unknown_temperature, high) == (False, ResponseCache())


def test_the_backtest_compares_the_answers_in_the_log():
    calls = [asked("a", 0), asked("b", 1), asked("c", 2, answer="no"), asked("d", 3, answer="")]
    found = ResponseCache().backtest(workload(*calls))
    assert found == {"hits": 3, "compared": 2, "same_answer": 1}
    assert ResponseCache().backtest(workload(asked("a", 0))) is None


def test_its_words_name_the_calls_and_the_unknown():
    lever, work = ResponseCache(), workload(asked("a", 0), asked("b", 1), asked("c", 2, request=""))
    after = lever.apply(work)
    assert "1 day: 1 call of 3 (33%)" in lever.action(work, after)
    assert lever.notes(work, after) == ["1 call without logged text can never be a hit."]
    work = workload(asked("a", 0, temperature=None), asked("b", 1, temperature=None))
    assert "1 served call of unknown temperature" in lever.notes(work, lever.apply(work))[0]


def test_impossible_settings_are_refused():
    with pytest.raises(SettingsError, match="scope is 'team'; it can be: all, user, tenant"):
        ResponseCache(scope="team")
    with pytest.raises(SettingsError, match="ttl_s is 0"):
        ResponseCache(ttl_s=0)


def test_variants_are_never_bolder_than_the_setting():
    assert [x.ttl_s for x in ResponseCache().variants()] == [300, 3_600, 86_400]
    assert ResponseCache(ttl_s=60).variants() == (ResponseCache(ttl_s=60),)


timed = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from("xyz"), st.sampled_from([0, 0, 5, 60])),
    max_size=25,
)


def straightforward(calls, ttl):
    """The rule once more, one call after the other, as plainly as it can be written."""
    stores, made = [], []
    for number, (at, request, latency) in enumerate(sorted(calls, key=lambda c: c[0])):
        if not any(r == request and ready < at <= ready + ttl for r, ready in stores):
            stores.append((request, at + latency))
            made.append(number)
    return len(made)


@settings(deadline=None)
@given(timed, st.sampled_from([10, 50, 200]))
def test_it_agrees_with_the_plain_rule(calls, ttl):
    calls = sorted(calls, key=lambda c: c[0])
    work = workload(
        *(asked(f"{n:03}", at, request=r, latency=s) for n, (at, r, s) in enumerate(calls))
    )
    assert ResponseCache(ttl_s=ttl).apply(work).calls.height == straightforward(calls, ttl)


@settings(deadline=None)
@given(timed, st.integers(0, 9))
def test_order_of_rows_does_not_matter_and_nothing_is_changed_in_place(calls, seed):
    work = workload(*(asked(f"{n:03}", at, request=r) for n, (at, r, _) in enumerate(calls)))
    before = replace(work)
    made = ResponseCache().apply(work)
    assert same(work, before)
    if calls:
        other = ResponseCache().apply(shuffled(work, seed))
        assert sorted(other.calls["call_id"]) == sorted(made.calls["call_id"])


def test_an_empty_workload_stays_itself():
    assert same(ResponseCache().apply(workload()), workload())
