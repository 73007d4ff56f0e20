"""One record as request, response and what stands beside them, whatever they are wrapped in. Messages
stay raw; which API the bodies speak is each reader's business."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from costscope.readers import _http, _json, _streams
from costscope.readers._json import NONE, first
from costscope.readers._shape import Shapes
from costscope.readers._wire import Answer as Answer
from costscope.readers._wire import Body as Body
from costscope.readers._wire import Envelope as Envelope

REQUESTS = (
    "request", "request_body", "body", "requestBody", "request_json", "raw_request", "full_request",
    "modelInput",
)  # fmt: skip
RESPONSES = (
    "response", "response_body", "responseBody", "response_json", "raw_response", "response_chunks",
    "chunks", "full_response", "modelOutput",
)  # fmt: skip
_ANSWERED = frozenset((
    "model", "messages", "input", "contents", "choices", "usage", "error", "object", "body",
    "status_code", "usageMetadata", "inputTextTokenCount", "prompt_token_count", "generation_id",
))  # fmt: skip
"""JSON text under the name of a response is one if it has one of these; else a model wrote it."""
_ASKED = _ANSWERED | {"prompt", "inputText", "message", "chat_history", "inputs"}
"""The same of a request, which no model wrote."""
METADATA = ("custom", "extra", "properties", "attributes", "meta", "metadata")
"""Objects beside the bodies that hold dimensions; a later one wins."""
MAX_SCALAR = 500
"""Longer fields beside the bodies are texts, and stay unread."""
MAX_TAGS_BYTES = 10_000
_QUOTED = {
    "usage": _json.unquoted, "error": _json.unquoted, "choices": _json.opened,
    "output": _json.opened, "content": _json.opened,
}  # fmt: skip
"""Parts of an answer that a table may hold as JSON text."""
_REPLIES = ("completion", "response", "output", "output_text", "response_text", "answer", "content")
_NO_ERROR = (b"", b"null", b"false", b'""', b"{}", b"[]")
_BAD_FIELD = re.compile(r"at `\$\.([A-Za-z_]+)")
_ANSWER_FIELDS = frozenset(Answer.__struct_fields__) - {"body"}
_BATCHED = frozenset(("body", "result", "params"))
_ANSWERS = frozenset((*RESPONSES, "result", "error", "choices", "usage"))
_KEPT = frozenset((
    "model", "user", "status", "created", "created_at", "id", "modelId", "response_id",
    "generation_id", "status_code",
))  # fmt: skip
_BODIES = (
    frozenset(
        (
            *Body.__struct_fields__,
            *Answer.__struct_fields__,
            *REQUESTS,
            *RESPONSES,
            *_http.URLS,
            "method",
        )
    )
    - _KEPT
)
_body = msgspec.json.Decoder(Body, strict=False)
_answer = msgspec.json.Decoder(Answer, strict=False)
_record = msgspec.json.Decoder(dict[str, Raw])
_shapes = Shapes(Body, Answer)


class _Found(NamedTuple):
    """A body and the name that it stands under."""

    name: str
    body: Raw
    complete: bool
    """False for a stream that ends before its usage."""


def unwrap(raw: bytes | memoryview) -> Envelope:
    """One record as request, answer and metadata.

    Raises msgspec.DecodeError or UnicodeDecodeError where it is no strict JSON, ValueError where it is
    no object.
    """
    known = _shapes.read(raw)
    if known is not None and _is_simple(*known):
        return _envelope(known.fields, known.request, known.response, known.response, NONE)
    try:
        fields = _record.decode(raw)
    except msgspec.ValidationError:
        raise ValueError("the record is no JSON object") from None
    fields = _http.plain(fields)
    sent, got = _under(fields, REQUESTS, _ASKED), _under(fields, RESPONSES)
    if sent and got and fields[sent.name] is sent.body and fields[got.name] is got.body:
        _shapes.learn(sent.name, got.name, fields)
    return _unwrapped(raw, fields, sent, got)


def _unwrapped(
    raw: bytes | memoryview, fields: Mapping[str, Raw], sent: _Found | None, got: _Found | None
) -> Envelope:
    """A record whose bodies have been found, or that is one itself, in parts."""
    around: Body = tolerant(_body, raw if sent is None else sent.body)
    request, asked = _request(around, Raw(raw) if sent is None else sent.body)
    outside = _answer_of(fields) if got is None else tolerant(_answer, got.body)
    answer, inner = _inside(outside)
    reply = _reply(fields, answer, got)
    envelope = _envelope(fields, request, outside, answer, reply)
    envelope.wrapped = sent is not None or got is not None
    if not _is_simple(request, outside, fields):
        envelope.sent, envelope.got = asked, next((f.body for f in (inner, got) if f), Raw(raw))
    envelope.incomplete = not all(part.complete for part in (got, inner) if part)
    answers = (fields.get(name, NONE) for name in _ANSWERS)
    envelope.unanswered = got is None and all(bytes(a) in _NO_ERROR for a in answers)
    envelope.url = _http.url(fields, around.url)
    envelope.sent_headers = around.headers
    return envelope


def _is_simple(request: Body, answer: Answer, fields: Mapping[str, Raw]) -> bool:
    """Whether the bodies hold all there is to know, in the API's own shape."""
    nested = _json.has(request.body) or _json.has(answer.body) or first(answer.usage) == b'"'
    return not nested and _replies(answer) and "custom_id" not in fields


