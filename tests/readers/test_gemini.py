"""generateContent: contents, candidates and usageMetadata in all the shapes that logs hold them in."""

import json
from typing import Any

import pytest

from costscope.model import Usage
from costscope.readers import _gemini
from tests.readers.reading import blocks, call, reader, reason, spoken

ASKED = {"role": "user", "parts": [{"text": "Which way is north?"}]}


def answer(parts: list[Any], **counts: Any) -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}
    return {"candidates": [candidate], "modelVersion": "gemini-2.5-flash", "usageMetadata": counts}


def pair(**counts: Any) -> dict[str, Any]:
    return {"request": {"contents": [ASKED]}, "response": answer([{"text": "Up."}], **counts)}


def test_golden_vector_8_thoughts_stand_beside_the_candidates() -> None:
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 900, "thoughtsTokenCount": 1054}
    found = call("gemini", pair(**counts, totalTokenCount=1957))
    assert found.usage == Usage(fresh=3, output=1954, reasoning=1054)


def test_candidates_hold_the_thoughts_where_the_total_says_so() -> None:
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 954, "thoughtsTokenCount": 54}
    found = call("gemini", pair(**counts, totalTokenCount=957))
    assert found.usage == Usage(fresh=3, output=954, reasoning=54)


def test_the_prompt_holds_what_was_cached_and_tools_add_to_it() -> None:
    counts = {"promptTokenCount": 100, "cachedContentTokenCount": 80, "toolUsePromptTokenCount": 7}
    found = call("gemini", pair(**counts, candidatesTokenCount=5, totalTokenCount=112))
    assert found.usage == Usage(fresh=27, cache_read=80, output=5)


def grounded(extra: dict[str, Any], model: str = "gemini-2.5-flash") -> dict[str, Any]:
    body = answer([{"text": "Up."}], promptTokenCount=10, candidatesTokenCount=2,
                  toolUsePromptTokenCount=50, totalTokenCount=62)  # fmt: skip
    body["candidates"][0] |= {"groundingMetadata": {"webSearchQueries": ["north", "compass"]}}
    body["candidates"][0] |= extra
    return {"request": {"contents": [ASKED]}, "response": {**body, "modelVersion": model}}


def test_what_a_search_found_is_not_charged_and_a_grounded_prompt_is() -> None:
    found = call("gemini", grounded({}))
    assert found.usage == Usage(fresh=10, output=2)
    assert found.units == {"web_search": 1}


def test_gemini_3_bills_each_query() -> None:
    assert call("gemini", grounded({}, "gemini-3.1-pro")).units == {"web_search": 2}


def test_a_page_that_was_fetched_is_charged_though_there_was_a_search() -> None:
    found = call("gemini", grounded({"urlContextMetadata": {"urlMetadata": []}}))
    assert found.usage == Usage(fresh=60, output=2)


def test_sounds_and_pictures_are_units() -> None:
    details = [{"modality": "AUDIO", "tokenCount": 90}, {"modality": "IMAGE", "tokenCount": 258}]
    record = pair(
        promptTokenCount=400, cachedContentTokenCount=60, candidatesTokenCount=4, totalTokenCount=404,
        promptTokensDetails=details, cacheTokensDetails=[{"modality": "AUDIO", "tokenCount": 60}],
    )  # fmt: skip
    assert call("gemini", record).units == {
        "input_audio": 30,
        "cache_audio": 60,
        "input_image": 258,
    }


