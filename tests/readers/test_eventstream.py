"""Amazon's binary event streams: frames of headers and JSON as chunks of a stream."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.model import Usage
from costscope.readers import _eventstream
from tests.readers.reading import call, spoken

URL = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-haiku-4-5-v1%3A0"
SENT = {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}


def frame(payload: Any, **headers: str) -> bytes:
    """One frame; the checksums are not looked at."""
    named = b""
    for name, value in headers.items():
        key = (":" + name.replace("_", "-")).encode()
        named += bytes([len(key)]) + key + b"\x07" + len(value).to_bytes(2) + value.encode()
    body = json.dumps(payload).encode()
    size = 12 + len(named) + len(body) + 4
    return size.to_bytes(4) + len(named).to_bytes(4) + b"crc1" + named + body + b"crc2"


def wrapped(chunk: Any) -> bytes:
    inner = base64.b64encode(json.dumps(chunk).encode()).decode()
    return frame({"bytes": inner, "p": "abc"}, event_type="chunk", message_type="event")


MESSAGES = [
    {"type": "message_start", "message": {"id": "msg_1", "type": "message", "content": [],
                                          "usage": {"input_tokens": 7, "output_tokens": 1}}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "ho"}},
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
]  # fmt: skip
CONVERSE = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "ho"}}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": {"inputTokens": 7, "outputTokens": 5}, "metrics": {"latencyMs": 3}}),
]


def recorded(data: bytes, path: str) -> dict[str, Any]:
    return {"url": URL + path, "method": "POST", "status": 200, "request_body": SENT,
            "response_body": base64.b64encode(data).decode()}  # fmt: skip


def test_a_stream_of_a_models_own_chunks() -> None:
    data = b"".join(map(wrapped, MESSAGES))
    found = call("anthropic_messages", recorded(data, "/invoke-with-response-stream"))
    assert (found.usage, found.finish_reason) == (Usage(fresh=7, output=5), "end_turn")
    assert spoken(found) == [("user", "text", "hi"), ("assistant", "text", "ho")]
    cut = call("anthropic_messages", recorded(data[:-10], "/invoke-with-response-stream"))
    assert (cut.usage, cut.status) == (None, "incomplete")


def test_a_stream_of_converse() -> None:
    data = b"".join(frame(body, event_type=name) for name, body in CONVERSE)
    found = call("bedrock_converse", recorded(data, "/converse-stream"))
    assert (found.usage, found.finish_reason) == (Usage(fresh=7, output=5), "end_turn")
    assert spoken(found)[-1] == ("assistant", "text", "ho")


def test_an_exception_is_an_error() -> None:
    data = frame({"message": "slow down"}, exception_type="throttlingException")
    assert _eventstream.chunks(data) == [
        {"error": {"type": "throttlingException", "message": "slow down"}},
    ]  # fmt: skip


@pytest.mark.parametrize("data", [
    b"", b"plain text that is no frame at all", frame([1]), frame({"a": 1}), frame({"bytes": "!"}),
    frame({"bytes": base64.b64encode(b"[]").decode()}), bytes(40),
])  # fmt: skip
def test_what_is_no_event_has_no_chunks(data: bytes) -> None:
    assert _eventstream.chunks(data) == []


@given(st.binary(max_size=80), st.integers(0, 60))
def test_nothing_stops_the_reading(data: bytes, cut: int) -> None:
    whole = wrapped(MESSAGES[0])
    _eventstream.chunks(data)
    _eventstream.chunks(whole[:cut] + data + whole[cut:])
