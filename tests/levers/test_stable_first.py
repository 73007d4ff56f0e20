"""Prompts in another order: what is shared comes first, what changes within a conversation last."""

from dataclasses import replace

import polars as pl
import pytest

from costscope.advise.results import simulate
from costscope.errors import SettingsError
from costscope.levers.prompt_cache import PromptCache
from costscope.levers.stable_first import StableFirst
from tests.misses.test_find import PLANTED
from tests.misses.traffic import CLAUDE, GPT41, GPT56, billed, book, cost, served_by, talks
from tests.workloads import call, hashed, output, part, query, shuffled, system, workload


def named(lever, name):
    type(lever).name = name
    return lever


STABLE = named(StableFirst(), "stable_first")
CACHE = named(PromptCache(miss_rate=0.0), "prompt_cache")


def said(length, text, **more):
    return system(length, text, role="system", **more)


def tool(name):
    return part("tools", 100, name, kind="tool_schema", role="system")


def order(work, number):
    """The texts of a call's blocks, by the hashes of these names."""
    names = {hashed(name): name for name in ("A", "B", "t1", "t2", "t3", "question")}
    names |= {hashed(f"{x}{i}"): x for x in ("user", "clock", "ask") for i in range(60)}
    rows = work.parts.filter(
        (pl.col("call_no") == number) & (pl.col("billing_class") != "output")
    ).unique("seq", maintain_order=True)
    return [names.get(content, "?") for content in rows["content"]]


def per_user():
    """Twenty calls of four users, whose own text stands between two that all share."""
    return workload(*(
        call(f"c{i}", said(1_000, "A"), said(200, f"user{i % 4}"), said(3_000, "B"),
             query(50, f"ask{i}"), output(9), at=i * 20, cluster=f"s{i % 10}", **CLAUDE)
        for i in range(20)
    ))  # fmt: skip


def clocked():
    """Ten conversations of three turns with a clock before the system prompt."""
    return workload(*(
        call(f"c{t}.{i}", said(20, f"clock{3 * t + i}"), said(3_000, "A"),
             *(query(500, f"ask{3 * t + n}") for n in range(i + 1)), at=t * 999 + i * 20,
             session=f"s{t}", **CLAUDE)
        for t in range(10) for i in range(3)
    ))  # fmt: skip


def test_what_all_calls_share_comes_before_what_a_user_has():
    work = per_user()
    assert order(work, 1) == ["A", "user", "B", "ask"]
    after = STABLE.apply(work)
    assert all(order(after, n) == ["A", "B", "user", "ask"] for n in range(1, 21))


def test_what_changes_within_a_conversation_goes_behind_the_last_message():
    after = STABLE.apply(clocked())
    assert order(after, 3) == ["A", "ask", "ask", "ask", "clock"]
    moved = after.parts.filter((pl.col("call_no") == 3) & (pl.col("role") == "none"))
    assert moved["tokens"].to_list() == [20]
    assert after.parts["tokens"].sum() == clocked().parts["tokens"].sum()


def test_tools_come_in_one_order():
    orders = (("t1", "t2", "t3"), ("t3", "t1", "t2"), ("t2", "t3", "t1"))
    work = workload(*(
        call(f"c{i}", *(tool(t) for t in orders[i % 3]), said(2_000, "A"), query(9, f"ask{i}"), **CLAUDE)
        for i in range(9)
    ))  # fmt: skip
    after = STABLE.apply(work)
    assert len({tuple(order(after, n)) for n in range(1, 10)}) == 1
    assert order(after, 1)[3:] == ["A", "ask"]


def test_a_mark_stays_at_the_end_of_a_run_and_one_comes_behind_what_all_share():
    marked = workload(*(
        call(f"c{i}", said(2_000, "A"), said(200, f"user{i % 4}"), said(3_000, "B", breakpoint="5m"),
             query(50, f"ask{i}"), at=i, **CLAUDE)
        for i in range(20)
    ))  # fmt: skip
    after = STABLE.apply(marked).parts.filter(pl.col("call_no") == 1)
    assert after["breakpoint"].to_list() == ["", "5m", "5m", ""]


