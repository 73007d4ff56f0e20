"""Prompt caching: billing.md's golden vectors, what is switched on and what is left, and the words."""

from dataclasses import replace

import pytest

from costscope.errors import SettingsError
from costscope.levers.prompt_cache import PromptCache, in_force
from tests.workloads import call, output, part, query, same, system, tokens, workload

CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
GPT4 = {"provider": "openai", "model": "gpt-4.1"}
GPT56 = {"provider": "openai", "model": "gpt-5.6-sol"}
SURE = PromptCache(miss_rate=0.0)
UNITS = {
    "fresh": 100,
    "cache_read": 10,
    "cache_write_5m": 125,
    "cache_write_1h": 200,
    "cache_write_30m": 125,
}


def told(length, text="You are …", **more):
    return system(length, text, role="system", **more)


def prompts(work, call_id):
    """Prompt tokens by billing class."""
    return {name: n for name, n in tokens(work, call_id).items() if name != "output"}


def units(work):
    """Prompt tokens in hundredths of the input rate."""
    ids = work.calls["call_id"].to_list()
    return sum(UNITS[name] * n for i in ids for name, n in prompts(work, i).items())


def repeated(n, length, gap=60, **model):
    """n calls that share a system prompt and ask something else each time, without a query's tokens."""
    asked = (call(f"c{i}", told(length), query(0, f"q{i}"), at=i * gap, **model) for i in range(n))
    return workload(*asked)


# Golden vectors of billing.md, section 8


def test_golden_1_openai_56_writes_the_whole_prompt_and_reads_it_back():
    first = query(12_000, "first")
    work = workload(
        call("r1", first, output(500, "reply"), **GPT56),
        call("r2", first, part("history", 500, "reply", role="assistant"), query(2_500, "second"),
             at=60, **GPT56),
    )  # fmt: skip
    after = SURE.apply(work)
    assert prompts(after, "r1") == {"cache_write_30m": 12_000}
    assert prompts(after, "r2") == {"cache_read": 12_000, "cache_write_30m": 3_000}


@pytest.mark.parametrize(
    ("shared", "total", "read"),
    [(2_006, 2_006, 1_920), (12_000, 12_033, 11_904), (1_500, 1_566, 1_408)],
)
def test_golden_3_older_openai_models_read_in_steps_of_128(shared, total, read):
    def asked(name, at):
        return call(name, told(shared), query(total - shared, name), at=at, **GPT4)

    after = SURE.apply(workload(asked("a", 0), asked("b", 60)))
    assert prompts(after, "a") == {"fresh": total}
    assert prompts(after, "b") == {"cache_read": read, "fresh": total - read}


def test_golden_4_anthropic_looks_back_over_twenty_blocks():
    def turn(name, blocks, read, at):
        rest = [query(200, f"block {i}", write=0 if i <= read else 200) for i in range(1, blocks)]
        billed = [replace(b, read=200 - b.write) for b in rest]
        last = query(200, f"block {blocks}", write=200, breakpoint="5m")
        return call(name, *billed, last, at=at, **CLAUDE)

    work = workload(turn("t1", 10, 0, 0), turn("t2", 15, 10, 60), turn("t3", 35, 0, 120))
    simulated = in_force(work)
    assert prompts(simulated, "t1") == {"cache_write_5m": 2_000}
    assert prompts(simulated, "t2") == {"cache_read": 2_000, "cache_write_5m": 1_000}
    assert prompts(simulated, "t3") == {"cache_write_5m": 7_000}
    assert same(simulated, work)


@pytest.mark.parametrize(
    ("n", "model", "ttl", "ratio"),
    [(2, CLAUDE, "5m", 135), (3, CLAUDE, "1h", 220), (10, GPT56, "5m", 215)],
)
def test_golden_5_what_a_repeated_prefix_costs(n, model, ttl, ratio):
    lever = replace(SURE, ttl=ttl, breakpoints="prefix")
    assert units(lever.apply(repeated(n, 10_000, **model))) == ratio * 10_000


# Rules


@pytest.mark.parametrize(("gap", "ttl", "warm"), [
    (300, "5m", True), (301, "5m", False), (3_600, "1h", True), (3_601, "1h", False),
])  # fmt: skip
def test_a_lifetime_counts_from_the_start_of_the_request(gap, ttl, warm):
    calls = [call(f"c{i}", told(4_000), at=at, **CLAUDE) for i, at in enumerate((0, gap, gap + 3))]
    after = replace(SURE, ttl=ttl).apply(workload(*calls))
    assert ("cache_read" in prompts(after, "c1")) == warm


def test_a_read_renews_the_lifetime():
    after = SURE.apply(repeated(4, 4_000, gap=290, **CLAUDE))
    assert [prompts(after, f"c{i}").get("cache_read", 0) for i in range(4)] == [
        0,
        4_000,
        4_000,
        4_000,
    ]


