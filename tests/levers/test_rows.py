"""What levers ask of a workload's rows: calls measured, counted by class, told apart, put in order."""

from collections import OrderedDict

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.levers import _rows
from costscope.levers._answers.room import lost
from costscope.levers._rows import (
    added,
    by_class,
    conversations,
    gathered,
    in_time,
    kinds,
    matches,
    replies,
    sizes,
    sizes_among,
    with_sizes,
    without,
)
from costscope.levers._runs import runs
from tests.workloads import call, history, output, query, system, workload

WORK = workload(
    call("a", system(30, read=10), history(7, 0), query(5), output(4), session="s", at=2),
    call("b", query(6), session="s", at=1),
    call("c", system(20, write=12), query(1), output(2), output(3), trace="t", at=1),
    call("d", sent_at=None),
)
"""Calls 1 to 4; the second has no reply, the last nothing at all."""


def test_sizes_are_of_the_calls_that_have_parts() -> None:
    assert sizes(WORK.parts).rows() == [(1, 42, 7, 5, 4), (2, 6, 0, 6, 0), (3, 21, 0, 1, 5)]


def test_sizes_of_few_calls() -> None:
    assert sizes_among(WORK.parts, pl.Series([3, 4])).rows() == [(3, 21, 0, 1, 5)]
    assert sizes_among(WORK.parts, pl.Series([], dtype=pl.Int64)).is_empty()


def test_sizes_are_the_same_some_calls_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = sizes(WORK.parts)
    monkeypatch.setattr(_rows, "SOME", 2)
    assert sizes(WORK.parts.clone()).equals(whole)


def test_a_call_without_parts_has_no_sizes() -> None:
    sized = with_sizes(WORK.calls.select("call_no"), WORK.parts)
    assert sized["input_tokens"].to_list() == [42, 6, 21, None]


def test_replies_are_of_the_calls_that_were_answered() -> None:
    assert replies(WORK.parts).rows() == [(1, 4), (3, 5)]


def test_tokens_by_class_in_the_order_that_is_asked_for() -> None:
    found = by_class(WORK.parts, pl.Series([3, 1, 4]), ("cache_read", "cache_write_5m", "fresh"))
    assert found.tolist() == [[0, 12, 9], [10, 0, 32], [0, 0, 0]]


def test_rows_of_calls_stand_together() -> None:
    found = runs(WORK.parts)
    assert found.calls.tolist() == [1, 2, 3]
    assert found.rows(np.array([2, 1])).tolist() == [0, 1, 2, 3, 4, 5]
    assert found.of(np.array([2])).tolist() == [False] * 5 + [True] + [False] * 5
    assert found.any(WORK.parts["tokens"].to_numpy() > 10).tolist() == [True, False, True]


def test_no_parts_have_no_runs() -> None:
    found = runs(WORK.parts.clear())
    assert found.rows(np.array([1])).tolist() == found.sums(np.zeros(0, np.int64)).tolist() == []


def test_a_conversation_is_a_session_or_a_trace_or_a_call_by_itself() -> None:
    one, other, traced, alone = conversations(WORK.calls).tolist()
    assert one == other
    assert len({one, traced, alone}) == 3


def test_calls_in_the_order_of_time_and_of_their_ids() -> None:
    assert in_time(WORK.calls).tolist() == [3, 1, 2, 0]


def test_kinds_are_what_calls_are_alike_in() -> None:
    found = kinds(WORK.calls, ("session", "trace"))
    assert [found.keys[kind] for kind in found.kind] == [
        ("s", None), ("s", None), (None, "t"), (None, None),
    ]  # fmt: skip
    at, table = found.table([(key[0],) if key[0] else None for key in found.keys], {"x": pl.String})
    assert [table["x"][int(place)] if place >= 0 else None for place in at] == [
        "s",
        "s",
        None,
        None,
    ]


def test_kinds_are_told_apart_however_many_there_could_be(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = kinds(WORK.calls, ("call_id", "session", "trace"))
    monkeypatch.setattr(_rows, "_MOST", 3)
    found = kinds(WORK.calls, ("call_id", "session", "trace"))
    assert [found.keys[k] for k in found.kind] == [whole.keys[k] for k in whole.kind]


def test_a_place_that_is_not_there_is_null() -> None:
    table = pl.DataFrame({"x": [5, 6]})
    assert gathered(table, np.array([1, -1, 0]))["x"].to_list() == [6, None, 5]
    assert gathered(table, np.zeros(0, np.int64)).is_empty()


def test_calls_go_with_their_parts_and_others_stay_as_they_are() -> None:
    left = without(WORK, pl.Series([1, 4, 1]))
    assert left.calls.equals(WORK.calls.filter(pl.col("call_no").is_in([2, 3])))
    assert left.parts.equals(WORK.parts.filter(pl.col("call_no").is_in([2, 3])))


def test_an_added_call_is_on_the_account_of_its_own() -> None:
    rows = pl.DataFrame(
        {"call_no": [3, 1, 2], "model": "m", "input_tokens": [8, 0, 0], "output_tokens": [2, 1, 0]}
    )
    grown = added(WORK, rows, "x")
    news = grown.calls.filter("added")
    assert news.select("call_id", "model", "trace", "lever", "traits").rows() == [
        ("c", "m", "t", "x", 0), ("a", "m", None, "x", 0),
    ]  # fmt: skip
    parts = grown.parts.filter(pl.col("call_no").is_in(news["call_no"].implode()))
    assert parts.select("seq", "segment", "billing_class", "tokens").rows() == [
        (0, "unattributed", "fresh", 8), (1, "output", "output", 2), (1, "output", "output", 1),
    ]  # fmt: skip
    assert grown.calls.schema == WORK.calls.schema
    assert grown.parts.schema == WORK.parts.schema


def test_the_first_pattern_that_matches() -> None:
    assert matches("gpt-4o", ("gpt-5", "gpt-*", "*")) == "gpt-*"
    assert matches(None, ("*",)) is None
    assert matches("a", ()) is None


def by_hand(kinds: list[int], room: int) -> list[bool]:
    """A store that is played through, one request after the other."""
    held: OrderedDict[int, None] = OrderedDict()
    seen, found = set(), []
    for kind in kinds:
        found.append(kind in seen and kind not in held)
        held.pop(kind, None)
        held[kind] = None
        seen.add(kind)
        while len(held) > room:
            held.popitem(last=False)
    return found


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 9), max_size=40), st.integers(1, 6))
def test_what_has_made_room_by_the_next_request(kinds: list[int], room: int) -> None:
    assert lost(np.array(kinds, np.int64), room).tolist() == by_hand(kinds, room)
