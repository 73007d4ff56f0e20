"""The prefix cache of an engine of one's own: its order of eviction, and a published trace."""

from collections import OrderedDict

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import SettingsError
from costscope.levers._cache.calls import placed
from costscope.levers._cache.lru import Capacity, capacity_of, lru
from costscope.levers._prefix import blocks
from costscope.levers.prompt_cache import PromptCache
from tests.workloads import call, output, query, same, tokens, workload

OWN = {"provider": "", "model": "", "channel": "self-hosted"}


def log(*prompts):
    """Calls ten seconds apart, each a text of letters: a letter is a block of 16 tokens."""
    return workload(
        *(
            call(f"c{i}", *(query(16, c) for c in prompt), at=i * 10, **OWN)
            for i, prompt in enumerate(prompts)
        )
    )


def hits(work, capacity):
    return lru(blocks(work.parts), placed(work.calls), capacity)["hit"].to_list()


def reference(prompts, room):
    """The same with strings: a block is known by the prompt up to it."""
    held, found = OrderedDict(), []
    for prompt in prompts:
        whole, hit = True, 0
        for end in range(1, len(prompt) + 1):
            whole = whole and prompt[:end] in held
            hit += whole
            held[prompt[:end]] = None
            held.move_to_end(prompt[:end])
            if len(held) > room:
                held.popitem(last=False)
        found.append(hit)
    return found


@given(st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=9), st.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_it_is_the_reference(prompts, room):
    assert hits(log(*prompts), Capacity(room, "blocks")) == reference(prompts, room)


def test_what_was_used_longest_ago_goes_first():
    prompts = ("ab", "c", "ab", "d", "ab", "c")
    assert hits(log(*prompts), Capacity(3, "blocks")) == [0, 0, 2, 0, 2, 0]
    assert hits(log(*prompts), Capacity(4, "blocks")) == [0, 0, 2, 0, 2, 1]


def test_a_block_behind_a_gap_is_not_read():
    prompts = ("abc", "x", "abc")
    assert hits(log(*prompts), Capacity(3, "blocks")) == [0, 0, 0]


def test_tokens_are_another_measure_of_the_same_room():
    prompts = ("ab", "c", "ab", "d", "ab", "c")
    assert hits(log(*prompts), Capacity(48, "tokens")) == [0, 0, 2, 0, 2, 0]
    assert hits(log(*prompts), Capacity(63, "tokens")) == [0, 0, 2, 0, 2, 0]
    assert hits(log(*prompts), Capacity(64, "tokens")) == [0, 0, 2, 0, 2, 1]


def test_a_reply_is_stored_and_is_no_part_of_the_prompt():
    work = workload(
        call("a", query(16, "a"), output(16, "b"), **OWN),
        call("b", query(16, "a"), query(16, "b"), output(16, "c"), at=10, **OWN),
    )
    found = lru(blocks(work.parts), placed(work.calls), Capacity(9, "blocks"))
    assert found["hit"].to_list() == [0, 2]
    assert found["blocks"].to_list() == [1, 2]


def test_each_model_is_an_engine():
    one, other = ({**OWN, "model": name} for name in ("one", "other"))
    work = workload(*(call(f"c{i}", query(16, "a"), at=i, **m) for i, m in enumerate((one, other))))
    assert hits(work, Capacity(9, "blocks")) == [0, 0]


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("5859 blocks", Capacity(5_859, "blocks")),
        ("3000000 tokens", Capacity(3_000_000, "tokens")),
        ("5859", None),
        ("-1 blocks", None),
        ("many blocks", None),
    ],
)
def test_a_capacity_is_a_number_and_a_unit(text, known):
    assert capacity_of(text) == known


def test_a_capacity_that_is_none_is_an_error():
    with pytest.raises(SettingsError, match="5859 blocks"):
        PromptCache(capacity="big")


def test_the_lever_caches_what_is_self_hosted_if_asked():
    work = log("ab", "abc")
    assert same(PromptCache().apply(work), work)
    after = PromptCache(capacity="unlimited").apply(work)
    assert tokens(after, "c0") == {"fresh": 32}
    assert tokens(after, "c1") == {"cache_read": 32, "fresh": 16}
    said = PromptCache().action(work, after)
    assert said.startswith("Keep the prefix cache of self-hosted engines on: 40% ")
    assert "(32 tokens)" in said
    notes = PromptCache(capacity="unlimited").notes(work, after)
    assert any("out first: 2 calls" in note for note in notes)
    assert not any("out first" in note for note in PromptCache().notes(work, work))


@pytest.fixture
def trace(ingested):
    """The published trace of 12,031 requests, as a workload."""
    return ingested("mooncake", "conversation_trace.jsonl")


def share(found, of, hit):
    return found[hit].sum() / found[of].sum()


def test_a_trace_without_a_limit_hits_what_its_publishers_data_says(trace):
    found = lru(blocks(trace.parts), placed(trace.calls), capacity_of("unlimited"))
    assert found["blocks"].sum() == 288_500
    assert round(share(found, "blocks", "hit"), 10) == 0.3664124783
    assert round(share(found, "tokens", "cache_read"), 10) == 0.3736237491


@pytest.mark.parametrize(("room", "expected"), [(5_859, 0.1355), (97_656, 0.3635)])
def test_a_trace_with_a_limit_hits_what_plain_lru_does(trace, room, expected):
    found = lru(blocks(trace.parts), placed(trace.calls), Capacity(room, "blocks"))
    assert round(share(found, "blocks", "hit"), 4) == expected


def test_the_lever_reads_as_many_tokens_of_a_trace(trace):
    after = PromptCache(capacity="unlimited").apply(trace)
    kind = pl.col("billing_class").cast(pl.String)
    read = after.parts.filter(kind == "cache_read")["tokens"].sum()
    whole = after.parts.filter(kind != "output")["tokens"].sum()
    assert round(read / whole, 10) == 0.3736237491
