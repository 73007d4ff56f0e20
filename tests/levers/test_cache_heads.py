"""Heads of prompts that nobody logged: learned from the bill, never made up."""

from dataclasses import replace

import polars as pl

from costscope.levers._cache.heads import headed, heads, learned
from costscope.levers._cache.in_force import situated
from costscope.levers.cache_tuning import CacheTuning
from costscope.levers.prompt_cache import PromptCache, calibrate, in_force
from costscope.model import Workload
from tests.workloads import call, history, output, part, query, tokens, workload

CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5", "feature": "agent"}
DAY = 86_400


def session(name, read, at, turns=8, size=9_000):
    """An agent's conversation: a head of `size` tokens that the log does not show, of which the first
    call reads `read`; each later call reads the whole prompt before it, and writes the rest."""
    calls, said, length = [], [part("unattributed", size, "", kind="hidden", role="none")], read
    for turn in range(turns):
        said.append(query(500, f"{name} {turn}"))
        blocks, left = [], length
        for block in said:
            seen = min(left, block.tokens)
            blocks.append(replace(block, read=seen, write=block.tokens - seen))
            left -= seen
        length = sum(block.tokens for block in said)
        reply = f"{name} says {turn}"
        calls.append(
            call(
                f"{name}{turn}",
                *blocks,
                output(100, reply),
                at=at + 20 * turn,
                session=name,
                **CLAUDE,
            )
        )
        said.append(history(100, 1, reply, role="assistant"))
    return calls


def days(*reads, **more):
    made = (session(f"s{i}", read, i * DAY, **more) for i, read in enumerate(reads))
    return workload(*(one for run in made for one in run))


def known_heads(work):
    calls = situated(work).filter("in_force")
    return heads(work.parts, calls)


def test_a_head_ends_where_the_first_logged_text_begins():
    found = known_heads(days(7_000))
    assert found["head"].to_list() == [9_000] * 8
    assert found["before"].to_list()[:3] == [None, 9_500, 10_100]
    assert found["alive"].to_list() == [False] + [True] * 7


def test_what_first_calls_read_is_foreseen_of_later_ones():
    found = PromptCache().backtest(days(7_000, 7_000, 7_000, 7_000))
    assert found is not None
    assert found["predicted_cached_tokens"] == found["billed_cached_tokens"]
    assert found["calls_above_ideal"] == 0


def test_where_most_first_calls_read_nothing_none_is_foreseen():
    work = days(0, 0, 7_000, 0)
    simulated = in_force(work)
    assert "cache_read" not in tokens(simulated, "s00")
    assert calibrate(work).heads["opening"].to_list() == [0]


def test_never_more_than_the_head_is_read():
    known = learned(frame(row(None, 9_000, False, billed=7_000)))
    assert headed(frame(row(None, 2_000, False)), known)["ideal"].to_list() == [2_000]


def row(before, head, alive, ideal=0, billed=0, feature="f", shared=False):
    return {"provider": "p", "model": "m", "feature": feature, "before": before, "head": head,
            "alive": alive, "shared": shared, "ideal": ideal, "billed": billed}  # fmt: skip


def frame(*rows):
    types = dict.fromkeys(("before", "head", "ideal", "billed"), pl.Int64)
    return pl.DataFrame(rows, schema_overrides=types)


def test_a_helper_that_sums_up_reads_the_conversation_before_it():
    known = learned(frame(row(100_000, 101_000, True, billed=99_900)))
    later = frame(row(50_000, 50_500, True), row(50_000, 50_500, False), row(None, 9_000, False))
    assert known["whole"].to_list() == [True]
    assert headed(later, known)["ideal"].to_list() == [50_000, 0, 0]


def test_what_is_carried_over_a_compaction_is_the_median():
    billed = (3_000, 3_010, 9_000)
    known = learned(frame(*(row(80_000, 20_000, True, billed=b) for b in billed)))
    assert known.select("carried", "whole").row(0) == (3_010, False)
    assert headed(frame(row(80_000, 20_000, True)), known)["ideal"].to_list() == [3_010]


def test_another_agent_learns_nothing_from_this_one():
    known = learned(frame(row(None, 9_000, False, billed=7_000)))
    other = headed(frame(row(None, 9_000, False, feature="g")), known)
    assert other["ideal"].to_list() == [0]


def test_text_that_is_found_counts_where_it_reaches_further():
    known = learned(frame(row(None, 9_000, False, billed=7_000)))
    found = headed(frame(row(None, 9_000, False, ideal=12_000)), known)
    assert found["ideal"].to_list() == [12_000]


HALF = 1_800


def hourly(work):
    """The same, written for an hour."""
    kind = work.parts.schema["billing_class"]
    longer = pl.col("billing_class").cast(pl.String).replace("cache_write_5m", "cache_write_1h")
    return Workload(work.calls, work.parts.with_columns(longer.cast(kind)), work.fees)


def hours(*reads, **more):
    """Conversations half an hour after one another, kept for an hour."""
    runs = (session(f"s{i}", x, i * HALF, **more) for i, x in enumerate(reads))
    return hourly(workload(*(one for run in runs for one in run)))


def test_a_head_is_shared_while_any_conversation_of_the_log_keeps_it():
    work = hours(0, 9_000, 9_000, turns=1)
    assert known_heads(work)["shared"].to_list() == [False, True, True]
    days_apart = known_heads(days(0, 0))["shared"].to_list()
    assert days_apart == [False, *[True] * 7, False, *[True] * 7]


def test_the_first_call_shares_nothing_with_itself():
    work = days(0, turns=1)
    quick = Workload(work.calls.with_columns(latency_us=pl.lit(0)), work.parts, work.fees)
    assert known_heads(quick)["shared"].to_list() == [False]


def test_what_is_shared_is_learned_apart_from_what_is_read_after_a_gap():
    cold = [row(None, 9_000, False) for _ in range(3)]
    known = learned(frame(*cold, row(None, 9_000, False, billed=9_000, shared=True)))
    assert known.select("opening", "others").row(0) == (0, 9_000)
    later = frame(row(None, 9_000, False), row(None, 9_000, False, shared=True))
    assert headed(later, known)["ideal"].to_list() == [0, 9_000]


def test_a_lapsed_conversation_reads_the_head_that_others_kept():
    known = learned(frame(row(None, 9_000, False, billed=9_000, shared=True)))
    lapsed = frame(row(30_000, 30_500, False, shared=True), row(30_000, 30_500, False))
    assert headed(lapsed, known)["ideal"].to_list() == [9_000, 0]


def test_a_shorter_lifetime_forfeits_the_head_that_conversations_share():
    # Half an hour apart, each conversation reads the 9,000 tokens of head that the one before it wrote
    # for an hour. For 5 minutes it would write them: 9,000 x (1.25 - 0.1) = 10,350 units more. It writes
    # 500 tokens, and 600 in each of 7 more turns, of which it would save 4,700 x (2 - 1.25) = 3,525.
    work = hours(0, *[9_000] * 9)
    assert CacheTuning(marks=False).apply(work) is work


def test_a_longer_lifetime_is_no_better_where_nothing_is_shared():
    work = hourly(days(*[0] * 4))
    assert CacheTuning(marks=False).apply(work) is not work
