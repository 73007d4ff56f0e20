"""Why caches miss: each planted cause is found, named and priced; clean traffic has none."""

from dataclasses import replace
from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import plugins
from costscope.misses import find
from tests.misses.traffic import (
    CLAUDE,
    GEMINI,
    GPT41,
    GPT56,
    HEAD,
    OTHER,
    PLANTED,
    TALKS,
    TURNS,
    billed,
    book,
    clock,
    cost,
    marked,
    served_by,
    talks,
    told,
)
from tests.workloads import START, shuffled

NEAR = 0.05


@pytest.mark.parametrize("model", [CLAUDE, GPT41, GPT56], ids=lambda m: m["model"])
def test_clean_traffic_has_no_finding(model):
    assert find(billed(*talks(model=lambda c, t: model)), book()).found == []


@pytest.mark.parametrize("cause", PLANTED)
def test_a_planted_cause_is_found_named_and_priced(cause):
    planted, repaired = (billed(*calls) for calls in PLANTED[cause]())
    found = find(planted, book()).found
    assert [f.cause for f in found] == [cause]
    saving = cost(planted) - cost(repaired)
    assert saving > 0
    assert found[0].recoverable == pytest.approx(saving, rel=NEAR)
    assert found[0].feature == "desk"
    assert set(found[0].evidence) <= set(planted.calls["call_id"])
    assert found[0].evidence


@pytest.mark.parametrize("model", [GPT41, GPT56, GEMINI], ids=lambda m: m["model"])
@pytest.mark.parametrize("cause", ["volatile", "tool_list", "compaction"])
def test_it_is_priced_by_the_rules_of_each_provider(cause, model):
    planted, repaired = (billed(*served_by(calls, model)) for calls in PLANTED[cause]())
    (found,) = find(planted, book()).found
    assert found.cause == cause
    assert found.recoverable == pytest.approx(cost(planted) - cost(repaired), rel=NEAR)


@pytest.mark.parametrize("model", [GPT41, GPT56], ids=lambda m: m["model"])
def test_openai_reads_a_whole_prompt_anew_under_other_settings(model):
    planted, repaired = (billed(*served_by(c, model)) for c in PLANTED["settings_switch"]())
    (found,) = find(planted, book()).found
    assert (found.cause, found.where) == ("settings_switch", "2 sets of settings")
    assert found.recoverable == pytest.approx(cost(planted) - cost(repaired), rel=NEAR)


def test_settings_are_no_cause_where_no_rule_names_them_or_nobody_changes_them():
    planted, _ = PLANTED["settings_switch"]()
    assert find(billed(*served_by(planted, GEMINI)), book()).found == []
    same = [(row | {"params_hash": 77}, parts) for row, parts in planted]
    each = [(row | {"params_hash": 5 + int(row["session"][1:])}, parts) for row, parts in planted]
    for calls in (same, each):
        assert [f for f in find(billed(*calls), book()).found if f.cause == "settings_switch"] == []


def test_twelve_hours_are_priced_where_openai_offers_them():
    calls = [
        ({**row, "sent_at": START + (row["sent_at"] - START) * 5}, [marked(p, "") for p in parts])
        for row, parts in served_by(PLANTED["ttl_gap"]()[0], GPT56)
    ]
    planted = billed(*calls)
    (found,) = find(planted, book()).found
    assert found.cause == "ttl_gap"
    saving = cost(planted) - cost(billed(*calls, retention="12h"))
    assert found.recoverable == pytest.approx(max(0, saving), rel=NEAR)
    assert 0 < found.recoverable < found.cost


def test_the_mark_that_openai_sets_by_itself_can_be_on_what_varies():
    """One question after a document each: the end of the prompt is written and never read."""
    planted, _ = PLANTED["fan_out"]()
    apart = [
        (row | {"sent_at": START + timedelta(seconds=40 * i)}, [marked(p, "") for p in parts])
        for i, (row, parts) in enumerate(planted)
    ]
    (found,) = find(billed(*served_by(apart, GPT56)), book()).found
    assert found.cause == "varying_mark"
    # Six questions on each document: one writes 6,900 tokens, or those behind the system prompt.
    assert found.tokens == 60 * 6_900 + 11 * 2_900


@pytest.mark.parametrize("cause", PLANTED)
def test_a_repaired_log_has_not_that_cause(cause):
    _, repaired = PLANTED[cause]()
    assert cause not in {f.cause for f in find(billed(*repaired), book()).found}


def test_every_cause_is_planted():
    # What only the provider sees is planted in bills, in a test of its own.
    assert {*PLANTED, "provider_reason"} == set(plugins.names("misses"))


