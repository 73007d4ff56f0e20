"""A small transcript of our own: streams, parallel tools, sub-agents, compaction, and its accidents."""

import json
import random
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.model import Call, Ignored, Skipped, Usage
from tests.readers.reading import every, reader, spoken, told

SESSION = "0b5e"


def at(second: float) -> str:
    return f"2026-11-02T06:00:{second:06.3f}Z"


def micros(second: float) -> int:
    return 1793599200 * 10**6 + round(second * 10**6)


def line(kind: str, uuid: str, parent: str | None, second: float, **more: Any) -> dict[str, Any]:
    return {
        "type": kind, "uuid": uuid, "parentUuid": parent, "sessionId": SESSION, "timestamp": at(second),
        "isSidechain": False, "cwd": "/home/ann/shop", "gitBranch": "main", "version": "2.0.1", **more,
    }  # fmt: skip


def user(uuid: str, parent: str | None, second: float, content: Any, **more: Any) -> dict[str, Any]:
    return line("user", uuid, parent, second, message={"role": "user", "content": content}, **more)


def reply(
    uuid: str, parent: str | None, second: float, message: str, block: dict[str, Any], output: int = 5,
    usage: Any = None, request: str | None = "", model: str = "claude-opus-4-6", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    billed = {"input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": output}
    said = {"id": message, "role": "assistant", "model": model, "content": [block],
            "usage": billed if usage is None else usage}  # fmt: skip
    rid = {} if request is None else {"requestId": request or f"req_{message}"}
    return line("assistant", uuid, parent, second, message=said, **rid, **more)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def use(name: str) -> dict[str, Any]:
    return {"type": "tool_use", "id": f"t-{name}", "name": name, "input": {}}


def result(name: str, words: str) -> list[dict[str, Any]]:
    return [{"type": "tool_result", "tool_use_id": f"t-{name}", "content": words}]


LOG = [
    {"type": "file-history-snapshot", "messageId": "x", "snapshot": {}},
    user("u1", None, 1, "Fix it."),
    line("progress", "p1", "u1", 1.5),
    reply("a1", "p1", 2, "m1", text("Looking."), output=1),
    reply("a2", "a1", 3, "m1", use("read"), output=1),
    user("r1", "a2", 4, result("read", "code")),
    reply("a3", "r1", 3.5, "m1", use("list"), output=40),
    user("r2", "a3", 5, result("list", "files")),
    reply("b1", "r2", 6, "m2", text("Done."), output=7),
    user("u2", "b1", 9, "Thanks."),
    reply("e1", "u2", 9.5, "err", text("API Error"), model="<synthetic>", isApiErrorMessage=True),
    reply("c1", "u2", 10, "m3", text("Bye."), output=2),
]  # fmt: skip
"""One question, two parallel tool calls whose results interleave with the stream, and an answer."""


def calls(log: list[Any]) -> dict[str, Call]:
    return {i.call_id: i for i in every("claude_code", log) if isinstance(i, Call)}


def test_every_line_is_accounted_for() -> None:
    items = every("claude_code", LOG)
    assert sum(i.count for i in items if isinstance(i, Ignored)) + 3 == len(LOG)
    assert not [i for i in items if isinstance(i, Skipped)]
    assert list(calls(LOG)) == ["m1", "m2", "m3"]


def test_a_streamed_reply_is_one_call_with_its_last_usage() -> None:
    found = calls(LOG)["m1"]
    assert told(found) == {
        "call_id": "m1",
        "request_id": "req_m1",
        "revision": micros(3.5),
        "session": SESSION,
        "trace": SESSION,
        "sent_at": micros(1.5),
        "latency_us": 2_000_000,
        "provider": "anthropic",
        "model": "claude-opus-4-6",
        "feature": "claude-code/main",
        "tags": {"branch": "main", "project": "shop", "version": "2.0.1"},
        "usage": {"fresh": 3, "cache_read": 100, "output": 40},
    }
    assert (found.offset, found.line) == (600, 7)


def test_prompts_are_rebuilt_with_all_results_of_parallel_tools() -> None:
    found = calls(LOG)
    assert spoken(found["m1"]) == [
        ("user", "text", "Fix it."), ("assistant", "text", "Looking."),
        ("assistant", "tool_call", "read\n{}"), ("assistant", "tool_call", "list\n{}"),
    ]  # fmt: skip
    before = [
        *spoken(found["m1"]), ("tool", "tool_result", "code"), ("tool", "tool_result", "files"),
    ]  # fmt: skip
    assert spoken(found["m2"]) == [*before, ("assistant", "text", "Done.")]
    assert spoken(found["m3"]) == [
        *before, ("assistant", "text", "Done."), ("user", "text", "Thanks."), ("assistant", "text", "Bye."),
    ]  # fmt: skip


def test_a_request_starts_when_the_last_result_is_there() -> None:
    assert calls(LOG)["m2"].sent_at == micros(5)


def shown(log: list[Any]) -> Any:
    items = every("claude_code", log)
    found = [(told(i), spoken(i)) for i in items if isinstance(i, Call)]
    ignored = sum(i.count for i in items if isinstance(i, Ignored))
    reasons = sorted(i.reason for i in items if isinstance(i, Skipped))
    return sorted(found, key=lambda c: c[0]["call_id"]), ignored, reasons


TIES = [
    user("u", None, 1, "a"),
    reply("x1", "u", 2, "m", text("one"), output=1),
    reply("x2", "x1", 2, "m", text("two"), output=9),
    reply("x3", "x2", 2, "m", text("three"), output=9, usage={"input_tokens": 4, "output_tokens": 9}),
    user("v", "x3", 2, "b"),
    user("w", "x3", 2, "c"),
    reply("y", "w", 2, "n", text("four")),
    reply("y", "w", 2, "n", text("four")),
    {"type": "summary", "summary": "s", "leafUuid": "x"},
    "no object",
]  # fmt: skip
"""All at one moment, with a branch that was left and a line that was written twice."""


@given(st.permutations(range(len(LOG))), st.permutations(range(len(TIES))))
def test_the_order_of_lines_does_not_matter(order: list[int], ties: list[int]) -> None:
    assert shown([LOG[i] for i in order]) == shown(LOG)
    assert shown([TIES[i] for i in ties]) == shown(TIES)


def test_a_stream_is_told_in_the_order_of_its_tree() -> None:
    found = calls(TIES)
    assert [words for _, _, words in spoken(found["m"])] == ["a", "one", "two", "three"]
    assert found["m"].usage == Usage(fresh=4, output=9)
    assert [words for _, _, words in spoken(found["n"])] == [
        "a",
        "one",
        "two",
        "three",
        "c",
        "four",
    ]


def test_the_last_snapshot_counts_even_if_it_is_less() -> None:
    log = [
        reply("a", None, 2, "m", text("x"), output=50),
        reply("b", "a", 3, "m", text("y"), output=20),
    ]
    assert calls(log)["m"].usage == Usage(fresh=3, cache_read=100, output=20)
    log = [
        reply("a", None, 2, "m", text("x"), output=50),
        reply("b", "a", 2, "m", text("y"), output=20),
    ]
    assert calls(log)["m"].usage == Usage(fresh=3, cache_read=100, output=50)


def test_writes_of_both_lifetimes() -> None:
    usage = {
        "input_tokens": 1, "output_tokens": 2, "cache_creation_input_tokens": 900,
        "cache_creation": {"ephemeral_5m_input_tokens": 400, "ephemeral_1h_input_tokens": 500},
        "service_tier": "priority", "inference_geo": "eu",
    }  # fmt: skip
    found = calls([reply("a", None, 1, "m", text("x"), usage=usage)])["m"]
    assert found.usage == Usage(fresh=1, cache_write_5m=400, cache_write_1h=500, output=2)
    assert (found.tier, found.region) == ("priority", "eu")
    fast = {
        "input_tokens": 1,
        "output_tokens": 2,
        "speed": "fast",
        "inference_geo": "not_available",
    }
    found = calls([reply("a", None, 1, "m", text("x"), usage=fast)])["m"]
    assert (found.tier, found.region) == ("fast", None)


def test_lines_without_a_request_id_belong_to_their_message() -> None:
    log = [
        reply("a", None, 1, "m", text("x"), output=1, request=None),
        reply("b", "a", 2, "m", text("y"), output=8),
        reply("c", "b", 3, "n", text("z"), request=None),
    ]
    found = calls(log)
    assert [(c.call_id, c.request_id) for c in found.values()] == [("m", "req_m"), ("n", "")]
    assert found["m"].usage == Usage(fresh=3, cache_read=100, output=8)


def test_one_message_id_under_two_requests_is_two_calls() -> None:
    log = [reply("a", None, 1, "m", text("x")), reply("b", None, 2, "m", text("y"), request="other"),
           reply("c", None, 3, "m", text("z"), request=None)]  # fmt: skip
    items = [i for i in every("claude_code", log) if isinstance(i, Call)]
    assert sorted(i.request_id for i in items) == ["", "other", "req_m"]


def test_a_reply_without_a_message_id_is_a_call_of_its_own() -> None:
    log = [reply("a", None, 1, "", text("x")), reply("b", None, 2, "", text("y"))]
    assert list(calls(log)) == ["a", "b"]


@pytest.mark.parametrize("usage", [{}, {"input_tokens": None}])
def test_a_reply_without_usage_is_estimated(usage: Any) -> None:
    found = calls([user("u", None, 1, "q"), reply("a", "u", 2, "m", text("x"), usage=usage)])["m"]
    assert found.usage is None
    assert spoken(found) == [("user", "text", "q"), ("assistant", "text", "x")]


def test_a_snapshot_with_usage_wins_over_a_later_one_without() -> None:
    log = [reply("a", None, 1, "m", text("x")), reply("b", "a", 2, "m", text("y"), usage={})]
    assert calls(log)["m"].usage == Usage(fresh=3, cache_read=100, output=5)


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        ("x", "usage is no object: 'x'"),
        ([1], "usage is no object: [1]"),
        ({"input_tokens": "x"}, "input_tokens is no token count: 'x'"),
        ({"input_tokens": 1, "cache_creation": 3}, "cache_creation is no object: 3"),
        ({"input_tokens": -1}, "input_tokens is no token count: -1"),
    ],
)
def test_a_broken_usage_is_a_skip_and_another_snapshot_still_counts(usage: Any, why: str) -> None:
    broken = reply("b", "a", 2, "m", text("y"), usage=usage)
    (skipped,) = every("claude_code", [broken])
    assert skipped == Skipped("log", 1, why)
    skipped, found = every("claude_code", [reply("a", None, 1, "m", text("x")), broken])
    assert skipped == Skipped("log", 2, why)
    assert isinstance(found, Call)
    assert spoken(found)[-1] == ("assistant", "text", "y")


