"""Recorded HTTP traffic: what is a call, what is none, and what repeats what."""

import json
from typing import Any

import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.readers.http_exchange import MAX_FAILED
from costscope.sources import Head, identify, records
from tests.readers.reading import call, every, reader, spoken

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o",
          "choices": [{"index": 0, "message": {"content": "ho"}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 9, "completion_tokens": 2}}  # fmt: skip
OPENAI = "https://api.openai.com/v1"


def exchange(path: str = "/chat/completions", **more: Any) -> dict[str, Any]:
    given = {"url": OPENAI + path, "method": "POST", "status": 200, "request_body": CHAT,
             "response_body": ANSWER}  # fmt: skip
    return {**given, **more}


def item(record: Any) -> Call | Skipped | Ignored:
    (found,) = every("http_exchange", [record])
    return found


@pytest.mark.parametrize(
    "record",
    [
        exchange("/models", method="GET", request_body=None, response_body={"object": "list", "data": []}),
        exchange("/files", request_body="--boundary", response_body={"id": "file-1", "object": "file"}),
        exchange("/threads/t/messages", request_body={"role": "user", "content": "hi"},
                 response_body={"object": "thread.message", "content": [{"type": "text"}]}),
        exchange("/threads/t/runs/r", request_body=None,
                 response_body={"object": "thread.run", "status": "queued", "usage": None}),
        exchange(url="https://oauth2.googleapis.com/token", request_body="a=b", response_body={"a": 1}),
        exchange(url="https://eu.i.posthog.com/batch/", request_body={"batch": []}, response_body={"status": "Ok"}),
    ],
)  # fmt: skip
def test_exchanges_that_are_no_calls_are_passed_over(record: dict[str, Any]) -> None:
    assert item(record) == Ignored()


def test_a_call_of_an_unknown_dialect_is_a_skip_that_names_it() -> None:
    found = item(
        exchange("/images/generations", request_body={"prompt": "a"}, response_body={"data": []})
    )
    assert isinstance(found, Skipped)
    assert found.reason.endswith("not known here: api.openai.com/v1/images/generations")


def test_a_refused_call_is_known_from_its_address_alone() -> None:
    url = "https://bedrock-runtime.us-east-1.amazonaws.com/model/no.such-model/invoke"
    found = item(
        exchange(url=url, status=404, request_body={"a": 1}, response_body={"message": "?"})
    )
    assert isinstance(found, Call)
    assert (found.status, found.usage, found.model) == ("error", Usage(), "no.such-model")
    assert (found.channel, found.region) == ("bedrock", "us-east-1")


def test_a_stream_that_nobody_recorded_is_incomplete() -> None:
    found = item(exchange(response_body=None))
    assert isinstance(found, Call)
    assert (found.status, found.usage, spoken(found)) == (
        "incomplete",
        None,
        [("user", "text", "hi")],
    )


def test_a_run_tells_its_usage_again_and_again_and_is_one_call() -> None:
    run = {"id": "run_1", "object": "thread.run", "status": "completed", "model": "gpt-4o",
           "usage": {"prompt_tokens": 30, "completion_tokens": 5, "total_tokens": 35}}  # fmt: skip
    path = "/threads/t/runs/run_1"
    polled = exchange(path, method="GET", request_body=None, response_body=run)
    found = [i for i in every("http_exchange", [polled, polled]) if isinstance(i, Call)]
    assert [(c.call_id, c.revision, c.usage) for c in found] == [
        ("run_1", 1, Usage(fresh=30, output=5)),
    ] * 2  # fmt: skip
    events = f"event: thread.run.completed\ndata: {json.dumps(run)}\n\ndata: [DONE]\n\n"
    streamed = item(
        exchange("/threads/t/runs", response_body=events, request_body={"stream": True})
    )
    assert isinstance(streamed, Call)
    assert (streamed.call_id, streamed.usage) == ("run_1", Usage(fresh=30, output=5))


def har(code: int, count: str, body: Any, answered: str, **request: Any) -> dict[str, Any]:
    sent = {"method": "POST", "url": f"{OPENAI}/chat/completions", "postData": {"text": json.dumps(CHAT)},
            "headers": [{"name": "X-Stainless-Retry-Count", "value": count}], **request}  # fmt: skip
    got = {"status": code, "headers": [{"name": "x-request-id", "value": answered}],
           "content": {"text": json.dumps(body)}}  # fmt: skip
    return {"startedDateTime": "2026-11-02T06:21:28Z", "request": sent, "response": got}


