"""Converse: parts without a type, cache points, and counts that stand beside each other."""

import json
from typing import Any

import pytest

from costscope.model import Usage
from costscope.readers import _converse
from tests.readers.reading import blocks, call, reader, spoken

ASKED = {"role": "user", "content": [{"text": "Which way is north?"}]}
SAID = {"message": {"role": "assistant", "content": [{"text": "Up."}]}}
COUNTS = {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11}


def pair(usage: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    request = {"modelId": "anthropic.claude-sonnet-4-6-v1:0", "messages": [ASKED]}
    response = {"output": SAID, "stopReason": "end_turn", "usage": usage or COUNTS, **more}
    return {"request": request, "response": response}


def test_cached_tokens_stand_beside_the_input() -> None:
    usage = {"inputTokens": 9, "outputTokens": 2, "totalTokens": 1211,
             "cacheReadInputTokens": 1000, "cacheWriteInputTokens": 200}  # fmt: skip
    found = call("bedrock_converse", pair(usage))
    assert found.usage == Usage(fresh=9, cache_read=1000, cache_write_5m=200, output=2)
    assert (found.channel, found.provider) == ("bedrock", "anthropic")
    assert spoken(found) == [("user", "text", "Which way is north?"), ("assistant", "text", "Up.")]


def test_writes_are_split_by_lifetime() -> None:
    details = [{"ttl": "1h", "inputTokens": 150}, {"ttl": "5m", "inputTokens": 50}]
    usage = {**COUNTS, "cacheWriteInputTokens": 200, "cacheDetails": details}
    found = call("bedrock_converse", pair(usage))
    assert found.usage == Usage(fresh=9, cache_write_5m=50, cache_write_1h=150, output=2)


def test_nova_counts_under_other_names() -> None:
    usage = {**COUNTS, "cacheReadInputTokenCount": 500, "cacheWriteInputTokenCount": 0}
    assert call("bedrock_converse", pair(usage)).usage == Usage(fresh=9, cache_read=500, output=2)


@pytest.mark.parametrize(
    ("more", "tier"),
    [
        ({}, "standard"),
        ({"serviceTier": {"type": "default"}}, "standard"),
        ({"serviceTier": {"type": "priority"}}, "priority"),
        ({"serviceTier": {"type": "flex"}}, "flex"),
        ({"serviceTier": {"type": "reserved"}}, "provisioned"),
        ({"performanceConfig": {"latency": "optimized"}}, "fast"),
        ({"performanceConfig": {"latency": "standard"}}, "standard"),
    ],
)
def test_the_served_tier(more: dict[str, Any], tier: str) -> None:
    assert call("bedrock_converse", pair(**more)).tier == tier


def test_what_was_asked_for_is_not_what_was_served() -> None:
    record = pair()
    record["request"] |= {"performanceConfig": {"latency": "optimized"}}
    assert call("bedrock_converse", record).tier == "standard"


def test_a_router_names_the_model_that_answered() -> None:
    routed = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    found = call("bedrock_converse", pair(trace={"promptRouter": {"invokedModelId": routed}}))
    assert found.model == "amazon.nova-lite-v1:0"


def test_settings_and_the_sdk_s_own_facts() -> None:
    meta = {"RequestId": "5b2f1d0e-3c44-4f0a-9a57-0d6e2f7c9a01"}
    record = pair(metrics={"latencyMs": 640}, ResponseMetadata=meta)
    record["request"] |= {
        "inferenceConfig": {"maxTokens": 5, "temperature": 0.5},
        "toolConfig": {"tools": [], "toolChoice": {"any": {}}},
        "additionalModelRequestFields": {"top_k": 4},
    }
    found = call("bedrock_converse", record)
    assert (found.temperature, found.latency_us) == (0.5, 640000)
    assert found.call_id == "5b2f1d0e-3c44-4f0a-9a57-0d6e2f7c9a01"
    assert found.params == (
        'inferenceConfig={"maxTokens":5};toolConfig={"any":{}};'
        'additionalModelRequestFields={"top_k":4}'
    )


def test_the_events_of_a_stream_and_one_that_broke_off() -> None:
    events: list[Any] = [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "U"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"text": "p."}, "contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}}, {"metadata": {"usage": COUNTS}},
    ]  # fmt: skip
    whole = call("bedrock_converse", {**pair(), "response": events})
    assert (spoken(whole)[1][2], whole.usage) == ("Up.", Usage(fresh=9, output=2))
    broken = call("bedrock_converse", {**pair(), "response": events[:3]})
    assert (spoken(broken)[1][2], broken.usage) == ("Up.", None)


