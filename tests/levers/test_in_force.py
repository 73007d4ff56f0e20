"""Caching as it was in force: simulated, calibrated on the bill, and kept for what-ifs of the log."""

from dataclasses import replace

import polars as pl

from costscope.levers._cache.calls import ruled
from costscope.levers._cache.in_force import in_use, situated
from costscope.levers._prefix import rehash
from costscope.levers.prompt_cache import PromptCache, calibrate, in_force, in_force_of
from tests.workloads import call, history, output, query, same, system, tokens, workload

GPT4 = {"provider": "openai", "model": "gpt-4.1"}


def conversation(session, turns, miss=(), start=0.0, **model):
    """An agent's run: each prompt repeats all before it; billed as read are full steps of 128."""
    calls, old, length = [], [system(3_000)], 3_000
    for turn in range(turns):
        new = query(700, f"{session} {turn}")
        read = 0 if turn in miss or not turn else length // 128 * 128
        blocks, left = [], read
        for block in (*old, new):
            blocks.append(replace(block, read=min(left, block.tokens)))
            left -= blocks[-1].read
        reply = f"{session} answer {turn}"
        at = start + turn * 20
        calls.append(
            call(f"{session}{turn}", *blocks, output(300, reply), at=at, session=session, **model)
        )
        old += [new, history(300, turn, reply)]
        length += 1_000
    return calls


def runs(miss=()):
    made = [conversation(f"s{i}", 12, miss, start=i * 90_000.0, **GPT4) for i in range(8)]
    return workload(*(one for run in made for one in run))


def test_without_misses_the_simulation_is_the_bill():
    work = runs()
    assert same(in_force(work), work)
    assert calibrate(work).losses["lost"].to_list() == [0]


def test_misses_are_fitted_on_half_of_the_sessions_and_checked_on_the_rest():
    found = PromptCache().backtest(runs(miss=(4, 9)))
    assert found is not None
    assert found["calls"] == found["fit_calls"] == 4 * 12
    assert found["ideal_cached_tokens"] > found["billed_cached_tokens"]
    assert abs(found["error"]) < 0.001
    assert found["calls_above_ideal"] == 0
    assert found["interval_coverage"] == 1
    keys = {"calls", "billed_cached_tokens", "ideal_cached_tokens", "predicted_cached_tokens", "error",
            "calls_above_ideal", "interval_coverage", "fit_calls"}  # fmt: skip
    assert set(found) == keys


def test_a_log_without_cached_tokens_has_no_truth():
    assert PromptCache().backtest(workload(call("a", system(4_000), **GPT4))) is None


def test_what_is_billed_beyond_the_logged_text_is_not_simulated():
    calls = [call(f"c{i}", query(9_000, f"q{i}", read=8_000), at=i, **GPT4) for i in range(4)]
    work = workload(*calls)
    assert same(in_force(work), work)
    assert PromptCache().backtest(work) is None


def test_a_lever_that_cuts_the_front_off_breaks_the_prefix_under_the_logs_calibration():
    work = runs()
    settle = in_force_of(work)
    numbers = pl.col("call_no") % 2 == 0
    cut = work.parts.filter(~(numbers & (pl.col("seq") == 0)))
    after = settle(work.with_(parts=rehash(cut)))
    assert tokens(settle(work), "s05")["cache_read"] == 7_936
    assert tokens(after, "s05").get("cache_read", 0) < 7_936 - 3_000


def test_a_model_without_a_fit_takes_the_loss_of_its_provider():
    work = runs(miss=(4, 9))
    calibration = calibrate(work)
    routed = work.with_(calls=work.calls.with_columns(model=pl.lit("gpt-4o-mini")))
    moved, stayed = in_force(routed, calibration), in_force(work, calibration)
    assert moved.parts.equals(stayed.parts)


def test_the_loss_is_never_taken_from_the_changed_log():
    work = runs(miss=range(12))
    calls = pl.col("call_id").is_in(["s00", "s01"])
    kept = work.with_(calls=work.calls.filter(calls))
    assert same(in_force(kept, calibrate(runs())), kept) is False


def test_caching_is_in_use_where_the_bill_shows_it_in_force():
    sonnet = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
    work = workload(
        *conversation("s", 3, **GPT4),
        call("other", query(2_000), at=5.0, provider="openai", model="gpt-4.1-mini"),
        call("written", system(2_000, read=2_000), at=6.0, feature="a", **sonnet),
        call("same", system(2_000), at=7.0, feature="a", **sonnet),
        call("elsewhere", system(2_000), at=8.0, feature="b", **sonnet),
    )
    calls = ruled(work.calls)
    used = calls.filter(pl.Series(in_use(calls, work.parts)))
    assert used["call_no"].to_list() == situated(work).filter("in_force")["call_no"].to_list()
    names = work.calls.filter(pl.col("call_no").is_in(used["call_no"].implode()))["call_id"]
    assert set(names) == {"s0", "s1", "s2", "written", "same"}
