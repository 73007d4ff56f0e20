"""HTTP exchanges as recorders keep them: the same exchange is the same call in each."""

import base64
import gzip
import json
from typing import Any

import pytest
from msgspec import Raw

from costscope.model import Usage
from costscope.readers import _hosts, _http
from tests.readers.reading import call, one, spoken

REQUEST = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
RESPONSE: dict[str, Any] = {
    "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ho"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}  # fmt: skip
URL = "https://api.openai.com/v1/chat/completions"


def b64(value: Any, *, packed: bool = False) -> str:
    data = json.dumps(value).encode()
    return base64.b64encode(gzip.compress(data) if packed else data).decode()


def sse(body: dict[str, Any]) -> str:
    chunk = {**body, "choices": [{"index": 0, "delta": {"content": "ho"}, "finish_reason": "stop"}]}
    return f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"


def vcr(sent: Any, got: Any) -> dict[str, Any]:
    return {"request": {"method": "POST", "uri": URL, "headers": {"accept": ["*/*"]}, "body": sent},
            "response": {"status": {"code": 200, "message": "OK"}, "headers": {}, "body": got}}  # fmt: skip


HAR = {
    "startedDateTime": "2026-11-02T06:21:28.000Z", "time": 20.5,
    "request": {"method": "POST", "url": URL, "headers": [], "postData": {"text": json.dumps(REQUEST)}},
    "response": {"status": 200, "headers": [], "content": {"text": json.dumps(RESPONSE)}},
}  # fmt: skip
PACKED = {
    **HAR,
    "response": {"status": 200, "content": {"text": b64(RESPONSE), "encoding": "base64"}},
}
FORMS: dict[str, Any] = {
    "rows": {"method": "POST", "url": URL, "status": 200, "request_body": REQUEST, "response_body": RESPONSE},
    "rows of text": {"uri": URL, "status": 200, "request_body": json.dumps(REQUEST),
                     "response_body": json.dumps(RESPONSE)},
    "base64": {"url": URL, "status": 200, "request_body": b64(REQUEST), "response_body": b64(RESPONSE)},
    "gzip": {"url": URL, "status": 200, "request_body": b64(REQUEST, packed=True),
             "response_body": b64(RESPONSE, packed=True)},
    "a packed stream": {"url": URL, "status": 200, "request_body": REQUEST,
                        "response_body": base64.b64encode(sse(RESPONSE).encode()).decode()},
    "a stream": {"url": URL, "status": 200, "request_body": REQUEST, "response_body": sse(RESPONSE)},
    "a nested exchange": {"request": {"url": URL, "method": "POST", "headers": {}, "body": b64(REQUEST)},
                          "response": {"status_code": 200, "headers": {}, "body": sse(RESPONSE)}},
    "HAR": HAR, "HAR in base64": PACKED,
    "VCR": vcr(json.dumps(REQUEST), {"string": json.dumps(RESPONSE)}),
    "VCR with objects": vcr({"string": json.dumps(REQUEST), "encoding": "UTF-8"}, {"string": sse(RESPONSE)}),
    "VCR in base64": vcr(json.dumps(REQUEST), {"base64_string": b64(RESPONSE, packed=True)}),
    "host and path": {"host": "api.openai.com", "path": "/v1/chat/completions", "status": 200,
                      "request_body": REQUEST, "response_body": RESPONSE},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["openai_chat", "http_exchange"])
def test_the_same_exchange_is_the_same_call(form: str, name: str) -> None:
    found = call("openai_chat", FORMS[form]) if name == "openai_chat" else only(FORMS[form])
    assert (found.call_id, found.model, found.provider) == (
        "chatcmpl-1",
        "gpt-4o-2024-08-06",
        "openai",
    )
    assert (found.usage, found.status) == (Usage(fresh=9, output=2), "ok")
    assert spoken(found) == [("user", "text", "hi"), ("assistant", "text", "ho")]


def only(record: Any) -> Any:
    from tests.readers.reading import every

    (item,) = every("http_exchange", [record])
    return item


def test_a_har_entry_tells_when_and_how_long() -> None:
    found = call("openai_chat", HAR)
    assert (found.sent_at, found.latency_us) == (1793600488_000_000, 20_500)


@pytest.mark.parametrize(
    "text", ["H4sIbroken", "eyJub3QganNvbg", "Wxyz", "e", "ZGF0YQ==", "evening", "Why not?"]
)
def test_text_that_only_looks_packed_stays_text(text: str) -> None:
    raw = Raw(json.dumps(text).encode())
    assert _http.unpacked(raw) is raw or bytes(_http.unpacked(raw)) in (b'"data"',)
    record = {"request": REQUEST, "response": text, "usage": RESPONSE["usage"]}
    assert spoken(call("openai_chat", record))[-1] == ("assistant", "text", text)


