"""Keep-alive pings and parallel calls that wait: what they win back, reckoned by hand."""

from dataclasses import replace

import polars as pl
import pytest

from costscope.advise.results import simulate
from costscope.levers._rows import FIRST_ADDED
from costscope.levers.warm_cache import WarmCache
from tests.levers.test_prompt_cache import repeated
from tests.misses.test_find import PLANTED
from tests.misses.traffic import CLAUDE, GPT41, billed, book, cost, talks
from tests.workloads import call, history, output, query, shuffled, system, tokens, workload

INPUT, OUTPUT = 3_000_000, 15_000_000
"""Picodollars a token of Claude Sonnet 4.5: $3 and $15 per million."""
TALKS = 8


def lever(**settings):
    found = WarmCache(**settings)
    type(found).name = "warm_cache"
    return found


def saved(work, **settings):
    return simulate(work, [lever(**settings)], book()).saved


def gaps(gap, feature="desk", **more):
    """Conversations of two turns, so many seconds apart, billed as written twice."""
    calls = []
    for i in range(TALKS):
        first = query(10_000, f"{feature} {i}", write=10_000)
        about = {"session": f"{feature}{i}", "feature": feature, **CLAUDE, **more}
        calls += [
            call(f"{feature}{i}.a", first, output(300, f"reply {i}"), at=i * 7_200, **about),
            call(f"{feature}{i}.b", first, history(300, 1, f"reply {i}", role="assistant", write=300),
                 query(200, f"again {i}", write=200), at=i * 7_200 + gap, **about),
        ]  # fmt: skip
    return calls


def burst(model, **billed_as):
    """Six calls at one moment that begin alike, of which none could read what another wrote."""
    return workload(*(
        call(f"c{i}", system(5_000, "You are …", role="system", **billed_as), query(50, f"q{i}"),
             at=10, feature="fan", **model)
        for i in range(6)
    ))  # fmt: skip


def test_one_ping_bridges_a_gap_of_nine_minutes():
    work = workload(*gaps(540))
    after = lever().apply(work)
    # At 240 s one ping; the entry lives until 540 s. One more follows each conversation in vain.
    pings = after.parts.filter(pl.col("call_no") >= FIRST_ADDED)
    read = pings.filter(pl.col("billing_class") == "cache_read")["tokens"]
    assert sorted(set(read.to_list())) == [10_000, 10_500]
    assert len(read) == 2 * TALKS
    assert tokens(work, "desk0.b") == {"cache_write_5m": 10_500}
    kept = after.parts.filter(pl.col("call_no") == 2)
    assert kept.filter(pl.col("billing_class") == "cache_read")["tokens"].sum() == 10_000
    assert kept.filter(pl.col("billing_class") == "cache_write_5m")["tokens"].sum() == 500


def test_what_pings_save_is_what_a_hand_reckons():
    # 10,000 read instead of written, less two pings that read 10,000 and 10,500 and answer a token.
    each = (11_500 - 1_000 - 1_050) * INPUT - 2 * OUTPUT
    assert saved(workload(*gaps(540))) == TALKS * each
    assert saved(workload(*gaps(540)), pings=False) == 0


@pytest.mark.parametrize(("gap", "model"), [(200, CLAUDE), (7_000, CLAUDE), (540, GPT41)])
def test_no_ping_where_it_does_not_pay(gap, model):
    """Short gaps need none, two hours need thirty, and what a provider keeps by itself costs nothing
    to write."""
    work = workload(*gaps(gap, **model))
    assert lever().apply(work) is work
    assert lever().action(work, work).startswith("Nothing to keep warm")
    assert lever().details(work, work) == ()
    assert lever().notes(work, work) == []


def test_pings_are_for_the_features_that_they_pay_in():
    work = workload(*gaps(540), *gaps(7_000, "slow"))
    (table,) = lever().details(work, work)
    # Feature, model, lifetime, in a row, pings, of no use, tokens read by them, tokens spared.
    assert table.rows == [
        ("desk", "claude-sonnet-4-5", "5m", 1, 16, 8, 8 * 20_500, 80_000),
    ]  # fmt: skip
    assert "desk (up to 1 in a row, for 5m entries)" in lever().action(work, work)
    assert "Added 16 pings" in lever().notes(work, work)[0]
    assert "50% of them spare nothing" in lever().notes(work, work)[0]


def test_calls_without_a_conversation_share_the_warmth_of_their_feature():
    calls = [
        call(f"c{i}", system(20_000, "You are …", role="system", write=20_000), query(50, f"q{i}"),
             at=i * 500, feature="cron", **CLAUDE)
        for i in range(12)
    ]  # fmt: skip
    work = workload(*calls)
    # Eleven gaps of 500 s, a ping in each; one more after the last call. A log that carries no marks is
    # taken to have one at the end of each prompt, too, so a ping reads 20,050.
    each = 11 * 20_000 * 115 * INPUT // 100 - 12 * (20_050 * INPUT // 10 + OUTPUT)
    assert saved(work) == each


def test_parallel_calls_that_wait_read_what_the_first_has_written():
    work = burst(CLAUDE, write=5_000)
    after = lever().apply(work)
    assert sorted(tokens(after, f"c{i}").get("cache_read", 0) for i in range(6)) == [
        0,
        *[5_000] * 5,
    ]
    assert saved(work) == 5 * 5_000 * 115 * INPUT // 100
    assert saved(work, wait=False) == 0
    assert "5 parallel calls wait" in lever().action(work, after)


@pytest.mark.parametrize("model", [CLAUDE, GPT41], ids=lambda m: m["model"])
def test_a_planted_fan_out_is_won_back(model):
    planted, repaired = (
        [(row | model, parts) for row, parts in calls] for calls in PLANTED["fan_out"]()
    )
    truth = cost(billed(*planted)) - cost(billed(*repaired))
    assert saved(replace(billed(*planted), origin=None)) == pytest.approx(truth, rel=0.05)


def test_a_clean_log_is_left_as_it_is():
    work = replace(billed(*talks()), origin=None)
    assert lever().apply(work) is work


@pytest.mark.parametrize("work", [workload(), repeated(4, 4_000, **CLAUDE)])
def test_what_is_not_cached_is_left_alone(work):
    assert lever().apply(work) is work


def test_calls_without_a_time_are_left_alone():
    work = workload(*gaps(540, sent_at=None))
    assert lever().apply(work) is work


def test_the_order_of_rows_does_not_matter():
    work = workload(*gaps(540), *gaps(480, "other"))
    assert saved(replace(shuffled(work, 2), origin=None)) == saved(work)


def test_settings_to_tune():
    assert lever().variants() == (lever(pings=False), lever())
    assert lever(wait=False).variants() == (lever(wait=False),)


def test_parallel_calls_wait_two_seconds_and_pings_keep_nobody_waiting():
    assert (lever().delay_s(), lever(wait=False).delay_s()) == (2, 0)