SUB: dict[str, Any] = {"isSidechain": True, "agentId": "a17"}


def test_sub_agents_are_conversations_of_their_own() -> None:
    log = [
        user("u", None, 1, "Explore.", **SUB),
        reply("a", "u", 2, "m", text("x"), **SUB),
        reply("b", None, 3, "n", text("y"), isSidechain=True),
        reply("c", None, 4, "o", text("z"), agentId="acompact-9", isSidechain=True),
        {**reply("d", None, 5, "p", text("w"), **SUB), "sessionId": None},
    ]
    assert [(c.session, c.trace, c.feature) for c in calls(log).values()] == [
        ("0b5e/a17", SESSION, "claude-code/sub-agent"),
        ("0b5e/sub-agent", SESSION, "claude-code/sub-agent"),
        ("0b5e/acompact-9", SESSION, "claude-code/compaction"),
        ("a17", None, "claude-code/sub-agent"),
    ]


def test_a_compaction_starts_a_new_prompt() -> None:
    log = [
        *LOG,
        line("system", "s", None, 20, subtype="compact_boundary", logicalParentUuid="c1"),
        user("u9", "s", 21, "What was said so far.", isCompactSummary=True),
        reply("z", "u9", 22, "m9", text("Right.")),
    ]
    assert spoken(calls(log)["m9"]) == [
        ("user", "text", "What was said so far."), ("assistant", "text", "Right."),
    ]  # fmt: skip


