"""The golden vectors of billing.md, section 8, that a cache simulation can be held against, beside 1,
3, 4 and 5 in test_prompt_cache: 2, 6 and 7."""

import pytest

from costscope.levers.prompt_cache import PromptCache
from tests.workloads import call, output, part, query, system, tokens, workload

GPT56 = {"provider": "openai", "model": "gpt-5.6-luna"}
DEEPSEEK = {"provider": "deepseek", "model": "deepseek-chat"}
SURE = PromptCache(miss_rate=0.0)
HUNDREDTHS = {"fresh": 100, "cache_read": 10, "cache_write_30m": 125}


def prompts(work, call_id):
    return {name: n for name, n in tokens(work, call_id).items() if name != "output"}


def test_golden_2_what_follows_the_last_message_is_neither_read_nor_written():
    def asked(name, at):
        tail = part("unattributed", 3, "", kind="hidden", role="none")
        return call(name, query(18_011, "same"), tail, output(9, "reply"), at=at, **GPT56)

    after = SURE.apply(workload(asked("a", 0), asked("b", 60)))
    assert prompts(after, "a") == {"fresh": 3, "cache_write_30m": 18_011}
    assert prompts(after, "b") == {"fresh": 3, "cache_read": 18_011}


@pytest.mark.parametrize(("length", "pays"), [(220, False), (221, True)])
def test_golden_6_padding_to_the_minimum_pays_from_221_tokens(length, pays):
    calls = (
        call(f"c{i}", system(1_024, "You are …", role="system"), query(0, f"q{i}"), at=i, **GPT56)
        for i in range(0, 30, 3)
    )
    padded = PromptCache(miss_rate=0.0, breakpoints="prefix").apply(workload(*calls))
    cost = sum(
        HUNDREDTHS[name] * n
        for i in range(0, 30, 3)
        for name, n in prompts(padded, f"c{i}").items()
    )
    assert (cost < 10 * length * 100) is pays


def ab_ac_ad():
    shared = system(6_400, "A", role="system")
    return workload(
        *(
            call(name, shared, query(1_280, name), output(64, f"reply {name}"), at=at, **DEEPSEEK)
            for at, name in ((0, "B"), (60, "C"), (120, "D"))
        )
    )


def test_golden_7_the_third_request_reads_what_two_shared():
    after = SURE.apply(ab_ac_ad())
    assert "cache_read" not in prompts(after, "B")
    assert prompts(after, "D")["cache_read"] == 6_400


def test_golden_7_the_second_request_only_makes_the_shared_prefix_known():
    assert "cache_read" not in prompts(SURE.apply(ab_ac_ad()), "C")


def test_a_longer_prompt_hits_where_the_one_before_ended():
    shared, more = system(6_400, "A", role="system"), query(1_280, "B")
    again = query(1_280, "next")
    after = SURE.apply(workload(
        call("a", shared, more, output(64, "reply"), at=0, **DEEPSEEK),
        call("b", shared, more, again, output(64, "reply again"), at=60, **DEEPSEEK),
    ))  # fmt: skip
    assert prompts(after, "b")["cache_read"] == 7_680


def test_of_what_two_requests_share_only_the_whole_is_stored():
    parts = [query(640, name) for name in ("a1", "a2", "a3")]
    asked = (
        ("first", [*parts, query(640, "B")]),
        ("second", [*parts, query(640, "C")]),
        ("shorter", [*parts[:2], query(640, "D")]),
        ("third", [*parts, query(640, "E")]),
    )
    after = SURE.apply(workload(*(
        call(name, *blocks, output(9, name), at=60 * i, **DEEPSEEK)
        for i, (name, blocks) in enumerate(asked)
    )))  # fmt: skip
    read = {name: prompts(after, name).get("cache_read", 0) for name, _ in asked}
    assert read == {"first": 0, "second": 0, "shorter": 0, "third": 1_920}
