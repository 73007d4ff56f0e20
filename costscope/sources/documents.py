"""A file that is one JSON document: an array of records, an object that holds them, or one record. Also
what only looks like one: objects laid out over several lines, one after another."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import msgspec

from costscope.errors import InputError
from costscope.sources import loose, packing
from costscope.sources.lines import Record

if TYPE_CHECKING:
    from costscope.sources.files import Source

MAX_DOCUMENT_BYTES = 1024 * 1024 * 1024
"""A single JSON document has to be held whole; a larger one is refused."""
LIST_KEYS = (
    "data", "calls", "logs", "items", "records", "rows", "results", "events", "entries",
    "interactions",
)  # fmt: skip
"""A JSON document that is one object may hold its records under one of these keys."""
RECORD_KEYS = frozenset((
    "request", "response", "request_body", "response_body", "body", "messages", "choices", "usage", "model",
    "spanContext", "span_id", "spanId", "SpanId", "parent_id",
))  # fmt: skip
"""An object with one of these is a record itself, whatever list it holds (an embeddings response has
its vectors under `data`, a span what happened in it under `events`)."""
ARCHIVE = {"log"}
"""The one key of an HTTP archive (HAR), whose value holds the entries."""
_ARRAY_OF_OBJECTS = re.compile(rb"\s*\[\s*\{")
_array = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


def records(source: Source) -> Iterator[Record]:
    """Its records, counted instead of lines. Raises InputError where it is too large or no JSON; what
    comes before a broken place is given out first."""
    with source.open() as file:
        text = packing.taken(file, MAX_DOCUMENT_BYTES + 1)
    if len(text) > MAX_DOCUMENT_BYTES:
        limit = f"{MAX_DOCUMENT_BYTES >> 20} MiB"
        raise InputError(f"{source.shown}: one JSON document over {limit}; write it as JSON lines")
    found = 0
    try:
        for raw in split(text.removeprefix(b"\xef\xbb\xbf")):
            found += 1
            yield Record(raw, found - 1, found)
    except (ValueError, RecursionError) as error:
        place = f" after record {found}" if found else ""
        raise InputError(f"{source.shown}: not valid JSON{place} ({error})") from error


def split(text: bytes) -> Iterator[bytes]:
    """The records of a document as JSON. Raises ValueError or RecursionError where it is broken."""
    try:
        raws = _strict(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        for value, _ in loose.values(text.decode("utf-8", "replace")):
            yield from (json.dumps(item).encode() for item in items(value))
        return
    yield from map(bytes, raws)


def _strict(text: bytes) -> list[msgspec.Raw]:
    """Raw records. Raises msgspec.DecodeError where the text is not one JSON array or object."""
    if text.lstrip(b" \t\r\n")[:1] == b"[":
        return _array.decode(text)
    fields = _object.decode(text)
    if fields.keys() == ARCHIVE and bytes(memoryview(fields["log"])[:1]) == b"{":
        inner = _object.decode(fields["log"])
        text, fields = (bytes(fields["log"]), inner) if "entries" in inner else (text, fields)
    lists = {k for k, raw in fields.items() if _ARRAY_OF_OBJECTS.match(memoryview(raw))}
    key = _key(fields.keys(), lists)
    return [msgspec.Raw(text)] if key is None else _array.decode(fields[key])


def items(document: Any) -> list[Any]:
    """The records of a decoded document, which may be its only one."""
    document = _inside(document)
    key = holder(document)
    return [document] if key is None else list(document[key])


def holder(document: Any) -> str | None:
    """The key under which an object holds its records; None where it is no object that does."""
    document = _inside(document)
    if not isinstance(document, dict):
        return None
    lists = {k for k, v in document.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
    return _key(document.keys(), lists)


def _inside(document: Any) -> Any:
    """What an HTTP archive wraps in its one key; any other document as it is."""
    if not isinstance(document, dict) or document.keys() != ARCHIVE:
        return document
    inner = document["log"]
    return inner if isinstance(inner, dict) and "entries" in inner else document


def _key(keys: Any, lists: set[str]) -> str | None:
    if RECORD_KEYS & keys:
        return None
    return next((key for key in LIST_KEYS if key in lists), None)
