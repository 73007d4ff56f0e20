"""Answers that were replaced by another answer to the same request."""

import pytest

from costscope.levers.waste_unused import WasteUnused
from tests.levers.wasted import INPUT, OUTPUT, asked, clean, dropped, saved, unchanged
from tests.workloads import call, history, output, query, shuffled, system, workload

LEVER = WasteUnused()


def going_on(call_id, answer, **columns):
    """The next turn, which carries the answer of another call."""
    columns = {"session": "s", "request": "on", "at": 30} | columns
    carried = history(100, 0, "q"), history(50, 0, f"answer {answer}")
    return call(call_id, system(900), *carried, query(9, "and?", turn=1), output(5), **columns)


def test_the_answer_that_is_not_carried_on_goes():
    work = workload(asked("a"), asked("b", at=9), going_on("c", "b"))
    assert dropped(LEVER, work) == ["a"]
    assert LEVER.details(work, LEVER.apply(work))[0].rows[0][:4] == (
        "another answer was used", 1, 1000, 50,
    )  # fmt: skip


@pytest.mark.parametrize(
    "calls",
    [
        [asked("a"), going_on("c", "b")],
        [asked("a"), asked("b", at=9)],
        [asked("a"), asked("b", at=9), going_on("c", "b", session="t")],
        [asked("a", session="t"), asked("b", at=9), going_on("c", "b")],
        [asked("a", request="x"), asked("b", at=9), going_on("c", "b")],
        [asked("a", request=""), asked("b", at=9, request=""), going_on("c", "b")],
        [asked("a", session=None), asked("b", session=None), going_on("c", "b", session=None)],
        [asked("a"), asked("b", at=9), going_on("c", "b"), going_on("d", "a", at=40)],
    ],
)
def test_what_nobody_can_say_is_unused(calls):
    assert unchanged(LEVER, *calls)


def test_an_answer_without_a_known_text_stays():
    silent = call("a", system(900), query(100, "q"), output(50, ""), session="s", request="q")
    assert unchanged(LEVER, silent, asked("b", at=9), going_on("c", "b"))


def test_too_little_data_is_said():
    twice = workload(asked("a"), asked("b", at=9))
    assert LEVER.notes(twice, twice)[0].startswith("Too little data: 2 calls made a request")
    single = workload(asked("a"))
    assert LEVER.notes(single, single)[0].startswith("No request was made twice")
    full = workload(asked("a"), asked("b", at=9), going_on("c", "b"))
    assert LEVER.notes(full, LEVER.apply(full))[0].endswith("the answers of 1 are carried on.")


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_does_not_matter(seed):
    work = workload(asked("a"), asked("b", at=9), going_on("c", "b"), *clean(9))
    assert dropped(LEVER, shuffled(work, seed)) == ["a"]


def test_planted():
    # 12 answers of 1,000 + 50 tokens were asked for again and replaced, among 136 calls.
    replaced = [
        made
        for n in range(12)
        for made in (
            asked(f"old {n}", at=100 * n, session=f"p {n}"),
            asked(f"new {n}", at=100 * n + 40, session=f"p {n}"),
            going_on(f"next {n}", f"new {n}", at=100 * n + 80, session=f"p {n}"),
        )
    ]
    truth = 12 * (1_000 * INPUT + 50 * OUTPUT)
    assert saved("waste_unused", *replaced, *clean()) == truth
    assert saved("waste_unused", *clean()) == 0
