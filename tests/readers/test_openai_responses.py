"""A small log of the Responses API, call by call."""

import json
from typing import Any

import pytest

from tests.readers.reading import call, reason, spoken, told

FULL = {
    "timestamp": 1793600488,
    "request": {
        "model": "gpt-5", "instructions": "Be brief.", "previous_response_id": "resp_0",
        "tools": [{"type": "web_search"}],
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "News?"},
                                         {"type": "input_image", "image_url": "data:AAAA"}]},
            {"type": "reasoning", "summary": [{"text": "hm"}], "encrypted_content": "zzz"},
            {"type": "function_call", "name": "get", "arguments": "{\"q\": 1}", "call_id": "c"},
            {"type": "function_call_output", "call_id": "c", "output": "None."},
            {"type": "function_call_output", "call_id": "d",
             "output": [{"type": "input_text", "text": "two"}, {"type": "input_image", "x": 1}]},
        ],
        "text": {"format": {"type": "json_object"}}, "reasoning": {"effort": "low"},
    },
    "response": {
        "id": "resp_1", "object": "response", "created_at": 1793600489, "status": "completed",
        "model": "gpt-5-2025-08-07", "service_tier": "flex", "error": None,
        "output": [
            {"type": "reasoning", "summary": [{"text": "hidden"}]},
            {"type": "web_search_call", "action": {"query": "news"}},
            {"type": "message", "role": "assistant",
             "content": [{"type": "output_text", "text": "None."},
                         {"type": "refusal", "refusal": "No."}]},
        ],
        "usage": {
            "input_tokens": 5000, "output_tokens": 700, "total_tokens": 5700,
            "input_tokens_details": {
                "cached_tokens": 2048, "cache_write_tokens": 1500,
                "cache_write_tokens_details": {"ttl_30m_tokens": 1000, "ttl_12h_tokens": 500}},
            "output_tokens_details": {"reasoning_tokens": 640},
        },
    },
    "metadata": {"feature": "news"},
}  # fmt: skip


def test_a_whole_exchange() -> None:
    assert told(call("openai_responses", FULL)) == {
        "call_id": "resp_1",
        "sent_at": 1793600488_000_000,
        "provider": "openai",
        "model": "gpt-5-2025-08-07",
        "tier": "flex",
        "finish_reason": "completed",
        "feature": "news",
        "params": 'text={"format":{"type":"json_object"}};reasoning={"effort":"low"};'
        "previous_response_id=resp_0",
        "cache_params": 'format={"type":"json_object"};effort=low',
        "json_reply": True,
        "usage": {
            "fresh": 1452, "cache_read": 2048, "cache_write_30m": 1000, "cache_write_12h": 500,
            "output": 700, "reasoning": 640,
        },
    }  # fmt: skip


def test_its_texts_in_order() -> None:
    assert spoken(call("openai_responses", FULL)) == [
        ("system", "tool_schema", '{"type":"web_search"}'),
        ("system", "text", "Be brief."),
        ("user", "text", "News?"),
        ("user", "image", '{"image_url":"data:AAAA","type":"input_image"}'),
        ("assistant", "thinking", '[{"text":"hm"}]'),
        ("assistant", "tool_call", 'get\n{"q":1}'),
        ("tool", "tool_result", "None."),
        ("tool", "tool_result", "two"),
        ("tool", "image", '{"type":"input_image","x":1}'),
        ("assistant", "thinking", '[{"text":"hidden"}]'),
        ("assistant", "tool_call", 'web_search_call\n{"query":"news"}'),
        ("assistant", "text", "None."),
        ("assistant", "text", "No."),
    ]


@pytest.mark.parametrize("text", ["hello", "[1, 2]", '{"a": 1}'])
def test_a_plain_input_is_what_the_user_said(text: str) -> None:
    record = {"request": {"model": "gpt-5", "input": text}, "response": "fine"}
    assert spoken(call("openai_responses", record)) == [
        ("user", "text", text), ("assistant", "text", "fine"),
    ]  # fmt: skip


def test_input_that_is_json_text_is_its_items() -> None:
    items = json.dumps([{"role": "user", "content": "hi"}])
    record = {"request": {"model": "gpt-5", "input": items}}
    assert spoken(call("openai_responses", record)) == [("user", "text", "hi")]


def test_writes_without_lifetime_live_30_minutes() -> None:
    usage: dict[str, Any] = {
        "input_tokens": 100, "output_tokens": 1, "input_tokens_details": {"cache_write_tokens": 40},
    }  # fmt: skip
    record = {"model": "gpt-5.6", "object": "response", "usage": usage}
    assert told(call("openai_responses", record))["usage"] == {
        "fresh": 60, "cache_write_30m": 40, "output": 1,
    }  # fmt: skip


def test_an_incomplete_response_was_answered() -> None:
    record = {
        "model": "gpt-5",
        "input": "x",
        "output": [],
        "status": "incomplete",
        "object": "response",
    }
    found = told(call("openai_responses", record))
    assert found["finish_reason"] == "incomplete"
    assert "status" not in found


@pytest.mark.parametrize(
    "record",
    [
        {"input": "Q", "output": "A", "instruction": "I"},
        {"model": "m", "input": "Q", "output": {"choices": []}},
        {"model": "claude-x", "input": [], "output": []},
    ],
)
def test_other_things_with_an_input_are_not_taken(record: dict[str, Any]) -> None:
    assert reason("openai_responses", record) == "not a record of the openai_responses format"


def test_what_it_thought_is_the_same_in_a_reply_and_in_the_next_prompt() -> None:
    said = FULL["response"]["output"]  # type: ignore[index]
    asked = {"request": {"model": "gpt-5", "input": said}, "response": {"object": "response"}}
    reply = spoken(
        call("openai_responses", {"request": {"input": []}, "response": FULL["response"]})
    )
    assert spoken(call("openai_responses", asked)) == reply
    assert [kind for _, kind, _ in reply] == ["thinking", "tool_call", "text", "text"]


def test_an_empty_text_is_a_message() -> None:
    said = [{"role": "user", "content": ""}, {"type": "function_call_output", "output": ""}]
    asked = {"request": {"model": "gpt-5", "input": said}, "response": {"object": "response"}}
    assert spoken(call("openai_responses", asked)) == [
        ("user", "text", ""), ("tool", "tool_result", ""),
    ]  # fmt: skip


def test_what_an_image_model_drew_are_images() -> None:
    usage = {"input_tokens": 50, "output_tokens": 4160, "total_tokens": 4210,
             "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}}  # fmt: skip
    record = {"url": "https://api.openai.com/v1/images/edits", "response_body": {"data": [], "usage": usage},
              "request_body": {"model": "gpt-image-1", "prompt": "A lighthouse."}}  # fmt: skip
    found = call("openai_responses", record)
    assert told(found)["usage"] == {"fresh": 50, "output": 4160}
    assert found.units == {"input_image": 40, "output_image": 4160}
    assert spoken(found) == [("user", "text", "A lighthouse.")]


def test_a_search_is_billed_by_the_request() -> None:
    searched = {"type": "web_search_call", "status": "completed", "action": {"type": "search"}}
    opened = {**searched, "action": {"type": "open_page"}}
    response = {"object": "response", "output": [searched, opened, searched]}
    found = call("openai_responses", {"request": {"input": "hi"}, "response": response})
    assert found.units == {"web_search": 2}
    assert call("openai_responses", FULL).units == {}
