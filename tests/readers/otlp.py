"""OTLP JSON for tests, from plain values, and what the reader of spans makes of it."""

from collections.abc import Sequence
from typing import Any

from costscope.model import Call, Ignored, Skipped
from tests.readers.reading import every

START = 1_781_000_000 * 10**9
"""When the spans of tests begin, in nanoseconds."""


def value(plain: Any) -> dict[str, Any]:
    """A plain value as an OTLP AnyValue."""
    if isinstance(plain, bool):
        return {"boolValue": plain}
    if isinstance(plain, int):
        return {"intValue": str(plain)}
    if isinstance(plain, float):
        return {"doubleValue": plain}
    if isinstance(plain, list):
        return {"arrayValue": {"values": [value(item) for item in plain]}}
    if isinstance(plain, dict):
        return {"kvlistValue": {"values": pairs(plain)}}
    return {"stringValue": plain}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": k, "value": value(v)} for k, v in attributes.items()]


def span(
    number: int, parent: int = 0, trace: int = 1, *, name: str = "chat", failed: bool = False,
    events: Sequence[tuple[str, dict[str, Any]]] = (), **attributes: Any,
) -> dict[str, Any]:  # fmt: skip
    """A span. Dots in the names of attributes are written as double underscores."""
    found = {
        "traceId": f"{trace:032x}",
        "spanId": f"{number:016x}",
        "parentSpanId": f"{parent:016x}" if parent else "",
        "name": name,
        "startTimeUnixNano": str(START + number * 10**9),
        "endTimeUnixNano": str(START + number * 10**9 + 250_000_000),
        "attributes": pairs({k.replace("__", "."): v for k, v in attributes.items()}),
        "status": {"code": 2} if failed else {},
    }
    found["events"] = [{"name": n, "attributes": pairs(a)} for n, a in events]
    return found


def request(*spans: dict[str, Any], scope: str = "test", **resource: Any) -> dict[str, Any]:
    """An export request with spans of one library."""
    attributes = pairs({k.replace("__", "."): v for k, v in resource.items()})
    scopes = [{"scope": {"name": scope}, "spans": list(spans)}]
    return {"resourceSpans": [{"resource": {"attributes": attributes}, "scopeSpans": scopes}]}


def chat(
    number: int, parent: int = 0, *, given: int | None = 100, made: int | None = 10,
    model: str = "gpt-4o", **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """A span of one call by the conventions."""
    counts = {"gen_ai__usage__input_tokens": given, "gen_ai__usage__output_tokens": made}
    known = {k: v for k, v in counts.items() if v is not None}
    own = {"gen_ai__operation__name": "chat", "gen_ai__request__model": model}
    return span(number, parent, **{**own, **known, **more})


def calls(*found: Any) -> list[Call]:
    return [item for item in every("otel_genai", found) if isinstance(item, Call)]


def one(**attributes: Any) -> Call:
    (found,) = calls(request(chat(1, **attributes)))
    return found


def ignored(*found: Any) -> int:
    return sum(i.count for i in every("otel_genai", found) if isinstance(i, Ignored))


def reasons(*found: Any) -> list[str]:
    return [i.reason for i in every("otel_genai", found) if isinstance(i, Skipped)]


def made(found: list[Call]) -> list[int]:
    return [call.usage.output if call.usage else -1 for call in found]
