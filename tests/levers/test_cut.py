"""What a cut does to hashes and classes, and the same without what it does to caches: both by hand."""

import numpy as np
import polars as pl
import pytest

from costscope.advise.bench import Bench
from costscope.levers._cut.cut import LEFT, SALT, cut, leaving, scaled, unbroken
from costscope.levers._prefix import rehash
from costscope.levers._rows import added
from costscope.levers.history import History
from costscope.prices import PriceBook
from tests.advise.pulling import PriceList, warm
from tests.workloads import call, history, output, query, same, system, tokens, workload

CACHED = (system(100, read=100), history(50, 0, read=50), history(50, 1, read=30))
LOG = workload(call("a", *CACHED, query(20, turn=2), output(7, turn=2)))


def rows(work):
    """(seq, class, tokens) of every row."""
    kind = pl.col("billing_class").cast(pl.String)
    return list(work.parts.select("seq", kind, "tokens").iter_rows())


def halves(work, which):
    """The workload with half of the blocks of a segment."""
    kept = np.where((work.parts["segment"].cast(pl.String) == which).to_numpy(), 1, -1)
    left = scaled(work.parts, kept, np.full(len(kept), 2))
    return cut(work, work.parts.with_columns(left))


def test_a_block_in_two_classes_loses_whole_tokens():
    # 51 tokens, 30 read and 21 fresh; a third of 51 is 17: 10 of the first 30, 7 of the rest.
    work = workload(call("a", history(51, 0, read=30), query(5, turn=1)))
    left = scaled(work.parts, np.array([1, 1, -1]), np.array([3, 3, 1]))
    assert left.to_list() == [10, 7, 5]


def test_what_is_cut_is_fresh_from_there_on_and_has_new_hashes():
    after = halves(LOG, "history")
    # Rows: system 100 read; 50 read; 30 read + 20 fresh; query. Halves: 25; 15 + 10, all fresh now.
    assert rows(after) == [
        (0, "cache_read", 100), (1, "fresh", 25), (2, "fresh", 15), (2, "fresh", 10),
        (3, "fresh", 20), (4, "output", 7),
    ]  # fmt: skip
    had, has = (w.parts.group_by("seq").agg(pl.col("content", "prefix").first()).sort("seq")
                for w in (LOG, after))  # fmt: skip
    assert [a == b for a, b in zip(had["content"], has["content"], strict=True)] == [
        True, False, False, True, True,
    ]  # fmt: skip
    assert [a == b for a, b in zip(had["prefix"], has["prefix"], strict=True)] == [
        True, False, False, False, False,
    ]  # fmt: skip


def test_blocks_that_are_alike_and_cut_alike_stay_alike_in_whatever_class():
    other = call("b", system(100), history(50, 0), history(50, 1), query(20, turn=2), output(7))
    after = halves(workload(call("a", *CACHED, query(20, turn=2), output(7)), other), "history")
    ends = after.parts.unique(["call_no", "seq"]).sort("call_no", "seq")
    one, two = (ends.filter(pl.col("call_no") == n)["prefix"].to_list() for n in (1, 2))
    assert one == two


def test_only_calls_that_are_cut_get_other_rows_and_all_prefixes_are_right():
    two = workload(call("a", *CACHED, query(20, turn=2), output(7, turn=2)),
                   call("b", *CACHED, query(9, turn=2), output(3, turn=2)))  # fmt: skip
    first = (two.parts["call_no"] == two.parts["call_no"].min()).to_numpy()
    gone = first & (two.parts["seq"] == 1).to_numpy()
    tokens = two.parts["tokens"].to_numpy()
    after = cut(two, two.parts.with_columns(leaving(tokens, gone)))
    assert after.parts.height == two.parts.height - 1
    assert after.parts.filter(pl.col("call_no") == 2).equals(
        two.parts.filter(pl.col("call_no") == 2)
    )
    assert after.parts["prefix"].to_list() == rehash(after.parts)["prefix"].to_list()
    had = two.parts.filter(pl.col("call_no") == 1, pl.col("seq") > 1)["prefix"]
    assert (
        had.to_list()
        != after.parts.filter(pl.col("call_no") == 1, pl.col("seq") > 1)["prefix"].to_list()
    )


def test_what_is_cut_has_another_content_whatever_its_salt():
    shorter = LOG.parts.with_columns(
        pl.lit(1, pl.Int64).alias(LEFT), pl.lit(0, pl.UInt64).alias(SALT)
    )
    after = cut(LOG, shorter)
    assert not set(after.parts["content"]) & set(LOG.parts["content"])


