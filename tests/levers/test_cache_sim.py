"""The simulator against an event-by-event reference, and its properties."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.levers._cache import live as _cache_live
from costscope.levers._cache import sim as _cache_sim
from costscope.levers._cache.sim import WRITES, cuts, simulate
from costscope.levers._prefix import blocks
from tests.workloads import call, output, part, query, workload

SECOND = 1_000_000
RULES = {
    "implicit": {"minimum": 1024, "granularity": 128, "lookback": None},
    "explicit": {"minimum": 1024, "granularity": 1, "lookback": 3},
}
TOKENS = {"a": 900, "b": 500, "c": 130, "d": 1_300, "e": 40}

PROMPT = st.lists(st.sampled_from(sorted(TOKENS)), min_size=1, max_size=6)
SENT = st.tuples(st.integers(0, 12).map(lambda n: n * 100), PROMPT, st.sampled_from("abc"))
LOG = st.lists(SENT, min_size=1, max_size=8)


def log(sent, marked=()):
    """Calls from (second, prompt, reply); blocks at the places in `marked` carry a mark."""
    return workload(*(
        call(
            f"c{i}",
            *(query(TOKENS[c], c, breakpoint="5m" if n in marked else "") for n, c in enumerate(prompt)),
            output(50, f"reply {reply}"),
            at=at,
        )
        for i, (at, prompt, reply) in enumerate(sent)
    ))  # fmt: skip


def ruled(work, mode, ttl=300, policy="logged", whole_units=False):
    sent = pl.col("sent_at").dt.epoch("us")
    rule = {name: pl.lit(value, pl.Int64) for name, value in RULES[mode].items()}
    return work.calls.select(
        "call_no", scope=pl.lit(1, pl.UInt64), sent=sent, ready=sent + 2 * SECOND, mode=pl.lit(mode),
        life=pl.lit("5m"), ttl=pl.lit(ttl * SECOND), policy=pl.lit(policy), whole_units=pl.lit(whole_units), **rule,
    )  # fmt: skip


def ideals(work, mode, **more):
    return ideals_of(simulate(blocks(work.parts), ruled(work, mode, **more)))


def ideals_of(found):
    return found.sort("call_no")["ideal"].to_list()


def reference(sent, mode, marked=(), ttl=300):
    """The same, by walking through the calls in time with a dictionary of entries."""
    rule, entries, found = RULES[mode], {}, {}
    for number, (at, prompt, reply) in sorted(enumerate(sent), key=lambda item: item[1][0]):
        ends = [sum(TOKENS[c] for c in prompt[: i + 1]) for i in range(len(prompt))]
        ends = [end // rule["granularity"] * rule["granularity"] for end in ends]
        marks = [i for i in range(len(prompt)) if mode == "implicit" or i in marked]
        marks = [i for i in marks if mode == "implicit" or ends[i] >= rule["minimum"]]
        window = rule["lookback"] or len(prompt)
        seen = [i for i in range(len(prompt)) if ends[i] >= rule["minimum"]]
        reach = marked if mode == "explicit" else range(len(prompt))
        seen = [i for i in seen if any(0 <= m - i < window for m in reach if m < len(prompt))]
        found[number] = 0
        for i in sorted({*seen, *marks}):
            key = tuple(prompt[: i + 1])
            entry = entries.get(key)
            alive = entry is not None and at - entry["touched"] <= ttl
            if alive:
                entry["touched"] = at
                if i in seen and entry["ready"] <= at:
                    found[number] = ends[i]
            elif i in marks:
                entries[key] = {"touched": at, "ready": at + 2}
        if mode == "implicit":
            key = (*prompt, f"reply {reply}")
            alive = key in entries and at - entries[key]["touched"] <= ttl
            entries[key] = {"touched": at, "ready": entries[key]["ready"] if alive else at}
    return [found[number] for number in range(len(sent))]


@given(LOG)
@settings(max_examples=60, deadline=None)
def test_implicit_caching_is_the_reference(sent):
    assert ideals(log(sent), "implicit") == reference(sent, "implicit")


@given(LOG, st.sets(st.integers(0, 5), max_size=3))
@settings(max_examples=60, deadline=None)
def test_explicit_caching_is_the_reference(sent, marked):
    expected = reference(sent, "explicit", sorted(marked))
    assert ideals(log(sent, marked), "explicit") == expected


@given(LOG, st.integers(100, 600), st.integers(0, 600))
@settings(max_examples=30, deadline=None)
def test_a_longer_lifetime_never_reads_less(sent, ttl, more):
    work = log(sent)
    short, long = ideals(work, "implicit", ttl=ttl), ideals(work, "implicit", ttl=ttl + more)
    assert all(a <= b for a, b in zip(short, long, strict=True))


@given(LOG, st.sampled_from(sorted(RULES)), st.sampled_from(["conversation", "prefix", "logged"]))
@settings(max_examples=30, deadline=None)
def test_no_more_is_read_and_written_than_the_prompt_holds(sent, mode, policy):
    work = log(sent)
    classes = cuts(simulate(blocks(work.parts), ruled(work, mode, policy=policy)), pl.col("ideal"))
    sums = classes.select("call_no", used=pl.sum_horizontal(pl.exclude("call_no")))
    for number, used in sums.iter_rows():
        assert 0 <= used <= sum(TOKENS[c] for c in sent[number - 1][1])


@given(LOG, st.randoms(use_true_random=False), st.sampled_from(sorted(RULES)))
@settings(max_examples=30, deadline=None)
def test_the_order_of_rows_does_not_matter(sent, random, mode):
    work = log(sent, marked={1})
    calls = ruled(work, mode)
    rows = random.sample(range(work.parts.height), work.parts.height)
    order = random.sample(range(calls.height), calls.height)
    mixed = simulate(blocks(work.parts[rows]), calls[order])
    assert ideals_of(mixed) == ideals(work, mode)


def test_a_scope_is_a_cache_of_its_own():
    work = log([(0, "ad", "a"), (60, "ad", "a")])
    calls = ruled(work, "implicit").with_columns(scope=pl.col("call_no").cast(pl.UInt64))
    assert ideals_of(simulate(blocks(work.parts), calls)) == [0, 0]


def test_what_has_not_begun_to_answer_cannot_be_read():
    work = log([(0, "ad", "a"), (1, "ad", "a"), (2, "ad", "a")])
    assert ideals(work, "implicit") == [0, 0, 2176]


def test_a_run_of_tool_results_is_one_position():
    old = [query(300, f"old {n}") for n in range(4)]
    last = query(300, "last", breakpoint="5m")
    tools = [query(9, f"{k} {n}", kind=k) for k in ("tool_call", "tool_result") for n in range(9)]
    later = [*old, query(300, "last"), *tools, query(300, "new", breakpoint="5m")]
    work = workload(call("a", *old, last), call("b", *later, at=60))
    near = ruled(work, "explicit")
    assert ideals_of(simulate(blocks(work.parts), near)) == [0, 0]
    far = near.with_columns(lookback=pl.lit(4, pl.Int64))
    assert ideals_of(simulate(blocks(work.parts), far)) == [0, 1500]


def test_the_longer_written_lifetime_comes_first():
    simulated = pl.DataFrame({"call_no": [1], "ideal": [100], **{f"upto_{n}": [0] for n in WRITES}})
    simulated = simulated.with_columns(upto_1h=pl.lit(300), upto_5m=pl.lit(1000))
    assert cuts(simulated, pl.col("ideal")).row(0, named=True) == {
        "call_no": 1, "cache_read": 100, "cache_write_1h": 200, "cache_write_12h": 0,
        "cache_write_5m": 700, "cache_write_30m": 0,
    }  # fmt: skip
    assert cuts(simulated, pl.col("ideal") + 250)["cache_write_1h"].item() == 0


def test_a_cold_fan_out_misses_and_each_call_writes():
    work = log([(0, "ad", "a"), (0, "ad", "b"), (1, "ad", "c")])
    found = simulate(blocks(work.parts), ruled(work, "explicit", policy="conversation"))
    assert ideals_of(found) == [0, 0, 0]
    assert found["upto_5m"].to_list() == [2_200] * 3


def test_after_the_first_answer_began_a_fan_out_reads():
    work = log([(0, "ad", "a"), (2, "ad", "b"), (2, "ad", "c"), (2, "ad", "d")])
    found = simulate(blocks(work.parts), ruled(work, "explicit", policy="conversation"))
    assert ideals_of(found) == [0, 2_200, 2_200, 2_200]


def test_a_late_answer_keeps_its_entry_from_the_others_until_it_begins():
    work = log([(0, "ad", "a"), (5, "ad", "b"), (31, "ad", "c")])
    late = ruled(work, "explicit", policy="conversation").with_columns(
        ready=pl.col("sent") + 30 * SECOND
    )
    assert ideals_of(simulate(blocks(work.parts), late)) == [0, 0, 2_200]


def test_a_prefix_is_as_long_as_its_writer_was_billed_for():
    def asked(name, hidden, at):
        return call(
            name,
            part("unattributed", hidden, "", kind="hidden"),
            query(2_000, "same", breakpoint="5m"),
            query(100, name, breakpoint="5m"),
            at=at,
        )

    work = workload(asked("a", 500, 0), asked("b", 740, 60), asked("c", 300, 120))
    assert ideals(work, "explicit") == [0, 2_500, 2_300]


def test_a_whole_prompt_is_as_long_as_it_was_billed_whatever_the_next_call_makes_of_it():
    def asked(name, hidden, at, *more):
        head = part("unattributed", hidden, "", kind="hidden")
        return call(name, head, query(2_000, "same", breakpoint="5m"), *more, at=at)

    work = workload(asked("a", 500, 0), asked("b", 300, 60, query(900, "new")))
    assert ideals(work, "explicit") == [0, 2_500]


@pytest.mark.parametrize("whole_units", [False, True])
@pytest.mark.parametrize("mode", RULES)
def test_shares_and_batches_change_nothing(mode, whole_units, monkeypatch):
    work = log(
        [(i * 60, prompt, "abc"[i % 3]) for i, prompt in enumerate(["ad", "adc", "adb"] * 9)]
    )
    how = {"policy": "conversation", "whole_units": whole_units}
    whole = ideals(work, mode, **how)
    monkeypatch.setattr(_cache_live, "SHARE", 3)
    monkeypatch.setattr(_cache_sim, "BATCH", 4)
    assert ideals(work, mode, **how) == whole
    assert sum(whole) > 0


def test_parts_are_as_good_as_blocks():
    work = workload(
        call("a", query(2_000, "same", read=900), query(900, "old"), output(50, "x"), at=0),
        call("b", query(2_000, "same", read=700), query(900, "new"), at=60),
    )
    calls = ruled(work, "implicit")
    assert simulate(work.parts, calls).equals(simulate(blocks(work.parts), calls))
    assert ideals_of(simulate(work.parts, calls)) == [0, 1_920]


def test_prefixes_that_look_alike_at_first_are_told_apart():
    # With fewer than eight calls all but the last three bits tell prefixes apart: 8 and 9 they do not.
    key, when = np.array([9, 8, 9, 8, 16], np.uint64), np.array([1, 0, 0, 1, 2], np.uint64)
    order, other = _cache_live.in_line(key, when, 4)
    assert order.tolist() == [1, 3, 2, 0, 4]
    assert other.tolist() == [True, False, True, False, True]


@pytest.mark.parametrize("tokens", [2_147_483_648, 3_000_000_000, 4_294_969_000])
def test_a_prompt_of_more_tokens_than_32_bits_count_is_read_like_any_other(tokens):
    work = workload(
        *(
            call(f"c{i}", query(tokens, "a", breakpoint="5m"), output(50), at=100 * i)
            for i in (0, 1)
        )
    )
    assert ideals(work, "explicit") == [0, tokens]
    assert ideals(work, "implicit") == [0, tokens // 128 * 128]
