"""Plain rows: a model and token counts under their usual names, one call a row, text optional."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _chat, _columns, _counts, _fields, _json, _names, _provider
from costscope.readers.interface import RecordReader


class Rows(RecordReader):
    """Rows of a usage table, whatever made it; billing.md section 5 decides what input counts."""

    about = "plain rows with a model and token columns (JSON lines or Parquet), text optional"

    def score(self, record: dict[str, Any]) -> float:
        """Fair for a model beside token counts on one level; formats that know more score higher."""
        if (
            _is_exchange(record)
            or not _columns.Counts(_flat(record)).found
            or not _fields.facts({}, record, {}).model
        ):
            return 0.0
        return 0.45 if isinstance(record.get("usage"), dict) else 0.55

    def call(self, raw: bytes | memoryview) -> Call | None:
        """One row; None where it has no model, or has neither counts nor a text nor failed."""
        try:
            row = _json.loads(raw)
            return self._call(row) if isinstance(row, dict) and not _is_exchange(row) else None
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def _call(self, row: dict[str, Any]) -> Call | None:
        facts = _fields.facts(_object(row.get("metadata")), row, {})
        if facts.model is None:
            return None
        provider, channel = _provider.identify(facts.dimensions.pop("provider", ""), facts.model)
        texts, status = _texts(row), _status(row, facts.code)
        billed = _columns.read(_flat(row), provider)
        usage = billed.usage
        if usage is None and status == "error":
            usage = Usage()
        if usage is None and not texts:
            if _columns.Counts(_flat(row)).found:
                raise ValueError("the row does not count its input tokens")
            return None
        return Call(
            call_id=_fields.identifier(row) or _string(row.get("request_id")) or "",
            sent_at=facts.sent_at,
            latency_us=facts.latency_us,
            provider=provider,
            channel=channel,
            model=facts.model,
            tier=_provider.tier(row.get("service_tier", row.get("tier"))),
            status=status,
            finish_reason=_string(row.get("finish_reason")) or _string(row.get("stop_reason")),
            tags=facts.tags,
            temperature=_number(row.get("temperature")),
            usage=usage,
            ambiguous=billed.ambiguous,
            units=billed.units,
            reported_pd=facts.reported_pd,
            **facts.dimensions,
            **texts,
        )


def _is_exchange(row: Mapping[str, Any]) -> bool:
    """Whether a record holds an API's request or response, which other readers know better."""
    bodies = ("request", "response", "request_body", "response_body")
    if "choices" in row or any(isinstance(row.get(name), dict) for name in bodies):
        return True
    return isinstance(row.get("output"), list) or isinstance(row.get("content"), list)


def _flat(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row whose counts are an object of their own, as one level, and with what is told of them in
    detail: `prompt_tokens_details.cached_tokens`."""
    usage = row.get("usage")
    level = {**usage, **row} if isinstance(usage, dict) else row
    inner = {n: v for n, v in level.items() if isinstance(v, dict) and n.lower() in _DETAILS}
    return {**level, **_counts.flat(inner)} if inner else level


_DETAILS = frozenset((
    "prompt_tokens_details", "completion_tokens_details", "input_tokens_details",
    "output_tokens_details", "cache_creation", "server_tool_use",
))  # fmt: skip


def _object(value: Any) -> dict[str, Any]:
    found = _json.inside(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _texts(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row's prompt and reply as Chat Completions messages, where it has any."""
    messages = _messages(row)
    reply = _text(row, _names.REPLY)
    if not messages and reply is None:
        return {}
    texts: dict[str, Any] = {"dialect": _chat.blocks}
    texts["messages"] = [_json.dumps(message) for message in messages]
    if reply is not None:
        texts["reply"] = Raw(_json.dumps([{"message": {"content": reply}}]))
    return texts


def _messages(row: Mapping[str, Any]) -> list[Any]:
    for name in ("messages", *_names.PROMPT):
        value = row.get(name)
        found = _json.inside(value) if isinstance(value, str) else value
        if (
            isinstance(found, list)
            and found
            and all(isinstance(m, dict) and "role" in m for m in found)
        ):
            return found
    pairs = (("system", _text(row, _names.SYSTEM)), ("user", _text(row, _names.PROMPT)))
    return [{"role": role, "content": text} for role, text in pairs if text is not None]


def _text(row: Mapping[str, Any], names: tuple[str, ...]) -> str | None:
    return next((v for n in names if isinstance(v := row.get(n), str) and v), None)


def _status(row: Mapping[str, Any], code: int | None) -> str:
    word = row.get("status")
    number = code or (word if isinstance(word, int) else 0)
    return _fields.status(word, failed=bool(row.get("error")) or number >= 400)


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