def test_what_the_user_took_back_is_in_no_prompt() -> None:
    log = [
        reply("a", None, 1, "m", text("x")),
        user("left", "a", 2, "never mind"),
        user("taken", "a", 3, "instead"),
        reply("b", "taken", 4, "n", text("y")),
    ]
    assert [words for _, _, words in spoken(calls(log)["n"])] == ["x", "instead", "y"]


def test_a_cycle_ends() -> None:
    log = [
        user("u", "b", 1, "q"),
        reply("a", "u", 2, "m", text("x")),
        reply("b", "a", 3, "n", text("y")),
    ]
    assert [words for _, _, words in spoken(calls(log)["m"])] == ["y", "q", "x"]
    assert calls([reply("a", "a", 1, "m", text("x"))])["m"].usage


def test_an_api_error_of_a_real_model_is_a_failed_call() -> None:
    log = [reply("a", None, 1, "m", text("x"), isApiErrorMessage=True)]
    assert calls(log)["m"].status == "error"


def test_the_cost_of_old_transcripts() -> None:
    log = [reply("a", None, 1, "m", text("x"), costUSD=0.25)]
    assert calls(log)["m"].reported_pd == 250_000_000_000


@pytest.mark.parametrize(
    "field", ["cwd", "gitBranch", "version", "isSidechain", "timestamp", "agentId", "costUSD", "uuid",
              "parentUuid", "sessionId", "requestId", "isApiErrorMessage"],
)  # fmt: skip
def test_an_odd_value_loses_no_call(field: str) -> None:
    for value in (None, 3, "x", [], {}, 1.5):
        log = [{**reply("a", None, 1, "m", text("x")), field: value}]
        assert calls(log)["m"].usage == Usage(fresh=3, cache_read=100, output=5), value


