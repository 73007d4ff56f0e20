"""HTTP exchanges as recorders keep them: HAR entries, VCR interactions and plain rows, with bodies that
may be JSON, text, base64 or gzip, brought to one shape."""

from __future__ import annotations

import binascii
import re
import zlib
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from costscope.readers import _eventstream, _json
from costscope.readers._json import NONE, first

MAX_BODY_BYTES = 64 * 1024 * 1024
"""A body that is larger when unpacked stays packed."""
URLS = ("url", "uri", "request_url", "request_uri", "endpoint")
_PLACES = frozenset((*URLS, "host"))
_BASE64 = re.compile(r"[A-Za-z0-9+/\s]{8,}={0,2}\s*")
_FRAMED = re.compile(r"(H4sI|AAA|ZGF0Y|ZXZlbn|e[w-z0-9+/]|W[w-z0-9+/])")
"""How base64 begins of gzip, of Amazon's event streams, of `data:` and `event:`, and of an object and an
array of JSON."""
_GZIP = b"\x1f\x8b"
_record = msgspec.json.Decoder(dict[str, Raw])


def unpacked(raw: Raw) -> Raw:
    """A body as JSON or as a JSON string of plain text: out of base64 and gzip where it is packed so,
    itself otherwise."""
    if first(raw) != b'"' or not _FRAMED.match(bytes(memoryview(raw)[1:8]).decode("latin-1")):
        return raw
    text = _json.loads(raw)
    if not _BASE64.fullmatch(text):
        return raw
    data = _data(text)
    if data is None:
        return raw
    if events := _eventstream.chunks(data):
        return Raw(_json.dumps(events))
    try:
        return _as_json(data.decode("utf-8"))
    except UnicodeDecodeError:
        return raw


def _data(text: str) -> bytes | None:
    """What base64 holds, out of gzip; None where it is broken or too much."""
    try:
        data = b64decode(text)
        if data[:2] == _GZIP:
            packed = zlib.decompressobj(wbits=31)
            data = packed.decompress(data, MAX_BODY_BYTES)
        return None if len(data) >= MAX_BODY_BYTES else data
    except (binascii.Error, zlib.error, ValueError):
        return None


def _as_json(text: str) -> Raw:
    if _json.inside(text) is not None:
        return Raw(text.encode("utf-8", "replace"))
    return Raw(_json.dumps(text))


def plain(fields: dict[str, Raw]) -> dict[str, Raw]:
    """A recorder's entry as one request and one response with url, headers, status and body; a record
    of any other shape as it is."""
    sent, got = fields.get("request", NONE), fields.get("response", NONE)
    if first(sent) != b"{":
        return fields
    request = _record.decode(sent)
    if "startedDateTime" in fields or "postData" in request:
        return _har(fields, request, _object(got))
    if "uri" in request and ("body" in request or "headers" in request):
        return _vcr(fields, request, _object(got))
    return fields


def _object(raw: Raw) -> dict[str, Raw]:
    return _record.decode(raw) if first(raw) == b"{" else {}


def _har(
    fields: Mapping[str, Raw], request: Mapping[str, Raw], response: Mapping[str, Raw]
) -> dict[str, Raw]:
    """An entry of an HTTP archive (HAR 1.2, W3C web performance group): the time is in milliseconds."""
    content = _object(response.get("content", NONE))
    beside = {k: v for k, v in fields.items() if k in ("id", "metadata") or k.startswith("_")}
    found = {
        **beside,
        "url": request.get("url", NONE),
        "method": request.get("method", NONE),
        "sent_at": fields.get("startedDateTime", NONE),
        "duration_ms": fields.get("time", NONE),
        "request": _part(request, _object(request.get("postData", NONE)).get("text", NONE)),
        "response": _part(response, content.get("text", NONE)),
    }
    return _there(found)


def _vcr(
    fields: Mapping[str, Raw], request: Mapping[str, Raw], response: Mapping[str, Raw]
) -> dict[str, Raw]:
    """An interaction of a VCR cassette, whose bodies are text or objects with the text in them."""
    status = response.get("status", NONE)
    code = _object(status).get("code", NONE) if first(status) == b"{" else status
    beside = {k: v for k, v in fields.items() if k not in ("request", "response", "recorded_at")}
    found = {
        **beside,
        "url": request["uri"],
        "sent_at": fields.get("recorded_at", NONE),
        "method": request.get("method", NONE),
        "request": _part(request, _vcr_body(request)),
        "response": _part({**response, "status": code}, _vcr_body(response)),
    }
    return _there(found)


def _vcr_body(half: Mapping[str, Raw]) -> Raw:
    body = half.get("body", NONE)
    if first(body) != b"{":
        return body
    inner = _object(body)
    found = (inner[n] for n in ("string", "base64_string", "parsed_body") if n in inner)
    return next(found, body)


def _part(half: Mapping[str, Raw], body: Raw) -> Raw:
    found = {
        "url": half.get("url", half.get("uri", NONE)), "headers": half.get("headers", NONE),
        "status": half.get("status", NONE), "body": body,
    }  # fmt: skip
    return Raw(msgspec.json.encode(_there(found)))


def _there(found: Mapping[str, Raw]) -> dict[str, Raw]:
    """The fields that a recorder filled."""
    return {name: raw for name, raw in found.items() if _json.has(raw)}


def headers(raw: Raw) -> dict[str, str]:
    """Headers by their names in small letters, from an object (of texts or lists) or HAR's list."""
    if first(raw) not in (b"{", b"["):
        return {}
    value = _json.loads(raw)
    if isinstance(value, dict):
        return {k.lower(): text for k, v in value.items() if (text := _text(v))}
    pairs = [item for item in value if isinstance(item, dict)]
    return {str(p.get("name", "")).lower(): _text(p.get("value")) for p in pairs}


def _text(value: Any) -> str:
    if isinstance(value, list):
        value = value[0] if value else ""
    return value if isinstance(value, str) else ""


def url(fields: Mapping[str, Raw], request: Raw) -> str:
    """Where a request went, "" where the log does not say. A path alone (as in a batch) is said with the
    host that stands beside it."""
    if request is NONE and _PLACES.isdisjoint(fields):
        return ""
    places = (request, *(fields.get(name, NONE) for name in URLS))
    said = next((t for raw in places if (t := _json.text(raw)) and "/" in t), "")
    if said.startswith("/") or not said:
        host = _json.text(fields.get("host", NONE)) or ""
        path = said or _json.text(fields.get("path", NONE)) or ""
        return f"https://{host}{path}" if host and path.startswith("/") else said
    return said
