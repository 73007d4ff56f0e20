"""Less history: a window, summaries, what is relevant, and results of tools; prefixes break behind."""

from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.prices import PriceBook
from tests.levers.said import reading
from tests.workloads import (
    call,
    history,
    output,
    part,
    query,
    same,
    shuffled,
    system,
    tokens,
    workload,
)  # fmt: skip

History = plugins.load("levers", "history")


def chat(call_id, turns, **columns):
    """A call with `turns` earlier turns of 10 tokens, each a question and an answer of 5."""
    old = [history(5, t, f"{w} {t}") for t in range(turns) for w in ("asked", "answered")]
    now = query(20, f"question {turns}", turn=turns)
    return call(call_id, system(100), *old, now, output(7, turn=turns), **columns)


def sent(work):
    """(segment, turn, tokens) of the prompt's rows."""
    rows = work.parts.filter(pl.col("segment") != "output")
    return list(rows.select(pl.col("segment").cast(pl.String), "turn", "tokens").iter_rows())


def test_the_last_turns_and_everything_else_stay():
    after = History(turns=1).apply(workload(chat("a", 3)))
    assert sent(after) == [
        ("system", 0, 100), ("history", 2, 5), ("history", 2, 5), ("query", 3, 20),
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["window", "summary", "tool_results"])
def test_many_calls_are_cut_some_at_a_time(mode, monkeypatch):
    work = workload(*(chat(f"c{n}", n % 7, session=f"s{n % 3}") for n in range(20)))
    lever = History(turns=1, mode=mode, unit="user", summary_tokens=3)
    at_once = lever.apply(work)
    monkeypatch.setattr("costscope.levers._runs.SOME", 4)
    assert same(lever.apply(work), at_once)


@pytest.mark.parametrize(("turns", "prompt"), [(0, 120), (1, 130), (2, 140), (3, 150), (9, 150)])
def test_tokens_left_by_window(turns, prompt):
    after = History(turns=turns).apply(workload(chat("a", 3)))
    assert tokens(after, "a") == {"fresh": prompt, "output": 7}


def test_only_history_is_dropped_however_old():
    old = [part(segment, 10, turn=0) for segment in ("system", "tools", "context", "unattributed")]
    work = workload(call("a", *old, query(5, turn=50), output(1, turn=50)))
    assert same(History(turns=0).apply(work), work)


def test_a_tool_call_goes_with_its_result():
    pair = [history(4, 1, more_kind, kind=more_kind) for more_kind in ("tool_call", "tool_result")]
    work = workload(call("a", history(9, 0), *pair, query(5, turn=3), output(1, turn=3)))
    after = History(turns=2).apply(work)
    assert after.parts["kind"].cast(pl.String).to_list()[:2] == ["tool_call", "tool_result"]
    assert "tool_call" not in History(turns=1).apply(work).parts["kind"].cast(pl.String).to_list()


def test_the_prefix_behind_the_gap_is_new_and_before_it_the_same():
    work = workload(chat("a", 3))
    after = History(turns=1).apply(work)
    before_gap, behind = after.parts["prefix"].to_list()[0], after.parts["prefix"].to_list()[1:]
    assert before_gap == work.parts["prefix"][0]
    assert not set(behind) & set(work.parts["prefix"].to_list())


def test_equal_windows_share_their_prefix():
    work = workload(chat("a", 3), chat("b", 4))
    after = History(turns=0).apply(work).parts
    assert after.filter(pl.col("seq") == 0)["prefix"].n_unique() == 1


def test_what_was_cached_behind_the_gap_is_fresh():
    blocks = [system(100, read=100), history(50, 0, read=50), history(50, 1, read=30)]
    work = workload(call("a", *blocks, query(5, turn=2), output(1, turn=2)))
    after = History(turns=1).apply(work)
    assert tokens(after, "a") == {"cache_read": 100, "fresh": 55, "output": 1}


def test_calls_without_old_turns_keep_their_classes():
    work = workload(chat("a", 9), call("b", system(10, read=10), query(5, turn=1), output(1)))
    assert tokens(History().apply(work), "b") == {"cache_read": 10, "fresh": 5, "output": 1}


def test_its_words():
    lever, work = History(turns=1), workload(chat("a", 3), chat("b", 0))
    after = lever.apply(work)
    assert lever.action(work, after) == (
        "Send only the last turn of a conversation: 20 tokens (7.0% of all) need not be sent."
    )
    assert lever.notes(work, after)[0].startswith("1 call sent history. Turns")