REFUSED = {"error": {"message": "busy"}}


def test_a_retry_is_linked_to_the_attempt_that_was_refused() -> None:
    log = [
        har(429, "0", REFUSED, "req_1"),
        har(500, "1", REFUSED, "req_2"),
        har(200, "2", ANSWER, "req_3"),
    ]
    found = [i for i in every("http_exchange", log) if isinstance(i, Call)]
    assert [(c.call_id, c.retry_of, c.status) for c in found] == [
        ("req_1", None, "error"), ("req_2", "req_1", "error"), ("chatcmpl-1", "req_2", "ok"),
    ]  # fmt: skip


def test_the_same_request_is_no_retry_unless_the_client_says_so() -> None:
    log = [har(429, "0", REFUSED, "req_1"), har(200, "0", ANSWER, "req_2")]
    assert [i.retry_of for i in every("http_exchange", log) if isinstance(i, Call)] == [None, None]
    other = har(200, "1", ANSWER, "req_2", postData={"text": json.dumps({**CHAT, "seed": 1})})
    log = [har(429, "0", REFUSED, "req_1"), other]
    assert [i.retry_of for i in every("http_exchange", log) if isinstance(i, Call)] == [None, None]


def test_refused_requests_are_not_kept_in_mind_for_ever() -> None:
    urls = [f"{OPENAI}/chat/completions?n={n}" for n in range(MAX_FAILED + 1)]
    log = [har(429, "0", REFUSED, f"req_{n}", url=url) for n, url in enumerate(urls)]
    log += [har(200, "1", ANSWER, "x", url=urls[0]), har(200, "1", ANSWER, "x", url=urls[-1])]
    found = [i for i in every("http_exchange", log) if isinstance(i, Call)]
    assert [c.retry_of for c in found[-2:]] == [None, f"req_{MAX_FAILED}"]


@pytest.mark.parametrize("raw", [b"[1]", b"{", b'{"request": 5, "url": 5}', b'{"a": ' * 5000, b"5"])
def test_what_is_no_exchange_is_a_skip(raw: bytes) -> None:
    assert isinstance(item(raw), Skipped)


def test_an_exchange_in_loose_json_is_read() -> None:
    record = json.dumps(exchange(extra=float("nan"))).encode()
    assert isinstance(item(record), Call)


def test_traffic_without_a_call_is_no_log() -> None:
    other = exchange(url="https://example.org/api", request_body={"a": 1}, response_body={"b": 2})
    sniff = reader("http_exchange").sniff
    assert sniff(Head("x", [other, other])) == 0.0
    assert sniff(Head("x", [exchange(), other])) == 0.75
    assert sniff(Head("x", [])) == 0.0
    plain = {"request": CHAT, "response": ANSWER}
    assert sniff(Head("x", [plain, exchange()])) == 0.5


def test_other_formats_know_less_of_an_exchange() -> None:
    for name in ("openai_chat", "openai_responses", "anthropic_messages", "rows"):
        assert reader(name).sniff(Head("x", [exchange()])) < 1.0
    assert call("openai_chat", exchange()).usage == Usage(fresh=9, output=2)


@pytest.mark.parametrize("shape", ["har", "interactions"])
def test_an_archive_is_read_entry_by_entry(tmp_path: Any, shape: str) -> None:
    entries = [har(200, "0", {**ANSWER, "id": f"chatcmpl-{n}"}, "r") for n in range(3)]
    document: dict[str, Any] = {"interactions": entries, "version": 1}
    if shape == "har":
        document = {"log": {"version": "1.2", "pages": [{"id": "p"}], "entries": entries}}
    path = tmp_path / f"traffic.{shape}"
    for indent in (None, 2):
        path.write_text(json.dumps(document, indent=indent))
        source = identify(str(path))
        found = list(find_reader(source, "").read(records(source), "x"))  # type: ignore[arg-type]
        assert [i.call_id for i in found if isinstance(i, Call)] == [
            f"chatcmpl-{n}" for n in range(3)
        ]