def _envelope(
    fields: Mapping[str, Raw], request: Body, outside: Answer, answer: Answer, reply: Raw
) -> Envelope:
    if not _json.has(answer.usage):
        answer.usage = _json.unquoted(fields.get("usage", NONE))
    return Envelope(
        request=request,
        answer=answer,
        reply=reply,
        code=_code(outside, answer),
        failed=_is_error(fields.get("error", NONE)) or _is_error(outside.error)
        or _is_error(answer.error) or answer.type == "error",
        wrapped=True,
        batch=_is_batch(fields, outside),
        outer={k: _json.decode(v) for k, v in fields.items() if _is_plain(k, v)},
        metadata=_metadata(fields, request),
        url=_http.url(fields, request.url),
        sent_headers=request.headers,
        got_headers=_json.given(outside.headers, fields.get("response_headers", NONE)),
    )  # fmt: skip


def _is_batch(fields: Mapping[str, Raw], outside: Answer) -> bool:
    """Whether a record is a line of a batch: of its input, or of its results."""
    if "custom_id" not in fields:
        return "recordId" in fields and "modelInput" in fields  # Bedrock's
    return not _BATCHED.isdisjoint(fields) or _json.has(outside.body)


def _inside(outside: Answer) -> tuple[Answer, _Found | None]:
    """The response itself, taken out of an HTTP exchange and of JSON text, and the body that it was."""
    found = _under({"body": outside.body}, ("body",))
    said = outside.status_code or _json.has(outside.status) or _json.has(outside.headers)
    if found and not said and _ANSWERED.isdisjoint(_json.mapping(found.body)):
        found = None
    answer = outside if found is None else tolerant(_answer, found.body)
    for name, mended in _QUOTED.items():
        if first(value := getattr(answer, name)) == b'"':
            setattr(answer, name, mended(value))
    return answer, found


def _under(
    fields: Mapping[str, Raw], names: Sequence[str], signs: frozenset[str] = _ANSWERED
) -> _Found | None:
    """The first of the names with a body under it: an object, also as JSON text or packed, or a stream,
    which is put together; None where there is none."""
    for name in names:
        value = fields.get(name, NONE)
        kind = first(value)
        if kind == b"{":
            return _Found(name, value, True)
        if kind not in (b'"', b"["):
            continue
        value = _http.unpacked(value)
        if (stream := _streams.whole(value)) is not None:
            return _Found(name, *stream)
        if not signs.isdisjoint(_json.mapping(value)):
            return _Found(name, _json.unquoted(value), True)
    return None


def _request(body: Body, raw: Raw) -> tuple[Body, Raw]:
    """The request itself, taken out of an HTTP exchange, and its JSON."""
    if body.messages is None and not _json.has(body.input):
        inner = _json.unquoted(_http.unpacked(body.body))
        if first(inner) == b"{":
            return tolerant(_body, inner), inner
    return body, raw


def _answer_of(fields: Mapping[str, Raw]) -> Answer:
    """The answer of a record that holds it among its own fields."""
    own = {name: raw for name, raw in fields.items() if name in _ANSWER_FIELDS}
    return tolerant(_answer, msgspec.json.encode(own)) if own else Answer()


def tolerant(decoder: msgspec.json.Decoder[Any], raw: bytes | memoryview | Raw) -> Any:
    """Decoded, without those fields that are of another type than the API gives them: one odd
    setting must not lose a call. A field that is JSON text in a string is what that text encodes."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        fields, problem = _record.decode(raw), error
    while bad := _BAD_FIELD.search(str(problem)):
        if (value := fields.pop(bad[1], None)) is None:
            break
        if (opened := _json.unquoted(value)) is not value:
            fields[bad[1]] = opened
        try:
            return decoder.decode(msgspec.json.encode(fields))
        except msgspec.ValidationError as again:
            problem = again
    raise problem


def _reply(fields: Mapping[str, Raw], answer: Answer, got: _Found | None) -> Raw:
    """The reply as a raw JSON string, where no body has it in the API's own shape."""
    if _replies(answer):
        return NONE
    places = [fields] if got is None else [_record.decode(got.body), fields]
    if got is not None and not got.complete:
        places.pop()  # there the stream itself stands
    found = (place[name] for place in places for name in _REPLIES if name in place)
    return next((raw for raw in found if first(raw) == b'"'), NONE)


def _replies(answer: Answer) -> bool:
    """Whether an answer holds a reply as lists, the way that each API has its own."""
    return b"[" in (first(answer.choices), first(answer.content), first(answer.output))


def _code(outside: Answer, answer: Answer) -> int | None:
    """The HTTP status that a body or its wrapping tells."""
    status = bytes(outside.status) if len(memoryview(outside.status)) == 3 else b""
    return outside.status_code or answer.status_code or (int(status) if status.isdigit() else None)


def _is_error(raw: Raw) -> bool:
    return raw is not NONE and (len(memoryview(raw)) > 5 or bytes(raw) not in _NO_ERROR)


def _is_plain(name: str, raw: Raw) -> bool:
    """A scalar beside the bodies, or tags; long texts and bodies are left alone."""
    size = len(memoryview(raw))
    if name in ("tags", "labels"):
        return size <= MAX_TAGS_BYTES
    return size <= MAX_SCALAR and name not in _BODIES and first(raw) not in (b"{", b"[")


def _metadata(fields: Mapping[str, Raw], request: Body) -> dict[str, Any]:
    """What the log adds to a call: what was sent to the API as metadata, then the log's own."""
    found = _json.mapping(request.metadata)
    for name in METADATA:
        if name in fields:
            found.update(_json.mapping(fields[name]))
    return found
