"""LiteLLM's spend logs: rows of its database table LiteLLM_SpendLogs, as JSON lines or Parquet. They hold
counts and money; prompts and replies only where the proxy was told to keep them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call
from costscope.readers import _fields, _json, _litellm, _logged, _platform, _provider
from costscope.readers._counts import Normalised

_TEXTS = frozenset(("messages", "response", "proxy_server_request"))
_SIGNS = frozenset(("request_tags", "cache_key", "model_group", "api_key", "end_user", "api_base"))


class LiteLLMSpend(_platform.PlatformReader):
    """Rows of LiteLLM_SpendLogs. `cache_hit` is a text there, and the proxy's own response cache: such
    a call was billed nothing."""

    about = "rows of LiteLLM's LiteLLM_SpendLogs table (JSON lines or Parquet)"

    def score(self, record: dict[str, Any]) -> float:
        """Sure where a request's id stands beside what was spent on it and the table's own columns."""
        known = {"request_id", "spend", "call_type"} <= record.keys()
        return 1.0 if known and len(_SIGNS & record.keys()) > 1 else 0.0

    def made(self, fields: dict[str, Raw]) -> Call | None:
        """One row as a call."""
        if "spend" not in fields or "call_type" not in fields:
            return None
        row = _platform.values(fields, _TEXTS)
        call_type = _platform.named(row, "call_type") or ""
        if _litellm.is_no_model_call(call_type, row, "spend"):
            raise ValueError(f"{call_type} is no call of a model")
        return _call(row, call_type, fields)


def _call(row: Mapping[str, Any], call_type: str, fields: Mapping[str, Raw]) -> Call:
    metadata = _platform.opened(row.get("metadata"))
    asked = _json.mapping(fields.get("proxy_server_request"))
    answer = _json.mapping(fields.get("response"))
    where = _litellm.place(row, _platform.named(answer, "model"))
    word = row.get("status") or metadata.get("status")
    status = _fields.status(word, failed=False)
    cached = _platform.is_true(row.get("cache_hit"))
    people = _litellm.people(metadata, row)
    tags = people.pop("tags") | _tags(row, metadata, call_type)
    session = people.pop("session", None)
    facts = _fields.facts({}, {"startTime": row.get("startTime"), "endTime": row.get("endTime"),
                               "cost": row.get("spend")}, {})  # fmt: skip
    return Call(
        call_id=_platform.named(row, "request_id") or "",
        session=_platform.named(row, "session_id") or session,
        sent_at=facts.sent_at,
        latency_us=facts.latency_us,
        **where,
        tier="batch"
        if call_type in _litellm.BATCHES
        else _provider.tier(answer.get("service_tier")),
        status=status,
        finish_reason=_logged.finish_reason(fields.get("response", _json.NONE)),
        tags=dict(sorted((tags | (_platform.CACHE_TAG if cached else {})).items())),
        **people,
        **_platform.settings(asked),
        **_platform.billing(
            _usage(row, metadata, where["provider"], call_type),
            failed=status == "error",
            cached=cached,
        ),
        reported_pd=facts.reported_pd,
        **_texts(fields),
    )


def _tags(row: Mapping[str, Any], metadata: Mapping[str, Any], call_type: str) -> dict[str, str]:
    error = _platform.opened(metadata.get("error_information"))
    group = row.get("model_group")
    return _platform.labels(
        call_type=None if call_type in _litellm.PLAIN else call_type,
        model_group=None if group == row.get("model") else group,
        error=error.get("error_class"),
        error_code=error.get("error_code"),
    )


def _usage(
    row: Mapping[str, Any], metadata: Mapping[str, Any], maker: str, call_type: str
) -> Normalised:
    """What was billed: the usage object that newer versions keep, else the row's counts with what older
    ones keep of the rest."""
    found = _platform.opened(metadata.get("usage_object"))
    if found:
        known = _litellm.usage(found, maker, call_type)
        if known.usage is not None:
            return known
    counts = {
        name: row[name]
        for name in ("prompt_tokens", "completion_tokens", "total_tokens")
        if row.get(name) is not None
    }
    more = _platform.opened(metadata.get("additional_usage_values"))
    return _litellm.usage({**more, **counts}, maker, call_type) if counts else Normalised(None)


def _texts(fields: Mapping[str, Raw]) -> dict[str, Any]:
    """What was sent and answered, where the proxy keeps it: the request as the client sent it, else the
    messages alone."""
    found: dict[str, Any] = {"messages": []}
    for name in ("proxy_server_request", "messages"):
        if not found["messages"]:
            found = _logged.prompt(fields.get(name, _json.NONE))
    reply = _logged.reply(fields.get("response", _json.NONE))
    if not found["messages"] and reply is _json.NONE:
        return {}
    return {"dialect": _logged.blocks, **found, "reply": reply}
