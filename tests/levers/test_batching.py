"""Batching: what is moved, what becomes of cached tokens, how long answers wait."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._batch.limits import limits
from costscope.levers.batching import Batching
from costscope.prices import PriceBook
from tests.levers.batch_logs import DAY, HOUR, batched, chat, job
from tests.workloads import call, output, query, same, shuffled, system, tokens, workload


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
        ("gemini-2.5-pro", "google", "direct", {"cache_read": 400, "cache_write_5m": 200, "fresh": 409}),
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
        "Answers may take 25 hours: up to 1 until the calls are submitted, the rest is the batch "
        "window.",
    ]  # fmt: skip
    assert "none was found" in lever.action(work, work)


def test_what_becomes_of_cached_tokens_is_said_where_there_are_any():
    def said(model, read):
        call_ = call("a", system(900, read=read), query(9), output(5), feature="x", model=model)
        work = workload(call_)
        return Batching(features=("x",)).notes(work, work)[1:]

    assert said("gpt-4o", 800) == ["Nothing is cached in batches of gpt-4o."]
    assert said("gpt-5", 800) == ["65% of the tokens read from a cache are taken to stay cached."]
    assert said("gpt-4o", 0) == said("gpt-5", 0) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"cache_kept": 1.1},
        {"busy_share": -1},
        {"burst_calls": 0},
        {"flush_hours": 0},
        {"tags": ("nightly",)},
        {"tags": ("=x",)},
    ],
)
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


def bedrock(count, **columns):
    more = {"model": "claude-sonnet-4-5", "provider": "anthropic", "channel": "bedrock"}
    return job(count, **({"step": 1.0, "start": 1.0} | more | columns))


def test_a_flush_that_is_too_small_for_the_provider_stays():
    named = {"features": ("nightly",)}
    assert batched(Batching(**named), *bedrock(99)) == {}
    assert batched(Batching(**named), *bedrock(100)) == {"nightly": 100}
    # 60 calls before 22:00 and 60 after it: two hours collect them all.
    split = {"start": 13 * HOUR - 60, "feature": "nightly"}
    assert batched(Batching(**named), *bedrock(120, **split)) == {}
    assert batched(Batching(**named, flush_hours=4), *bedrock(120, **split)) == {"nightly": 120}
    work, lever = workload(*bedrock(99)), Batching(**named)
    assert lever.notes(work, work) == [
        "Flushes of 1 hour are too small for the provider to take 99 calls that can wait; a longer "
        "flush_hours moves more."
    ]


def test_nothing_is_read_from_a_cache_in_bedrocks_batches():
    calls = [
        call(f"b{n:03}", system(1000, read=800, write=200), query(9, f"{n}"), output(5), at=n + 1,
             feature="f", model="claude-sonnet-4-5", provider="anthropic", channel="bedrock")
        for n in range(100)
    ]  # fmt: skip
    after = Batching(features=("f",)).apply(workload(*calls))
    assert tokens(after, "b000") == {"fresh": 1009, "output": 5}


def test_delays_beyond_the_limit_stay():
    limited = Batching(features=("nightly",), max_delay_hours=24)
    assert batched(limited, *job(3)) == {}
    assert batched(Batching(features=("nightly",), max_delay_hours=25), *job(3)) == {"nightly": 3}
    work = workload(*job(3))
    assert limited.notes(work, work) == ["3 calls that can wait would take more than 24 hours."]


def details(lever, *calls):
    work = workload(*calls)
    return lever.details(work, lever.apply(work))


def test_the_wait_for_the_flush():
    # 9:00, 9:30, 9:54 and 10:00 UTC: hourly flushes are 0, 30, 6 and 0 minutes away; those every
    # six hours (12:00) 3, 2.5, 2.1 and 2; those of midnight 15, 14.5, 14.1 and 14.
    calls = [call(f"c{at}", query(5), output(5), at=at * 60, feature="f") for at in (0, 30, 54, 60)]
    lever = Batching(features=("f",), flush_hours=2)
    rows = details(lever, *calls)[1].rows
    assert [row[0] for row in rows] == [1, 2, 6, 24]
    assert rows[0] == [1, 0.1, 0.5, 0.5, 24.5, 3, 3]
    assert rows[1] == [2, 0.5, 1.0, 1.0, 25.0, 4, 4]
    assert rows[2] == [6, 2.5, 3.0, 3.0, 27.0, 4, 4]
    assert rows[3] == [24, 14.5, 15.0, 15.0, 39.0, 4, 4]


def test_what_a_batch_may_hold():
    # 120,000 tokens are 0.48 MB in a call, 250 calls 120 MB; OpenAI takes 50,000 calls or 200 MB.
    calls = [
        call(f"c{n:03}", query(120_000), output(5), at=n, feature="f", model="gpt-5")
        for n in range(250)
    ]
    row = details(Batching(features=("f",)), *calls)[2].rows[0]
    assert row == ["openai", "gpt-5", 250, 249, 50_000, 119.52, 200.0, 1]
    calls = [
        call(f"c{n:03}", query(900_000), output(5), at=n, feature="f", model="grok-4.3",
             provider="xai")
        for n in range(3)
    ]  # fmt: skip
    rows = details(Batching(features=("f",)), *calls)[2].rows
    assert rows == [["xai", "grok-4.3", 3, 2, None, 7.2, None, None]]


def test_files_are_split_where_a_flush_holds_more():
    calls = [
        call(f"c{n:03}", query(900_000), output(5), at=1 + n, feature="f", model="gpt-5")
        for n in range(100)
    ]
    # 100 times 3.6 MB in files of 200 MB.
    assert details(Batching(features=("f",)), *calls)[2].rows[0][-1] == 2


def test_flex_beside_batch():
    calls = [
        cached("gpt-5", "openai"), cached("gpt-4o", "openai"),
        cached("claude-sonnet-4-5", "anthropic"),
        call("o", query(5), output(5), model="o3", feature="f"),
    ]  # fmt: skip
    rows = details(Batching(features=("f",), cache_kept=0.5), *calls)[3].rows
    assert rows == [
        ["claude-sonnet-4-5", 1, 0.5, None, 800, 400, "batch: no flex tier is sold"],
        ["gpt-4o", 1, 0.5, None, 800, 0, "batch: no flex tier is sold"],
        ["gpt-5", 1, 0.5, 0.5, 800, 400, "flex: keeps what is cached"],
        ["o3", 1, 0.5, 0.5, 0, 0, "alike"],
    ]


def test_named_conversations_are_said_to_take_long():
    work = workload(*job(3, session="one"))
    assert Batching(features=("nightly",)).notes(work, work)[-1] == (
        "Within conversations of several calls: 3 calls; each waits for the one before, and its batch."
    )


def saved(*calls, **settings):
    lever = plugins.load("levers", "batching")(**settings)
    return simulate(workload(*calls), [lever], PriceBook()).saved


def test_a_planted_job_saves_half_its_bill():
    # gpt-4o at $2.50 and $10 per million: 1,009 and 5 tokens cost 2,572.5 millionths of a dollar.
    bill = 200 * (1_009 * 2_500_000 + 5 * 10_000_000)
    assert saved(*chat(200), *job(200)) == bill // 2
    assert saved(*chat(200)) == 0


@pytest.mark.parametrize(
    ("place", "least", "requests", "size"),
    [
        (("anthropic", "direct", "claude-sonnet-4-5"), None, 100_000, 256),
        (("anthropic", "bedrock", "claude-sonnet-4-5"), 100, 50_000, 1_000),
        (("openai", "direct", "gpt-5"), None, 50_000, 200),
        (("openai", "azure", "gpt-5"), None, 100_000, 200),
        (("google", "direct", "gemini-2.5-pro"), None, None, 2_000),
        (("mistral", "direct", "mistral-large-latest"), None, 100_000, 512),
    ],
)
def test_limits_of_a_batch(place, least, requests, size):
    found = limits(*place)
    assert (found.least, found.requests, found.bytes) == (least, requests, size * 1_000_000)
    assert found.source


def test_limits_that_are_not_known():
    assert limits("google", "vertex", "gemini-2.5-pro") == (None, None, None, "")
    assert limits("xai", "direct", "grok-4.3").requests is None


def test_what_ifs_that_share_calls_share_those_in_the_batch_tier():
    work = workload(*chat(), *job(40))
    one, other = work.with_(parts=work.parts.clone()), work.with_(parts=work.parts.clone())
    first, second = Batching().apply(one), Batching().apply(other)
    assert first is not one
    assert first.calls is second.calls
