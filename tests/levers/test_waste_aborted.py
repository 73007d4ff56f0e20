"""Streams that were broken off after output was billed, and that nobody went on from."""

import pytest

from costscope.levers.waste_aborted import WasteAborted
from tests.levers.wasted import OUTPUT, asked, clean, dropped, saved, unchanged
from tests.workloads import history, shuffled, tokens, workload

LEVER = WasteAborted()
WHOLE = WasteAborted(whole=True)


def broken(call_id, status="aborted", **columns):
    return asked(call_id, status=status, **columns)


@pytest.mark.parametrize("status", ["aborted", "incomplete", "cancelled", "Interrupted"])
def test_the_reply_of_the_broken_one_goes_or_all_of_it(status):
    work = workload(broken("a", status), asked("b", at=9))
    after = LEVER.apply(work)
    assert tokens(after, "a") == {"fresh": 1000}
    assert tokens(after, "b") == {"fresh": 1000, "output": 50}
    assert dropped(WHOLE, work) == ["a"]


@pytest.mark.parametrize(
    "columns",
    [
        {"status": "ok"}, {"status": "error"}, {"estimated": True}, {"answer": 0},
        {"status": "incomplete", "finish_reason": "stop"},
    ],
)  # fmt: skip
def test_what_stays(columns):
    assert unchanged(LEVER, broken("a", **columns), asked("b", at=9))


def test_an_answer_that_is_carried_on_was_used():
    after = asked("b", history(50, 0, "answer a"), at=9)
    assert unchanged(LEVER, broken("a"), after)


def test_a_reply_without_text_is_not_judged():
    work = workload(broken("a", answer=50))
    silent = work.with_(parts=work.parts.with_columns(content=work.parts["content"] * 0))
    assert LEVER.apply(silent) is silent
    assert LEVER.notes(silent, silent) == [
        "Left alone, with no output billed, no text in the log, or carried on: 1 broken call."
    ]


def test_the_high_end_saves_the_prompt_too():
    work = workload(broken("a"), asked("b", at=9))
    low, high = LEVER.scenarios()
    assert low == LEVER
    assert dropped(high, work) == ["a"]
    assert high.action(work, high.apply(work)).endswith(
        "1 aborted answer among 2 calls, all in vain."
    )


def test_its_words():
    work = workload(broken("a", feature="chat"), broken("b", estimated=True, at=9))
    after = LEVER.apply(work)
    assert LEVER.action(work, after).endswith("of which the reply could be saved.")
    assert LEVER.details(work, after)[0].rows == [("aborted", 1, 1000, 50, "chat")]
    assert LEVER.notes(work, after)[0].endswith("so that their cost is unknown: 1 broken call.")


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_does_not_matter(seed):
    work = workload(broken("a"), *clean(9))
    assert dropped(WHOLE, shuffled(work, seed)) == ["a"]
    assert tokens(LEVER.apply(shuffled(work, seed)), "a") == {"fresh": 1000}


def test_planted():
    # 15 replies of 50 tokens among 165 calls.
    lost = [broken(f"lost {n}", at=n, request=f"lost {n}") for n in range(15)]
    truth = 15 * 50 * OUTPUT
    assert saved("waste_aborted", *lost, *clean(150)) == truth
    assert saved("waste_aborted", *clean()) == 0
