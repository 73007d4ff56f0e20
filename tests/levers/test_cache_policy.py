"""Marks and lifetimes tried per feature: places found by search, padding, and the table beside them."""

from dataclasses import replace
from itertools import combinations

import polars as pl
import pytest

from costscope.levers._cache import policy as _cache_policy
from costscope.levers._cache import search as _cache_search
from costscope.levers._cache.policy import UNITS, billing
from costscope.levers._cache.rows import Spot
from costscope.levers._cache.search import places, searched
from costscope.levers._prefix import blocks
from costscope.levers.prompt_cache import PromptCache, candidates
from costscope.prices.book import PriceBook
from tests.workloads import call, output, part, query, same, shuffled, system, tokens, workload

CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
GPT56 = {"provider": "openai", "model": "gpt-5.6-sol"}
GPT4 = {"provider": "openai", "model": "gpt-4.1"}
SURE = PromptCache(miss_rate=0.0)
CHOSEN = replace(SURE, breakpoints="optimised")
EACH = replace(SURE, ttl="auto", retention="auto")
RATE = 3_000_000
"""Picodollars for a token of input of Claude Sonnet 4.5: $3 per million."""


def told(length, text="You are …"):
    return system(length, text, role="system")


def documents(**model):
    """Four documents, five questions on each 40 s apart, ten minutes between documents."""
    return [
        call(f"{d}.{i}", told(2_000), part("context", 6_000, f"document {d}"),
             query(500, f"question {d}.{i}"), output(50), at=d * 600 + i * 40, feature="qa", **model)
        for d in range(4) for i in range(5)
    ]  # fmt: skip


def spaced(n, gap, feature, length=5_000, **model):
    return [
        call(f"{feature}{i}", told(length, feature), query(100, f"{feature} {i}"), at=i * gap,
             feature=feature, **model)
        for i in range(n)
    ]  # fmt: skip


def cost(work):
    return int(PriceBook().cost(work)["pd"].sum())


@pytest.mark.parametrize(
    ("model", "write"), [(CLAUDE, "cache_write_5m"), (GPT56, "cache_write_30m")]
)
def test_a_mark_behind_what_recurs_is_found(model, write):
    work = workload(*documents(**model))
    usual, found = SURE.apply(work), CHOSEN.apply(work)
    # Neither usual policy marks the end of the document: its 6,000 tokens are sent fresh.
    assert tokens(usual, "0.1") == {"cache_read": 2_000, "fresh": 6_500, "output": 50}
    assert tokens(found, "0.0") == {write: 8_000, "fresh": 500, "output": 50}
    assert tokens(found, "0.1") == {"cache_read": 8_000, "fresh": 500, "output": 50}


def test_the_found_mark_saves_what_a_hand_reckons():
    work = workload(*documents(**CLAUDE))
    # Of each document one call writes 8,000 and four read them: 0.25 × 8,000 more, 0.9 × 32,000 less.
    assert cost(work) - cost(CHOSEN.apply(work)) == 4 * (28_800 - 2_000) * RATE


def test_a_turn_of_many_blocks_gets_a_second_mark():
    blocks = [part("history", 100, f"step {i}") for i in range(60)]
    calls = [
        call(f"c{i}", told(2_000), *blocks[: 30 * i], query(100, f"q{i}"), at=i * 60, **CLAUDE)
        for i in range(1, 3)
    ] + [
        call("c3", told(2_000), *blocks, query(100, "q2"), query(40, "q3"), at=180, **CLAUDE),
    ]  # fmt: skip
    usual, found = (
        replace(x, breakpoints=y).apply(workload(*calls))
        for x, y in ((SURE, "conversation"), (SURE, "optimised"))
    )
    assert tokens(usual, "c3")["cache_read"] == 8_100
    assert tokens(found, "c3")["cache_read"] == 8_100


def test_what_the_search_finds_is_never_worse_than_the_usual_policies():
    work = workload(*documents(**CLAUDE), *spaced(6, 60, "a", **CLAUDE))
    costs = [cost(replace(SURE, breakpoints=x).apply(work)) for x in ("optimised", "auto")]
    assert costs[0] <= costs[1]