@pytest.mark.parametrize(("length", "cached"), [(1_023, False), (1_024, True)])
def test_below_the_minimum_nothing_is_cached(length, cached):
    work = repeated(5, length, **CLAUDE)
    assert same(SURE.apply(work), work) is not cached


def test_a_varying_tail_is_not_written_where_it_is_never_read():
    calls = [
        call(f"c{i}", told(2_000), query(3_000, f"q{i}"), at=i, **CLAUDE) for i in range(0, 30, 3)
    ]
    after = SURE.apply(workload(*calls))
    assert prompts(after, "c0") == {"cache_write_5m": 2_000, "fresh": 3_000}
    assert prompts(after, "c3") == {"cache_read": 2_000, "fresh": 3_000}


def test_a_conversation_is_read_up_to_the_turn_before():
    first, reply = query(3_000, "one"), output(400, "answer")
    old = part("history", 400, "answer", role="assistant")
    work = workload(
        call("a", told(2_000), first, reply, **CLAUDE),
        call("b", told(2_000), first, old, query(100, "two"), at=30, **CLAUDE),
    )
    after = SURE.apply(work)
    assert prompts(after, "a") == {"cache_write_5m": 5_000}
    assert prompts(after, "b") == {"cache_read": 5_000, "cache_write_5m": 500}


def test_where_no_mark_pays_none_is_set():
    calls = [call(f"c{i}", query(5_000, f"q{i}"), at=i * 60, **CLAUDE) for i in range(5)]
    work = workload(*calls)
    assert same(SURE.apply(work), work)
    forced = replace(SURE, breakpoints="conversation").apply(work)
    assert same(forced, work)


def test_openai_56_marks_what_comes_back():
    calls = [
        call(f"c{i}", told(2_000), query(3_000, f"q{i}"), at=i, **GPT56) for i in range(0, 30, 3)
    ]
    marked = SURE.apply(workload(*calls))
    assert prompts(marked, "c0") == {"cache_write_30m": 2_000, "fresh": 3_000}
    assert prompts(marked, "c3") == {"cache_read": 2_000, "fresh": 3_000}


def test_openai_56_in_force_writes_up_to_the_latest_message():
    def billed(name, read, at, *blocks):
        written = {"billing_class": "cache_write_30m"}
        return call(
            name,
            *(
                replace(b, more=b.more | (written if i >= read else {}))
                if i >= read
                else replace(b, read=b.tokens)
                for i, b in enumerate(blocks)
            ),
            at=at,
            **GPT56,
        )

    one, two = query(12_000, "one"), query(2_500, "two")
    answer = part("history", 500, "answer", role="assistant")
    work = workload(billed("a", 0, 0, one), billed("b", 1, 60, one, answer, two))
    assert prompts(work, "b") == {"cache_read": 12_000, "cache_write_30m": 3_000}
    assert same(in_force(work), work)


def test_implicit_caching_goes_on_into_the_reply():
    hidden = part("unattributed", 500, "", kind="hidden", role="none")
    work = workload(
        call("a", hidden, query(2_000, "one"), output(600, "answer"), **GPT4),
        call("b", replace(hidden, tokens=540), query(2_000, "one"),
             part("history", 600, "answer"), query(100, "two"), at=30, **GPT4),
    )  # fmt: skip
    after = SURE.apply(work)
    assert prompts(after, "b")["cache_read"] == (540 + 2_000 + 600) // 128 * 128


# What is left as it is


def test_a_log_that_is_cached_is_left_as_billed():
    calls = [call(f"c{i}", told(4_000, read=4_000 * (i > 0), write=4_000 * (i == 0)), at=i, **CLAUDE)
             for i in range(0, 9, 3)]  # fmt: skip
    work = workload(*calls)
    assert same(SURE.apply(work), work)


def test_an_uncached_feature_beside_a_cached_one_is_switched_on():
    cached = [call(f"a{i}", told(4_000, read=4_000), at=i, feature="a", **CLAUDE) for i in (0, 5)]
    plain = [call(f"b{i}", told(4_000), at=i, feature="b", **CLAUDE) for i in (1, 9)]
    after = PromptCache().apply(workload(*cached, *plain))
    assert prompts(after, "a0") == {"cache_read": 4_000}
    assert prompts(after, "b9")["cache_read"] > 0


@pytest.mark.parametrize("change", [
    {"sent_at": None}, {"tier": "batch"}, {"status": "error"}, {"model": "no-such-model", "provider": "x"},
])  # fmt: skip
def test_calls_that_cannot_be_simulated_stay(change):
    work = repeated(3, 4_000, **{**CLAUDE, **change})
    assert same(SURE.apply(work), work)
    assert same(in_force(work), work)


