"""A span of a trace, as plain values, however a tracing tool or a table spells it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from costscope.readers import _fields, _otlp, _span_agents
from costscope.readers._otlp import Found

KINDS = frozenset((
    "LLM", "EMBEDDING", "CHAIN", "RETRIEVER", "RERANKER", "TOOL", "AGENT", "GUARDRAIL", "EVALUATOR",
    "PROMPT", "DECISION", "UNKNOWN",
))  # fmt: skip
"""OpenInference's kinds of spans."""
KIND = "openinference.span.kind"
REQUEST = "costscope.request"
"""The name of an event that is a whole request by itself."""
WHOLE = frozenset(("metadata", "llm.prompt_template.variables", "llm.invocation_parameters"))
"""Attributes that are objects of the user's own, and so stay objects."""
_PARENTS = (
    "parentSpanId", "parent_span_id", "ParentSpanId", "parent_id", "parentId", "trace.parent_id",
)  # fmt: skip
_TRACES = ("traceId", "trace_id", "TraceId", "traceID", "context.trace_id", "trace.trace_id")
_STARTS = (
    "startTimeUnixNano", "start_time_unix_nano", "start_time", "startTime", "start_timestamp",
    "Timestamp", "start", "timestamp", "timeUnixNano", "observedTimeUnixNano",
)  # fmt: skip
_ENDS = (
    "endTimeUnixNano", "end_time_unix_nano", "end_time", "endTime", "end_timestamp", "end",
)  # fmt: skip
_LONGEST = 10**12
"""No call takes so many microseconds."""
_MILLISECONDS = ("duration_ms", "durationMs")
_NANOSECONDS = ("Duration", "durationNano", "duration_nano")
_SCOPES = ("ScopeName", "scope_name", "otel_scope_name", "library.name")
_SCOPE_TAGS = ("otel.scope.name", "otel.library.name")
_SENTRY_FAILED = frozenset((
    "internal_error", "unknown_error", "resource_exhausted", "invalid_argument", "unavailable",
    "deadline_exceeded", "permission_denied", "unauthenticated", "aborted", "cancelled", "not_found",
))  # fmt: skip


class Event(Struct):
    """Something that a span or a log says happened."""

    name: str
    attributes: dict[str, Any]


class Span(Struct):
    """One span. Ids are text ("" where there is none), times UTC microseconds."""

    trace: str
    id: str
    parent: str
    name: str
    start: int | None
    end: int | None
    attributes: dict[str, Any]
    """By dotted name; lists stay lists."""
    events: list[Event]
    failed: bool
    scope: str
    """The instrumentation library that wrote it, or ""."""
    resource: Mapping[str, Any]

    def first(self, *names: str) -> Any:
        """The first attribute that is there and not empty; None where there is none."""
        return first(self.attributes, names)