def test_settings():
    for bad in ({"turns": -1}, {"stride": -1}, {"summary_tokens": 0}, {"recall": -1}):
        with pytest.raises(SettingsError, match=rf"{next(iter(bad))} is -?\d"):
            History(**bad)
    with pytest.raises(SettingsError, match="mode is 'none'; it can be: window, summary"):
        History(mode="none")
    with pytest.raises(SettingsError, match="unit is 'day'; it can be: user, step"):
        History(unit="day")
    assert [(x.mode, x.turns, x.stride) for x in History().variants()] == [
        ("tool_results", 10, 40), ("tool_results", 10, 10), ("window", 20, 20), ("window", 12, 12), ("window", 6, 6),
        ("window", 6, 0),
    ]  # fmt: skip
    assert History(turns=3).variants() == (History(turns=3),)


@settings(deadline=None, max_examples=25)
@given(st.lists(st.integers(0, 9), max_size=5), st.integers(0, 9))
def test_never_more_tokens_and_a_second_time_changes_nothing(turns, window):
    work = workload(*(chat(str(n), count) for n, count in enumerate(turns)))
    once = History(turns=window).apply(work)
    assert once.parts["tokens"].sum() <= work.parts["tokens"].sum()
    assert once.parts.columns == work.parts.columns
    assert once.parts.schema == work.parts.schema
    assert same(History(turns=window).apply(once), once)


def said(role, kind="text"):
    return {"role": role, "kind": kind}


def step(number, call_tokens, result_tokens, segment="history"):
    """A reply that calls a tool, and what the tool gave back, in the one turn of an agent."""
    return (
        history(call_tokens, 1, f"call {number}", **said("assistant", "tool_call")),
        part(segment, result_tokens, f"result {number}", turn=1, **said("tool", "tool_result")),
    )


def agent(steps, *more, call_id="run", **columns):
    """An agent's call after so many steps: each calls a tool with 10 tokens and gets 100 back."""
    blocks = [block for n in range(steps) for block in step(n, 10, 100)]
    blocks[-1:] = [
        part("context", 100, f"result {steps - 1}", turn=1, **said("tool", "tool_result"))
    ]
    task = query(30, "the task", turn=1)
    return call(
        call_id, system(50, role="system"), task, *blocks, *more, output(5, turn=1), **columns
    )


def test_turns_of_users_leave_an_agent_alone_and_steps_do_not():
    work = workload(agent(6))
    assert History(turns=0).apply(work) is work
    assert History(turns=2).action(work, work) == (
        "Send only the last 2 turns of a conversation; none is longer in turns; in steps (unit = "
        "step) 1 call would be cut."
    )
    # Of steps 0 to 5 the last is the current one; its call is in history, its result in context.
    after = History(turns=2, unit="step").apply(work)
    assert tokens(after, "run") == {"fresh": 50 + 30 + 3 * 110, "output": 5}
    assert tokens(History(turns=0, unit="step").apply(work), "run")["fresh"] == 50 + 30 + 110


def test_a_cut_by_steps_keeps_what_the_user_said():
    old = [history(7, 1, "first"), history(8, 1, "answer", role="assistant"), history(9, 2, "then")]
    work = workload(call("a", *old, *step(0, 10, 100), query(5, turn=3), output(1, turn=3)))
    after = History(turns=0, unit="step").apply(work)
    assert sent(after) == [("history", 1, 7), ("history", 2, 9), ("query", 3, 5)]


def test_old_results_of_tools_are_cleared_and_their_calls_stay():
    work = workload(agent(6))
    after = History(turns=2, mode="tool_results", stride=1).apply(work)
    # Results 0, 1 and 2 are older than two steps: 10 tokens are left of each 100.
    assert tokens(after, "run") == {"fresh": 50 + 30 + 6 * 10 + 3 * 10 + 3 * 100, "output": 5}
    kinds = after.parts["kind"].cast(pl.String).to_list()
    assert kinds == work.parts["kind"].cast(pl.String).to_list()


def test_a_result_that_is_shorter_than_its_placeholder_stays():
    small = workload(call("a", *step(0, 10, 9), *step(1, 10, 100, "context"), output(1, turn=1)))
    assert History(turns=0, mode="tool_results", stride=1).apply(small) is small


def test_results_in_two_billing_classes_leave_one_placeholder():
    old = history(100, 1, "old", read=60, **said("tool", "tool_result"))
    work = workload(call("a", history(4, 1, **said("assistant", "tool_call")), old,
                         *step(1, 10, 100, "context"), output(1, turn=1)))  # fmt: skip
    after = History(turns=0, mode="tool_results", stride=1).apply(work)
    assert tokens(after, "a") == {"fresh": 4 + 10 + 10 + 100, "output": 1}