def test_what_unpacks_to_too_much_stays_packed() -> None:
    bomb = base64.b64encode(gzip.compress(b"a" * (_http.MAX_BODY_BYTES + 1))).decode()
    raw = Raw(json.dumps(bomb).encode())
    assert _http.unpacked(raw) is raw


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (b'{"X-Request-Id": ["req_1"], "Date": "now", "n": 5}', {"x-request-id": "req_1", "date": "now"}),
        (b'[{"name": "X-Request-Id", "value": "req_1"}, 5]', {"x-request-id": "req_1"}),
        (b"null", {}), (b'"text"', {}),
    ],
)  # fmt: skip
def test_headers_in_their_shapes(given: bytes, expected: dict[str, str]) -> None:
    assert _http.headers(Raw(given)) == expected


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://api.openai.com/v1/responses", ("openai", "", "", "", "")),
        ("https://api.mistral.ai/v1/chat/completions", ("mistral", "", "", "", "")),
        ("https://openrouter.ai/api/v1/chat/completions", ("openrouter", "openrouter", "", "", "")),
        ("https://us.x.openai.azure.com/openai/deployments/my-gpt/chat/completions?api-version=1",
         ("azure", "azure", "", "my-gpt", "openai")),
        ("https://x.services.ai.azure.com/models/chat/completions", ("azure", "azure", "", "", "")),
        ("https://bedrock-runtime.eu-west-1.amazonaws.com/model/eu.anthropic.claude-sonnet-4-5-v1%3A0/invoke",
         ("bedrock", "bedrock", "eu-west-1", "eu.anthropic.claude-sonnet-4-5-v1:0", "")),
        ("https://bedrock-runtime.us-east-1.amazonaws.com/model/arn%253Aaws%253Abedrock%253Aa%252Fb/converse-stream",
         ("bedrock", "bedrock", "us-east-1", "arn:aws:bedrock:a/b", "")),
        ("https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/us-central1/publishers/google"
         "/models/gemini-2.5-pro:generateContent", ("vertex", "vertex", "us-central1", "gemini-2.5-pro", "")),
        ("https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/anthropic/models"
         "/claude-opus-4-5@20251101:rawPredict", ("vertex", "vertex", "global", "claude-opus-4-5@20251101", "")),
        ("projects/p/locations/europe-west4/publishers/anthropic/models/claude-sonnet-4-6",
         ("vertex", "vertex", "europe-west4", "", "")),
        ("https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash:streamGenerateContent",
         ("google", "", "", "gemini-2.5-flash", "")),
        ("http://localhost:8000/v1/models/llama", ("", "self-hosted", "", "", "")),
        ("https://10.0.0.7/v1/chat/completions", ("", "self-hosted", "", "", "")),
        ("https://gateway.example.com/v1/chat/completions", ("", "", "", "", "")),
        ("", ("", "", "", "", "")), ("/v1/chat/completions", ("", "", "", "", "")),
        ("http://[broken/", ("", "", "", "", "")),
    ],
)  # fmt: skip
def test_what_an_address_tells(url: str, place: tuple[str, ...]) -> None:
    assert tuple(_hosts.place(url)) == place


def test_the_model_may_stand_in_the_address_alone() -> None:
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-haiku-4-5-v1%3A0/invoke"
    sent = {
        "anthropic_version": "bedrock-2023-05-31",
        "messages": [{"role": "user", "content": "hi"}],
    }
    got = {"type": "message", "content": [{"type": "text", "text": "ho"}],
           "usage": {"input_tokens": 9, "output_tokens": 2}}  # fmt: skip
    found = call("anthropic_messages", {"url": url, "request_body": sent, "response_body": got})
    assert (found.provider, found.channel, found.region) == ("anthropic", "bedrock", "us-east-1")
    assert found.model == "us.anthropic.claude-haiku-4-5-v1:0"


@pytest.mark.parametrize(("model", "place"), [
    ("gpt-4o", ("openai", "direct")), ("meta-llama/Llama-3.3-70B", ("", "self-hosted")),
    ("mistral-small", ("mistral", "self-hosted")),
])  # fmt: skip
def test_on_ones_own_machine_runs_a_model_or_a_proxy(model: str, place: tuple[str, str]) -> None:
    record = {**FORMS["rows"], "url": "http://localhost:4000/v1/chat/completions",
              "request_body": {**REQUEST, "model": model}, "response_body": {**RESPONSE, "model": model}}  # fmt: skip
    found = call("openai_chat", record)
    assert (found.provider, found.channel) == place


def test_a_declared_provider_is_surer_than_the_address() -> None:
    record = {
        **FORMS["rows"],
        "url": "http://localhost:4000/v1/chat/completions",
        "provider": "azure",
    }
    found = call("openai_chat", record)
    assert (found.provider, found.channel) == ("openai", "azure")


def test_a_status_beside_the_bodies_tells_of_a_failure() -> None:
    record = {**FORMS["rows"], "status": 503, "response_body": {"detail": "busy"}}
    found = one("openai_chat", record)
    assert (found.status, found.usage) == ("error", Usage())  # type: ignore[union-attr]
