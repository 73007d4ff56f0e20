"""LiteLLM's StandardLoggingPayload: one JSON object a call, as its callbacks write it to S3, GCS, Pub/Sub,
a generic endpoint or a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call
from costscope.readers import _fields, _json, _litellm, _logged, _platform, _provider
from costscope.readers._counts import Normalised

_TEXTS = frozenset(("messages", "response", "model_map_information", "guardrail_information"))
_SIGNS = frozenset((
    "model_map_information", "hidden_params", "saved_cache_cost", "standard_built_in_tools_params",
    "response_cost_failure_debug_info", "cost_breakdown",
))  # fmt: skip
"""Fields that only this payload has; older and trimmed ones lack some of them."""
_WRAPPER = "standard_logging_object"
"""Under which key a callback's own arguments hold the payload."""


class LiteLLM(_platform.PlatformReader):
    """Payloads of LiteLLM's callbacks. `cache_hit` is the proxy's own response cache: such a call was
    answered without a provider, and billed nothing."""

    about = "LiteLLM's StandardLoggingPayload, from its S3, GCS or other callbacks"

    def score(self, record: dict[str, Any]) -> float:
        """Sure where a type of call stands beside the payload's own fields."""
        inner = record.get(_WRAPPER)
        found = inner if isinstance(inner, dict) else record
        known = "call_type" in found and "response_cost" in found
        return 1.0 if known and not _SIGNS.isdisjoint(found) else 0.0

    def made(self, fields: dict[str, Raw]) -> Call | None:
        """One payload as a call."""
        if _json.first(fields.get(_WRAPPER, _json.NONE)) == b"{":
            fields = _json.raws(fields[_WRAPPER])
        if "call_type" not in fields or "response_cost" not in fields:
            return None
        outer = _platform.values(fields, _TEXTS)
        call_type = _platform.named(outer, "call_type") or ""
        if _litellm.is_no_model_call(call_type, outer, "response_cost"):
            raise ValueError(f"{call_type} is no call of a model")
        return _call(outer, call_type, fields)


def _call(outer: Mapping[str, Any], call_type: str, fields: Mapping[str, Raw]) -> Call:
    metadata = _platform.opened(outer.get("metadata"))
    asked = _platform.opened(outer.get("model_parameters"))
    answer = _json.mapping(fields.get("response"))
    where = _litellm.place(outer, _platform.named(answer, "model"))
    failed = _fields.status(outer.get("status"), failed=bool(outer.get("error_str"))) == "error"
    cached = _platform.is_true(outer.get("cache_hit"))
    people = _litellm.people(metadata, outer)
    tags = people.pop("tags") | _tags(outer, call_type, where["model"])
    texts = _texts(fields, asked)
    return Call(
        call_id=_platform.named(outer, "id") or _platform.named(answer, "id") or "",
        # A cached answer has the id of the one that was billed.
        request_id=f"cached {_platform.named(outer, 'startTime')}" if cached else "",
        trace=_platform.named(outer, "trace_id"),
        **_times(outer),
        **where,
        tier="batch" if call_type in _litellm.BATCHES else _tier(answer),
        status="error" if failed else "ok",
        finish_reason=_logged.finish_reason(fields.get("response", _json.NONE)),
        tags=dict(sorted((tags | (_platform.CACHE_TAG if cached else {})).items())),
        **people,
        **_platform.settings(asked),
        **_platform.billing(
            _usage(outer, metadata, answer, where["provider"], call_type),
            failed=failed,
            cached=cached,
        ),
        reported_pd=_cost(outer.get("response_cost")),
        dialect=_logged.blocks,
        **texts,
    )


def _times(outer: Mapping[str, Any]) -> dict[str, Any]:
    facts = _fields.facts({}, {n: outer.get(n) for n in ("startTime", "endTime")}, {})
    return {"sent_at": facts.sent_at, "latency_us": facts.latency_us}


def _tags(outer: Mapping[str, Any], call_type: str, model: str) -> dict[str, str]:
    error = _platform.opened(outer.get("error_information"))
    group = outer.get("model_group")
    return _platform.labels(
        call_type=None if call_type in _litellm.PLAIN else call_type,
        model_group=None if group in (model, outer.get("model")) else group,
        error=error.get("error_class"),
        error_code=error.get("error_code"),
    )


def _tier(answer: Mapping[str, Any]) -> str:
    """The tier that the answer says it was served with."""
    usage = _platform.opened(answer.get("usage"))
    if usage.get("speed") == "fast":
        return "fast"
    return _provider.tier(answer.get("service_tier") or usage.get("service_tier"))


def _usage(
    outer: Mapping[str, Any],
    metadata: Mapping[str, Any],
    answer: Mapping[str, Any],
    maker: str,
    call_type: str,
) -> Normalised:
    """What was billed, by LiteLLM's own usage object, else by the answer's, else by the payload's three
    counts, which know nothing of cached tokens."""
    counts = {
        name: outer[name]
        for name in ("prompt_tokens", "completion_tokens", "total_tokens")
        if outer.get(name) is not None
    }
    found = Normalised(None)
    for place in (metadata.get("usage_object"), answer.get("usage"), counts):
        known = _platform.opened(place)
        found = _litellm.usage(known, maker, call_type) if known else found
        if found.usage is not None:
            break
    return found


def _cost(value: Any) -> int | None:
    try:
        return _fields.picodollars(value)
    except ValueError:
        return None


def _texts(fields: Mapping[str, Raw], asked: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent and answered; tools and system prompt stand among the settings."""
    texts = _logged.prompt(fields.get("messages", _json.NONE))
    for slot, names in (("tools", _logged.TOOLS), ("system", _logged.SYSTEMS)):
        found = next((asked[name] for name in names if asked.get(name)), None)
        if found is not None and slot not in texts:
            texts[slot] = Raw(_json.dumps(found))
    return {**texts, "reply": _logged.reply(fields.get("response", _json.NONE))}
