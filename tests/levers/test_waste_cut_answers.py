"""Answers that were cut, thrown away and asked for again with more room."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import SettingsError
from costscope.levers.waste_cut_answers import WasteCutAnswers, _longest
from tests.levers.wasted import INPUT, OUTPUT, asked, clean, dropped, saved, unchanged
from tests.workloads import call, history, output, query, shuffled, system, workload

LEVER = WasteCutAnswers()


def cut(call_id, limit=20, reason="length", **columns):
    return asked(call_id, answer=limit, finish_reason=reason, **columns)


def again(call_id, answer=50, request="q with more room", **columns):
    """The same prompt with another limit: another request hash, the same blocks."""
    prompt = system(900), query(100, columns.pop("said", "q"))
    columns = {"session": "s", "finish_reason": "stop"} | columns
    return call(call_id, *prompt, output(answer, call_id), request=request, **columns)


@pytest.mark.parametrize("reason", ["length", "max_tokens", "MAX_TOKENS", "model_length"])
def test_the_cut_one_goes(reason):
    assert dropped(LEVER, workload(cut("a", reason=reason), again("b", at=5))) == ["a"]


def test_one_that_a_later_prompt_carries_was_used():
    pair = asked("a", answer=20, finish_reason="length"), again("b", at=5)
    later = call(
        "c", system(900), history(20, 0, "answer a"), query(9), output(5), at=9, session="s"
    )
    assert dropped(LEVER, workload(*pair)) == ["a"]
    assert unchanged(LEVER, *pair, later)


def test_a_limit_raised_twice():
    work = workload(
        cut("a", 20), again("b", 40, at=5, finish_reason="length"), again("c", 90, at=9)
    )
    assert dropped(LEVER, work) == ["a", "b"]


@pytest.mark.parametrize(
    "second",
    [
        {"answer": 20}, {"said": "another question"}, {"session": "t"}, {"model": "gpt-4.1"},
        {"at": 601}, {"at": 0}, {"status": "error"}, {"sent_at": None}, {"request": ""},
    ],
)  # fmt: skip
def test_what_does_not_replace_it(second):
    assert unchanged(LEVER, cut("a"), again("b", **{"at": 5} | second))


def test_a_continued_answer_was_used():
    more = call(
        "b", system(900), query(100, "q"), history(20, 0, "answer a"), query(3, "go on", turn=1),
        output(90), session="s", request="x", at=5,
    )  # fmt: skip
    assert unchanged(LEVER, cut("a"), more)


def test_whole_answers_stay():
    assert unchanged(LEVER, asked("a", answer=20, finish_reason="stop"), again("b", at=5))


def test_callers_that_nobody_knows_are_told():
    work = workload(cut("a", session=None), again("b", at=5, session=None))
    after = LEVER.apply(work)
    assert after is work
    assert LEVER.notes(work, after) == [
        "Answers cut by their limit: 1; seen to be asked for again: 0. Of 1 cut answer the log does not "
        "say who asked: too little data."
    ]


def test_settings_and_the_low_end():
    with pytest.raises(SettingsError, match="within_s is 0"):
        WasteCutAnswers(within_s=0)
    work = workload(cut("a"), again("b", at=61))
    low, high = LEVER.scenarios()
    assert [dropped(lever, work) for lever in (low, high)] == [[], ["a"]]


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_does_not_matter(seed):
    work = workload(cut("a"), again("b", at=5), *clean(9))
    assert dropped(LEVER, shuffled(work, seed)) == ["a"]


def test_planted():
    # 20 answers cut at 30 of 1,000 + 30 tokens, each asked for again, among 240 calls.
    pairs = [
        made
        for n in range(20)
        for made in (
            cut(f"cut {n}", 30, at=60 * n, request=f"long {n}", session=f"p {n}"),
            again(f"full {n}", 400, f"room {n}", at=60 * n + 9, said=f"long {n}", session=f"p {n}"),
        )
    ]
    truth = 20 * (1_000 * INPUT + 30 * OUTPUT)
    assert saved("waste_cut_answers", *pairs, *clean(200)) == truth
    assert saved("waste_cut_answers", *clean()) == 0


@settings(max_examples=80, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 5)), max_size=25),
    st.integers(1, 12),
)
def test_the_longest_answer_soon_after(rows: list[tuple[int, int, int]], within: int) -> None:
    rows = sorted(rows, key=lambda row: row[:2])
    by_hand = [
        max((t for g, at, t in rows if g == group and 0 < at - sent <= within), default=-1)
        for group, sent, _ in rows
    ]
    columns = np.array(rows, np.int64).reshape(-1, 3).T
    assert _longest(*columns, within).tolist() == by_hand
