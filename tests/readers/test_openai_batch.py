"""Lines of batches: answered ones are calls of tier batch, refused ones cost nothing, asked ones are none."""

from typing import Any

import pytest

from costscope.model import Usage
from costscope.sources import Head
from tests.readers.reading import call, one, reader, reason, spoken, told

BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
ANSWER = {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-mini-2024-07-18",
          "choices": [{"index": 0, "message": {"content": "ho"}, "finish_reason": "stop"}],
          "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}}  # fmt: skip
MESSAGE = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
           "content": [{"type": "text", "text": "ho"}], "stop_reason": "end_turn",
           "usage": {"input_tokens": 9, "output_tokens": 2, "cache_read_input_tokens": 100}}  # fmt: skip
ASKED = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": BODY}
WHY = "a batch request without its response: ingest the batch's output"


def line(body: Any, code: int = 200, **more: Any) -> dict[str, Any]:
    response = None if body is None else {"status_code": code, "request_id": "r", "body": body}
    return {"id": "batch_req_1a", "custom_id": "a", "response": response, "error": None, **more}


@pytest.mark.parametrize("name", ["openai_batch", "openai_chat"])
def test_an_answered_line_is_a_call_of_tier_batch(name: str) -> None:
    found = call(name, line(ANSWER))
    assert (found.call_id, found.tier, found.status) == ("chatcmpl-1", "batch", "ok")
    assert (found.usage, found.provider) == (Usage(fresh=9, output=2), "openai")
    assert spoken(found) == [("assistant", "text", "ho")]


def test_any_api_may_be_called_in_a_batch() -> None:
    embedded = {"object": "list", "data": [], "model": "text-embedding-3-small",
                "usage": {"prompt_tokens": 8, "total_tokens": 8}}  # fmt: skip
    response = {"object": "response", "model": "gpt-5", "output": [],
                "usage": {"input_tokens": 7, "output_tokens": 1}}  # fmt: skip
    found = [call("openai_batch", line(body)) for body in (embedded, response)]
    assert [c.usage for c in found] == [Usage(fresh=8), Usage(fresh=7, output=1)]
    assert {c.tier for c in found} == {"batch"}


def test_results_of_anthropic_are_calls_too() -> None:
    record = {"custom_id": "a", "result": {"type": "succeeded", "message": MESSAGE}}
    found = call("openai_batch", record)
    assert (found.call_id, found.tier, found.provider) == ("msg_01", "batch", "anthropic")
    assert found.usage == Usage(fresh=9, cache_read=100, output=2)
    assert spoken(found) == [("assistant", "text", "ho")]


@pytest.mark.parametrize(
    ("record", "status"),
    [
        (line({"error": {"message": "no"}}, 400), "error"),
        (line(None, error={"code": "batch_expired", "message": "late"}), "expired"),
        (line(None, error={"code": "batch_cancelled", "message": "stop"}), "cancelled"),
        (line(None, error={"code": "server_error"}), "error"),
        (line(ANSWER, error={"code": "batch_expired"}), "expired"),
        ({"custom_id": "a", "result": {"type": "errored", "error": {"type": "error"}}}, "error"),
        ({"custom_id": "a", "result": {"type": "canceled"}}, "cancelled"),
        ({"custom_id": "a", "result": {"type": "expired"}}, "expired"),
    ],
)
def test_what_was_not_run_is_not_billed(record: dict[str, Any], status: str) -> None:
    found = call("openai_batch", record)
    assert (found.status, found.usage, found.tier) == (status, Usage(), "batch")
    anthropic = "result" in record
    said = ("anthropic", "a") if anthropic else ("openai", "batch_req_1a")
    assert (found.provider, found.call_id) == said


@pytest.mark.parametrize("record", [
    ASKED, {**ASKED, "response": None}, {"custom_id": "a", "params": {**BODY, "max_tokens": 9}},
])  # fmt: skip
def test_a_line_of_the_input_is_no_call(record: dict[str, Any]) -> None:
    assert reason("openai_batch", record) == WHY
    assert not isinstance(one("openai_chat", record), type(call("openai_chat", line(ANSWER))))


def test_a_line_with_both_has_its_prompt() -> None:
    assert spoken(call("openai_batch", {**ASKED, **line(ANSWER)})) == [
        ("user", "text", "hi"), ("assistant", "text", "ho"),
    ]  # fmt: skip


@pytest.mark.parametrize("record", [
    {"custom_id": "a", "request": BODY, "response": ANSWER}, {"custom_id": "a", "note": "b"},
    {"custom_id": None, "response": {}}, {"response": ANSWER},
])  # fmt: skip
def test_other_records_are_of_no_batch(record: dict[str, Any]) -> None:
    assert reason("openai_batch", record).startswith("not a record of")
    assert reader("openai_batch").sniff(Head("x", [record])) == 0.0


def test_a_body_in_no_known_dialect_is_a_failure_of_this_line_alone() -> None:
    assert told(call("openai_batch", line({"odd": 1}))) == {
        "call_id": "batch_req_1a", "provider": "openai", "status": "error", "tier": "batch", "usage": {},
    }  # fmt: skip


@pytest.mark.parametrize("raw", [b"[]", b"5"])
def test_what_is_no_object_is_a_skip(raw: bytes) -> None:
    assert reason("openai_batch", raw).startswith("not a record of")
