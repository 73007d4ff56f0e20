"""OpenInference spans, as Phoenix and Arize collect them: OTLP JSON, and Phoenix's exports as JSON lines
or Parquet with flat, nested or prefixed attributes."""

from __future__ import annotations

from typing import Any

from costscope.readers._span_reader import SpanReader, held
from costscope.readers._spans import KIND


class OpenInference(SpanReader):
    """Spans with an `openinference.span.kind`: LLM and EMBEDDING are calls, the others are not."""

    about = "OpenInference spans of Phoenix and Arize (OTLP JSON, JSON lines, Parquet)"

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a record with a span of the convention."""
        return 1.0 if any(KIND in s.attributes for s in held(record)) else 0.0