PARTS: list[tuple[dict[str, Any], list[tuple[str, str, str, str]]]] = [
    ({"text": "a"}, [("user", "text", "a", "")]),
    ({"toolUse": {"name": "f", "input": {}}}, [("assistant", "tool_call", "f\n{}", "")]),
    ({"toolResult": {"content": [{"text": "a"}, {"json": {"b": 1}}]}},
     [("tool", "tool_result", 'a\n{"b":1}', "")]),
    ({"toolResult": {"content": [{"image": {"format": "png"}}]}},
     [("tool", "image", '{"image":{"format":"png"}}', "")]),
    ({"reasoningContent": {"reasoningText": {"text": "hm"}}}, [("user", "thinking", "hm", "")]),
    ({"reasoningContent": {"redactedContent": "c2VhbGVk"}}, [("user", "thinking", "", "")]),
    ({"guardContent": {"text": {"text": "a", "qualifiers": ["query"]}}}, [("user", "text", "a", "")]),
    ({"guardContent": {"text": {"text": "a", "qualifiers": ["grounding_source"]}}},
     [("user", "document", "a", "context")]),
    ({"guardContent": {"image": {"format": "png"}}}, [("user", "image", '{"format":"png"}', "")]),
    ({"document": {"name": "n", "source": {"text": "t"}}}, [("user", "document", "n\nt", "context")]),
    ({"document": {"name": "n", "source": {"bytes": "aGk="}}},
     [("user", "image", '{"name":"n","source":{"bytes":"aGk="}}', "context")]),
    ({"searchResult": {"title": "t", "content": [{"text": "c"}]}},
     [("user", "document", "t\nc", "context")]),
    ({"citationsContent": {"content": [{"text": "c"}], "citations": []}}, [("user", "text", "c", "")]),
    ({"image": {"format": "png"}}, [("user", "image", '{"format":"png"}', "")]),
    ({"odd": 1}, [("user", "text", '{"odd":1}', "")]),
]  # fmt: skip


@pytest.mark.parametrize(("part", "shown"), PARTS)
def test_parts(part: dict[str, Any], shown: list[tuple[str, str, str, str]]) -> None:
    raw = json.dumps({"role": "user", "content": [part]}).encode()
    found = _converse.blocks("message", raw)
    assert [(b.role, b.kind, b.text, b.segment) for b in found] == shown


def test_a_cache_point_marks_the_end_of_what_stands_before_it() -> None:
    point = {"cachePoint": {"type": "default"}}
    hour = {"cachePoint": {"type": "default", "ttl": "1h"}}
    record = pair()
    record["request"] |= {
        "system": [{"text": "Be brief."}, point],
        "toolConfig": {"tools": [{"toolSpec": {"name": "f"}}, hour]},
        "messages": [{"role": "user", "content": [{"text": "a"}, point, {"text": "b"}]}],
    }
    marks = [(b.text, b.breakpoint) for b in blocks(call("bedrock_converse", record))]
    assert marks == [
        ('{"name":"f"}', "1h"),
        ("Be brief.", "5m"),
        ("a", "5m"),
        ("b", ""),
        ("Up.", ""),
    ]


def test_a_line_of_a_batch_s_results() -> None:
    body = pair()
    line = {"recordId": "c-1", "modelInput": body["request"], "modelOutput": body["response"]}
    found = call("bedrock_converse", line)
    assert (found.tier, found.usage) == ("batch", Usage(fresh=9, output=2))
    failed = {"recordId": "c-2", "modelInput": body["request"], "error": {"errorCode": 400}}
    refused = call("bedrock_converse", failed)
    assert (refused.tier, refused.status, refused.usage) == ("batch", "error", Usage())


def test_a_request_alone_is_known_by_its_parts() -> None:
    record = {"request": {"messages": [ASKED]}, "model": "amazon.nova-micro-v1:0"}
    found = call("bedrock_converse", record)
    assert (found.model, found.usage) == ("amazon.nova-micro-v1:0", None)
    assert reader("bedrock_converse").score(record) > reader("openai_chat").score(record)


@pytest.mark.parametrize(
    "record",
    [{"request": {"model": "gpt-5", "messages": [{"role": "user", "content": "hi"}]}},
     {"request": {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}},
     {"output": {"path": "x"}, "usage": 3}],
)  # fmt: skip
def test_other_data_is_not_claimed(record: dict[str, Any]) -> None:
    assert reader("bedrock_converse").score(record) == 0
