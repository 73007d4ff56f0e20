"""The exact response cache: who is served, from what, and for how long."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers.response_cache import ResponseCache
from costscope.model import Trait
from costscope.prices import PriceBook
from tests.workloads import call, output, part, query, same, shuffled, workload

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
    # One of two: Wilson's centre is 1/2 and its half-width 1.96 * sqrt(1/8 + 3.8415/16) / 2.92073.
    assert found == {
        "hits": 3, "compared": 2, "same_answer": 1, "same_answer_share": 0.5,
        "at_least": pytest.approx(0.0945, abs=1e-4), "at_most": pytest.approx(0.9055, abs=1e-4),
    }  # fmt: skip
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


def test_live_data_is_neither_stored_nor_served():
    calls = [asked("a", 0, feature="rates"), asked("b", 1, feature="rates"), asked("c", 2)]
    assert left(ResponseCache(), *calls) == ["a"]
    assert left(ResponseCache(never=("rat*",)), *calls) == ["a", "b", "c"]
    assert left(ResponseCache(never=("rat*",)), *calls, asked("d", 3)) == ["a", "b", "c"]


ORDER = "ABCABA"
"""Requests a second apart. A store of two: C pushes A out (a hit on B would not have), then A is
computed anew and pushes B out, B is computed anew and pushes C out, and the last A is there."""


def rotating():
    return [asked(f"{n}{name}", n, request=name) for n, name in enumerate(ORDER)]


def test_the_answer_that_was_asked_for_longest_ago_makes_room():
    assert left(ResponseCache(), *rotating()) == ["0A", "1B", "2C"]
    two = ResponseCache(max_entries=2)
    assert left(two, *rotating()) == ["0A", "1B", "2C", "3A", "4B"]
    work = workload(*rotating())
    assert "2 answers;" in two.notes(work, two.apply(work))[-1]
    assert two.notes(work, work)[-1].endswith("2 fit.")


def test_a_hit_makes_an_answer_the_newest():
    # A B A C A: the second A is a hit, so C pushes B out and the third A is a hit too.
    calls = [asked(f"{n}{name}", n, request=name) for n, name in enumerate("ABACA")]
    assert left(ResponseCache(max_entries=2), *calls) == ["0A", "1B", "3C"]


def test_room_for_all_is_no_limit():
    assert left(ResponseCache(max_entries=3), *rotating()) == ["0A", "1B", "2C"]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from("vwxyz"), max_size=30), st.integers(1, 4), st.integers(0, 5))
def test_eviction_agrees_with_the_plain_rule(names, room, seed):
    held, made = [], []
    for number, name in enumerate(names):
        if name in held:
            held.remove(name)
        else:
            made.append(f"{number:02}")
            held = held[-room + 1 :] if room > 1 else []
        held.append(name)
    work = workload(*(asked(f"{n:02}", n, request=name) for n, name in enumerate(names)))
    after = ResponseCache(max_entries=room).apply(shuffled(work, seed) if names else work)
    assert sorted(after.calls["call_id"]) == made


def unsteady():
    """Twenty repeats of a feature that answers otherwise each time, and twenty of one that does not."""
    return [
        asked(f"{name}{n:02}", n, request=name, feature=name, answer=answer.format(n))
        for name, answer in (("rates", "{} today"), ("faq", "yes"))
        for n in range(21)
    ]  # fmt: skip


def test_a_feature_whose_answers_differ_can_be_left_out():
    # Of 20 hits none has the same answer: at least 83.9 % differ (Wilson), which is above a half.
    assert len(left(ResponseCache(), *unsteady())) == 2
    lever, work = ResponseCache(max_differing=0.5), workload(*unsteady())
    after = lever.apply(work)
    assert after.calls["feature"].value_counts().sort("feature").rows() == [
        ("faq", 1), ("rates", 21),
    ]  # fmt: skip
    assert lever.notes(work, after)[0] == (
        "Left out because the log's own answers differ in more than 50% of the cases: rates."
    )
    assert len(left(ResponseCache(max_differing=0.9), *unsteady())) == 2


def test_a_few_answers_that_differ_prove_nothing():
    # Two of two: at least 34.2 % differ.
    calls = [asked("a", 0), asked("b", 1, answer="no"), asked("c", 2, answer="non")]
    assert left(ResponseCache(max_differing=0.35), *calls) == ["a"]
    assert left(ResponseCache(max_differing=0.34), *calls) == ["a", "b", "c"]


def table(lever, title, *calls):
    work = workload(*calls)
    found = [t for t in lever.details(work, lever.apply(work)) if title in t.title]
    return found[0] if found else None


def test_hits_by_hour():
    # START is 9:00. Hour 9: a stored, b served; hour 10: c is too old, stored again; hour 11: d is
    # an hour and more after c, and so is nothing held at the end of 12.
    calls = [
        asked("a", 0), asked("b", 600), asked("c", 3_700), asked("x", 3_800, request="x"),
        asked("d", 7_200), asked("e", 10_900, request=""),
    ]  # fmt: skip
    rows = table(ResponseCache(ttl_s=HOUR), "Hit rate by hour", *calls).rows
    assert rows == [
        ["2026-11-02 09:00", 2, 1, 0.5, 1],
        ["2026-11-02 10:00", 2, 0, 0.0, 2],
        ["2026-11-02 11:00", 1, 1, 1.0, 0],
        ["2026-11-02 12:00", 1, 0, 0.0, 0],
    ]


def test_hits_by_day_where_the_log_is_long():
    calls = [asked("a", 0), asked("b", 60), asked("c", 4 * 24 * HOUR)]
    rows = table(ResponseCache(), "Hit rate by day", *calls).rows
    assert rows == [["2026-11-02", 2, 1, 0.5, 1], ["2026-11-06", 1, 0, 0.0, 1]]


def test_answers_by_age():
    calls = [
        asked("a", 0), asked("b", 60), asked("c", 61, answer="no"), asked("d", 7 * HOUR),
        asked("e", 8 * HOUR, answer=""),
    ]  # fmt: skip
    rows = table(ResponseCache(), "By the age", *calls).rows
    assert [row[:4] for row in rows] == [
        ["up to 1 minute", 1, 1, 1.0], ["up to 5 minutes", 1, 0, 0.0], ["up to 1 day", 1, 1, 1.0],
    ]  # fmt: skip
    # Wilson's lower end of one in one is 1 / (1 + 1.96²) = 0.2065.
    assert rows[0][4:] == [pytest.approx(0.2065, abs=1e-4), 1.0]


def test_no_tables_without_hits_or_words():
    assert table(ResponseCache(), "", asked("a", 0)) is None
    calls = [asked("a", 0, answer=""), asked("b", 1, answer="")]
    assert table(ResponseCache(), "again", *calls) is None


def test_the_low_end_leaves_out_what_differs():
    low, _ = ResponseCache(max_differing=0.1).scenarios()
    assert low.max_differing == 0.1
    assert ResponseCache().scenarios()[0].max_differing == 0.2


@pytest.mark.parametrize("wrong", [{"max_entries": 0}, {"max_differing": 1.5}])
def test_impossible_sizes_are_refused(wrong):
    with pytest.raises(SettingsError, match="must"):
        ResponseCache(**wrong)


def planted(repeats):
    """100 questions, of which each is asked `repeats` times a minute apart, at 20 + 10 tokens."""
    return workload(*(
        asked(f"{q:03}-{n}", 60 * n + q / 10, request=f"q{q}")
        for q in range(100) for n in range(repeats)
    ))  # fmt: skip


def saved(work):
    lever = plugins.load("levers", "response_cache")()
    return simulate(work, [lever], PriceBook()).saved


def test_planted_repeats_are_found_to_the_picodollar():
    # gpt-4o: $2.50 and $10 per million, so a call of 20 + 10 tokens costs 150 millionths.
    assert saved(planted(4)) == 300 * (20 * 2_500_000 + 10 * 10_000_000)
    assert saved(planted(1)) == 0


def test_repeats_without_times_are_counted_and_not_served():
    lever = ResponseCache()
    work = workload(*(asked(name, 0, sent_at=None) for name in "abc"), asked("d", 0, request="r2"))
    assert lever.apply(work) is work
    assert lever.notes(work, work) == [
        "No time is known of 3 calls of 1 request made more than once, so which could have been "
        "served is not known; none is counted."
    ]


def test_an_answer_in_a_batch_of_unknown_duration_comes_a_day_later():
    # Within a batch nothing is answered yet; the next night's batch can be served from this one's.
    night = [asked(name, at, tier="batch", latency_us=None) for name, at in (("a", 0), ("b", 9))]
    work = workload(*night, asked("c", 100_000, tier="batch", latency_us=None))
    served = ResponseCache().apply(work).calls["call_id"].to_list()
    assert served == ["a", "b"]
    known = workload(*(asked(n, t, tier="batch", latency=1) for n, t in (("a", 0), ("b", 9))))
    assert ResponseCache().apply(known).calls["call_id"].to_list() == ["a"]


def test_months_of_a_long_log_are_called_months():
    days = (asked(name, day * 86_400) for name, day in (("a", 0), ("b", 0.5), ("c", 200)))
    work = workload(*days)
    table = ResponseCache().details(work, ResponseCache().apply(work))[0]
    assert [row[0] for row in table.rows] == ["2026-11", "2027-05"]


def test_the_same_words_at_another_length_are_another_request():
    """A prompt of which the log shows a part only: the hash is that of the part."""
    calls = [
        call(name, query(20, "q"), part("unattributed", hidden, ""), output(10, "yes"), at=at,
             request="r", temperature=0.0)
        for name, at, hidden in (("a", 0, 900), ("b", 1, 901), ("c", 2, 900))
    ]  # fmt: skip
    lever, work = ResponseCache(), workload(*calls)
    assert left(lever, *calls) == ["a", "b"]
    assert lever.notes(work, lever.apply(work)) == [
        "Sent with the logged text of another, but billed for a prompt of another length: 1 call. "
        "What differs is not in the log, so none is a hit."
    ]
