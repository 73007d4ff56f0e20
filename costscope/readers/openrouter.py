"""OpenRouter's generation rows: what its API and its dashboards tell of one generation, with the counts of
the model's own tokenizer, which are the billed ones, and the cost. No texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costscope.model import Call, Usage
from costscope.readers import _counts, _fields, _json, _provider
from costscope.readers.interface import RecordReader

_SIGNS = frozenset(("native_tokens_prompt", "native_tokens_completion", "tokens_prompt"))
_OWN = frozenset((
    "is_byok", "provider_name", "native_tokens_prompt", "upstream_id", "generation_time",
    "upstream_inference_cost", "total_cost",
))  # fmt: skip
_TAGS = {
    "provider_name": "upstream",
    "app_id": "app_id",
    "origin": "origin",
    "api_type": "api_type",
}
"""Its fields that are kept as tags → the tag."""
_SEARCHES = "billable_web_search_calls"


class OpenRouter(RecordReader):
    """Rows of GET /api/v1/generation, bare or under `data`; the prompt counts the cached tokens."""

    about = "OpenRouter generation rows (native token counts, cost, is_byok), without texts"

    def score(self, record: dict[str, Any]) -> float:
        """1 for its counts beside its other names."""
        row = _row(record)
        known = len(_OWN & row.keys())
        return 1.0 if not _SIGNS.isdisjoint(row) and known >= 2 and "model" in row else 0.0

    def call(self, raw: bytes | memoryview) -> Call | None:
        """One generation; None where it is of another format. Raises ValueError for a bad count."""
        try:
            record = _json.loads(raw)
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None
        if not isinstance(record, dict) or not self.score(record):
            return None
        row = _row(record)
        model = _fields.label(row["model"])
        provider, _ = _provider.identify("openrouter", model)
        searches = _counts.first(row, _SEARCHES)
        return Call(
            call_id=_fields.label(row.get("id")),
            sent_at=_fields.micros(row.get("created_at")),
            latency_us=_latency(row),
            provider=provider,
            channel="openrouter",
            model=model,
            tier=_provider.tier(row.get("service_tier")),
            status="cancelled" if row.get("cancelled") is True else "ok",
            finish_reason=_fields.label(row.get("finish_reason")) or None,
            user_id=_fields.label(row.get("external_user")) or None,
            session=_fields.label(row.get("session_id")) or None,
            tags=_tags(row),
            usage=_usage(row, provider),
            units={"web_search": searches} if searches else {},
            reported_pd=_cost(row),
        )


def _row(record: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = record.get("data")
    return inner if isinstance(inner, dict) else record


def _usage(row: Mapping[str, Any], provider: str) -> Usage | None:
    """Counts of the model's own tokenizer; `tokens_prompt` and `tokens_completion` are another's, made
    alike for all models, and serve only where there are no native ones."""
    given = _counts.first(row, "native_tokens_prompt", "tokens_prompt")
    output = _counts.first(row, "native_tokens_completion", "tokens_completion") or 0
    if given is None:
        return None
    read = _counts.first(row, "native_tokens_cached") or 0
    written = _counts.first(row, "native_tokens_cache_creation") or 0
    reasoning = _counts.first(row, "native_tokens_reasoning") or 0
    fresh = _counts.uncached(given, read + written, output, None, inside=True)
    # Whose cache it was decides how long a write lives.
    writes = (0, written) if provider == "openai" else (written, 0)
    return Usage(fresh, read, *writes, output=output, reasoning=min(reasoning, output))


def _cost(row: Mapping[str, Any]) -> int | None:
    """What was paid: to OpenRouter, and, with a key of one's own, to the provider as well."""
    paid = _fields.picodollars(row.get("total_cost", row.get("usage")))
    upstream = _fields.picodollars(row.get("upstream_inference_cost"))
    if row.get("is_byok") is True and upstream is not None:
        return (paid or 0) + upstream
    return paid


def _latency(row: Mapping[str, Any]) -> int | None:
    """Milliseconds from the request to the end of the answer, in microseconds."""
    for name in ("latency", "generation_time"):
        value = row.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0:
            return round(value * 1000)
    return None


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    found = {tag: _fields.label(row.get(name)) for name, tag in _TAGS.items()}
    if row.get("is_byok") is True:
        found["byok"] = "true"
    return {tag: text for tag, text in sorted(found.items()) if text}
