"""A small log of the Messages API, call by call."""

from typing import Any

import pytest

from tests.readers.reading import blocks, call, spoken, told

MARK = {"type": "ephemeral"}
FULL = {
    "time": "2026-11-02T06:21:28Z",
    "request_body": {
        "model": "claude-sonnet-4-5", "max_tokens": 100, "stop_sequences": ["END"],
        "system": [{"type": "text", "text": "Be brief.", "cache_control": {**MARK, "ttl": "1h"}}],
        "tools": [{"name": "look", "input_schema": {"type": "object"}, "cache_control": MARK}],
        "metadata": {"user_id": "u1"},
        "messages": [
            {"role": "user", "content": [
                {"type": "document", "title": "T", "source": {"type": "text", "data": "doc"}},
                {"type": "document", "source": {"type": "base64", "data": "JVBERi0="}},
                {"type": "search_result", "source": "http://x", "title": "S",
                 "content": [{"type": "text", "text": "found"}]},
                {"type": "text", "text": "Which?", "cache_control": MARK},
            ]},
            {"role": "assistant", "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sealed"},
                {"type": "redacted_thinking", "data": "sealed"},
                {"type": "tool_use", "id": "t", "name": "look", "input": {"b": 1, "a": 2}},
            ]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t", "cache_control": MARK, "content": [
                    {"type": "text", "text": "seen"}, {"type": "image", "source": {"data": "AA"}}]},
                {"type": "tool_result", "tool_use_id": "u", "content": "plain"},
                {"type": "image", "source": {"type": "base64", "data": "BB"}},
            ]},
        ],
    },
    "response_body": {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5-20250929",
        "content": [{"type": "text", "text": "This."},
                    {"type": "server_tool_use", "name": "web_search", "input": {"query": "q"}}],
        "stop_reason": "end_turn",
        "usage": {
            "input_tokens": 10, "cache_read_input_tokens": 1000, "cache_creation_input_tokens": 700,
            "cache_creation": {"ephemeral_5m_input_tokens": 500, "ephemeral_1h_input_tokens": 200},
            "output_tokens": 60, "output_tokens_details": {"thinking_tokens": 40},
            "service_tier": "batch", "inference_geo": "us",
        },
    },
    "labels": {"env": "prod"},
}  # fmt: skip


def test_a_whole_exchange() -> None:
    assert told(call("anthropic_messages", FULL)) == {
        "call_id": "msg_1",
        "sent_at": 1793600488_000_000,
        "provider": "anthropic",
        "region": "us",
        "model": "claude-sonnet-4-5-20250929",
        "tier": "batch",
        "finish_reason": "end_turn",
        "user_id": "u1",
        "tags": {"env": "prod"},
        "params": 'max_tokens=100;stop_sequences=["END"]',
        "usage": {
            "fresh": 10, "cache_read": 1000, "cache_write_5m": 500, "cache_write_1h": 200,
            "output": 60, "reasoning": 40,
        },
    }  # fmt: skip


def test_its_texts_in_order() -> None:
    assert spoken(call("anthropic_messages", FULL)) == [
        ("system", "tool_schema", '{"input_schema":{"type":"object"},"name":"look"}'),
        ("system", "text", "Be brief."),
        ("user", "document", "T\ndoc"),
        ("user", "image", '{"data":"JVBERi0=","type":"base64"}'),
        ("user", "document", "S\nfound"),
        ("user", "text", "Which?"),
        ("assistant", "thinking", "hm"),
        ("assistant", "thinking", ""),
        ("assistant", "tool_call", 'look\n{"a":2,"b":1}'),
        ("tool", "tool_result", "seen"),
        ("tool", "image", '{"source":{"data":"AA"},"type":"image"}'),
        ("tool", "tool_result", "plain"),
        ("user", "image", '{"data":"BB","type":"base64"}'),
        ("assistant", "text", "This."),
        ("assistant", "tool_call", 'web_search\n{"query":"q"}'),
    ]


