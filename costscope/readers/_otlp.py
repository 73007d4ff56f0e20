"""OpenTelemetry's JSON: typed values as plain ones, and the spans and log records that a document, an
export request, a trace of a tracing back end or a table row holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct

from costscope.readers import _json

SPAN_LISTS = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans")
LOG_LISTS = ("scopeLogs", "scope_logs")
RESOURCE_SPANS = ("resourceSpans", "resource_spans", "batches")
RESOURCE_LOGS = ("resourceLogs", "resource_logs")
IDS = ("spanId", "span_id", "SpanId", "spanID", "context.span_id", "trace.span_id")
"""The names under which a span has its own id."""
CONTEXTS = ("context", "spanContext", "span_context")
"""Objects in which a span keeps its ids, as the SDKs print them."""
MAPS = (
    "attributes", "SpanAttributes", "span_attributes", "LogAttributes", "tags", "data", "meta",
    "Attributes",
)  # fmt: skip
"""The names under which a row has its map of attributes."""
FLAT = ("attributes.", "SpanAttributes.", "gen_ai.", "llm.", "openinference.", "ai.")
"""Prefixes of attributes that a table has as columns."""
_KINDS = {
    "stringValue": "text", "string_value": "text", "boolValue": "bool", "bool_value": "bool",
    "doubleValue": "float", "double_value": "float", "intValue": "int", "int_value": "int",
    "arrayValue": "array", "array_value": "array", "kvlistValue": "map", "kvlist_value": "map",
    "bytesValue": "bytes", "bytes_value": "bytes",
}  # fmt: skip
"""The fields of an AnyValue, in JSON's and in Protobuf's spelling. Bytes are no text."""
_MAX_DEPTH = 64


class Found(Struct):
    """A span or log record as it stood, with what stood around it."""

    fields: Mapping[str, Any]
    scope: Mapping[str, Any]
    resource: Mapping[str, Any]
    """Attributes of what sent it, as plain values."""


def value(typed: Any, depth: int = 0) -> Any:
    """An OTLP AnyValue as a plain value; what is no AnyValue is returned as it is."""
    if not isinstance(typed, dict) or depth > _MAX_DEPTH:
        return typed
    for name, held in typed.items():
        kind = _KINDS.get(name)
        if kind == "array":
            return [value(item, depth + 1) for item in listed(held, ("values",))]
        if kind == "map":
            return plain(listed(held, ("values",)), depth + 1)
        if kind is not None:
            return _integer(held) if kind == "int" else None if kind == "bytes" else held
    return typed["value"] if typed.keys() == {"value", "type"} else typed


def _integer(given: Any) -> Any:
    """64-bit integers are text in OTLP's JSON."""
    if isinstance(given, str) and given.removeprefix("-").isdecimal() and len(given) < 21:
        return int(given)
    return given


def plain(attributes: Any, depth: int = 0) -> dict[str, Any]:
    """Attributes as a dict, whether they are a list of key and value, a map, or JSON text of either."""
    if isinstance(attributes, str):
        attributes = _json.inside(attributes)
    if isinstance(attributes, dict):
        return {str(k): value(v, depth) for k, v in attributes.items()}
    if not isinstance(attributes, list):
        return {}
    pairs = (item for item in attributes if isinstance(item, dict) and "key" in item)
    return {str(item["key"]): value(item.get("value"), depth) for item in pairs}


def listed(holder: Any, names: Sequence[str]) -> list[Any]:
    """The first list that stands under one of the names; an empty one where there is none."""
    if not isinstance(holder, dict):
        return []
    return next((v for n in names if isinstance(v := holder.get(n), list)), [])


def mapping(holder: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The first object that stands under one of the names; an empty one where there is none."""
    return next((v for n in names if isinstance(v := holder.get(n), dict)), {})


def spans(record: Mapping[str, Any]) -> Iterator[Found]:
    """The spans of a record, whatever holds them: OTLP, a trace with its spans, or a span itself."""
    if groups := listed(record, RESOURCE_SPANS):
        yield from _grouped(groups, SPAN_LISTS, ("spans",))
    elif isinstance(record.get("spans"), list):
        yield from _trace(record)
    elif isinstance(inner := record.get("trace"), dict) and listed(inner, RESOURCE_SPANS):
        yield from spans(inner)
    elif is_span(record):
        yield Found(record, {}, {})
    elif traces := [t for t in listed(record, ("data", "traces")) if isinstance(t, dict)]:
        yield from (found for trace in traces for found in spans(trace))
    elif record and all(map(_is_spans, record.values())):
        for group in record.values():
            yield from (Found(item, {}, {}) for item in group if isinstance(item, dict))


def logs(record: Mapping[str, Any]) -> Iterator[Found]:
    """The log records of an OTLP export request; none where it is no such thing."""
    if groups := listed(record, RESOURCE_LOGS):
        yield from _grouped(groups, LOG_LISTS, ("logRecords", "log_records"))


def is_span(record: Mapping[str, Any]) -> bool:
    """Whether a record is a span by itself: it has an id of its own and attributes."""
    named = any(name in record for name in IDS) or any(
        IDS[0] in inner or IDS[1] in inner for inner in (mapping(record, name) for name in CONTEXTS)
    )
    if not named:
        return False
    return any(isinstance(record.get(name), (dict, list, str)) for name in MAPS) or any(
        name.startswith(FLAT) for name in record
    )


def is_otlp(record: Mapping[str, Any]) -> bool:
    """Whether a record is an OTLP export request of traces or logs, whatever is in it."""
    inner = mapping(record, "trace") or record
    groups = listed(inner, (*RESOURCE_SPANS, *RESOURCE_LOGS))
    return bool(groups) and any(listed(group, (*SPAN_LISTS, *LOG_LISTS)) for group in groups[:8])


def _is_spans(group: Any) -> bool:
    return (
        isinstance(group, list) and bool(group) and isinstance(group[0], dict) and is_span(group[0])
    )


def _grouped(groups: Sequence[Any], lists: Sequence[str], items: Sequence[str]) -> Iterator[Found]:
    for group in groups:
        if not isinstance(group, dict):
            continue
        resource = plain(mapping(group, "resource").get("attributes"))
        for part in listed(group, lists):
            scope = (
                mapping(part, "scope", "instrumentationLibrary") if isinstance(part, dict) else {}
            )
            found = (item for item in listed(part, items) if isinstance(item, dict))
            yield from (Found(item, scope, resource) for item in found)


def _trace(record: Mapping[str, Any]) -> Iterator[Found]:
    """A trace as Jaeger writes it, or a transaction as Sentry does: the root stands apart."""
    processes = mapping(record, "processes")
    for item in record["spans"]:
        if isinstance(item, dict):
            process = mapping(processes, str(item.get("processID", "")))
            resource = plain(process.get("tags"))
            if name := process.get("serviceName"):
                resource["service.name"] = name
            yield Found(item, {}, resource)
    if root := mapping(mapping(record, "contexts"), "trace"):
        times = {k: record[k] for k in ("start_timestamp", "timestamp") if k in record}
        yield Found({**times, **root}, {}, {})
