"""One record as request, response and what stands beside them, whatever they are wrapped in. Messages
stay raw; which API the bodies speak is each reader's business."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from costscope.readers import _json
from costscope.readers._json import NONE, first
from costscope.readers._shape import Shapes


class Body(Struct):
    """A request as it went to the API. Texts stay raw; small settings are decoded later."""

    model: str | None = None
    messages: list[Raw] | None = None
    input: Raw = NONE
    instructions: Raw = NONE
    system: Raw = NONE
    tools: Raw = NONE
    functions: Raw = NONE
    temperature: float | None = None
    top_p: float | None = None
    top_k: float | None = None
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    max_tokens: int | None = None
    max_output_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    stop: Raw = NONE
    stop_sequences: Raw = NONE
    logit_bias: Raw = NONE
    tool_choice: Raw = NONE
    response_format: Raw = NONE
    text: Raw = NONE
    reasoning: Raw = NONE
    reasoning_effort: str | None = None
    verbosity: str | None = None
    thinking: Raw = NONE
    output_config: Raw = NONE
    previous_response_id: str | None = None
    user: Raw = NONE
    metadata: Raw = NONE
    body: Raw = NONE
    """The real request, where this is an HTTP exchange with its method and headers."""


class Answer(Struct):
    """A response as it came from the API, or what a log kept of it."""

    id: str | None = None
    object: str | None = None
    type: str | None = None
    model: str | None = None
    created: Raw = NONE
    created_at: Raw = NONE
    choices: Raw = NONE
    output: Raw = NONE
    content: Raw = NONE
    usage: Raw = NONE
    service_tier: str | None = None
    stop_reason: str | None = None
    status: Raw = NONE
    error: Raw = NONE
    status_code: int | None = None
    request_id: str | None = None
    body: Raw = NONE
    """The real response, where this is an HTTP exchange or a line of a batch's results."""


class Envelope(Struct):
    """One record, unwrapped."""

    request: Body
    answer: Answer
    reply: Raw
    """The reply where the log keeps it as plain text."""
    code: int | None
    failed: bool
    wrapped: bool
    """Whether a body stood under a key of its own: then this is a log, whatever is in it."""
    batch: bool
    outer: dict[str, Any]
    """The scalars that stand beside the bodies: time, ids, dimensions, counts."""
    metadata: dict[str, Any]


REQUESTS = ("request", "request_body", "body", "requestBody", "request_json", "raw_request")
RESPONSES = ("response", "response_body", "responseBody", "response_json", "raw_response")
_SIGNS = frozenset((
    "model", "messages", "input", "contents", "choices", "usage", "error", "object", "body",
    "status_code",
))  # fmt: skip
"""JSON text under the name of a body is one if it has one of these; else it is what a model wrote."""
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
_STREAM_TEXT = (b'"data:', b'"event:', b'": ')
_STREAM_ITEM = (b".chunk", b"content_block_", b"response.output_text", b'"delta"')
_BAD_FIELD = re.compile(r"at `\$\.([A-Za-z_]+)")
_ANSWER_FIELDS = frozenset(Answer.__struct_fields__) - {"body"}
_KEPT = frozenset(("model", "user", "status", "created", "created_at", "id"))
_BODIES = (
    frozenset((*Body.__struct_fields__, *Answer.__struct_fields__, *REQUESTS, *RESPONSES)) - _KEPT
)
_body = msgspec.json.Decoder(Body, strict=False)
_answer = msgspec.json.Decoder(Answer, strict=False)
_record = msgspec.json.Decoder(dict[str, Raw])
_shapes = Shapes(Body, Answer)


def unwrap(raw: bytes | memoryview) -> Envelope:
    """One record as request, answer and metadata.

    Raises msgspec.DecodeError or UnicodeDecodeError where it is no strict JSON, ValueError where it is
    no object or its response is a stream in pieces.
    """
    known = _shapes.read(raw)
    if known is not None and _is_simple(*known):
        return _envelope(known.fields, known.request, known.response, known.response, NONE)
    try:
        fields = _record.decode(raw)
    except msgspec.ValidationError:
        raise ValueError("the record is no JSON object") from None
    sent, got = _under(fields, REQUESTS), _under(fields, RESPONSES)
    if sent and got and fields[sent[0]] is sent[1] and fields[got[0]] is got[1]:
        _shapes.learn(sent[0], got[0], fields)
    request = _request(raw if sent is None else sent[1])
    outside = _answer_of(fields) if got is None else tolerant(_answer, got[1])
    answer = _inside(outside)
    reply = _reply(fields, answer, None if got is None else got[1])
    envelope = _envelope(fields, request, outside, answer, reply)
    envelope.wrapped = sent is not None or got is not None
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
        batch="custom_id" in fields and ("body" in fields or _json.has(outside.body)),
        outer={k: _json.decode(v) for k, v in fields.items() if _is_plain(k, v)},
        metadata=_metadata(fields, request),
    )  # fmt: skip


def _inside(outside: Answer) -> Answer:
    """The response itself, taken out of an HTTP exchange and of JSON text."""
    answer = outside
    _refuse_stream("response", outside.body)
    if not _SIGNS.isdisjoint(_json.mapping(outside.body)):
        answer = tolerant(_answer, _json.unquoted(outside.body))
    for name, mended in _QUOTED.items():
        if first(value := getattr(answer, name)) == b'"':
            setattr(answer, name, mended(value))
    return answer


def _under(fields: Mapping[str, Raw], names: Sequence[str]) -> tuple[str, Raw] | None:
    """The first of the names with a body under it, also as JSON text; None where there is none."""
    for name in names:
        value = fields.get(name, NONE)
        if first(value) == b"{":
            return name, value
        if not _SIGNS.isdisjoint(_json.mapping(value)):
            return name, _json.unquoted(value)
    return None


def _request(raw: bytes | memoryview | Raw) -> Body:
    body: Body = tolerant(_body, raw)
    if body.messages is None and not _json.has(body.input):
        inner = _json.unquoted(body.body) if first(body.body) == b'"' else body.body
        if first(inner) == b"{":
            body = tolerant(_body, inner)
    return body


def _answer_of(fields: Mapping[str, Raw]) -> Answer:
    """The answer of a record that holds it among its own fields. Raises ValueError for a stream."""
    for name in RESPONSES:
        _refuse_stream(name, fields.get(name, NONE))
    own = {name: raw for name, raw in fields.items() if name in _ANSWER_FIELDS}
    return tolerant(_answer, msgspec.json.encode(own)) if own else Answer()


def _refuse_stream(name: str, raw: Raw) -> None:
    start = bytes(memoryview(raw)[:1000])
    listed = start[:1] == b"[" and any(word in start for word in _STREAM_ITEM)
    if listed or start.startswith(_STREAM_TEXT):
        raise ValueError(f"{name} is a stream in pieces, not a whole response")


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


def _reply(fields: Mapping[str, Raw], answer: Answer, got: Raw | None) -> Raw:
    """The reply as a raw JSON string, where no body has it in the API's own shape."""
    if _replies(answer):
        return NONE
    places = [fields] if got is None else [_record.decode(got), fields]
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
    return len(memoryview(raw)) > 5 or bytes(raw) not in _NO_ERROR


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
