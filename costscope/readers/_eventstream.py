"""Amazon's binary event streams (application/vnd.amazon.eventstream), in which Bedrock streams: frames of
headers and JSON, as the chunks that they hold."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator
from typing import Any

from costscope.readers import _json

_PRELUDE = 12
"""Lengths of the frame and of its headers, and a checksum of both."""
_CHECKSUM = 4
_STRING = 7
"""The type of a header that is text, the only one that is of use here."""


def chunks(data: bytes) -> list[dict[str, Any]]:
    """The chunks of a stream as the JSON API would name them; none where it is no such stream. A frame
    that is cut off ends it."""
    return [chunk for headers, payload in _frames(data) if (chunk := _chunk(headers, payload))]


def _frames(data: bytes) -> Iterator[tuple[dict[str, str], bytes]]:
    at = 0
    while at + _PRELUDE + _CHECKSUM <= len(data):
        size = int.from_bytes(data[at : at + 4])
        told = int.from_bytes(data[at + 4 : at + 8])
        start = at + _PRELUDE
        if size < _PRELUDE + told + _CHECKSUM or at + size > len(data):
            return
        yield _headers(data[start : start + told]), data[start + told : at + size - _CHECKSUM]
        at += size


def _headers(data: bytes) -> dict[str, str]:
    """The headers up to one that is no text: the service writes none."""
    found: dict[str, str] = {}
    at = 0
    while at < len(data):
        end = at + 1 + data[at]
        if data[end : end + 1] != bytes([_STRING]):
            break
        size = int.from_bytes(data[end + 1 : end + 3])
        value = data[end + 3 : end + 3 + size]
        found[data[at + 1 : end].decode("utf-8", "replace")] = value.decode("utf-8", "replace")
        at = end + 3 + size
    return found


def _chunk(headers: dict[str, str], payload: bytes) -> dict[str, Any] | None:
    """InvokeModel wraps the model's own chunk in base64, Converse names an event in a header."""
    body = _json.inside(payload.decode("utf-8", "replace"))
    if not isinstance(body, dict):
        return None
    if ":exception-type" in headers:
        return {"error": {"type": headers[":exception-type"], **body}}
    if isinstance(body.get("bytes"), str):
        try:
            inner = _json.inside(b64decode(body["bytes"]).decode("utf-8", "replace"))
        except (binascii.Error, ValueError):
            return None
        return inner if isinstance(inner, dict) else None
    name = headers.get(":event-type")
    return {name: body} if name else None
