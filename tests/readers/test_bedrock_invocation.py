"""Bedrock's invocation log: what the log knows for sure, around bodies of every vendor."""

import json
from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call, reader, reason, spoken

MESSAGE = {"type": "message", "id": "msg_bdrk_1", "role": "assistant", "model": "claude-sonnet-4-6",
           "content": [{"type": "text", "text": "Up."}], "stop_reason": "end_turn"}  # fmt: skip
ASKED = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9,
         "messages": [{"role": "user", "content": "Where is north?"}]}  # fmt: skip


def row(
    sent: Any = ASKED,
    got: Any = None,
    model: str = "us.anthropic.claude-sonnet-4-6-v1:0",
    **more: Any,
) -> dict[str, Any]:
    given = {"inputContentType": "application/json", "inputBodyJson": sent, **more.pop("given", {})}
    record = {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0",
        "timestamp": "2026-01-01T00:00:00Z", "accountId": "111122223333", "region": "us-east-1",
        "identity": {"arn": "arn:aws:iam::111122223333:user/ann"}, "requestId": "r-1",
        "operation": "InvokeModel", "modelId": model, "input": given,
    }  # fmt: skip
    if got is not None:
        record["output"] = {"outputBodyJson": got, **more.pop("made", {})}
    return {**record, **more}


def test_the_log_s_own_facts() -> None:
    usage = {"input_tokens": 4, "output_tokens": 2}
    found = call(
        "bedrock_invocation", row(got={**MESSAGE, "usage": usage}, inferenceRegion="us-west-2")
    )
    assert (found.call_id, found.request_id, found.user_id) == ("r-1", "msg_bdrk_1", "ann")
    assert (found.channel, found.provider, found.region) == ("bedrock", "anthropic", "us-east-1")
    assert found.model == "us.anthropic.claude-sonnet-4-6-v1:0"
    assert (found.sent_at, found.finish_reason) == (1767225600000000, "end_turn")
    assert found.tags == {"operation": "InvokeModel", "account": "111122223333",
                          "inference_region": "us-west-2"}  # fmt: skip
    assert spoken(found) == [("user", "text", "Where is north?"), ("assistant", "text", "Up.")]


def test_the_body_splits_writes_by_lifetime_and_the_log_does_not() -> None:
    usage = {"input_tokens": 4, "cache_creation_input_tokens": 30, "cache_read_input_tokens": 100,
             "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
             "output_tokens": 2}  # fmt: skip
    given = {"inputTokenCount": 4, "cacheReadInputTokenCount": 100, "cacheWriteInputTokenCount": 30}
    found = call("bedrock_invocation", row(got={**MESSAGE, "usage": usage}, given=given))
    split = Usage(fresh=4, cache_read=100, cache_write_5m=10, cache_write_1h=20, output=2)
    assert found.usage == split


def test_without_bodies_the_log_s_counts_are_the_bill() -> None:
    given = {"inputTokenCount": 4, "cacheReadInputTokenCount": 100, "cacheWriteInputTokenCount": 30}
    record = row(sent=None, given=given)
    record["input"] |= {"inputBodyS3Path": "s3://audit/1.json.gz"}
    record["output"] = {"outputBodyS3Path": "s3://audit/2.json.gz", "outputTokenCount": 2}
    found = call("bedrock_invocation", record)
    assert found.usage == Usage(fresh=4, cache_read=100, cache_write_5m=30, output=2)
    assert not found.messages