def test_between_two_moves_prompts_begin_alike():
    work = workload(*(chat(f"c{n}", n) for n in range(12)))
    after = History(turns=2, stride=3).apply(work).parts
    starts = [after.filter(pl.col("call_no") == n + 1, pl.col("segment") == "history")["turn"].min()
              for n in range(3, 12)]  # fmt: skip
    assert starts == [0, 0, 3, 3, 3, 6, 6, 6, 9]
    prefixes = [set(after.filter(pl.col("call_no") == n)["prefix"]) for n in (6, 7, 8, 9)]
    # Each call that the cut does not move for begins with all of the call before it but its query.
    assert [len(a & b) for a, b in pairwise(prefixes)] == [5, 7, 1]


def test_hidden_reasoning_of_all_replies_keeps_the_share_of_replies_that_stay():
    carried = history(80, 1, "", rule="usage", **said("assistant", "thinking"))
    blocks = [block for n in range(4) for block in step(n, 10, 100)]
    work = workload(call("a", query(5, turn=1), carried, *blocks, output(1, turn=1)))
    after = History(turns=0, unit="step").apply(work)
    # One of four replies of 10 tokens stays, so 20 of the 80; and step 3 with its 110.
    assert tokens(after, "a") == {"fresh": 5 + 20 + 110, "output": 1}


SUMMARY = {"mode": "summary", "turns": 1, "stride": 2, "summary_tokens": 12}


def summaries(work):
    """call_id, input and output tokens of the calls that were added."""
    new = work.calls.filter("added").sort("call_no")
    sizes = work.parts.group_by("call_no").agg(
        pl.col("tokens").filter(pl.col("segment") == "unattributed").sum().alias("read"),
        pl.col("tokens").filter(pl.col("segment") == "output").sum().alias("written"),
    )
    return list(
        new.join(sizes, on="call_no", maintain_order="left")
        .select("call_id", "model", "read", "written")
        .iter_rows()
    )


def test_a_summary_stands_for_old_turns_and_is_paid_for_when_it_is_renewed():
    # Turns of 10 tokens; one is kept, and the cut moves two at a time: at 3 turns the first 2 go (20
    # tokens), at 5 the first 4, of which the summary before holds 2.
    chats = [chat(f"c{n}", n, session="s") for n in range(7)]
    after = History(**SUMMARY, summary_model="small").apply(workload(*chats))
    assert [tokens(after, f"c{n}")["fresh"] for n in (0, 2)] == [120, 140]
    own = after.parts.filter(pl.col("call_no") < 2**40, pl.col("segment") != "output")
    prompt = dict(own.group_by("call_no").agg(pl.col("tokens").sum()).iter_rows())
    # System 100, query 20, a summary of 12, and what is kept: turn 2; turns 2, 3; turn 4; turns 4, 5.
    assert [prompt[n] for n in (4, 5, 6, 7)] == [142, 152, 142, 152]
    assert summaries(after) == [("c3", "small", 20, 12), ("c5", "small", 12 + 20, 12)]


def test_a_summary_stays_the_same_until_it_is_renewed_and_is_its_conversations_own():
    chats = [chat(f"{s}{n}", n, session=s) for s in ("s", "t") for n in (3, 4, 5)]
    after = History(**SUMMARY).apply(workload(*chats)).parts
    written = after.filter(pl.col("segment") == "history", pl.col("tokens") == 12)
    assert written["call_no"].to_list() == [1, 2, 3, 4, 5, 6]
    s3, s4, s5, t3, t4, t5 = written["content"]
    assert (s3, t3) == (s4, t4)
    assert len({s3, s5, t3, t5}) == 4
    prefixes = written["prefix"].to_list()
    assert prefixes[0] == prefixes[1]


def test_without_conversation_and_text_each_call_pays_for_its_own_summary():
    blind = [history(10, turn, "") for turn in range(3)]
    calls = [call(name, *blind, query(5, "", turn=3), output(1, turn=3)) for name in "ab"]
    assert summaries(History(**SUMMARY).apply(workload(*calls))) == [
        ("a", "gpt-4o", 20, 12), ("b", "gpt-4o", 20, 12),
    ]  # fmt: skip


def test_what_is_no_longer_than_its_summary_is_not_summed_up():
    work = workload(chat("a", 3, session="s"))
    assert History(**SUMMARY | {"summary_tokens": 20}).apply(work) is work