def test_no_dollar_is_in_two_causes():
    """Two causes in one log: together they are priced at what repairing both saves."""
    both = talks(lambda c, t: [*HEAD[:3], clock(c, t), HEAD[3]], gap=1_200, size=800)
    hour = (*HEAD[:3], marked(told(2_000), "1h"))
    behind = talks(
        lambda c, t: hour, lambda c, t: [replace(clock(c, t), more={"role": "user"})], gap=1_200,
        life="1h", size=800,
    )  # fmt: skip
    planted, repaired = billed(*both), billed(*behind)
    found = find(planted, book()).found
    assert {f.cause for f in found} == {"volatile", "ttl_gap"}
    saving = cost(planted) - cost(repaired)
    assert sum(f.recoverable for f in found) == pytest.approx(saving, rel=NEAR)


def test_each_feature_has_its_own_finding():
    other = [({**row, "feature": "shop", "call_id": f"x{row['call_id']}"}, parts)
             for row, parts in talks()]  # fmt: skip
    planted, _ = PLANTED["volatile"]()
    found = find(billed(*planted, *other), book()).found
    assert [(f.cause, f.feature) for f in found] == [("volatile", "desk")]


def test_a_histogram_of_gaps_stands_beside_what_expired():
    planted, _ = PLANTED["ttl_gap"]()
    (found,) = find(billed(*planted), book()).found
    gaps = dict(found.gaps)
    assert gaps["5 to 30 min"] == TALKS * (TURNS - 1)
    assert gaps["over 24 h"] == 0


def test_what_the_bill_shows_as_read_was_no_miss():
    """The same prompts, but the provider read them all the same."""
    planted, _ = PLANTED["ttl_gap"]()
    work = billed(*planted)
    first = pl.col("call_no") <= 1
    read = pl.when(pl.col("billing_class") != "output").then(pl.lit("cache_read"))
    kind = pl.when(first).then("billing_class").otherwise(
        read.otherwise(pl.col("billing_class").cast(pl.String))
        .cast(work.parts.schema["billing_class"])
    )  # fmt: skip
    assert find(work.with_(parts=work.parts.with_columns(billing_class=kind)), book()).found == []


def test_calls_that_tell_nothing_have_no_finding():
    planted, _ = PLANTED["volatile"]()
    work = billed(*planted)
    for column in (
        pl.lit(None, pl.Datetime("us", "UTC")).alias("sent_at"),
        pl.lit(value=True).alias("estimated"),
        pl.lit("no-such-model").alias("model"),
    ):
        assert find(work.with_(calls=work.calls.with_columns(column)), book()).found == []
    nothing = work.with_(calls=work.calls.clear(), parts=work.parts.clear())
    assert find(nothing, book()).found == []


def test_what_falls_short_without_a_cause_is_told_apart():
    work = billed(*talks())
    last = pl.col("call_no") == work.calls["call_no"].max()
    fresh = pl.lit("fresh").cast(work.parts.schema["billing_class"])
    prompt = last & (pl.col("billing_class") != "output")
    kind = pl.when(prompt).then(fresh).otherwise("billing_class")
    misses = find(work.with_(parts=work.parts.with_columns(billing_class=kind)), book())
    assert misses.found == []
    assert misses.left.calls == 1
    assert misses.left.tokens > 2_000
    assert misses.left.cost == misses.left.tokens * 2_700_000


def test_the_same_log_in_another_order_has_the_same_findings():
    planted, _ = PLANTED["tool_list"]()
    work = billed(*planted)
    one, other = find(work, book()).found, find(shuffled(work, 5), book()).found
    assert [replace(f, pair=()) for f in one] == [replace(f, pair=()) for f in other]


def test_of_a_very_long_log_the_latest_calls_are_looked_at(monkeypatch):
    planted, _ = PLANTED["volatile"]()
    work = billed(*planted)
    monkeypatch.setattr("costscope.misses._find.MOST", work.parts.height // 2)
    misses = find(work, book())
    assert 0 < misses.calls < misses.of == work.calls.height
    late = work.calls.sort("sent_at").tail(misses.calls)["call_id"]
    (found,) = misses.found
    assert found.cause == "volatile"
    assert set(found.evidence) <= set(late)


@given(
    gap=st.sampled_from([5, 60, 400, 4_000]), window=st.integers(1, 6), turns=st.integers(1, 6),
    size=st.integers(1, 900), model=st.sampled_from([CLAUDE, OTHER, GPT41, GPT56]),
    early=st.sampled_from(["", "clock"]),
)  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_no_more_is_found_than_was_paid(gap, window, turns, size, model, early):
    head = (lambda c, t: [clock(c, t), *HEAD]) if early else (lambda c, t: HEAD)
    work = billed(*talks(
        head, gap=gap, window=window, turns=turns, size=size, model=lambda c, t: model,
    ))  # fmt: skip
    found = find(work, book()).found
    assert sum(f.cost for f in found) <= cost(work)
    assert all(f.cost > 0 for f in found)
    assert all(0 <= f.recoverable <= cost(work) for f in found)