def stream(usage: dict[str, int] | None) -> list[dict[str, Any]]:
    start = {**MESSAGE, "content": [], "usage": {"input_tokens": 4, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Up."}},
    ]
    if usage:
        metrics = {"inputTokenCount": 4, "outputTokenCount": 2, "invocationLatency": 905}
        events += [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
                   {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}]  # fmt: skip
    return events


def test_a_stream_is_a_list_of_chunks() -> None:
    found = call("bedrock_invocation", row(got=stream({"output_tokens": 2})))
    assert (found.usage, found.latency_us) == (Usage(fresh=4, output=2), 905000)
    assert spoken(found)[1] == ("assistant", "text", "Up.")


def test_a_stream_that_broke_off_is_billed_as_the_log_counts() -> None:
    record = row(got=stream(None), given={"inputTokenCount": 4}, made={"outputTokenCount": 2})
    assert call("bedrock_invocation", record).usage == Usage(fresh=4, output=2)


def test_a_stream_without_its_beginning_is_billed_as_the_log_counts() -> None:
    chunks = stream({"output_tokens": 2})[1:]
    assert "how many tokens went in" in reason("bedrock_invocation", row(got=chunks))
    record = row(got=chunks, given={"inputTokenCount": 4}, made={"outputTokenCount": 2})
    assert call("bedrock_invocation", record).usage == Usage(fresh=4, output=2)


def test_what_is_no_time_loses_no_call() -> None:
    assert call("bedrock_invocation", row(errorCode="x") | {"timestamp": "soon"}).sent_at is None


VENDORS: list[tuple[Any, Any, str]] = [
    ({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
     {"output": {"message": {"role": "assistant", "content": [{"text": "Yo"}]}},
      "usage": {"inputTokens": 3, "outputTokens": 2}}, "amazon.nova-lite-v1:0"),
    ({"inputText": "Hi"}, {"inputTextTokenCount": 3, "results": [{"tokenCount": 2, "outputText": "Yo"}]},
     "amazon.titan-text-lite-v1"),
    ({"prompt": "Hi"}, {"generation": "Yo", "prompt_token_count": 3, "generation_token_count": 2},
     "meta.llama3-8b-instruct-v1:0"),
    ({"prompt": "Hi"}, {"outputs": [{"text": "Yo", "stop_reason": "stop"}]}, "mistral.mistral-7b-v0:2"),
    ({"message": "Hi"}, {"text": "Yo", "generation_id": "g", "finish_reason": "COMPLETE"},
     "cohere.command-r-v1:0"),
    ({"messages": [{"role": "user", "content": "Hi"}]},
     {"choices": [{"message": {"role": "assistant", "content": "Yo"}}],
      "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}},
     "openai.gpt-oss-120b-1:0"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "got", "model"), VENDORS)
def test_every_vendor_s_bodies(sent: Any, got: Any, model: str) -> None:
    counts = {"given": {"inputTokenCount": 3}, "made": {"outputTokenCount": 2}}
    found = call("bedrock_invocation", row(sent, got, model, **counts))
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Yo")]
    assert (found.model, found.usage) == (model, Usage(fresh=3, output=2))


@pytest.mark.parametrize(
    ("asked", "model", "tier"),
    [
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-6-v1:0",
         "us.anthropic.claude-sonnet-4-6-v1:0", "standard"),
        ("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-v2:1", "anthropic.claude-v2:1",
         "standard"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/a1b2", "claude-sonnet-4-6",
         "standard"),
        ("arn:aws:bedrock:us-east-1:1:provisioned-model/x9", "claude-sonnet-4-6", "provisioned"),
    ],
)  # fmt: skip
def test_names_of_models(asked: str, model: str, tier: str) -> None:
    usage = {"input_tokens": 4, "output_tokens": 2}
    found = call("bedrock_invocation", row(got={**MESSAGE, "usage": usage}, model=asked))
    assert (found.model, found.tier) == (model, tier)


def test_a_refused_call_is_not_billed() -> None:
    found = call("bedrock_invocation", row(errorCode="ThrottlingException"))
    assert (found.status, found.usage, found.tags["error"]) == (
        "error",
        Usage(),
        "ThrottlingException",
    )


def test_metadata_of_the_request_are_dimensions() -> None:
    record = row(errorCode="x", requestMetadata={"feature": "maps", "team": "north", "batch": "7"})
    record["identity"] = {"arn": "arn:aws:sts::1:assumed-role/app/worker-2"}
    found = call("bedrock_invocation", record)
    assert (found.feature, found.team, found.user_id) == ("maps", "north", "app/worker-2")
    assert found.tags["batch"] == "7"


def test_an_event_of_cloudwatch_holds_the_record_as_text() -> None:
    event = {"timestamp": 1767225600000, "message": json.dumps(row(errorCode="x"))}
    assert reader("bedrock_invocation").score(event) == 1.0
    assert call("bedrock_invocation", event).call_id == "r-1"


@pytest.mark.parametrize(
    "record",
    [{"schemaType": "Other"}, {"message": "hello"}, {"modelId": "m", "operation": "o"},
     {"input": {"inputContentType": "x"}}],
)  # fmt: skip
def test_other_data_is_not_claimed(record: dict[str, Any]) -> None:
    assert reader("bedrock_invocation").score(record) == 0
    assert reason("bedrock_invocation", record) == "not a record of the bedrock_invocation format"
