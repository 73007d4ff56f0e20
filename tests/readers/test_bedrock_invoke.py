"""InvokeModel bodies that hold one text: each vendor's names for prompt, answer and counts."""

from typing import Any

import pytest

from costscope.model import Usage
from costscope.readers import _invoke
from tests.readers.reading import call, reader, spoken

URL = "https://bedrock-runtime.eu-west-1.amazonaws.com/model/{}/invoke"
VENDORS: list[tuple[str, dict[str, Any], dict[str, Any], str, str, Usage | None]] = [
    ("amazon.titan-text-lite-v1", {"inputText": "Hi"},
     {"inputTextTokenCount": 3, "results": [{"tokenCount": 2, "outputText": "Yo",
                                             "completionReason": "FINISH"}]},
     "Yo", "FINISH", Usage(fresh=3, output=2)),
    ("meta.llama3-8b-instruct-v1:0", {"prompt": "Hi", "max_gen_len": 9},
     {"generation": "Yo", "prompt_token_count": 3, "generation_token_count": 2, "stop_reason": "stop"},
     "Yo", "stop", Usage(fresh=3, output=2)),
    ("mistral.mistral-7b-instruct-v0:2", {"prompt": "Hi"},
     {"outputs": [{"text": "Yo", "stop_reason": "length"}]}, "Yo", "length", None),
    ("ai21.j2-mid-v1", {"prompt": "Hi"},
     {"completions": [{"data": {"text": "Yo"}, "finishReason": {"reason": "endoftext"}}]},
     "Yo", "endoftext", None),
    ("anthropic.claude-v2:1", {"prompt": "Hi", "max_tokens_to_sample": 9},
     {"type": "completion", "completion": "Yo", "stop_reason": "stop_sequence"},
     "Yo", "stop_sequence", None),
]  # fmt: skip


@pytest.mark.parametrize(("model", "sent", "got", "said", "finish", "usage"), VENDORS)
def test_vendors(
    model: str,
    sent: dict[str, Any],
    got: dict[str, Any],
    said: str,
    finish: str,
    usage: Usage | None,
) -> None:
    record = {"url": URL.format(model.replace(":", "%3A")), "request": sent, "response": got}
    found = call("bedrock_invoke", record)
    assert (found.model, found.channel, found.region) == (model, "bedrock", "eu-west-1")
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", said)]
    assert (found.finish_reason, found.usage) == (finish, usage)


def test_counts_of_the_http_headers_where_the_body_has_none() -> None:
    headers = {"X-Amzn-Bedrock-Input-Token-Count": "11", "x-amzn-bedrock-output-token-count": ["4"],
               "x-amzn-bedrock-cache-read-input-token-count": "7", "Date": "today"}  # fmt: skip
    record = {
        "url": URL.format("mistral.mistral-7b-instruct-v0%3A2"), "status": 200,
        "response_headers": headers, "request_body": {"prompt": "Hi"},
        "response_body": {"outputs": [{"text": "Yo", "stop_reason": "stop"}]},
    }  # fmt: skip
    assert call("bedrock_invoke", record).usage == Usage(fresh=11, cache_read=7, output=4)


STREAMS: list[list[dict[str, Any]]] = [
    [{"outputText": "Y", "index": 0, "totalOutputTextTokenCount": None},
     {"outputText": "o", "index": 0, "totalOutputTextTokenCount": 2, "completionReason": "FINISH",
      "inputTextTokenCount": 3}],
    [{"generation": "Y", "prompt_token_count": 3, "generation_token_count": 1, "stop_reason": None},
     {"generation": "o", "prompt_token_count": None, "generation_token_count": 2,
      "stop_reason": "stop"}],
    [{"outputs": [{"text": "Y", "stop_reason": None}]},
     {"outputs": [{"text": "o", "stop_reason": "stop"}],
      _invoke.METRICS: {"inputTokenCount": 3, "outputTokenCount": 2, "invocationLatency": 60}}],
]  # fmt: skip


@pytest.mark.parametrize("chunks", STREAMS)
def test_streams_go_on_and_the_last_counts_hold(chunks: list[dict[str, Any]]) -> None:
    record = {"url": URL.format("x.y"), "request": {"prompt": "Hi"}, "response": chunks}
    found = call("bedrock_invoke", record)
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Yo")]
    assert found.usage == Usage(fresh=3, output=2)


def test_settings_and_latency() -> None:
    sent = {"inputText": "Hi", "textGenerationConfig": {"temperature": 0.25, "maxTokenCount": 9}}
    got = {"inputTextTokenCount": 3, "results": [], _invoke.METRICS: {
        "inputTokenCount": 3, "outputTokenCount": 0, "invocationLatency": 60}}  # fmt: skip
    found = call("bedrock_invoke", {"model": "amazon.titan-x", "request": sent, "response": got})
    assert (found.temperature, found.latency_us, found.usage) == (0.25, 60000, Usage(fresh=3))


@pytest.mark.parametrize(
    "record",
    [{"prompt": "Write a poem", "completion": "Roses"}, {"request": {"prompt": "Hi", "model": "m"}},
     {"request": {"messages": []}, "response": {"generation": "x", "generation_token_count": 1}}],
)  # fmt: skip
def test_other_data_is_not_claimed(record: dict[str, Any]) -> None:
    assert reader("bedrock_invoke").score(record) == 0


CLAUDE = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9,
          "messages": [{"role": "user", "content": "Hi"}]}  # fmt: skip


def test_a_request_to_claude_alone_is_known_by_its_address() -> None:
    url = URL.format("anthropic.claude-sonnet-4-6-v1%3A0") + "-with-response-stream"
    record = {"url": url, "status": 200, "request_body": CLAUDE, "response_body": None}
    assert reader("anthropic_messages").score(record) > reader("openai_chat").score(record)


@pytest.mark.parametrize(("zone", "region"), [("global", "global"), ("eu", "eu-west-1")])
def test_a_global_profile_is_global_wherever_it_was_asked(zone: str, region: str) -> None:
    got = {"type": "message", "model": "claude-sonnet-4-6", "content": [{"type": "text", "text": "Yo"}],
           "usage": {"input_tokens": 3, "output_tokens": 2}}  # fmt: skip
    url = URL.format(f"{zone}.anthropic.claude-sonnet-4-6-v1%3A0")
    record = {"url": url, "status": 200, "request_body": CLAUDE, "response_body": got}
    assert call("anthropic_messages", record).region == region