def test_a_windows_path_names_its_project() -> None:
    found = calls([reply("a", None, 1, "m", text("x"), cwd="C:\\work\\shop\\")])["m"]
    assert found.tags["project"] == "shop"


def test_half_a_surrogate_pair_is_still_text() -> None:
    log = [
        user("u", None, 1, "cut \ud83d"),
        reply("a", "u", 2, "m", text("y\ud83d"), gitBranch="\ud83d"),
    ]
    found = calls(log)["m"]
    assert spoken(found) == [("user", "text", "cut ?"), ("assistant", "text", "y?")]
    assert found.tags["branch"] == "?"


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"{", "not valid JSON"),
        (b"[]", "Expected `object`"),
        (b"{}", "not a record of the claude_code format"),
        (b'{"type": 3}', "not a record of the claude_code format"),
        (b'{"type": "user", "message": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
         "the JSON is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_no_line_of_a_transcript_is_a_skip(raw: bytes, why: str) -> None:
    (item,) = every("claude_code", [raw])
    assert isinstance(item, Skipped)
    assert item.reason.startswith(why)


def test_a_long_conversation_is_read_without_recursion() -> None:
    """Each message hangs on the one before it: 1,399 deep, where Python allows 1,000."""
    log: list[Any] = []
    for i in range(700):
        log.append(user(f"u{i}", f"a{i - 1}" if i else None, 1, f"q{i}"))
        log.append(reply(f"a{i}", f"u{i}", 1, f"m{i}", text(f"r{i}")))
    random.Random(3).shuffle(log)
    found = calls(log)["m699"]
    assert len(found.messages) == 1399
    assert len(found.messages) > sys.getrecursionlimit()
    assert json.loads(bytes(found.messages[-1]))["content"] == "q699"


def test_a_record_is_known_by_the_transcripts_own_keys() -> None:
    score = reader("claude_code").score
    assert all(score(r) == 1.0 for r in LOG)
    assert score({"parentUuid": None, "sessionId": "s", "type": "user"}) == 1.0
    assert score({"type": "permission-mode", "sessionId": "s"}) == 0.6
    assert score({"type": "summary", "summary": "of something else"}) == 0.0
    assert score({"type": "user", "message": {}}) == 0.0