def test_the_search_finds_what_trying_everything_finds():
    """All sets of up to four of seven places, 99 of them, on documents of two blocks and turns."""
    calls = [
        call(f"{d}.{i}", part("tools", 1_200, "tool", kind="tool_schema", role="system"),
             told(900 + 40 * (d % 2), f"system {d % 2}"), part("context", 3_000, f"document {d}"),
             part("context", 2_000, f"page {d}.{i % 2}"), query(400, f"question {d}.{i}"),
             at=d * 700 + i * 50, feature="qa", **CLAUDE)
        for d in range(5) for i in range(6)
    ]  # fmt: skip
    work = workload(*calls)
    all_blocks, known = blocks(work.parts), candidates(work, SURE)
    bits = [Spot.TOOLS, Spot.SYSTEM, Spot.LAST, *(Spot.BLOCK << n for n in range(4))]
    sets = [sum(some) for n in range(5) for some in combinations(bits, n)]

    def saved(spots):
        chosen = known.with_columns(policy=pl.lit("chosen"), spots=pl.lit(spots, pl.Int64))
        billed = billing(all_blocks, chosen)
        return sum((100 - units) * int(billed[kind].sum()) for kind, units in UNITS.items())

    (found,) = set(searched(work.parts, known).tolist())
    assert len(sets) == 99
    assert saved(found) == max(map(saved, sets))


def test_the_order_of_rows_does_not_matter():
    work = workload(*documents(**CLAUDE), *spaced(6, 1_200, "a", **CLAUDE))
    lever = replace(EACH, breakpoints="optimised")
    assert cost(lever.apply(shuffled(work, 3))) == cost(lever.apply(work))


def test_each_feature_gets_the_lifetime_that_pays():
    work = workload(*spaced(6, 1_200, "slow", **CLAUDE), *spaced(6, 60, "quick", **CLAUDE))
    after = EACH.apply(work)
    assert tokens(SURE.apply(work), "slow1") == {"fresh": 5_100}
    assert tokens(after, "slow0") == {"cache_write_1h": 5_000, "fresh": 100}
    assert tokens(after, "slow1") == {"cache_read": 5_000, "fresh": 100}
    assert tokens(after, "quick0") == {"cache_write_5m": 5_000, "fresh": 100}


def test_twelve_hours_are_asked_for_where_their_dearer_writes_pay():
    # 2.5 + 5 × 0.1 = 3 times the prefix against 6 times.
    work = workload(*spaced(6, 7_200, "slow", **GPT56), *spaced(6, 60, "quick", **GPT56))
    after = EACH.apply(work)
    assert tokens(after, "slow0") == {"cache_write_12h": 5_000, "fresh": 100}
    assert tokens(after, "slow5") == {"cache_read": 5_000, "fresh": 100}
    assert tokens(after, "quick0") == {"cache_write_30m": 5_000, "fresh": 100}


# Padding


@pytest.mark.parametrize(("length", "pays"), [(220, False), (221, True)])
def test_golden_6_the_length_from_which_padding_pays(length, pays):
    """L* = M (r + (w - r) / N) = 1,024 (0.1 + 1.15 / 10) = 220.16 tokens, of OpenAI's guide."""
    work = workload(*spaced(10, 20, "faq", length, **CLAUDE))
    after = replace(SURE, pad=True).apply(work)
    assert ("cache_read" in tokens(after, "faq1")) is pays
    if pays:
        assert tokens(after, "faq0") == {"cache_write_5m": 1_024, "fresh": 100}
        assert tokens(after, "faq1") == {"cache_read": 1_024, "fresh": 100}


