"""The dialect of gateways and platforms, and how prompts and replies are found in what they log."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from costscope.model import SLOTS
from costscope.readers import _logged

TEXT = [("user", "text", "Hi")]
CALL = ("assistant", "tool_call", 'find\n{"a":1}')


def said(slot: Any, value: Any) -> list[tuple[str, str, str]]:
    found = _logged.blocks(slot, json.dumps(value).encode())
    return [(b.role, b.kind, b.text) for b in found]


def raw(value: Any) -> Raw:
    return Raw(json.dumps(value).encode())


def constructor(name: str, **kwargs: Any) -> dict[str, Any]:
    return {"lc": 1, "type": "constructor", "id": ["langchain", "messages", name], "kwargs": kwargs}


@pytest.mark.parametrize(
    "message",
    [
        "Hi",
        {"role": "user", "content": "Hi"},
        {"role": "user", "content": [{"type": "text", "text": "Hi"}]},
        {"type": "human", "content": "Hi"},
        {"type": "human", "data": {"content": "Hi", "additional_kwargs": {}}},
        {"type": "HumanMessage", "content": "Hi"},
        {"role": "user", "parts": [{"text": "Hi"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {"content": "Hi"},
        constructor("HumanMessage", content="Hi"),
        constructor("HumanMessageChunk", content=[{"type": "text", "text": "Hi"}]),
    ],
)
def test_a_message_is_the_same_in_every_shape(message: Any) -> None:
    assert said("message", message) == TEXT


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "tool_calls": [{"function": {"name": "find", "arguments": '{"a": 1}'}}]},
        {"role": "assistant", "content": None, "tool_calls": [{"name": "find", "args": {"a": 1}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "name": "find", "input": {"a": 1}}]},
        {"type": "function_call", "name": "find", "arguments": '{"a": 1}', "call_id": "c"},
        constructor("AIMessage", content="", tool_calls=[{"name": "find", "args": {"a": 1}}]),
        constructor("AIMessage", content=[{"type": "tool_use", "name": "find", "input": {"a": 1}}],
                    tool_calls=[{"name": "find", "args": {"a": 1}}]),
        constructor("AIMessage", content="", additional_kwargs={
            "tool_calls": [{"function": {"name": "find", "arguments": '{"a": 1}'}}]}),
    ],
)  # fmt: skip
def test_a_tool_call_is_said_once_in_every_shape(message: Any) -> None:
    assert said("message", message) == [CALL]


def test_results_of_tools_are_the_tools() -> None:
    expected = [("tool", "tool_result", "42")]
    assert said("message", {"role": "tool", "content": "42"}) == expected
    assert said("message", constructor("ToolMessage", content="42")) == expected
    assert said("message", {"type": "function_call_output", "output": "42"}) == expected
    block = {"type": "tool_result", "tool_use_id": "x", "content": "42"}
    assert said("message", {"role": "user", "content": [block]}) == expected


@pytest.mark.parametrize(
    ("control", "mark"), [({}, ""), ({"type": "ephemeral"}, "5m"), ({"ttl": "1h"}, "1h")]
)
@pytest.mark.parametrize("role", ["user", "system"])
def test_cache_marks_of_content_blocks_are_kept(
    role: str, control: dict[str, str], mark: str
) -> None:
    part = {"type": "text", "text": "Hi", "cache_control": control}
    (block,) = _logged.blocks("message", json.dumps({"role": role, "content": [part]}).encode())
    assert block.breakpoint == mark


def test_parts_of_the_ai_sdk() -> None:
    parts = [
        {"type": "reasoning", "text": "T"},
        {"type": "tool-call", "toolName": "find", "input": {"a": 1}},
    ]
    expected = [("assistant", "thinking", "T"), CALL]
    assert said("message", {"role": "assistant", "content": parts}) == expected
    result = {"type": "tool-result", "toolCallId": "c", "output": {"type": "text", "value": "42"}}
    assert said("message", {"role": "tool", "content": [result]})[0][:2] == ("tool", "tool_result")


def test_reasoning_items_are_thought_when_sent_back_but_no_part_of_a_reply() -> None:
    item = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "T"}]}
    assert [kind for _, kind, _ in said("message", item)] == ["thinking"]
    answer = {
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "Hi"}],
    }
    assert said("reply", [item, answer]) == [("assistant", "text", "Hi")]


def test_what_is_no_message_is_text() -> None:
    assert said("message", {"question": "Q"}) == [("user", "text", '{"question":"Q"}')]
    assert said("message", {}) == []


@pytest.mark.parametrize(
    "reply",
    [
        "Hi",
        {"role": "assistant", "content": "Hi"},
        {"content": "Hi", "tool_calls": None},
        [{"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}],
        [{"text": "Hi", "index": 0}],
        [
            [
                {
                    "text": "Hi",
                    "type": "ChatGeneration",
                    "message": constructor("AIMessage", content="Hi"),
                }
            ]
        ],
        [{"type": "text", "text": "Hi"}],
        [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "Hi"}],
            }
        ],
        [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}],
    ],
)
def test_a_reply_is_the_same_in_every_shape(reply: Any) -> None:
    assert said("reply", reply) == [("assistant", "text", "Hi")]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"choices": [1], "usage": {}}, [1]), ({"generations": [[2]]}, [[2]]),
        ({"messages": [{"content": "Hi"}]}, [{"content": "Hi"}]), ({"output": "Hi"}, "Hi"),
        ({"output": {"content": "Hi"}}, {"content": "Hi"}),
        ({"role": "assistant", "content": "Hi"}, {"role": "assistant", "content": "Hi"}),
        ('{"role": "assistant", "content": "Hi"}', {"role": "assistant", "content": "Hi"}),
        ('{"answer": 3}', '{"answer": 3}'), ({"answer": 3}, {"answer": 3}), ("Hi", "Hi"),
    ],
)  # fmt: skip
def test_where_a_reply_stands(response: Any, expected: Any) -> None:
    assert json.loads(bytes(_logged.reply(raw(response)))) == expected


@pytest.mark.parametrize(
    "response",
    [None, {}, "{}", {"error": {"message": "no"}}, {"object": "list", "data": [], "usage": {}}],
)
def test_a_response_without_reply_has_none(response: Any) -> None:
    assert bytes(_logged.reply(raw(response))) == b""


TURNS = [{"role": "user", "content": "Hi"}]


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (TURNS, 1), ({"messages": TURNS}, 1), ({"messages": [TURNS]}, 1), (json.dumps(TURNS), 1),
        (json.dumps({"messages": TURNS}), 1), ("Hi", 1), ({"input": "Hi", "instructions": "S"}, 1),
        ({"prompts": ["Hi", "Ho"]}, 2), ({"question": "Hi"}, 1), ("[1, 2]", 1), ([], 0), (None, 0), ({}, 0),
    ],
)  # fmt: skip
def test_where_messages_stand(value: Any, count: int) -> None:
    assert len(_logged.prompt(raw(value))["messages"]) == count


def test_tools_and_system_of_a_request() -> None:
    found = _logged.prompt(raw({"messages": TURNS, "tools": [{"name": "f"}], "system": "S"}))
    assert (bytes(found["tools"]), bytes(found["system"])) == (b'[{"name": "f"}]', b'"S"')
    assert said("tools", {"f": '{"name": "f"}'}) == [("system", "tool_schema", '{"name": "f"}')]
    assert said("system", [{"type": "text", "text": "S"}]) == [("system", "text", "S")]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        ({"choices": [{"finish_reason": "length"}]}, "length"), ({"stop_reason": "end_turn"}, "end_turn"),
        ({"choices": [{"finish_reason": {"finish_reason": "stop"}}]}, "stop"),
        ({"generations": [[{"generation_info": {"finish_reason": "stop"}}]]}, "stop"),
        ({"generations": [[{"message": constructor("AIMessage", response_metadata={"stop_reason": "x"})}]]}, "x"),
        ({"choices": []}, None), ("Hi", None), (None, None),
    ],
)  # fmt: skip
def test_why_a_reply_ended(response: Any, expected: str | None) -> None:
    assert _logged.finish_reason(raw(response)) == expected


KEYS = st.sampled_from(
    ["role", "content", "type", "lc", "id", "kwargs", "tool_calls", "message", "args"]
)
JSON = st.recursive(
    st.none() | st.integers(-5, 5) | st.sampled_from(["", "user", "human", "tool_use", "text", "[]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.sampled_from(SLOTS), JSON)
@settings(max_examples=80, deadline=None)
def test_any_shape_is_read_or_refused(slot: Any, value: Any) -> None:
    try:
        blocks = _logged.blocks(slot, json.dumps(value).encode())
    except (ValueError, TypeError, KeyError):
        return
    assert all(isinstance(b.text, str) for b in blocks)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_any_input_and_output_has_a_place(value: Any) -> None:
    assert isinstance(_logged.prompt(raw(value))["messages"], list)
    assert isinstance(_logged.reply(raw(value)), Raw)
    assert isinstance(_logged.finish_reason(raw(value)), str | None)