def test_a_summary_is_not_summed_up_again():
    work = workload(*(chat(f"c{n}", n, session="s") for n in range(7)))
    once = History(**SUMMARY).apply(work)
    assert History(**SUMMARY).apply(once) is once


def test_relevant_turns_come_back_by_the_rarer_words_they_share():
    topics = ["invoices from March", "weather in Oslo", "the refund of an invoice", "weather again"]
    old = [history(10, turn, text) for turn, text in enumerate(topics)]
    ask = "where is my refund, and the invoices"
    work = workload(call("a", *old, query(20, ask, turn=4), output(1, turn=4)))
    lever = History(turns=1, mode="relevant", recall=1)
    known = reading(work, ask, *topics)
    # Turn 2 shares "refund" and "the", turn 0 "invoices"; turn 3 is in the window.
    assert [turn for _, turn, _ in sent(lever.apply(known))] == [2, 3, 4]
    assert [t for _, t, _ in sent(History(turns=1, mode="relevant", recall=3).apply(known))] == [
        0, 2, 3, 4,
    ]  # fmt: skip
    assert known.texts.asked == 1


def test_without_texts_nothing_is_relevant_and_it_says_so():
    work = workload(chat("a", 3))
    lever = History(turns=1, mode="relevant")
    assert [turn for _, turn, _ in sent(lever.apply(work))] == [0, 2, 2, 3]
    assert lever.notes(work, lever.apply(work))[-1] == (
        "History that cannot be read again counts as not relevant, in 1 call."
    )


def test_the_low_end_of_a_summary_is_four_times_as_long():
    low, high = History(mode="summary").scenarios()
    assert (low.summary_tokens, high.summary_tokens) == (1_024, 256)
    assert History().scenarios() == (History(), History())


def test_its_curve():
    work = workload(chat("a", 8), agent(6))
    (table,) = History().details(work, work)
    # The chat's turns 0 to 4 are older than 3: 50 tokens. Of steps, by replies: the agent's 0 and 1.
    assert table.rows[0] == (3, 1, 50, 1, 2 * 110, 2 * 100)
    assert table.rows[1] == (6, 1, 20, 0, 0, 0)
    nothing = workload(call("a", query(5), output(1)))
    assert History().details(nothing, nothing) == ()


@pytest.mark.parametrize(
    "lever",
    [History(turns=2, stride=2), History(turns=1, unit="step"), History(**SUMMARY),
     History(turns=1, mode="tool_results")],
)  # fmt: skip
def test_the_order_of_calls_does_not_matter(lever):
    work = workload(*(chat(f"c{n}", n, session="s") for n in range(7)), agent(9))
    other = shuffled(work, 3)
    after, again = lever.apply(work), lever.apply(other)
    assert after.calls.height == again.calls.height
    for call_id in work.calls["call_id"]:
        assert tokens(after, call_id) == tokens(again, call_id)


RATES = {"fresh": 2_500_000, "output": 10_000_000}
"""Picodollars a token of gpt-4o: $2.50 and $10 for a million."""


def test_the_planted_waste_is_found_to_the_picodollar():
    # 40 conversations of 8 calls, turns of 10 tokens: beyond a window of 2 lie 1 to 5 turns.
    log = [chat(f"{s}-{n}", n, session=f"s{s}") for s in range(40) for n in range(8)]
    lever = History(turns=2)
    (found,) = simulate(workload(*log), [lever], PriceBook.load(None)).levers
    assert found.saved == 40 * sum(10 * (n - 2) for n in range(3, 8)) * RATES["fresh"]
    assert found.calls == 40 * 5


def test_planted_summaries_save_what_they_replace_less_what_they_cost():
    log = [chat(f"{s}-{n}", n, session=f"s{s}") for s in range(40) for n in range(8)]
    (found,) = simulate(workload(*log), [History(**SUMMARY)], PriceBook.load(None)).levers
    # A conversation: calls 3, 4 lose 20 tokens and get 12, calls 5, 6 lose 40, call 7 loses 60; the
    # three summaries read 20, 32 and 32 and write 12 each.
    read = 2 * (20 - 12) + 2 * (40 - 12) + (60 - 12) - (20 + 32 + 32)
    assert found.saved == 40 * (read * RATES["fresh"] - 3 * 12 * RATES["output"])


def test_a_clean_log_has_nothing_to_drop():
    log = workload(*(chat(str(n), n % 3, session=str(n)) for n in range(100)))
    (found,) = simulate(log, [History()], PriceBook.load(None)).levers
    assert (found.saved, found.calls) == (0, 0)
    assert found.action == "Send only the last 6 turns of a conversation; none is longer."
