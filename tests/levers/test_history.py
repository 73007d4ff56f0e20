"""The sliding window over history: whole turns go, everything else stays, prefixes break behind."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import SettingsError
from costscope.levers.history import History
from tests.workloads import call, history, output, part, query, same, system, tokens, workload


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
        "Send only the last 1 turn of a conversation: 20 tokens (7.0% of all) need not be sent."
    )
    assert lever.notes(work, after)[0].startswith("1 call sent history; 0 calls would send none.")


def test_settings():
    with pytest.raises(SettingsError, match="turns is -1"):
        History(turns=-1)
    assert [x.turns for x in History().variants()] == [20, 12, 6]
    assert History(turns=3).variants() == (History(turns=3),)


@settings(deadline=None)
@given(st.lists(st.integers(0, 9), max_size=5), st.integers(0, 9))
def test_never_more_tokens_and_a_second_time_changes_nothing(turns, window):
    work = workload(*(chat(str(n), count) for n, count in enumerate(turns)))
    once = History(turns=window).apply(work)
    assert once.parts["tokens"].sum() <= work.parts["tokens"].sum()
    assert once.parts.columns == work.parts.columns
    assert once.parts.schema == work.parts.schema
    assert same(History(turns=window).apply(once), once)
