"""OpenTelemetry spans of GenAI calls: OTLP JSON, the rows of tracing back ends, and what OpenLLMetry,
Vercel's AI SDK, Sentry and others write in the same places."""

from __future__ import annotations

from typing import Any

from costscope.readers import _otlp, _span_kinds
from costscope.readers._span_reader import SpanReader, held
from costscope.readers._spans import KIND, Span

SURE, BARE = 0.97, 0.3
"""For a record with a model's span, and for one with other spans only: traces hold many of these."""


class OtelGenAI(SpanReader):
    """Spans and events of the `gen_ai.*` conventions, old and new; the innermost model span counts."""

    about = "OpenTelemetry GenAI spans and logs (OTLP JSON, rows with attribute maps, OpenLLMetry)"

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a model's span; low for a trace without one, which may come later in the file."""
        found = held(record)
        ours = [s for s in found if KIND not in s.attributes and _span_kinds.is_model(s)]
        if ours:
            return SURE
        return BARE if _otlp.is_otlp(record) or any(map(_is_whole, found)) else 0.0


def _is_whole(span: Span) -> bool:
    """Whether a row is a span for sure, and no line of another log that names one."""
    return bool(span.trace and span.id and span.name and span.attributes and span.start)
