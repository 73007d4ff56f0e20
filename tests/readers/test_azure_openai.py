"""Azure's logs: rows that stand alone, and several rows of different logs about one call."""

import json
from typing import Any

import pytest

from costscope.model import Call, Ignored, Skipped, Usage
from tests.readers.reading import every, reader, spoken

SENT = {"messages": [{"role": "user", "content": "Where is north?"}]}
GOT = {"id": "chatcmpl-a1", "object": "chat.completion", "model": "gpt-5-mini-2025-08-07",
       "choices": [{"message": {"role": "assistant", "content": "Up."}, "finish_reason": "stop"}],
       "usage": {"prompt_tokens": 300, "completion_tokens": 4, "total_tokens": 304,
                 "prompt_tokens_details": {"cached_tokens": 256}}}  # fmt: skip


def service(text: bool = True, code: str = "200", **props: Any) -> dict[str, Any]:
    found = {"requestTime": 639000000000000000, "streamType": "Non-Streaming", **props}
    return {"category": "RequestResponse", "correlationId": "s-1", "durationMs": 840,
            "location": "Sweden Central", "operationName": "ChatCompletions_Create",
            "properties": json.dumps(found) if text else found, "resourceId": "/x",
            "resultSignature": code, "time": "2026-01-01T00:00:00Z"}  # fmt: skip


def gateway(correlation: str, code: int = 200, **props: Any) -> dict[str, Any]:
    return {"category": "GatewayLogs", "correlationId": correlation, "durationMs": 1500,
            "location": "swedencentral", "resourceId": "/y", "time": "2026-01-01T00:00:00Z",
            "properties": {"backendResponseCode": code, **props}}  # fmt: skip


def talk(correlation: str, **props: Any) -> dict[str, Any]:
    return {"category": "GatewayLlmLogs", "correlationId": correlation, "resourceId": "/y",
            "time": "2026-01-01T00:00:00Z", "properties": props}  # fmt: skip


HEAD = {"deploymentName": "shelf", "modelName": "gpt-5-mini-2025-08-07", "promptTokens": 42,
        "completionTokens": 31, "totalTokens": 73, "requestId": "chatcmpl-a2",
        "sequenceNumber": 0}  # fmt: skip


def calls(*records: Any) -> list[Call]:
    found = [item for item in every("azure_openai", records) if not isinstance(item, Ignored)]
    assert all(isinstance(item, Call) for item in found), found
    return [item for item in found if isinstance(item, Call)]


@pytest.mark.parametrize("text", [True, False])
def test_the_service_s_log_knows_neither_texts_nor_usage(text: bool) -> None:
    row = service(text, modelName="gpt-5-mini", modelDeploymentName="shelf", objectId="u-1")
    (found,) = calls(row)
    assert (found.model, found.usage, found.user_id) == ("gpt-5-mini", None, "u-1")
    assert (found.channel, found.provider, found.region) == ("azure", "openai", "swedencentral")
    assert (found.sent_at, found.latency_us) == (1764403200000000, 840000)
    assert (found.call_id, found.tags["deployment"]) == ("s-1", "shelf")


def test_a_refused_call_is_not_billed() -> None:
    (found,) = calls(service(code="429", modelName="gpt-5-mini"))
    assert (found.status, found.usage) == ("error", Usage())


def test_a_time_below_zero_is_none() -> None:
    row = service(modelName="gpt-5-mini") | {"durationMs": -12}
    assert calls(row)[0].latency_us is None


def test_rows_that_ask_no_model_are_ignored() -> None:
    audit = service() | {"category": "Audit"}
    assert every("azure_openai", [service(), audit]) == [Ignored(), Ignored()]


def test_bodies_that_went_through_the_gateway() -> None:
    row = gateway("g-1", backendRequestBody=json.dumps(SENT), backendResponseBody=json.dumps(GOT))
    (found,) = calls(row)
    assert found.usage == Usage(fresh=44, cache_read=256, output=4)
    assert spoken(found) == [("user", "text", "Where is north?"), ("assistant", "text", "Up.")]
    assert (found.call_id, found.request_id, found.latency_us) == ("chatcmpl-a1", "g-1", 1500000)


