"""What the readers of agents' session files have in common, and the quirks of each, on small logs."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from costscope import plugins
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.readers._session import SessionReader, Told
from costscope.sources import Record, head_records
from tests.readers.reading import every, reader, spoken

READERS = [n for n in plugins.names("readers") if isinstance(reader(n), SessionReader)]
ODD: list[Any] = [
    b"", b"{", b"[1]", b"null", b'"text"', b"[" * 100_000, {}, {"type": None, "message": 5, "id": []},
    {"type": "message", "id": "a", "message": {"role": "assistant", "content": {"type": 5}}},
    {"type": "event_msg", "timestamp": 5, "payload": {"type": "token_count", "info": [1]}},
    {"messages": [None, 5, {"role": None}], "session_id": 7, "info": {"model_stats": 5}, "traj": [{}]},
    {"id": 1, "epoch": 1, "input": 5, "target": 1, "events": [{"event": "model", "output": 5}]},
    {"sessionId": 5, "projectHash": 1, "messages": [{"type": "gemini", "tokens": 5, "content": 7}]},
    {"type": "usage.record", "time": 5, "usage": 7}, {"ts": 5, "type": "say", "say": "api_req_started"},
    {"id": "a", "sessionID": 1, "role": "assistant", "time": 5, "tokens": {"input": "x"}},
]  # fmt: skip


def calls(name: str, log: list[Any]) -> list[Call]:
    return [i for i in every(name, log) if isinstance(i, Call)]


def test_a_prompt_is_what_was_said_when_it_was_sent() -> None:
    said = [b"a", b"b"]
    told = Told(said)
    said += [b"c"]
    assert (list(told), len(told), told[-1], told[1:], told[:5]) == (
        [b"a", b"b"], 2, b"b", [b"b"], [b"a", b"b"],
    )  # fmt: skip
    with pytest.raises(IndexError):
        told[2]
    assert not Told([])


def test_there_are_session_readers() -> None:
    assert {"codex", "gemini_cli", "inspect_ai", "mini_swe_agent", "trajectory"} <= set(READERS)


@pytest.mark.parametrize("name", READERS)
def test_no_content_makes_a_reader_raise_and_no_line_is_lost(name: str) -> None:
    found = every(name, ODD)
    told = {i.line for i in found if isinstance(i, (Call, Skipped))}
    ignored = sum(i.count for i in found if isinstance(i, Ignored))
    assert len(told) + ignored == len(ODD)
    records = [r for r in ODD if isinstance(r, dict)]
    assert all(0.0 <= reader(name).score(record) <= 1.0 for record in records)


TRAINING: list[Any] = [
    {"messages": [{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "4"}]},
    {"messages": [{"role": "user", "content": "2+2"}], "weight": 1, "tools": []},
    {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "yo"}], "id": "x"},
    {"origin": "how old are you", "similar": "what is your age"},
    {"question": "2+2", "answer": "4"}, {"messages_display": "user: hi\nassistant: yo"},
    {"conversation_id": "c", "contexts": [], "input": [{"speaker": "user", "text": "hi"}]},
]  # fmt: skip


@pytest.mark.parametrize("record", TRAINING)
def test_what_is_no_log_is_claimed_by_nobody(record: dict[str, Any]) -> None:
    assert {name: s for name in READERS if (s := reader(name).score(record)) > 0.2} == {}


def test_a_request_log_is_no_trajectory() -> None:
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    score = reader("trajectory").score
    assert score({"session_id": "s", "model": "m", "messages": messages}) == 0.0
    assert score({"session_id": "s", "reward": 1, "messages": messages, "usage": {}}) == 0.0
    assert score({"session_id": "s", "reward": 1, "messages": messages}) == 0.9


def test_a_run_of_swe_agent_is_estimated_from_its_history() -> None:
    said = [("system", "a"), ("user", "b"), ("assistant", "c"), ("user", "d"), ("assistant", "e")]
    history = [{"role": role, "content": text, "agent": "main"} for role, text in said]
    run = {
        "trajectory": [{"action": "ls", "response": "c"}],
        "history": history,
        "environment": "x",
    }
    assert reader("trajectory").score(run) == 0.9
    assert [[t for _, _, t in spoken(c)] for c in calls("trajectory", [run])] == [
        ["a", "b", "c"], ["a", "b", "c", "d", "e"],
    ]  # fmt: skip


def test_every_reply_of_a_trajectory_is_a_call_with_what_was_said_before() -> None:
    traj = [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "b"},
        {"role": "assistant", "content": "c"},
    ]
    first, second = calls("trajectory", [{"task_id": 3, "trial": 1, "traj": traj}])
    assert spoken(first) == [("user", "text", "a"), ("assistant", "tool_call", "f\n{}")]
    assert spoken(second)[2:] == [("tool", "tool_result", "b"), ("assistant", "text", "c")]
    assert (first.usage, first.session, first.task, first.model) == (None, "3/1", "3", "")


def test_a_tool_call_on_a_line_of_its_own_is_a_reply_or_the_end_of_one() -> None:
    ran = {"type": "tool_call", "function": {"name": "git"}, "arguments": "status"}
    done = {"type": "tool_result", "name": "git", "result": "clean"}
    asked, said = {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}
    assert len(calls("trajectory", [asked, ran, done, said])) == 2
    assert len(calls("trajectory", [asked, said, ran, done])) == 1


def test_unnamed_conversations_have_names_of_their_own() -> None:
    def talk(word: str) -> dict[str, Any]:
        said = [{"role": "user", "content": word}, {"role": "assistant", "content": "b"}]
        return {"reward": 1, "completed": True, "messages": said * 2}

    sessions = [c.session for c in calls("trajectory", [talk("a"), talk("b")])]
    assert len(sessions) == 4
    assert len(set(sessions)) == 2


CHAT = {"sessionId": "s", "projectHash": "h", "kind": "main"}


def reply(name: str, **tokens: int) -> dict[str, Any]:
    found = {
        "input": 100,
        "output": 10,
        "cached": 40,
        "thoughts": 5,
        "tool": 7,
        "total": 122,
    } | tokens
    return {"id": name, "timestamp": "2026-11-02T06:00:05Z", "type": "gemini", "content": "ok",
            "tokens": found, "model": "gemini-2.5-pro"}  # fmt: skip


def test_a_gemini_session_counts_as_the_api_does() -> None:
    (call,) = calls("gemini_cli", [CHAT, reply("a")])
    assert call.usage == Usage(fresh=67, cache_read=40, output=15, reasoning=5)


def test_a_message_that_was_written_again_is_one_call_in_its_last_state() -> None:
    (call,) = calls("gemini_cli", [CHAT, reply("a", output=1, total=113), reply("a")])
    assert call.usage is not None
    assert (call.usage.output, call.line) == (15, 2)


def test_a_rewound_reply_was_billed_but_is_not_said_any_more() -> None:
    log = [CHAT, reply("a"), {"$rewindTo": "a"}, reply("b")]
    first, second = calls("gemini_cli", log)
    assert [len(c.messages) for c in (first, second)] == [0, 0]


def test_a_recorded_stream_has_the_usage_of_its_last_piece() -> None:
    def piece(text: str, output: int) -> dict[str, Any]:
        said = {"content": {"role": "model", "parts": [{"text": text}]}}
        count = {
            "promptTokenCount": 9,
            "candidatesTokenCount": output,
            "totalTokenCount": 9 + output,
        }
        return {"candidates": [said], "usageMetadata": count, "modelVersion": "gemini-2.5-pro"}

    stream = {"method": "generateContentStream", "response": [piece("a", 1), piece("b", 2)]}
    found = every("gemini_cli", [stream, {"method": "countTokens", "response": {"totalTokens": 3}}])
    assert isinstance(found[0], Call)
    assert (found[0].usage, found[0].model) == (Usage(fresh=9, output=2), "gemini-2.5-pro")
    assert [text for _, _, text in spoken(found[0])] == ["a", "b"]
    assert found[1:] == [Ignored(1)]


def test_qwen_code_is_not_taken_for_claude_code() -> None:
    tree = {"uuid": "a", "parentUuid": None, "sessionId": "s", "type": "user"}
    theirs = tree | {"message": {"role": "user", "parts": [{"text": "hi"}]}}
    ours = tree | {"message": {"role": "user", "content": "hi"}}
    scores = [reader(n).score(r) for r in (theirs, ours) for n in ("qwen_code", "claude_code")]
    assert scores == [1.0, 0.0, 0.1, 1.0]


def test_a_reply_of_qwen_code_in_two_lines_is_one_call() -> None:
    tree = {"parentUuid": None, "sessionId": "s", "type": "assistant", "uuid": "a"}
    lines = [{"message": {"role": "model", "parts": [{"text": word}]}} for word in "xy"]
    count = {"promptTokenCount": 12, "candidatesTokenCount": 4, "totalTokenCount": 16}
    (call,) = calls("qwen_code", [tree | lines[0], tree | lines[1] | {"usageMetadata": count}])
    assert call.usage == Usage(fresh=12, output=4)
    assert [text for _, _, text in spoken(call)] == ["x", "y"]


def pi(name: str, above: str | None, role: str, text: str, **more: Any) -> dict[str, Any]:
    message = {"role": role, "content": [{"type": "text", "text": text}], **more}
    return {"type": "message", "id": name, "parentId": above, "message": message}


def test_a_branch_of_pi_has_only_its_own_past() -> None:
    log = [
        pi("1", None, "user", "a"),
        pi("2", "1", "assistant", "b"),
        pi("3", "1", "assistant", "c"),
    ]
    assert [[t for _, _, t in spoken(c)] for c in calls("pi", log)] == [["a", "b"], ["a", "c"]]


def test_a_fork_of_pi_copies_lines_but_no_calls() -> None:
    def forked(name: str) -> list[Any]:
        return [
            {"type": "session", "id": name},
            pi("1", None, "user", "a"),
            pi("2", "1", "assistant", "b"),
        ]

    (one,), (copy,) = calls("pi", forked("x")), calls("pi", forked("y"))
    assert (one.call_id, one.revision) == (copy.call_id, 1)
    assert one.session != copy.session


def test_what_is_not_looked_ahead_of_is_told_at_once() -> None:
    def endless() -> Iterator[Record]:
        for number in itertools.count():
            yield Record(b'{"role": "assistant", "content": "a"}', number, number + 1)

    first = next(reader("trajectory").read(endless(), "log"))
    assert isinstance(first, Call)


def test_behind_a_compaction_of_pi_stand_its_summary_and_what_was_kept() -> None:
    place = {"id": "4", "parentId": "3", "firstKeptEntryId": "3"}
    compaction = {"type": "compaction", "summary": "sum", **place}
    log = [pi("1", None, "user", "a"), pi("2", "1", "assistant", "b"), pi("3", "2", "user", "c"),
           compaction, pi("5", "4", "assistant", "d")]  # fmt: skip
    assert [t for _, _, t in spoken(calls("pi", log)[-1])] == ["sum", "c", "d"]


@pytest.mark.parametrize(("total", "fresh"), [(0, 10), (85, 10), (15, 3)])
def test_the_input_of_pi_leaves_out_what_was_cached_unless_its_total_says_else(
    total: int, fresh: int
) -> None:
    read = 7 if total == 15 else 70
    usage = {"input": 10, "output": 5, "cacheRead": read, "cacheWrite": 0, "totalTokens": total}
    (call,) = calls("pi", [pi("1", None, "assistant", "a", usage=usage)])
    assert call.usage == Usage(fresh=fresh, cache_read=read, output=5)


@pytest.mark.parametrize(("total", "output"), [(None, 84), (492, 20), (556, 84)])
def test_opencode_bills_reasoning_beside_the_output(total: int | None, output: int) -> None:
    tokens = {"input": 400, "output": 20, "reasoning": 64, "cache": {"read": 72}, "total": total}
    info = {"id": "m", "sessionID": "s", "role": "assistant", "tokens": tokens, "modelID": "gpt-5"}
    (call,) = calls("opencode", [info])
    assert call.usage == Usage(fresh=400, cache_read=72, output=output, reasoning=min(64, output))


def test_a_usage_record_of_kimi_repeats_its_step_or_tells_a_compaction() -> None:
    def record(count: int) -> dict[str, Any]:
        usage = {"inputOther": count, "output": 1, "inputCacheRead": 0, "inputCacheCreation": 0}
        return {"type": "usage.record", "usage": usage, "time": 1791275400000}

    end = {"type": "step.end", "usage": record(5)["usage"], "messageId": "m"}
    step = {"type": "context.append_loop_event", "event": end, "time": 1791275400000}
    found = calls("kimi_code", [step, record(5), record(9)])
    assert [c.usage for c in found] == [Usage(fresh=5, output=1), Usage(fresh=9, output=1)]


def test_a_request_of_cline_without_counts_was_only_announced() -> None:
    def said(text: str) -> dict[str, Any]:
        return {"ts": 1791275400000, "type": "say", "say": "api_req_started", "text": text}

    counted = said(json.dumps({"tokensIn": 5, "tokensOut": 2, "cacheReads": 90, "cost": 0.25}))
    found = every("cline", [said("{}"), counted, said("not JSON")])
    assert isinstance(found[0], Call)
    assert found[0].usage == Usage(fresh=5, cache_read=90, output=2)
    assert found[0].reported_pd == 250_000_000_000
    assert isinstance(found[1], Skipped)
    assert found[2] == Ignored(1)


def action(number: int, response: dict[str, Any] | None, **metrics: Any) -> dict[str, Any]:
    made = {"tool_call_metadata": {"model_response": response}} if response else {}
    base = {
        "id": number,
        "timestamp": f"2026-11-02T06:00:0{number}",
        "source": "agent",
        "message": "",
    }
    return base | made | {"action": "run", "args": {"command": "ls"}, "llm_metrics": metrics}


def response(name: str) -> dict[str, Any]:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    return {
        "id": name,
        "model": "gpt-5",
        "usage": usage,
        "choices": [{"message": {"content": "x"}}],
    }


def test_two_actions_of_one_response_are_one_call_of_openhands() -> None:
    log = [action(1, response("a")), action(2, response("a")), action(3, response("b"))]
    found = every("openhands", log)
    assert [i.call_id for i in found if isinstance(i, Call)] == ["a", "b"]
    assert found[-1] == Ignored(1)


def test_running_totals_of_openhands_become_differences() -> None:
    def totals(given: int, output: int, read: int) -> dict[str, int]:
        return {"prompt_tokens": given, "completion_tokens": output, "cache_read_tokens": read}

    one = action(1, None, accumulated_token_usage=totals(100, 5, 0), accumulated_cost=0.5)
    two = action(2, None, accumulated_token_usage=totals(300, 9, 80), accumulated_cost=0.75)
    found = calls("openhands", [one, one | {"id": 9}, two])
    assert [c.usage for c in found] == [
        Usage(fresh=100, output=5), Usage(fresh=120, cache_read=80, output=4),
    ]  # fmt: skip
    assert [c.reported_pd for c in found] == [500_000_000_000, 250_000_000_000]


def test_a_head_that_is_cut_off_is_still_recognised() -> None:
    traj = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b" * 99_000}]
    log = json.dumps([{"task_id": 1, "reward": 0, "traj": traj}]).encode()[:65536]
    (record,) = head_records(log, "json")
    assert reader("trajectory").score(record) == 0.9


@pytest.mark.parametrize(
    ("metrics", "usage"),
    [
        (
            {"prompt_tokens": 100, "completion_tokens": 5, "cached_tokens": 90},
            Usage(10, 90, output=5),
        ),
        ({"prompt_tokens": 7}, Usage(7)),
        ({"cost_usd": 0.5}, None),
    ],
)
def test_the_prompt_of_atif_holds_what_was_cached(
    metrics: dict[str, Any], usage: Usage | None
) -> None:
    steps = [{"step_id": 1, "source": "agent", "message": "a", "metrics": metrics}]
    agent = {"name": "x", "model_name": "openai/gpt-5"}
    (call,) = calls("atif", [{"schema_version": "ATIF-v1.2", "agent": agent, "steps": steps}])
    assert (call.usage, call.provider, call.model) == (usage, "openai", "gpt-5")


def test_a_step_of_atif_without_a_model_is_no_call() -> None:
    steps = [{"step_id": 1, "source": "agent", "message": "a", "llm_call_count": 0}]
    assert every("atif", [{"schema_version": "ATIF-v1.7", "steps": steps}]) == [Ignored(1)]