def test_usage_without_text_claims_nothing():
    hidden = {"kind": "hidden", "role": "none"}
    plain = [
        call(f"c{i}", part("unattributed", 9_000, "", **hidden), at=i, **CLAUDE) for i in range(3)
    ]
    billed = [call(f"b{i}", part("unattributed", 9_000, "", read=8_000, **hidden), at=i, **GPT4)
              for i in range(3)]  # fmt: skip
    work = workload(*plain, *billed)
    assert same(SURE.apply(work), work)
    assert same(in_force(work), work)
    assert SURE.backtest(work) is None
    assert "Left as billed: 6 calls without text to compare." in SURE.notes(work, work)


# Scenarios, settings, words


def test_low_and_high_enclose_the_figure():
    work = repeated(6, 4_000, **CLAUDE)
    low, high = PromptCache().scenarios()
    reads = [prompts(x.apply(work), "c3")["cache_read"] for x in (low, PromptCache(), high)]
    assert reads == [3_480, 3_800, 4_000]


def test_a_provider_that_caches_by_itself_is_not_counted_on():
    work = repeated(6, 4_000, **GPT4)
    low, _ = PromptCache().scenarios()
    assert same(low.apply(work), work)
    assert not same(PromptCache().apply(work), work)


@pytest.mark.parametrize("bad", [
    {"ttl": "7m"}, {"retention": "long"}, {"breakpoints": "some"}, {"miss_rate": 1.5}, {"miss_rate": -0.1},
])  # fmt: skip
def test_a_setting_that_means_nothing_is_an_error(bad):
    with pytest.raises(SettingsError, match=next(iter(bad))):
        PromptCache(**bad)


def test_the_action_names_models_and_tokens():
    work = repeated(6, 4_000, **CLAUDE)
    said = SURE.action(work, SURE.apply(work))
    assert "claude-sonnet-4-5" in said
    assert "of their prompts (20,000 tokens)" in said
    assert SURE.action(work, work) == (
        "Nothing to switch on: no prompt of this log would be read from a cache."
    )
    cached = SURE.apply(work)
    assert SURE.action(cached, cached) == (
        "Nothing to switch on: 83% of the tokens of prompts (20,000) are read from a cache already, and "
        "no more would be."
    )


@pytest.mark.parametrize(("models", "marks", "key"), [
    ((CLAUDE,), True, False), ((GPT4,), False, True), ((CLAUDE, GPT4), True, True),
])  # fmt: skip
def test_only_what_the_provider_takes_is_asked_for(models, marks, key):
    calls = [
        call(f"{n}{i}", told(4_000), query(100, f"q{i}"), output(50, "r"), at=60 * i,
             feature=f"f{n}", **model)
        for n, model in enumerate(models)
        for i in range(6)
    ]  # fmt: skip
    work = workload(*calls)
    said = SURE.action(work, SURE.apply(work))
    assert ("mark the ends" in said, "a stable prompt_cache_key" in said) == (marks, key)


def test_notes_say_what_was_assumed():
    work = workload(
        call("a", told(4_000), **CLAUDE), call("b", told(4_000), sent_at=None, **CLAUDE),
        call("c", told(4_000), **GPT4), call("d", told(4_000, read=3_968), at=9, feature="x", **CLAUDE),
    )  # fmt: skip
    said = "\n".join(PromptCache().notes(work, work))
    assert "Left as billed: 1 call without a time." in said
    assert "Left as billed: 1 call billed as cached already." in said
    assert "Counted: 1 call to models that their provider caches by itself" in said
    assert "5% of the ideal (2 calls)" in said
    assert "Taken to be cold" in said


def test_a_loss_that_one_feature_shows_is_taken_off_another():
    cached = [call(f"a{i}", told(4_000, read=read, write=4_000 - read), at=i, feature="a", **CLAUDE)
              for i, read in ((0, 0), (5, 3_000), (10, 3_000))]  # fmt: skip
    plain = [call(f"b{i}", told(4_000), at=i, feature="b", **CLAUDE) for i in (1, 9)]
    work = workload(*cached, *plain)
    assert prompts(PromptCache().apply(work), "b9")["cache_read"] == 3_000
    assert any(
        "claude-sonnet-4-5 is billed: 1,000 tokens a call" in note
        for note in PromptCache().notes(work, work)
    )


def test_an_empty_log_is_left_empty():
    work = workload()
    assert same(SURE.apply(work), work)
    assert same(in_force(work), work)
    assert SURE.backtest(work) is None
    assert SURE.notes(work, work) == ()


def test_a_call_without_a_region_shares_the_global_cache():
    calls = [call(f"c{i}", told(4_000), at=i * 9, region=r, **CLAUDE)
             for i, r in enumerate((None, "global", "eu"))]  # fmt: skip
    after = replace(SURE, breakpoints="prefix").apply(workload(*calls))
    assert prompts(after, "c1") == {"cache_read": 4_000}
    assert prompts(after, "c2") == {"fresh": 4_000}
