"""Blocks put together, prefix hashes made anew, and prompts cut into billing classes."""

import gc

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.levers import _prefix
from costscope.levers._cache.rows import rows as texts
from costscope.levers._prefix import alike, blocks, reclassify, rehash
from costscope.model import INPUT_CLASSES
from tests.workloads import call, output, part, query, system, tokens, workload

CACHED = [name for name in INPUT_CLASSES if name != "fresh"]


def cut(call_no=1, **sizes):
    schema = {"call_no": pl.Int64} | dict.fromkeys(sizes, pl.Int64)
    return pl.DataFrame([{"call_no": call_no} | sizes], schema=schema)


def rows(parts):
    """(seq, billing class, tokens) of every row."""
    return list(parts.select("seq", pl.col("billing_class").cast(pl.String), "tokens").iter_rows())


def test_a_block_is_one_row_and_knows_where_it_ends():
    work = workload(
        call("a", part("unattributed", 7, ""), system(100, read=60), query(20), output(9)),
        call("b", query(5)),
    )
    found = blocks(work.parts).select("call_no", "seq", "tokens", "end").rows()
    assert found == [(1, 0, 7, 7), (1, 1, 100, 107), (1, 2, 20, 127), (1, 3, 9, 136), (2, 0, 5, 5)]


def test_rehash_gives_a_split_block_one_prefix():
    work = workload(call("a", system(100, read=60), query(20)))
    plain = workload(call("a", system(100), query(20)))
    assert work.parts["prefix"].unique(maintain_order=True).equals(plain.parts["prefix"])
    assert rehash(work.parts.with_columns(prefix=pl.lit(0, pl.UInt64))).equals(work.parts)


def test_rehash_breaks_the_prefix_behind_a_dropped_block():
    work = workload(call("a", system(10, "s"), query(10, "old"), query(10, "new")))
    kept = work.parts.filter(pl.col("seq") != 1)
    before, after = work.parts["prefix"].to_list(), rehash(kept)["prefix"].to_list()
    assert after[0] == before[0]
    assert after[1] != before[2]


def test_classes_lie_along_the_prompt_in_their_order():
    work = workload(call("a", system(100), query(50), output(9)))
    sizes = {"cache_write_5m": 30, "cache_read": 80, "cache_write_1h": 25}
    assert rows(reclassify(work.parts, cut(**sizes))) == [
        (0, "cache_read", 80), (0, "cache_write_1h", 20),
        (1, "cache_write_1h", 5), (1, "cache_write_5m", 30), (1, "fresh", 15),
        (2, "output", 9),
    ]  # fmt: skip


def test_what_was_billed_before_is_forgotten_and_split_rows_are_merged():
    work = workload(call("a", system(100, read=60, write=10), query(50)))
    assert rows(reclassify(work.parts, cut(cache_read=0))) == [(0, "fresh", 100), (1, "fresh", 50)]


def test_more_than_the_prompt_holds_is_cut_off():
    work = workload(call("a", system(100), output(9)))
    assert rows(reclassify(work.parts, cut(cache_read=500, cache_write_5m=9))) == [
        (0, "cache_read", 100), (1, "output", 9),
    ]  # fmt: skip


def test_other_calls_stay_row_by_row():
    work = workload(call("a", system(100, read=60)), call("b", system(100, read=60), query(3)))
    after = reclassify(work.parts, cut(call_no=1, cache_read=10))
    two = pl.col("call_no") == 2
    assert after.filter(two).equals(work.parts.filter(two))


def test_a_block_without_tokens_stays():
    work = workload(call("a", system(100), query(0), query(50)))
    found = rows(reclassify(work.parts, cut(cache_read=100)))
    assert [seq for seq, _, _ in found] == [0, 1, 2]
    assert found[1][2] == 0


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum([*INPUT_CLASSES, "output"])])
def test_the_type_of_the_billing_class_is_kept(dtype):
    parts = workload(call("a", system(100))).parts.with_columns(pl.col("billing_class").cast(dtype))
    assert reclassify(parts, cut(cache_read=10)).schema == parts.schema


SIZES = st.lists(st.integers(0, 40), min_size=1, max_size=5)


@given(
    prompts=st.lists(SIZES, min_size=1, max_size=4),
    sizes=st.dictionaries(st.sampled_from(CACHED), st.integers(0, 120), max_size=5),
    chosen=st.sets(st.integers(1, 4)),
)
@settings(deadline=None)
def test_tokens_of_calls_and_blocks_are_conserved(prompts, sizes, chosen):
    calls = [call(f"c{i}", *map(query, sizes_), output(3)) for i, sizes_ in enumerate(prompts)]
    parts = workload(*calls).parts
    cuts = pl.concat([cut(0, **sizes), *(cut(number, **sizes) for number in sorted(chosen))])
    after = reclassify(parts, cuts)
    per_block = pl.col("tokens").sum()
    keys = ("call_no", "seq")
    assert (
        after.group_by(*keys, maintain_order=True).agg(per_block)
        .equals(parts.group_by(*keys, maintain_order=True).agg(per_block))
    )  # fmt: skip
    assert after.sort(keys, maintain_order=True).equals(after)
    one = after.filter(pl.col("call_no").is_in(sorted(chosen)))
    assert one.filter(pl.col("tokens") < 0).is_empty()


@given(st.permutations(range(6)))
@settings(deadline=None)
def test_the_order_of_rows_does_not_matter(order):
    work = workload(
        call("a", system(100), query(20), output(5)), call("b", system(90), query(9), output(6))
    )
    mixed = reclassify(work.parts[order], cut(cache_read=110))
    assert mixed.equals(reclassify(work.parts, cut(cache_read=110)))
    assert tokens(work.with_(parts=mixed), "a") == {"cache_read": 110, "fresh": 10, "output": 5}


def test_many_calls_are_cut_some_at_a_time(monkeypatch):
    work = workload(
        *(call(f"c{i}", system(100, read=60), query(20 + i), output(9)) for i in range(9))
    )
    cuts = pl.concat(cut(number, cache_read=90 + number) for number in range(1, 8))
    whole = reclassify(work.parts, cuts)
    monkeypatch.setattr(_prefix, "SOME", 4)
    assert reclassify(work.parts, cuts).equals(whole)
    assert tokens(work.with_(parts=whole), "c6") == {"cache_read": 97, "fresh": 29, "output": 9}
    assert tokens(work.with_(parts=whole), "c8")["cache_read"] == 60


def test_where_no_row_is_cut_or_merged_the_other_columns_stay_themselves():
    work = workload(call("a", system(100), query(20), output(9)))
    found = reclassify(work.parts, cut(cache_read=100))
    assert rows(found) == [(0, "cache_read", 100), (1, "fresh", 20), (2, "output", 9)]
    assert found.drop("billing_class").equals(work.parts.drop("billing_class"))


def test_reclassified_parts_are_like_those_of_which_they_were_made():
    parts = workload(call("a", system(100), query(50), output(9)), call("b", query(5))).parts
    once = reclassify(parts, cut(cache_read=60))
    twice = reclassify(once, cut(cache_read=30, cache_write_5m=90))
    assert alike(parts) is parts
    assert alike(once) is parts
    assert alike(twice) is parts
    numbers = np.array([1, 2])
    for column, plain in zip(texts(twice, numbers), texts(twice.clone(), numbers), strict=True):
        assert column.tolist() == plain.tolist()


def test_parts_are_like_themselves_once_their_origin_is_gone():
    made = reclassify(workload(call("a", system(100))).parts, cut(cache_read=60))
    gc.collect()
    assert alike(made) is made