def test_nothing_cut_is_the_same_object():
    left = leaving(LOG.parts["tokens"].to_numpy(), np.zeros(LOG.parts.height, bool))
    assert cut(LOG, LOG.parts.with_columns(left)) is LOG


def test_unbroken_keeps_the_classes_of_what_stays():
    after = History(turns=1).apply(LOG)
    assert tokens(after, "a") == {"cache_read": 100, "fresh": 40 + 30, "output": 7}
    # The 50 of turn 0 go where they were billed: all read from the cache.
    assert tokens(unbroken(LOG, after), "a") == {"cache_read": 130, "fresh": 40, "output": 7}


def test_unbroken_scales_the_classes_of_what_is_cut():
    half = unbroken(LOG, halves(LOG, "history"))
    # 25 read of 50; of 50 that are 30 read and 20 fresh, 15 and 10.
    assert tokens(half, "a") == {"cache_read": 140, "fresh": 30, "output": 7}


def test_unbroken_of_the_same_is_the_same_and_new_calls_stay():
    assert same(unbroken(LOG, LOG), LOG)
    new = pl.DataFrame(
        {"call_no": [1], "model": ["half"], "input_tokens": [9], "output_tokens": [3]}
    )
    after = added(LOG, new, "history")
    assert same(unbroken(LOG, after), after)


def test_unbroken_bills_no_prompt_as_the_reply_that_stood_in_its_place():
    # As packing does it: a second question stands where the reply was, and the reply behind it.
    before = workload(call("a", system(100, read=100), query(20), output(7)))
    after = workload(call("a", system(100), query(20), query(30), output(9)))
    assert tokens(unbroken(before, after), "a") == {"cache_read": 100, "fresh": 50, "output": 9}


def test_unbroken_of_nothing():
    empty = workload()
    assert unbroken(LOG, empty) is empty


def growing(turns):
    """A conversation of `turns` calls, each with all before it: 100 tokens of system, 50 a turn."""
    calls = []
    for now in range(turns):
        old = [history(50, turn, f"turn {turn}") for turn in range(now)]
        blocks = (system(100), *old, query(50, f"turn {now}", turn=now), output(10, turn=now))
        calls.append(call(f"c{now}", *blocks, at=60 * now, session="s"))
    return workload(*calls)


def parts_of(work, lever):
    """What fewer tokens save and what the broken cache costs, in picodollars, as advise does it."""
    bench = Bench(work, PriceList(), [lever], in_force=warm)
    none = pl.Series("call_no", [], pl.Int64)
    changed = lever.apply(work)
    net = -bench.delta(bench.settle(changed)).total(none)
    fewer = -bench.delta(unbroken(bench.settle(work), changed)).total(none)
    return fewer, fewer - net


@pytest.mark.parametrize(
    ("turns", "stride", "fewer", "broken"),
    [(9, 1, 7_500, 67_500), (9, 3, 4_500, 13_500), (30, 12, 108_000, 27_000)],
)
def test_a_moving_window_saves_tokens_and_breaks_the_cache(turns, stride, fewer, broken):
    # A fresh token costs 100 picodollars, one that is read 10. Call n of 0, 1, … reads all but its
    # newest 50 tokens. A window of 3 that moves each turn drops 1, 2, … 5 turns of 50 in calls 4 to
    # 8: 750 tokens that were read, 7,500. In each of these 5 calls the 150 tokens of the window are
    # fresh where they were read: 5 * 150 * 90 = 67,500. In jumps of 3 it drops 150 in calls 6, 7, 8
    # (4,500) and breaks the cache in call 6 only: 150 * 90 = 13,500. In jumps of 12, over 30 calls,
    # it drops 600 in calls 15 to 26 and 1,200 in 27 to 29 (10,800 tokens), and breaks it twice.
    work, lever = warm(growing(turns)), History(turns=3, stride=stride)
    assert parts_of(work, lever) == (fewer, broken)


def test_on_a_real_agents_log_a_cut_in_each_step_costs_more_than_it_saves(ingested):
    work = ingested("claude_code", "**/*.jsonl")
    book, none = PriceBook.load(None), pl.Series("call_no", [], pl.Int64)
    levers = [History(unit="step", turns=20, stride=stride) for stride in (1, 20)]
    bench = Bench(work, book, levers)
    nets, broken = [], []
    for lever in levers:
        changed = lever.apply(work)
        net = -bench.delta(bench.settle(changed)).total(none)
        fewer = -bench.delta(unbroken(bench.settle(work), changed)).total(none)
        nets.append(net)
        broken.append(fewer - net)
        assert fewer > 0
    assert broken[0] > 10 * broken[1] > 0
    assert nets[0] < 0
    assert nets[1] > nets[0] // 50