def test_padding_saves_what_a_hand_reckons():
    work = workload(*spaced(40, 20, "faq", 800, **CLAUDE))
    assert SURE.apply(work) is work
    after = replace(SURE, pad=True).apply(work)
    # 40 × 800 fresh; then one write and 39 reads of 1,024: 1,280 + 3,993.6 tokens of input.
    assert cost(work) - cost(after) == 32_000 * RATE - 1_280 * RATE - 39 * 1_024 * RATE // 10
    said = replace(SURE, pad=True).notes(work, after)
    assert any("8,960 tokens of padding" in note for note in said)


def test_a_beginning_that_is_seldom_used_is_not_lengthened():
    work = workload(*spaced(8, 4_000, "faq", 800, **CLAUDE))
    assert replace(SURE, pad=True).apply(work) is work


def test_what_is_padded_where_the_provider_caches_by_itself_costs_no_write():
    work = workload(*spaced(10, 20, "faq", 500, **GPT4))
    after = replace(SURE, pad=True).apply(work)
    assert tokens(after, "faq0") == {"fresh": 1_124}
    assert tokens(after, "faq3") == {"cache_read": 1_024, "fresh": 100}


# What is shown


def rows(lever, work):
    (table,) = lever.details(work, work)
    return {(row[0], row[1], row[2]): row[3:] for row in table.rows}


def test_policies_are_compared_on_the_log():
    work = workload(*documents(**CLAUDE))
    shown = rows(CHOSEN, work)
    model = CLAUDE["model"]
    # 20 calls of 8,500 tokens; of each document one call writes and four read.
    assert shown[model, "optimised", "5m"] == (20, 128_000, 32_000, 10_000, 62_800)
    assert shown[model, "prefix", "5m"] == (20, 32_000, 8_000, 130_000, 143_200)
    # 0.1 × 38,000 + 2 × 2,000 + 130,000
    assert shown[model, "prefix", "1h"] == (20, 38_000, 2_000, 130_000, 137_800)


def test_the_mark_that_openai_sets_by_itself_can_cost_more_than_no_cache():
    work = workload(*documents(**GPT56))
    shown = rows(SURE, work)
    # Every call writes all of its 8,500 tokens, and no two prompts are the same up to their ends.
    assert shown["gpt-5.6-sol", "implicit", "30m"] == (20, 0, 170_000, 0, 212_500)
    assert shown["gpt-5.6-sol", "prefix", "30m"][:2] == (20, 38_000)


def test_nothing_is_compared_where_nothing_can_be_read():
    work = workload(*(call(f"c{i}", query(5_000, f"q{i}"), at=i, **CLAUDE) for i in range(4)))
    assert SURE.details(work, work) == ()
    assert SURE.details(workload(), workload()) == ()


def test_notes_name_the_marks_that_were_found():
    work = workload(*documents(**CLAUDE))
    said = CHOSEN.notes(work, CHOSEN.apply(work))
    assert any(note.startswith("Marks found for qa on claude-sonnet-4-5:") for note in said)
    assert places(Spot.SYSTEM | Spot.LAST) == "end of system, end of the prompt"
    assert places(Spot.BLOCK << 2) == "end of block 3"
    assert places(0) == "none"


def test_settings_to_tune_begin_with_the_plain_one():
    first, chosen, with_padding = PromptCache().variants()
    assert first == PromptCache()
    assert (chosen.ttl, chosen.retention, chosen.breakpoints) == ("auto", "auto", "optimised")
    assert with_padding == replace(chosen, pad=True)
    assert PromptCache(ttl="1h").variants() == (PromptCache(ttl="1h"),)


def test_of_a_long_log_a_stretch_is_tried_and_the_rest_billed_alike(monkeypatch):
    work = workload(*spaced(30, 60, "a", **CLAUDE), *spaced(30, 60, "b", 700, **CLAUDE))
    whole = SURE.apply(work)
    monkeypatch.setattr(_cache_policy, "ENOUGH", 40)
    monkeypatch.setattr(_cache_search, "LOOKED_AT", 40)
    fresh = work.with_(calls=work.calls.clone(), parts=work.parts.clone())
    assert same(SURE.apply(fresh), whole)
    assert tokens(CHOSEN.apply(fresh), "a9") == tokens(whole, "a9")
