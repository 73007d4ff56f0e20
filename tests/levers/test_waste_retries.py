"""Attempts that failed and were made again: which of them were billed in vain."""

import pytest

from costscope.errors import SettingsError
from costscope.levers.waste_retries import WasteRetries
from tests.levers.wasted import INPUT, OUTPUT, asked, clean, dropped, saved, unchanged
from tests.workloads import call, shuffled, workload

LEVER = WasteRetries()


def failed(call_id, **columns):
    return asked(call_id, status="error", **columns)


def test_a_failed_attempt_goes_and_the_last_one_stays():
    work = workload(failed("a", at=0), failed("b", at=5), asked("c", at=10), asked("d", at=15))
    assert dropped(LEVER, work) == ["a", "b"]


def test_a_failure_that_nobody_repeats_stays():
    assert unchanged(LEVER, failed("a", at=0), asked("b", at=5, request="other"))
    assert unchanged(LEVER, asked("a", at=0), failed("b", at=5))


@pytest.mark.parametrize(("wait", "gone"), [(600, ["a"]), (601, [])])
def test_how_soon(wait, gone):
    assert dropped(LEVER, workload(failed("a", at=0), asked("b", at=wait))) == gone


def test_another_caller_is_no_retry_unless_the_log_says_so():
    assert unchanged(LEVER, failed("a"), asked("b", at=5, session="t"))
    work = workload(failed("a"), asked("b", at=5_000, session="t", request="x", retry_of="a"))
    assert dropped(LEVER, work) == ["a"]


def test_a_broken_off_answer_needs_a_known_caller_a_failed_one_does_not():
    pair = [asked("b", at=5, session=None)]
    assert unchanged(LEVER, asked("a", status="incomplete", session=None), *pair)
    assert dropped(LEVER, workload(failed("a", session=None), *pair)) == ["a"]
    known = workload(asked("a", status="incomplete"), asked("b", at=5))
    assert dropped(LEVER, known) == ["a"]


def test_what_is_not_known_to_be_billed_stays_and_is_told():
    free = call("free", status="error", request="q", session="s", at=0)
    work = workload(free, failed("blind", at=1, estimated=True), asked("b", at=5))
    after = LEVER.apply(work)
    assert after is work
    assert LEVER.notes(work, after) == [
        "Left out, because the log has no usage of them, so that their cost is unknown: 1 failed attempt "
        "that came again.",
        "Not billed, so nothing to save: 1 failed attempt that came again.",
    ]


def test_answered_attempts_only_at_the_optimistic_end():
    work = workload(asked("a"), asked("b", at=90, request="x", retry_of="a"))
    low, high = LEVER.scenarios()
    assert [dropped(lever, work) for lever in (low, LEVER, high)] == [[], [], ["a"]]
    late = workload(failed("a"), asked("b", at=61))
    assert [dropped(lever, late) for lever in (low, LEVER)] == [[], ["a"]]


def test_unknown_times_and_requests_find_nothing():
    assert unchanged(LEVER, failed("a", sent_at=None), asked("b", sent_at=None))
    assert unchanged(LEVER, failed("a", request=""), asked("b", request="", at=5))
    assert unchanged(LEVER)


def test_its_words():
    work = workload(failed("a"), asked("b", at=5), asked("c", at=9, request="x", retry_of="a"))
    after = LEVER.apply(work)
    assert LEVER.action(work, after) == (
        "Remove what makes attempts fail and be made again: 1 billed attempt (33% of all calls) need "
        "not be paid for."
    )
    (table,) = LEVER.details(work, after)
    assert table.rows == [("error, its retry is named", 1, 1000, 50, "gpt-4o")]
    nothing = workload(asked("a"))
    assert LEVER.action(nothing, LEVER.apply(nothing)).endswith("; none was found.")
    assert list(LEVER.details(nothing, nothing)) == []


def test_settings():
    with pytest.raises(SettingsError, match="within_s is 0"):
        WasteRetries(within_s=0)


@pytest.mark.parametrize("seed", range(2))
def test_order_of_rows_does_not_matter(seed):
    work = workload(failed("a"), failed("b", at=3), asked("c", at=6), *clean(9))
    assert dropped(LEVER, shuffled(work, seed)) == ["a", "b"]


def test_planted():
    # 25 failed attempts of 1,000 + 50 tokens among 225 calls.
    pairs = [
        make(f"{make.__name__} {n}", at=60 * n + 7 * (make is asked), request=f"again {n}")
        for n in range(25)
        for make in (failed, asked)
    ]
    truth = 25 * (1_000 * INPUT + 50 * OUTPUT)
    assert saved("waste_retries", *pairs, *clean(175)) == truth
    assert saved("waste_retries", *clean()) == 0
