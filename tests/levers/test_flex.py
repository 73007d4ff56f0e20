"""The flex tier: which calls go there, and what is refused."""

import polars as pl
import pytest

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers._batch.flex_rule import flex_rule
from costscope.levers.batching import Batching
from costscope.levers.flex import Flex
from costscope.prices import PriceBook
from tests.workloads import START, call, output, query, same, shuffled, system, tokens, workload

DAY = 86_400


def job(count, feature="nightly", model="gpt-5", **columns):
    """Calls of one feature five seconds apart, at half of a day."""
    return [
        call(f"{feature}{n:03}", system(1000, read=600), query(9, f"{n}"), output(5), model=model,
             at=DAY / 2 + n * 5, feature=feature, **columns)
        for n in range(count)
    ]  # fmt: skip


def chat():
    return [
        call(f"chat{n}", query(9, f"c{n}"), output(5), at=n * DAY / 10, feature="chat",
             session=f"s{n // 2}", model="gpt-5")
        for n in range(11)
    ]  # fmt: skip


def moved(lever, *calls):
    after = lever.apply(workload(*calls)).calls
    return dict(after.filter(pl.col("tier") == "flex").group_by("feature").len().iter_rows())


def test_what_can_wait_goes_to_flex_with_its_cache():
    work = workload(*chat(), *job(30))
    after = Flex(refused_share=0).apply(work)
    assert moved(Flex(refused_share=0), *chat(), *job(30)) == {"nightly": 30}
    assert tokens(after, "nightly000") == {"cache_read": 600, "fresh": 409, "output": 5}
    assert after.parts is work.parts


def test_a_share_is_refused_evenly():
    # A tenth of 30: the 10th, the 20th and the 30th.
    after = Flex(refused_share=0.1).apply(workload(*chat(), *job(30)))
    stay = after.calls.filter(pl.col("tier") == "standard", pl.col("feature") == "nightly")
    assert stay["call_id"].to_list() == ["nightly009", "nightly019", "nightly029"]
    assert moved(Flex(refused_share=1), *chat(), *job(30)) == {}


@pytest.mark.parametrize(
    "changed",
    [{"model": "gpt-4o"}, {"user_id": "u"}, {"session": "s"}, {"tier": "priority"}, {"added": True},
     {"status": "error"}, {"sent_at": None}],
)  # fmt: skip
def test_what_cannot_be_moved_stays(changed):
    work = workload(*chat(), *job(30, **changed))
    assert Flex().apply(work) is work


def test_named_features_and_tags_go_whatever_they_look_like():
    lever = Flex(features=("chat",), refused_share=0)
    assert moved(lever, *chat(), *job(30)) == {"chat": 11}
    assert moved(Flex(tags=("a=b*",), refused_share=0), *job(3, tags='{"a": "bc"}')) == {
        "nightly": 3
    }
    assert moved(Flex(features=("*",), never=("nightly",)), *job(3)) == {}


def test_after_batching_it_takes_what_is_left():
    work = workload(*chat(), *job(30), *job(30, feature="other", model="gpt-4o"))
    batched = Batching().apply(work)
    assert Flex(refused_share=0).apply(batched) is batched
    few = Batching(never=("nightly",)).apply(work)
    after = Flex(refused_share=0).apply(few).calls.group_by("tier").len().sort("tier")
    assert after.rows() == [("batch", 30), ("flex", 30), ("standard", 11)]


def test_which_models_are_sold_in_flex():
    day = START.date()
    assert (
        flex_rule("openai", "direct", "gpt-5", day).input
        == flex_rule("google", "direct", "gemini-2.5-pro", day).input
    )
    assert float(flex_rule("openai", "direct", "o3", day).input) == 0.5
    assert float(flex_rule("google", "direct", "gemini-2.5-pro", day).cache_read) == 1
    assert flex_rule("openai", "direct", "gpt-4o", day) is None
    assert flex_rule("anthropic", "direct", "claude-sonnet-4-5", day) is None


def test_who_waits_for_nothing_is_not_told_to_use_flex():
    # 15 minutes is the time limit that a client is told to set.
    assert Flex().delay_s() == 900


def test_jobs_without_a_feature_are_called_by_their_model():
    work = workload(*chat(), *job(30, feature=None))
    lever = Flex()
    assert lever.action(work, lever.apply(work)).endswith("those of gpt-5.")


def test_its_words():
    work, lever = workload(*chat(), *job(30, latency=7), *job(30, "old", "gpt-4o")), Flex()
    after = lever.apply(work)
    assert lever.action(work, after) == (
        "Send 29 calls that can wait to the flex tier: those of nightly."
    )
    assert lever.notes(work, after) == [
        "5% of the calls are taken to be refused, and made in the standard tier (1 call).",
        "No flex tier is sold for the models of 30 calls that can wait: gpt-4o.",
        "The slowest of them took 7 s in the standard tier; flex takes longer, by how much is not "
        "published.",
    ]
    assert lever.details(work, after)[0].rows == [["gpt-5", 30, 0.5, 0.5]]
    empty = workload()
    assert same(lever.apply(empty), empty)
    assert "none was found" in lever.action(empty, empty)
    assert (lever.notes(empty, empty), lever.details(empty, empty)) == ([], ())


def test_scenarios():
    low, high = Flex().scenarios()
    assert (low.burst_calls, low.refused_share, high.refused_share) == (100, 0.2, 0.0)
    assert Flex(features=("f",)).scenarios()[0].burst_calls == 20
    assert Flex(refused_share=0.5).scenarios()[0].refused_share == 0.5


@pytest.mark.parametrize("wrong", [{"refused_share": 1.5}, {"burst_calls": 0}, {"tags": ("x",)}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(SettingsError, match="must"):
        Flex(**wrong)


@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_does_not_matter(seed):
    work = workload(*chat(), *job(30))
    pairs = [
        Flex().apply(w).calls.select("call_id", "tier").sort("call_id")
        for w in (work, shuffled(work, seed))
    ]
    assert pairs[0].equals(pairs[1])


def saved(*calls):
    return simulate(workload(*calls), [plugins.load("levers", "flex")()], PriceBook()).saved


def test_a_planted_job_saves_half_of_what_is_not_refused():
    # gpt-5: $1.25, cached $0.125, output $10 per million; 190 of 200 calls at half of that.
    one = 409 * 1_250_000 + 600 * 125_000 + 5 * 10_000_000
    assert saved(*chat(), *job(200)) == 190 * one // 2
    assert saved(*chat()) == 0


def test_it_finds_what_batching_finds():
    assert Flex()._waits() == Batching()._waits()
