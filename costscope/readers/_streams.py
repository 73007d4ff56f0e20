"""Streamed responses put together again: the events of a server-sent stream, a list of chunks or JSON
lines become the body that the same API answers with where it does not stream."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from costscope.readers import _deltas, _events, _invoke, _json
from costscope.readers._deltas import Chunk, Joined

_FIELD = re.compile(r"((data|event): ?|(id|retry): ?\w|: )")
_DATA = re.compile(r"^data: ?[{\[]", re.MULTILINE)
_PLAIN_FIELDS = ("event", "id", "retry", "")
_LISTED = (
    b".chunk", b"content_block_", b"response.output_text", b'"delta"', b'"response.', b'"candidates"',
    b'"event_type"', b'"messageStart"', b'"contentBlockDelta"', b'"message_start"', b'"done":',
    b'"generation"', b'"outputText"', b'"outputs"',
)  # fmt: skip
"""What an array has early on if it holds the chunks of a stream, and no list of messages."""
_EARLY = 1000


class Whole(NamedTuple):
    """A response that was streamed."""

    body: Raw
    complete: bool
    """Whether the stream reached its end and its usage; else the body is what came until then."""


_UNREAD = Whole(Raw(b"{}"), False)


def whole(raw: Raw) -> Whole | None:
    """A body that is a stream in pieces as a whole response; None where it is something else. A stream of
    which nothing can be read is an empty response that is not complete."""
    start = _json.first(raw)
    if start == b'"':
        text = _json.loads(raw)
        sent = _FIELD.match(text.lstrip()[:10]) is not None and _DATA.search(text) is not None
        found = put_together(list(events(text)) if sent else _lines(text))
        return _UNREAD if found is None and sent else _whole(found)
    if start == b"[" and any(sign in bytes(memoryview(raw)[:_EARLY]) for sign in _LISTED):
        return _whole(put_together([c for item in _json.loads(raw) for c in _listed(item)]))
    return None


def _whole(found: Joined | None) -> Whole | None:
    return None if found is None else Whole(Raw(_json.dumps(found.body)), found.complete)


def _listed(item: Any) -> list[dict[str, Any]]:
    """An item of an array of chunks, which may be kept as the text that came over the wire."""
    if isinstance(item, str):
        return list(events(item)) if _FIELD.match(item) else _lines(item)
    if not isinstance(item, dict):
        return []
    inner = item.get("data")
    if "event" in item and isinstance(inner, (dict, str)):
        found = _json.inside(inner) if isinstance(inner, str) else inner
        return [found] if isinstance(found, dict) else []
    return [item]


def events(text: str) -> Iterator[dict[str, Any]]:
    """The objects that the `data` of server-sent events hold (WHATWG HTML, section 9.2). Data that goes
    over several lines is one object; recordings that lost the blank lines between events are read too."""
    waiting = ""
    for line in text.splitlines():
        name, colon, value = line.partition(":")
        if not line or not colon or name in _PLAIN_FIELDS:
            waiting = "" if not line else waiting
            continue
        if name != "data":
            continue
        waiting += value.removeprefix(" ")
        found = _object(waiting)
        if found is not None:
            yield found
        if found is not None or waiting == "[DONE]":
            waiting = ""


def _lines(text: str) -> list[dict[str, Any]]:
    """The objects of JSON lines, if these are at least two."""
    if text[:1] != "{" or "\n" not in text.strip():
        return []
    found = [_object(line) for line in text.splitlines() if line.strip()]
    objects = [item for item in found if item is not None]
    return objects if len(objects) == len(found) else []


def _object(text: str) -> dict[str, Any] | None:
    if text.lstrip()[:1] != "{":
        return None
    try:
        found = msgspec.json.decode(text.encode("utf-8", "replace"))
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) else None


def put_together(chunks: Sequence[Chunk]) -> Joined | None:
    """The response that these chunks are of; None where no API here streams like that. Chunks that only
    tell of an error are an answer with that error."""
    joined: Joined | None = None
    for api in _APIS:
        if any(map(api.knows, chunks)):
            joined = api.join(chunks)
            break
    else:
        joined = Joined({}, True) if any(map(_failed, chunks)) else None
    error = next((found for chunk in chunks if (found := _failed(chunk))), None)
    if joined is not None and error is not None and not joined.body.get("error"):
        joined = Joined({**joined.body, "error": error}, joined.complete)
    return joined


def _failed(chunk: Chunk) -> Any:
    error = chunk.get("error")
    return error if isinstance(error, (dict, str)) else None


class _Api(NamedTuple):
    """How the chunks of an API are known, and how they are joined."""

    knows: Callable[[Chunk], bool]
    join: Callable[[Sequence[Chunk]], Joined]


_APIS = (
    _Api(_deltas.is_run, _deltas.run),
    _Api(_deltas.is_chat, _deltas.chat),
    _Api(_deltas.is_value, _deltas.value),
    _Api(_deltas.is_responses, _deltas.responses),
    _Api(_events.is_messages, _events.messages),
    _Api(_events.is_completion, _events.completion),
    _Api(_events.is_gemini, _events.gemini),
    _Api(_events.is_interaction, _events.interaction),
    _Api(_events.is_converse, _events.converse),
    _Api(_events.is_cohere, _events.cohere),
    _Api(_events.is_ollama, _events.ollama),
    _Api(_invoke.is_chunk, _invoke.stream),
)