def first(attributes: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    """The first value that is there and not empty; None where there is none."""
    for name in names:
        if (found := attributes.get(name)) is not None and found not in ("", [], {}):
            return found
    return None


def of_record(record: Mapping[str, Any]) -> Iterator[Span]:
    """The spans of one decoded record of a log."""
    return (span(found) for found in _otlp.spans(record))


def span(found: Found) -> Span:
    """A span as it stood in its log, as plain values."""
    fields = found.fields
    context = _otlp.mapping(fields, *_otlp.CONTEXTS)
    attributes = _attributes(fields)
    name = _text(first(fields, ("name", "SpanName", "span_name", "operationName", "description")))
    attributes = _span_agents.request(name, attributes) or attributes
    start, end = _times(fields)
    return Span(
        trace=_id(fields, _TRACES) or _id(context, _TRACES),
        id=_id(fields, _otlp.IDS) or _id(context, _otlp.IDS),
        parent=_parent(fields),
        name=name,
        start=start,
        end=end,
        attributes=attributes,
        events=_events(fields),
        failed=_failed(fields, attributes),
        scope=_scope(found, attributes),
        resource=found.resource or _resource(fields),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _id(fields: Mapping[str, Any], names: tuple[str, ...]) -> str:
    """An id; SDKs print it with 0x, and no parent as zeros."""
    value = first(fields, names)
    text = str(value) if isinstance(value, (str, int)) and not isinstance(value, bool) else ""
    text = text.removeprefix("0x")
    return text if text.strip("0") else ""


def _parent(fields: Mapping[str, Any]) -> str:
    if own := _id(fields, _PARENTS):
        return own
    outer = _otlp.mapping(fields, "parentSpanContext", "parent")
    references = [r for r in _otlp.listed(fields, ("references",)) if isinstance(r, dict)]
    child_of = next((r for r in references if r.get("refType") == "CHILD_OF"), {})
    return _id(outer, _otlp.IDS) or _id(child_of, _otlp.IDS)


def _attributes(fields: Mapping[str, Any]) -> dict[str, Any]:
    """All attributes by dotted name: from maps, from lists of pairs, and from columns."""
    given: dict[str, Any] = {}
    for name, held in fields.items():
        if name in _otlp.MAPS:
            given.update(_otlp.plain(held))
        elif name == "metrics" and isinstance(held, dict):
            given.update(held)
        elif name.startswith(_otlp.FLAT):
            given[name.removeprefix("attributes.").removeprefix("SpanAttributes.")] = held
    flat: dict[str, Any] = {}
    _flatten(given, "", flat)
    flat = {**_span_agents.counted(flat), **flat}
    kind = str(fields.get("span_kind", "")).upper()
    if KIND not in flat and kind in KINDS:
        flat[KIND] = kind
    return flat


def _flatten(given: Mapping[str, Any], above: str, into: dict[str, Any], depth: int = 0) -> None:
    for name, held in given.items():
        path = above + str(name)
        if isinstance(held, dict) and held and path not in WHOLE and depth < 32:
            _flatten(held, path + ".", into, depth + 1)
        elif held is not None and not (isinstance(held, float) and math.isnan(held)):
            into[path] = held


def _times(fields: Mapping[str, Any]) -> tuple[int | None, int | None]:
    """(start, end) in UTC microseconds. Sentry calls the end `timestamp`."""
    start = _time(fields, _STARTS)
    end = _time(fields, (*_ENDS, "timestamp") if "start_timestamp" in fields else _ENDS)
    if end is None and start is not None and (length := _duration(fields)) is not None:
        end = start + length
    return start, end


def _time(fields: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    value = first(fields, names)
    if isinstance(value, list) and len(value) == 2 and all(type(v) is int for v in value):
        value = value[0] * 10**9 + value[1]
    try:
        return _fields.micros(value)
    except (ValueError, TypeError):
        return None


def _duration(fields: Mapping[str, Any]) -> int | None:
    """How long a span took, in microseconds. Jaeger counts those, ClickHouse and Datadog nanoseconds."""
    value, unit = first(fields, _MILLISECONDS), 1000.0
    if value is None:
        value, unit = first(fields, _NANOSECONDS), 0.001
    if value is None:
        value = fields.get("duration")
        unit = 0.001 if "metrics" in fields or "meta" in fields else 1.0
    try:
        length = round(float(value) * unit) if isinstance(value, (int, float, str)) else -1
    except (ValueError, OverflowError):
        return None
    return length if 0 <= length < _LONGEST else None


def _failed(fields: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    """Whether a span ended in an error, by its status or by the attribute that names the error."""
    status = fields.get("status")
    if isinstance(status, dict):
        status = status.get("code", status.get("status_code"))
    if status is None:
        status = first(fields, ("status_code", "StatusCode", "statusCode"))
    if status is None:
        status = first(attributes, ("otel.status_code",))
    word = str(status).lower()
    if word in ("2", "error", "status_code_error", "statuscode.error") or word in _SENTRY_FAILED:
        return True
    flags = fields.get("error"), attributes.get("error")
    return bool(attributes.get("error.type")) or any(f in (1, True, "true", "1") for f in flags)


def _scope(found: Found, attributes: Mapping[str, Any]) -> str:
    fields = found.fields
    scope = found.scope or _otlp.mapping(
        fields, "scope", "instrumentationScope", "instrumentation_scope", "instrumentationLibrary"
    )
    named = scope.get("name") or first(fields, _SCOPES) or first(attributes, _SCOPE_TAGS)
    return _text(named)


def _resource(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    held = first(fields, ("ResourceAttributes", "resource_attributes", "otel_resource_attributes"))
    if held is None:
        held = _otlp.mapping(fields, "resource").get("attributes")
    resource = _otlp.plain(held)
    service = first(fields, ("ServiceName", "service_name", "service"))
    if isinstance(service, str):
        resource.setdefault("service.name", service)
    return resource


def _events(fields: Mapping[str, Any]) -> list[Event]:
    held = [e for e in _otlp.listed(fields, ("events", "Events", "logs")) if isinstance(e, dict)]
    found = [Event(_text(e.get("name", e.get("Name"))), _event(e)) for e in held]
    names = _otlp.listed(fields, ("Events.Name",))
    maps = _otlp.listed(fields, ("Events.Attributes",))
    found += [Event(_text(n), _otlp.plain(m)) for n, m in zip(names, maps, strict=False)]
    return [Event(e.name or _text(e.attributes.get("event")), e.attributes) for e in found]


def _event(held: Mapping[str, Any]) -> dict[str, Any]:
    return _otlp.plain(first(held, ("attributes", "Attributes", "fields")))


def log_event(found: Found) -> tuple[Span, Event]:
    """A log record: where it belongs, and what it says. A body of key and value is attributes too. An
    agent's event of one request is that span itself."""
    where = span(found)
    body = _otlp.value(found.fields.get("body"))
    attributes = dict(where.attributes)
    if isinstance(body, dict):
        attributes.update(body)
    elif body is not None:
        attributes["body"] = body
    name = _text(first(found.fields, ("eventName", "event_name")) or attributes.get("event.name"))
    if not name.startswith("gen_ai.") and (asked := _request(name, body, attributes)):
        where.attributes, where.failed = asked, "error.type" in asked
        where.end, where.start = where.start, _began(where)
        name = REQUEST
    return where, Event(name, attributes)


def _began(where: Span) -> int | None:
    """When a request began that was logged at its end."""
    length = _duration({"duration_ms": where.attributes.get("duration_ms", 0)})
    if where.start is None or length is None:
        return where.start
    return max(0, where.start - length)


def _request(name: str, body: Any, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """An agent's event of one request. Its full name may stand in the body."""
    names = (body, name) if isinstance(body, str) else (name,)
    asked = (_span_agents.request(n, attributes) for n in names)
    return next((found for found in asked if found is not None), None)