@pytest.mark.parametrize(
    ("counts", "tier", "channel"),
    [
        ({"serviceTier": "flex"}, "flex", "direct"),
        ({"serviceTier": "standard"}, "standard", "direct"),
        ({"trafficType": "ON_DEMAND"}, "standard", "vertex"),
        ({"trafficType": 1}, "standard", "vertex"),
        ({"trafficType": "ON_DEMAND_FLEX"}, "flex", "vertex"),
        ({"trafficType": "ON_DEMAND_PRIORITY"}, "priority", "vertex"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned", "vertex"),
        ({"trafficType": 2}, "provisioned", "vertex"),
    ],
)
def test_the_served_tier(counts: dict[str, Any], tier: str, channel: str) -> None:
    found = call("gemini", pair(promptTokenCount=3, totalTokenCount=3, **counts))
    assert (found.tier, found.channel) == (tier, channel)


def test_a_new_explicit_cache_is_billed_as_input() -> None:
    record = {
        "url": "https://generativelanguage.googleapis.com/v1beta/cachedContents",
        "request": {"model": "models/gemini-2.5-flash", "contents": [ASKED], "ttl": "300s"},
        "response": {"name": "cachedContents/a1", "usageMetadata": {"totalTokenCount": 1200},
                     "createTime": "2026-01-01T00:00:00Z", "expireTime": "2026-01-01T00:30:00Z"},
    }  # fmt: skip
    found = call("gemini", record)
    assert (found.model, found.usage) == ("gemini-2.5-flash", Usage(fresh=1200))
    assert found.units == {"cache_storage": 600}


def test_counts_without_a_prompt_tell_no_bill() -> None:
    found = call("gemini", pair(candidatesTokenCount=18, thoughtsTokenCount=58))
    assert found.usage is None
    assert spoken(found) == [("user", "text", "Which way is north?"), ("assistant", "text", "Up.")]


def test_a_stream_that_broke_off_has_no_bill() -> None:
    chunk = {"candidates": [{"content": {"parts": [{"text": "U"}], "role": "model"}}],
             "usageMetadata": {"promptTokenCount": 6, "totalTokenCount": 6}}  # fmt: skip
    record = {"request": {"contents": [ASKED]}, "response": f"data: {json.dumps(chunk)}\n\n"}
    found = call("gemini", record)
    assert found.usage is None
    assert spoken(found)[1] == ("assistant", "text", "U")


def test_counting_tokens_is_no_call() -> None:
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:countTokens"
    record = {"url": url, "request": {"contents": [ASKED]}, "response": {"totalTokens": 6}}
    assert reason("gemini", record) == "not a record of the gemini format"


def test_an_embedding_has_texts() -> None:
    url = "https://generativelanguage.googleapis.com/v1beta/models/gemini-embedding-001:batchEmbedContents"
    contents = [{"content": {"parts": [{"text": text}]}} for text in ("north", "south")]
    record = {"url": url, "request": {"requests": contents}, "response": {"embeddings": []}}
    found = call("gemini", record)
    assert spoken(found) == [("user", "text", "north"), ("user", "text", "south")]
    assert (found.model, found.usage) == ("gemini-embedding-001", None)


def test_arguments_of_the_sdk_and_a_dump_of_its_response() -> None:
    config = {"system_instruction": "Be brief.", "temperature": 0.5, "max_output_tokens": 9,
              "response_mime_type": "application/json", "tools": None}  # fmt: skip
    part = {"text": None, "thought": None, "function_call": {"name": "turn", "args": {"by": 90}}}
    response = {
        "candidates": [{"content": {"parts": [part], "role": "model"}, "finish_reason": "STOP"}],
        "create_time": "2026-01-01T00:00:00Z", "model_version": "gemini-2.5-pro", "response_id": "r1",
        "usage_metadata": {"prompt_token_count": 8, "candidates_token_count": 4,
                           "cached_content_token_count": None, "total_token_count": 12},
    }  # fmt: skip
    request = {"model": "gemini-2.5-pro", "contents": "Turn east.", "config": config}
    found = call("gemini", {"request": request, "response": response})
    assert spoken(found) == [
        ("system", "text", "Be brief."), ("user", "text", "Turn east."),
        ("assistant", "tool_call", 'turn\n{"by":90}'),
    ]  # fmt: skip
    assert (found.call_id, found.model, found.usage) == ("r1", "gemini-2.5-pro", Usage(8, output=4))
    assert (found.temperature, found.json_reply, found.sent_at) == (0.5, True, 1767225600000000)
    assert found.params == 'config={"max_output_tokens":9,"response_mime_type":"application/json"}'


def test_a_row_of_vertex_logging() -> None:
    model = "projects/p/locations/europe-west1/publishers/google/models/gemini-2.5-flash"
    row = {
        "endpoint": model, "model": model, "logging_time": "2026-01-01 00:00:10 UTC",
        "request_id": "77", "api_method": "generateContent", "metadata": {"request_latency": 2500.0},
        "full_request": {"contents": [ASKED], "labels": {"team": "maps", "squad": "north"}},
        "full_response": answer([{"text": "Up."}], promptTokenCount=5, candidatesTokenCount=1,
                                totalTokenCount=6, trafficType="ON_DEMAND"),
    }  # fmt: skip
    found = call("gemini", row)
    assert (found.model, found.channel, found.region) == (
        "gemini-2.5-flash",
        "vertex",
        "europe-west1",
    )
    assert (found.sent_at, found.latency_us) == (1767225607500000, 2500000)
    assert (found.team, found.tags["squad"]) == ("maps", "north")
    assert found.usage == Usage(fresh=5, output=1)


def test_lines_of_a_batch() -> None:
    body = answer([{"text": "Up."}], promptTokenCount=5, candidatesTokenCount=1, totalTokenCount=6)
    found = call("gemini", {"key": "k1", "response": body})
    assert (found.tier, found.request_id) == ("batch", "k1")
    row = {"status": "", "processed_time": "2026-01-01T00:00:00.5+00:00", "response": body,
           "request": {"contents": [ASKED]}}  # fmt: skip
    assert call("gemini", row).tier == "batch"
    failed = call("gemini", {"key": "k2", "error": {"code": 3, "message": "no contents"}})
    assert (failed.tier, failed.status, failed.usage) == ("batch", "error", Usage())


def test_numbers_of_enums_are_named() -> None:
    details = [{"modality": 1, "tokenCount": 1}, {"modality": 4, "tokenCount": 2}]
    record = pair(promptTokenCount=3, totalTokenCount=4, promptTokensDetails=details)
    record["response"]["candidates"][0]["finishReason"] = 2
    found = call("gemini", record)
    assert (found.finish_reason, found.units) == ("MAX_TOKENS", {"input_audio": 2})


PARTS = [
    ({"text": "a"}, ("assistant", "text", "a")),
    ({"text": "a", "thought": True}, ("assistant", "thinking", "a")),
    ({"functionCall": {"name": "f", "args": {}}}, ("assistant", "tool_call", "f\n{}")),
    ({"functionResponse": {"name": "f", "response": {"x": 1}}}, ("tool", "tool_result", '{"x":1}')),
    ({"executableCode": {"code": "1+1", "language": "PYTHON"}}, ("assistant", "tool_call", "1+1")),
    ({"codeExecutionResult": {"output": "2"}}, ("tool", "tool_result", "2")),
    ({"fileData": {"fileUri": "gs://x"}}, ("assistant", "image", '{"fileUri":"gs://x"}')),
    ({"odd": 1, "thoughtSignature": "s"}, ("assistant", "text", '{"odd":1}')),
]  # fmt: skip


@pytest.mark.parametrize(("part", "shown"), PARTS)
def test_parts(part: dict[str, Any], shown: tuple[str, str, str]) -> None:
    raw = json.dumps([{"content": {"role": "model", "parts": [part]}}]).encode()
    (block,) = _gemini.blocks("reply", raw)
    assert (block.role, block.kind, block.text) == shown


def test_the_signature_of_a_thought_is_no_text() -> None:
    parts = [{"text": "", "thoughtSignature": "c2VhbGVk"}, {"thoughtSignature": "c2VhbGVk"}]
    raw = json.dumps([{"content": {"role": "model", "parts": parts}}]).encode()
    assert _gemini.blocks("reply", raw) == []


@pytest.mark.parametrize(
    "contents",
    ["hi", ["hi"], {"text": "hi"}, [{"text": "hi"}], {"parts": [{"text": "hi"}]},
     [{"role": "user", "parts": [{"text": "hi"}]}], [{"role": "user", "parts": {"text": "hi"}}]],
)  # fmt: skip
def test_shorter_forms_of_contents(contents: Any) -> None:
    record = {"request": {"model": "gemini-2.5-flash", "contents": contents},
              "response": answer([{"text": "Up."}], promptTokenCount=1, totalTokenCount=2)}  # fmt: skip
    assert spoken(call("gemini", record))[0] == ("user", "text", "hi")


def test_each_declared_function_is_a_block() -> None:
    tools = [{"functionDeclarations": [{"name": "f"}, {"name": "g"}]}, {"googleSearch": {}}]
    record = pair(promptTokenCount=3, totalTokenCount=3)
    record["request"]["tools"] = tools
    shown = [b.text for b in blocks(call("gemini", record)) if b.kind == "tool_schema"]
    assert shown == ['{"name":"f"}', '{"name":"g"}', '{"googleSearch":{}}']


def test_a_cached_count_beyond_the_prompt_never_makes_a_negative_one() -> None:
    found = call("gemini", pair(promptTokenCount=3, cachedContentTokenCount=9, totalTokenCount=3))
    assert found.usage is not None
    assert found.usage.fresh >= 0


@pytest.mark.parametrize(
    "record",
    [{"contents": "a page of a book", "title": "t"}, {"candidates": ["Ann", "Bob"], "winner": "Ann"},
     {"key": "k", "error": "none"}],
)  # fmt: skip
def test_other_data_is_not_claimed(record: dict[str, Any]) -> None:
    assert reader("gemini").score(record) < 0.25
