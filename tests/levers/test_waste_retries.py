"""Attempts that failed and were made again: which of them were billed in vain."""

import pytest

from costscope import plugins
from costscope.advise import simulate
from costscope.errors import SettingsError
from costscope.levers.waste_retries import WasteRetries
from costscope.prices import PriceBook
from tests.levers.wasted import INPUT, OUTPUT, asked, clean, dropped, saved, unchanged
from tests.workloads import call, output, query, shuffled, system, tokens, workload

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


def test_calls_of_the_same_moment_are_no_retries_of_each_other():
    assert unchanged(LEVER, failed("a", at=0), failed("b", at=0))


def test_an_answer_whose_retry_failed_is_the_one_that_was_used():
    high = WasteRetries(answered=True)
    assert unchanged(high, asked("a", at=0), failed("b", at=5, request="x", retry_of="a"))
    assert dropped(high, workload(asked("a"), asked("b", at=5, request="x", retry_of="a"))) == ["a"]


CLAUDE = {"model": "claude-sonnet-4-5", "provider": "anthropic", "request": "q", "session": "s"}


def cached(call_id, status="ok", *, read=0, write=0, **columns):
    prompt = system(2_000, read=read, write=write), query(100, "q")
    return call(call_id, *prompt, output(50), status=status, **(CLAUDE | columns))


def test_what_a_failed_attempt_wrote_into_the_cache_its_retry_writes():
    # $3, 0.30 and 15 for a million fresh, read and output tokens. Two attempts fail: their 100 fresh
    # and 50 output go, and 2,000 read twice; the write stays, and is only made by another call.
    work = workload(
        cached("a", "error", write=2_000), cached("b", "error", read=2_000, at=1),
        cached("c", read=2_000, at=2),
    )  # fmt: skip
    made = LEVER.apply(work)
    assert tokens(made, "c") == {"cache_write_5m": 2_000, "fresh": 100, "output": 50}
    truth = 2 * (100 * 3_000_000 + 50 * 15_000_000) + 2 * 2_000 * 300_000
    assert LEVER.notes(work, made) == [
        "The attempts that stay pay for 2,000 tokens that they had read from the provider's cache, "
        "where the failed ones had put them."
    ]
    levers = [plugins.load("levers", "waste_retries")()]
    assert simulate(work, levers, PriceBook.load()).saved == truth


def test_where_the_provider_caches_by_itself_the_retry_is_fresh():
    openai = {"model": "gpt-5", "provider": "openai"}
    work = workload(cached("a", "error", **openai), cached("b", read=1_920, at=1, **openai))
    assert tokens(LEVER.apply(work), "b") == {"fresh": 2_100, "output": 50}


def test_attempts_that_name_each_other_make_no_endless_chain():
    one = cached("a", "error", write=2_000, retry_of="b")
    assert dropped(LEVER, workload(one, cached("b", "error", at=1, retry_of="a"))) == ["a", "b"]


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ({"read": 1_500, "write": 500}, {"read": 1_500, "write": 500}),
        ({"write": 2_000}, {"write": 2_000}), ({}, {"read": 2_000}),
    ],
)  # fmt: skip
def test_what_the_retry_did_not_owe_to_it_stays_as_billed(first, last):
    work = workload(cached("a", "error", **first), cached("b", **last, at=1))
    assert tokens(LEVER.apply(work), "b") == tokens(work, "b")


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