def test_refused_calls_of_the_gateway_are_told_apart() -> None:
    error = json.dumps({"error": {"code": "429", "message": "Slow down."}})
    rows = [
        gateway(f"g-{i}", 429, requestBody=json.dumps(SENT), responseBody=error) for i in (1, 2)
    ]
    found = calls(*rows)
    assert [(c.call_id, c.status, c.usage) for c in found] == [
        ("g-1", "error", Usage()), ("g-2", "error", Usage()),
    ]  # fmt: skip
    assert spoken(found[0]) == [("user", "text", "Where is north?")]


def test_other_traffic_of_a_gateway_is_ignored() -> None:
    row = gateway("g-1", backendResponseBody='{"open": true}')
    assert every("azure_openai", [row, gateway("g-2")]) == [Ignored(), Ignored()]


def test_one_call_of_many_rows() -> None:
    asked = json.dumps([{"role": "user", "content": "Where is north?"}])
    rows = [
        talk("l-1", responseMessages=[{"role": "assistant", "content": "Up."}], sequenceNumber=3),
        talk("l-1", requestMessages=asked[20:], sequenceNumber=2),
        talk("l-1", requestMessages=asked[:20], sequenceNumber=1), talk("l-1", **HEAD),
        gateway("l-1"),
    ]  # fmt: skip
    found, rest = every("azure_openai", rows)
    assert isinstance(found, Call)
    assert rest == Ignored(4)
    assert (found.usage, found.call_id) == (Usage(fresh=42, output=31), "chatcmpl-a2")
    assert (found.model, found.latency_us) == ("gpt-5-mini-2025-08-07", 1500000)
    assert spoken(found) == [("user", "text", "Where is north?"), ("assistant", "text", "Up.")]


def test_the_gateway_s_bodies_know_more_than_its_counts() -> None:
    row = gateway("l-1", backendRequestBody=json.dumps(SENT), backendResponseBody=json.dumps(GOT))
    found, rest = every("azure_openai", [talk("l-1", **HEAD), row])
    assert isinstance(found, Call)
    assert (found.usage, rest) == (Usage(fresh=44, cache_read=256, output=4), Ignored(1))


def test_counts_of_nothing_are_no_bill() -> None:
    none = {"promptTokens": 0, "completionTokens": 0, "totalTokens": 0}
    (found,) = calls(talk("l-1", **{**HEAD, **none}))
    assert (found.usage, found.model) == (None, "gpt-5-mini-2025-08-07")


def test_tables_of_log_analytics() -> None:
    row = {
        "Type": "ApiManagementGatewayLlmLog", "CorrelationId": "t-1", "Region": "West Europe",
        "TimeGenerated": "2026-01-01T00:00:00Z", "ModelName": "gpt-5-mini", "PromptTokens": 5,
        "CompletionTokens": 2, "TotalTokens": 7, "RequestId": "chatcmpl-t1", "SequenceNumber": 0,
    }  # fmt: skip
    (found,) = calls(row)
    assert (found.usage, found.region) == (Usage(fresh=5, output=2), "westeurope")
    assert found.sent_at == 1767225600000000


def test_a_message_of_event_hubs_holds_many_rows() -> None:
    rows = [service(modelName="gpt-5-mini"), service(modelName="o3") | {"correlationId": "s-2"}]
    assert [c.model for c in calls({"records": rows})] == ["gpt-5-mini", "o3"]


def test_a_document_of_ai_sentry() -> None:
    record = {
        "date_time_utc": "2026-01-01T00:00:00Z", "request_body": SENT, "response_body": GOT,
        "sentry_ai_headers": {"Ai-Sentry-Consumer": "maps"}, "_ts": 1767225607,
        "openai_response_id": "chatcmpl-a1", "usage": GOT["usage"],
    }  # fmt: skip
    (found,) = calls(record)
    assert (found.feature, found.channel) == ("maps", "azure")
    assert found.sent_at == 1767225600000000
    assert found.usage == Usage(fresh=44, cache_read=256, output=4)


def test_another_record_is_a_skip() -> None:
    assert every("azure_openai", [{"a": 1}]) == [
        Skipped("log", 1, "not a record of the azure_openai format")
    ]


@pytest.mark.parametrize(
    "record", [{"category": "news", "title": "x"}, {"type": "gateway"}, {"request": SENT}]
)
def test_other_data_is_not_claimed(record: dict[str, Any]) -> None:
    assert reader("azure_openai").score(record) == 0