def test_marks_stand_at_the_end_of_what_they_close() -> None:
    found = [b.breakpoint for b in blocks(call("anthropic_messages", FULL))]
    assert found == ["5m", "1h", "", "", "", "5m", "", "", "", "", "5m", "", "", "", ""]
    named = [b.segment for b in blocks(call("anthropic_messages", FULL))]
    assert named == ["", "", "context", "context", "context", *[""] * 10]


def billed(usage: dict[str, Any]) -> dict[str, int]:
    record = {"type": "message", "model": "claude-x", "content": [], "usage": usage}
    found: dict[str, int] = told(call("anthropic_messages", record)).get("usage", {})
    return found


@pytest.mark.parametrize(
    ("usage", "buckets"),
    [
        ({"input_tokens": 5, "output_tokens": 2}, {"fresh": 5, "output": 2}),
        ({"input_tokens": 5, "cache_creation_input_tokens": 9, "cache_creation": None},
         {"fresh": 5, "cache_write_5m": 9}),
        ({"input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 9}},
         {"fresh": 5, "cache_write_1h": 9}),
        ({"input_tokens": 0, "output_tokens": 0}, {}),
        ({"input_tokens": 1, "output_tokens": 2, "iterations": []}, {"fresh": 1, "output": 2}),
        ({"input_tokens": 1, "output_tokens": 2, "iterations": [
            {"type": "compaction", "input_tokens": 50, "output_tokens": 9},
            {"type": "message", "input_tokens": 1, "output_tokens": 2, "cache_read_input_tokens": 3},
            {"type": "advisor_message", "model": "claude-other", "input_tokens": 7},
        ]}, {"fresh": 51, "cache_read": 3, "output": 11}),
    ],
)  # fmt: skip
def test_usage_in_its_forms(usage: dict[str, Any], buckets: dict[str, int]) -> None:
    assert billed(usage) == buckets


@pytest.mark.parametrize(
    ("geo", "region"),
    [("us", "us"), ("global", "global"), ("not_available", "shop"), (None, "shop")],
)
def test_the_region_is_where_the_response_says_it_was_served(geo: str | None, region: str) -> None:
    record = {"type": "message", "model": "claude-opus-5", "content": [], "metadata": {"region": "shop"},
              "usage": {"input_tokens": 1, "inference_geo": geo}}  # fmt: skip
    assert call("anthropic_messages", record).region == region


def test_fast_mode_is_a_tier() -> None:
    record = {"type": "message", "model": "claude-opus-4-6", "content": [],
              "usage": {"input_tokens": 1, "speed": "fast", "service_tier": "standard"}}  # fmt: skip
    assert call("anthropic_messages", record).tier == "fast"


@pytest.mark.parametrize(
    ("model", "channel"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "bedrock"),
        ("arn:aws:bedrock:eu-west-1:1:inference-profile/eu.anthropic.claude-3-haiku", "bedrock"),
        ("claude-sonnet-4@20250514", "vertex"),
        ("openrouter/anthropic/claude-sonnet-4", "openrouter"),
        ("claude-sonnet-4-5", "direct"),
    ],
)
def test_the_name_tells_the_door(model: str, channel: str) -> None:
    found = call("anthropic_messages", {"model": model, "messages": [], "system": "x"})
    assert (found.provider, found.channel) == ("anthropic", channel)


def test_a_row_of_vertex_says_where_claude_was_served() -> None:
    name = "projects/p/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-6"
    answer = {"id": "msg_1", "type": "message", "content": [], "usage": {"input_tokens": 3}}
    sent = {"anthropic_version": "vertex-2023-10-16", "messages": []}
    found = call("anthropic_messages", {
        "endpoint": name, "model": name, "full_request": sent, "full_response": answer})  # fmt: skip
    assert (found.provider, found.channel, found.region) == ("anthropic", "vertex", "europe-west4")
