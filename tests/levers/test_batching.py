"""Batching: which calls can wait, and what becomes of their cached tokens."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import SettingsError
from costscope.levers.batching import Batching
from tests.workloads import call, output, query, same, shuffled, system, tokens, workload

DAY = 86_400


def job(count, start=DAY / 2, step=5.0, feature="nightly", **columns):
    """Calls of one feature, one after the other."""
    return [
        call(
            f"{feature}{n:03}", system(1000), query(9, f"{feature} {n}"), output(5),
            at=start + n * step, feature=feature, **columns,
        )
        for n in range(count)
    ]  # fmt: skip


def chat(count=20):
    """People's calls all day long, which make the log's window a day."""
    return [
        call(f"chat{n:03}", query(9, f"c{n}"), output(5), at=n * DAY / count, feature="chat",
             session=f"s{n // 2}")
        for n in range(count + 1)
    ]  # fmt: skip


def batched(lever, *calls):
    """The features of the calls that were moved, with how many."""
    moved = lever.apply(workload(*calls)).calls.filter(pl.col("tier") == "batch")
    return dict(moved.group_by("feature").len().iter_rows())


def test_a_nightly_job_is_found_beside_people():
    assert batched(Batching(), *chat(), *job(30)) == {"nightly": 30}


@pytest.mark.parametrize(
    "changed",
    [
        {"user_id": "u"}, {"session": "one"}, {"trace": "one"}, {"tier": "batch"},
        {"tier": "priority"}, {"added": True}, {"sent_at": None}, {"model": "unheard-of"},
    ],
)  # fmt: skip
def test_calls_that_somebody_waits_for_or_that_cannot_be_moved_stay(changed):
    work = workload(*chat(), *job(30, **changed))
    assert same(Batching().apply(work), work)


def test_failed_calls_stay():
    assert batched(Batching(), *chat(), *job(30), *job(1, start=DAY / 2 + 1, status="error")) == {
        "nightly": 30
    }


def test_a_small_burst_is_no_job():
    assert batched(Batching(), *chat(), *job(19)) == {}
    assert batched(Batching(burst_calls=19), *chat(), *job(19)) == {"nightly": 19}


def test_calls_that_trickle_are_no_burst():
    assert batched(Batching(), *chat(), *job(30, step=61)) == {}
    assert batched(Batching(burst_gap_s=61), *chat(), *job(30, step=61)) == {"nightly": 30}


def test_a_feature_that_is_always_busy_is_a_service():
    calls = [*chat(), *job(400, start=0, step=60)]
    assert batched(Batching(), *calls) == {}
    assert batched(Batching(busy_share=0.5), *calls) == {"nightly": 400}


def test_a_feature_with_some_bursts_is_not_a_job():
    spread = job(30, start=0, step=900)
    assert batched(Batching(), *chat(), *spread, *job(30, start=DAY * 0.9)) == {}


def test_a_log_of_one_moment_tells_nothing():
    work = workload(*job(30, step=0))
    assert same(Batching().apply(work), work)


def test_features_that_are_named_are_moved_whatever_they_look_like():
    lever = Batching(features=("chat", "eval-*"))
    assert batched(lever, *chat(), *job(3, feature="eval-a"), *job(3)) == {"chat": 21, "eval-a": 3}


def cached(model, provider, channel="direct"):
    blocks = (system(1000, read=800, write=200), query(9), output(5))
    return call("a", *blocks, model=model, provider=provider, channel=channel, feature="f")


@pytest.mark.parametrize(
    ("model", "provider", "channel", "classes"),
    [
        ("gpt-4o", "openai", "direct", {"fresh": 1009}),
        ("claude-sonnet-4-5", "anthropic", "bedrock", {"fresh": 1009}),
        ("gpt-5", "openai", "direct", {"cache_read": 400, "cache_write_5m": 200, "fresh": 409}),
        ("claude-sonnet-4-5", "anthropic", "direct", {
            "cache_read": 400, "cache_write_5m": 600, "fresh": 9,
        }),
    ],
)  # fmt: skip
def test_what_a_batch_keeps_of_caching(model, provider, channel, classes):
    work = workload(cached(model, provider, channel))
    after = Batching(features=("f",), cache_kept=0.5).apply(work)
    assert tokens(after, "a") == classes | {"output": 5}


def test_scenarios_ask_for_clearer_bursts_and_other_hit_rates():
    low, high = Batching().scenarios()
    assert (low.burst_calls, low.cache_kept) == (100, 0.3)
    assert (high.burst_calls, high.cache_kept) == (20, 0.98)
    assert Batching(features=("f",)).scenarios()[0].burst_calls == 20


def test_its_words():
    work, lever = workload(*chat(), *job(30)), Batching()
    after = lever.apply(work)
    assert lever.action(work, after) == (
        "Send 30 calls that can wait through the batch API: those of nightly."
    )
    assert lever.notes(work, after) == [
        "Answers may take 24 hours.", "Nothing is cached in batches of gpt-4o.",
    ]  # fmt: skip
    assert "none was found" in lever.action(work, work)


@pytest.mark.parametrize("wrong", [{"cache_kept": 1.1}, {"busy_share": -1}, {"burst_calls": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match="must"):
        Batching(**wrong)


@settings(deadline=None)
@given(st.integers(15, 30), st.integers(1, 70), st.integers(0, 9))
def test_order_does_not_matter_and_tokens_are_kept(count, step, seed):
    work = workload(*chat(6), *job(count, step=step), cached("gpt-5", "openai"))
    after, other = Batching().apply(work), Batching().apply(shuffled(work, seed))
    pairs = [w.calls.select("call_id", "tier").sort("call_id") for w in (after, other)]
    assert pairs[0].equals(pairs[1])
    assert after.parts["tokens"].sum() == work.parts["tokens"].sum()


def test_an_empty_workload_stays_itself():
    assert same(Batching().apply(workload()), workload())
