"""Marks and lifetimes of caching in force: what other ones save, simulation against simulation."""

from dataclasses import replace

import polars as pl
import pytest

from costscope.advise.results import simulate
from costscope.levers.cache_tuning import CacheTuning
from costscope.levers.prompt_cache import in_force
from tests.levers.test_prompt_cache import repeated
from tests.misses.test_find import PLANTED
from tests.misses.traffic import CLAUDE, GPT41, GPT56, billed, book, cost, talks
from tests.workloads import call, part, query, shuffled, system, tokens, workload

WRITTEN = {"billing_class": "cache_write_30m"}
RATE = 4_000_000
"""Picodollars for a token of input of GPT-5.6 Sol: $4 per million."""


def log(*calls):
    """The log of these calls as it was billed, which is no what-if of anything."""
    return replace(billed(*calls), origin=None)


def saved(work, lever=None):
    return simulate(work, [lever or tuning()], book()).saved


def tuning(**settings):
    lever = CacheTuning(**settings)
    type(lever).name = "cache_tuning"
    return lever


def implicit():
    """Twenty questions to GPT-5.6 under its own implicit mode: all is written, nothing is read."""
    return workload(*(
        call(f"c{i}", system(2_000, "You are …", role="system", **WRITTEN), query(8_000, f"q{i}", **WRITTEN),
             at=i * 30, feature="desk", **GPT56)
        for i in range(20)
    ))  # fmt: skip


@pytest.mark.parametrize("cause", ["ttl_gap", "look_back", "varying_mark"])
def test_a_planted_cause_is_repaired_for_what_it_cost(cause):
    planted, repaired = PLANTED[cause]()
    truth = cost(billed(*planted)) - cost(billed(*repaired))
    assert saved(log(*planted)) == pytest.approx(truth, rel=0.05)


def test_the_mark_that_openai_sets_by_itself_is_replaced_where_it_only_costs():
    work = implicit()
    after = CacheTuning().apply(in_force(work))
    assert tokens(after, "c0") == {"cache_write_30m": 2_000, "fresh": 8_000}
    assert tokens(after, "c1") == {"cache_read": 2_000, "fresh": 8_000}
    # 20 × 10,000 at 1.25; then one write and 19 reads of 2,000, and 20 × 8,000 fresh.
    assert saved(work) == (250_000 - 2_500 - 3_800 - 160_000) * RATE
    said = "\n".join(CacheTuning().notes(work, after))
    assert "desk on gpt-5.6-sol: what is written and never read again costs more" in said
    assert "as much as 50,000 tokens" in said
    assert "only for 30m" in CacheTuning().action(work, after)


def test_what_is_never_read_is_not_written():
    calls = [
        call(f"c{i}", query(5_000, f"q{i}", write=5_000), at=i * 60, **CLAUDE) for i in range(6)
    ]
    work = workload(*calls)
    assert tokens(CacheTuning().apply(in_force(work)), "c3") == {"fresh": 5_000}
    assert "no marks, since none pay" in CacheTuning().action(work, CacheTuning().apply(work))
    assert saved(work) == 6 * 5_000 * 750_000


def test_an_hour_that_nobody_needs_becomes_five_minutes():
    hour = [
        call(f"c{i}", system(4_000, "You are …", role="system", breakpoint="1h",
                             billing_class="cache_read" if i else "cache_write_1h"),
             query(100, f"q{i}"), at=i * 60, feature="desk", **CLAUDE)
        for i in range(5)
    ]  # fmt: skip
    work = workload(*hour)
    # A write of 4,000 at 1.25 instead of 2.
    assert saved(work, tuning(marks=False)) == 3_000 * 3_000_000
    assert "marks as they are for 5m" in tuning(marks=False).action(work, in_force(work).with_())
    assert saved(work, tuning(lifetimes=False)) == 0


def test_where_a_provider_caches_by_itself_nothing_is_set():
    work = log(*talks(model=lambda c, t: GPT41))
    assert CacheTuning().apply(work) is work
    assert CacheTuning().notes(work, work)[0].startswith("No call of this log is cached by marks")
    assert CacheTuning().action(work, work).startswith("Leave cache marks")
    assert CacheTuning().details(work, work) == ()


@pytest.mark.parametrize("work", [workload(), repeated(4, 4_000, **CLAUDE)])
def test_what_is_not_cached_is_left_alone(work):
    assert CacheTuning().apply(work) is work


def test_marks_are_not_moved_where_much_of_what_is_read_was_not_logged():
    hidden = part("unattributed", 9_000, "", kind="hidden", role="none")
    calls = [
        call(f"c{i}", replace(hidden, read=9_000 * (i > 0), write=9_000 * (i == 0)),
             query(900, f"q{i}", write=900), at=i * 30, session="s", feature="agent", **CLAUDE)
        for i in range(8)
    ]  # fmt: skip
    work = workload(*calls)
    shown = {row[1] for table in CacheTuning().details(work, work) for row in table.rows}
    assert shown <= {"as it is", "marks as they are"}


def test_the_order_of_rows_does_not_matter():
    planted, _ = PLANTED["varying_mark"]()
    work = log(*planted)
    assert saved(replace(shuffled(work, 4), origin=None)) == saved(work)


def test_ways_are_compared_in_tokens():
    (table,) = CacheTuning().details(implicit(), implicit())
    shown = {row[1:3]: row[3:] for row in table.rows}
    assert shown["as it is", "30m"] == (20, 0, 200_000, 0, 250_000)
    assert shown["prefix", "30m"] == (20, 38_000, 2_000, 160_000, 166_300)


def test_settings_to_tune():
    assert [(x.marks, x.lifetimes) for x in CacheTuning().variants()] == [
        (False, True), (True, False), (True, True),
    ]  # fmt: skip
    assert CacheTuning(marks=False).variants() == (CacheTuning(marks=False),)


def test_a_calibrated_loss_is_taken_off_every_way():
    """Bills that read a tenth less than the ideal: what is chosen is billed with the same loss."""
    calls = [
        call(f"c{i}", system(4_000, "You are …", role="system", breakpoint="1h",
                             read=3_600 * (i > 0), write=0), query(100, f"q{i}"), at=i * 60,
             feature="desk", **CLAUDE)
        for i in range(10)
    ]  # fmt: skip
    work = workload(*calls)
    after = CacheTuning().apply(in_force(work))
    kind = pl.col("billing_class").cast(pl.String)
    assert after.parts.filter(kind == "cache_write_5m")["tokens"].sum() == 4_000 + 9 * 400
    assert after.parts.filter(kind == "cache_read")["tokens"].sum() == 9 * 3_600
