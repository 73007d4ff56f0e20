"""A small log of Chat Completions as a team would write it, call by call."""

import json
from typing import Any

import pytest
from msgspec import Raw

from costscope.readers.openai_chat import _finish
from tests.readers.reading import blocks, call, reason, spoken, told

TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
FULL = {
    "timestamp": "2026-11-02T06:21:28.766Z",
    "latency_ms": 1234.5,
    "provider": "azure",
    "request": {
        "model": "gpt-4o",
        "messages": [
            {"role": "developer", "content": "Be brief."},
            {"role": "user", "content": [
                {"type": "text", "text": "What is on it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            ]},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "c1", "type": "function",
                 "function": {"name": "find", "arguments": "{\"b\": 1, \"a\": 2}"}},
            ]},
            {"role": "tool", "tool_call_id": "c1", "content": "A cat."},
        ],
        "tools": [TOOL],
        "temperature": 0.2, "max_tokens": 50, "seed": 7, "service_tier": "flex",
        "response_format": {"type": "json_schema", "json_schema": {"name": "x"}},
        "user": "u-from-request",
    },
    "response": {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1762064488,
        "model": "gpt-4o-2024-08-06", "service_tier": "priority",
        "choices": [{"index": 0, "finish_reason": "stop",
                     "message": {"role": "assistant", "content": "A cat.", "refusal": None}}],
        "usage": {
            "prompt_tokens": 2000, "completion_tokens": 300, "total_tokens": 2300,
            "prompt_tokens_details": {"cached_tokens": 1024, "cache_write_tokens": 512},
            "completion_tokens_details": {"reasoning_tokens": 256},
        },
    },
    "metadata": {"feature": "describe", "team": "vision", "session_id": "s1", "env": "prod",
                 "template": "cat", "template_version": 3, "tags": ["beta", "tier:gold"]},
}  # fmt: skip
"""Every field that matters, once."""


def test_a_whole_exchange() -> None:
    assert told(call("openai_chat", FULL)) == {
        "call_id": "chatcmpl-1",
        "session": "s1",
        "sent_at": 1762064488_766_000 + 365 * 86400 * 10**6,
        "latency_us": 1_234_500,
        "provider": "openai",
        "channel": "azure",
        "model": "gpt-4o-2024-08-06",
        "tier": "priority",
        "finish_reason": "stop",
        "feature": "describe",
        "team": "vision",
        "user_id": "u-from-request",
        "template": "cat",
        "template_version": "3",
        "tags": {"beta": "true", "env": "prod", "tier": "gold"},
        "temperature": 0.2,
        "params": "seed=7;max_tokens=50;"
        'response_format={"json_schema":{"name":"x"},"type":"json_schema"}',
        "cache_params": 'format={"json_schema":{"name":"x"},"type":"json_schema"}',
        "json_reply": True,
        "usage": {
            "fresh": 464, "cache_read": 1024, "cache_write_30m": 512, "output": 300, "reasoning": 256,
        },
    }  # fmt: skip


def test_its_texts_in_order() -> None:
    assert spoken(call("openai_chat", FULL)) == [
        ("system", "tool_schema", json.dumps(TOOL, sort_keys=True, separators=(",", ":"))),
        ("system", "text", "Be brief."),
        ("user", "text", "What is on it?"),
        ("user", "image",
         '{"image_url":{"url":"data:image/png;base64,AAAA"},"type":"image_url"}'),
        ("assistant", "tool_call", 'find\n{"a":2,"b":1}'),
        ("tool", "tool_result", "A cat."),
        ("assistant", "text", "A cat."),
    ]  # fmt: skip


def test_a_gateway_marks_breakpoints_for_other_makers() -> None:
    part = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}
    found = call(
        "openai_chat", {"model": "gpt-4o", "messages": [{"role": "system", "content": [part]}]}
    )
    assert [b.breakpoint for b in blocks(found)] == ["5m"]


@pytest.mark.parametrize(
    ("message", "spoken_as"),
    [
        ({"content": "a", "reasoning_content": "hm"},
         [("assistant", "thinking", "hm"), ("assistant", "text", "a")]),
        ({"content": None, "refusal": "no"}, [("assistant", "text", "no")]),
        ({"content": [{"type": "text", "text": "a"}, "b", 3]},
         [("assistant", "text", "a"), ("assistant", "text", "b"), ("assistant", "text", "3")]),
        ({"content": "", "function_call": {"name": "f", "arguments": "not json"}},
         [("assistant", "tool_call", "f\nnot json")]),
        ({"tool_calls": [{"type": "custom", "custom": {"name": "f", "input": "x"}}]},
         [("assistant", "tool_call", "f\nx")]),
        ({"content": [{"type": "refusal", "refusal": "no"}]},
         [("assistant", "text", '{"refusal":"no","type":"refusal"}')]),
    ],
)  # fmt: skip
def test_replies_of_every_shape(message: dict[str, Any], spoken_as: list[Any]) -> None:
    record = {"model": "gpt-4o", "choices": [{"message": message, "finish_reason": "stop"}]}
    assert spoken(call("openai_chat", record)) == spoken_as


def test_a_completion_and_an_embedding_are_read_too() -> None:
    record: dict[str, Any] = {
        "request": {"model": "text-embedding-3-small", "input": ["a", "b"]},
        "response": {"object": "list", "data": [{"embedding": [0.5]}], "model": "text-embedding-3-small",
                     "usage": {"prompt_tokens": 8, "total_tokens": 8}},
    }  # fmt: skip
    found = call("openai_chat", record)
    assert told(found)["usage"] == {"fresh": 8}
    assert spoken(found) == [("user", "text", "a"), ("user", "text", "b")]
    record["request"]["input"] = "a"
    assert spoken(call("openai_chat", record)) == [("user", "text", "a")]
    legacy = {"model": "m", "choices": [{"text": "hi", "finish_reason": "length"}]}
    assert spoken(call("openai_chat", legacy)) == [("assistant", "text", "hi")]


def test_what_is_no_exchange_is_named() -> None:
    assert reason("openai_chat", {"a": 1}) == "not a record of the openai_chat format"
    assert reason("openai_chat", [1]) == "the record is no JSON object"
    assert reason("openai_chat", b'{"request": {"mod').startswith("not valid JSON (")
    quiz = {"model": "m", "choices": ["Paris", "Rome"], "answer": 0}
    assert reason("openai_chat", quiz) == "not a record of the openai_chat format"


@pytest.mark.parametrize(
    ("choices", "why"),
    [
        (
            [{"finish_reason": "stop", "message": {"content": "a"}}, {"finish_reason": "length"}],
            "stop",
        ),
        (["odd", {"finish_reason": "length"}], "length"),
        ([{"message": {"content": "a"}}], None),
        ([{"finish_reason": 3}], None),
        ([], None),
    ],
)
def test_why_the_first_choice_ended(choices: list[Any], why: str | None) -> None:
    assert _finish(Raw(json.dumps(choices).encode())) == why


def test_what_is_no_list_of_choices_ended_for_no_reason() -> None:
    assert [_finish(Raw(raw)) for raw in (b"", b"null", b'"stop"', b"{}")] == [None] * 4