def test_what_was_read_behind_the_first_move_is_fresh_until_it_is_simulated():
    cached = workload(*(
        call(f"c{i}", said(1_000, "A", read=1_000), said(200, f"user{i % 4}", read=200),
             said(3_000, "B", read=3_000), query(50, f"ask{i}"), at=i, **CLAUDE)
        for i in range(20)
    ))  # fmt: skip
    kinds = STABLE.apply(cached).parts.filter(pl.col("call_no") == 1)["billing_class"]
    assert kinds.to_list() == ["cache_read", "fresh", "fresh", "fresh"]


@pytest.mark.parametrize("model", [CLAUDE, GPT56], ids=lambda m: m["model"])
@pytest.mark.parametrize("cause", ["volatile", "tool_list", "per_user"])
def test_a_planted_order_is_repaired_for_what_it_cost(cause, model):
    planted, repaired = (billed(*served_by(calls, model)) for calls in PLANTED[cause]())
    truth = cost(planted) - cost(repaired)
    found = simulate(replace(planted, origin=None), [STABLE], book())
    assert found.saved == pytest.approx(truth, rel=0.05)


def test_where_nothing_was_ever_read_it_pays_together_with_caching():
    planted, repaired = (billed(*served_by(calls, GPT41)) for calls in PLANTED["volatile"]())
    work = replace(planted, origin=None)
    assert simulate(work, [STABLE], book()).saved == 0
    both = simulate(work, [STABLE, CACHE], book())
    assert both.saved == pytest.approx(cost(planted) - cost(repaired), rel=0.05)


def test_a_log_in_good_order_is_left_as_it_is():
    work = replace(billed(*talks()), origin=None)
    assert STABLE.apply(work) is work
    assert STABLE.action(work, work).startswith("Leave prompts in their order")
    assert STABLE.details(work, work) == ()
    assert STABLE.notes(work, work) == []


def test_a_system_prompt_that_is_one_text_is_never_sent_last():
    """A time somewhere in it makes it another text in every call; that is for `misses` to find."""
    work = workload(*(
        call(f"c{t}.{i}", said(900, f"user{3 * t + i}"), query(9, f"ask{t}"), at=t * 60 + i,
             session=f"s{t}", **CLAUDE)
        for t in range(10) for i in range(3)
    ))  # fmt: skip
    assert STABLE.apply(work) is work


def test_two_versions_of_a_template_stay_where_they_are():
    work = workload(*(
        call(f"c{i}", said(900, "A" if i < 10 else "B"), said(90, "t1"), query(9, f"ask{i}"), at=i, **CLAUDE)
        for i in range(20)
    ))  # fmt: skip
    assert not (STABLE.apply(work).parts["role"] == "none").any()


@pytest.mark.parametrize(
    "work", [workload(), workload(call("a", said(9, "A")), call("b", said(9, "B")))]
)
def test_too_few_calls_show_nothing(work):
    assert STABLE.apply(work) is work


def test_the_order_of_rows_does_not_matter():
    work = per_user()
    one, other = STABLE.apply(work), STABLE.apply(shuffled(work, 7))
    ids = other.calls.select("call_id", "call_no").sort("call_id")
    for call_id, number in ids.iter_rows():
        here = work.calls.filter(pl.col("call_id") == call_id)["call_no"][0]
        assert order(other, number) == order(one, here)


def test_words_and_figures():
    work = clocked()
    after = STABLE.apply(work)
    (table,) = STABLE.details(work, after)
    assert table.rows == [("(no feature)", "claude-sonnet-4-5", 30, 30, 600, 0)]
    assert "30 calls" in STABLE.action(work, after)
    assert "in 30 calls 30 blocks would stand behind" in STABLE.notes(work, after)[0]


@pytest.mark.parametrize("bad", [{"rare": 1.5}, {"rare": -0.1}, {"least": 1}])
def test_a_setting_that_means_nothing_is_an_error(bad):
    with pytest.raises(SettingsError, match=next(iter(bad))):
        StableFirst(**bad)
