"""The call that a span tells of: who answered, when, for whom, and what it spent."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import msgspec

from costscope.model import Call, Usage
from costscope.readers import _fields, _json, _names, _provider, _span_blocks, _span_kinds, _units
from costscope.readers import _span_usage as spent
from costscope.readers._settings import invalidating
from costscope.readers._span_makers import identify
from costscope.readers._span_texts import Texts
from costscope.readers._span_tree import DIMENSIONS
from costscope.readers._spans import Span

SESSION = (
    "session.id", "gen_ai.conversation.id", "langfuse.session.id", "conversation.id", "thread.id",
)  # fmt: skip
USER = ("user.id", "enduser.id", "langfuse.user.id", "gen_ai.request.user", "gen_ai.user")
FEATURE = (
    "ai.telemetry.functionId", "traceloop.workflow.name", "gen_ai.workflow.name", "gen_ai.agent.name",
    "graph.node.name", "agent.name",
)  # fmt: skip
_OUTER: Mapping[str, tuple[str, ...]] = {
    "session_id": SESSION,
    "user_id": USER,
    "feature": FEATURE,
    "template": ("gen_ai.prompt.name", "traceloop.prompt.key", "prompt.id",
                 "llm.prompt_template.name", "llm.prompt_template.template"),
    "template_version": ("llm.prompt_template.version", "traceloop.prompt.version",
                         "gen_ai.prompt.version"),
    "tags": ("tag.tags", "langfuse.trace.tags"),
}  # fmt: skip
"""What a log's outer fields are called → the attributes that hold it."""
_OWN = (
    "traceloop.association.properties.", "ai.telemetry.metadata.", "langfuse.trace.metadata.",
    "gen_ai.request.metadata.", "metadata.",
)  # fmt: skip
"""Prefixes of what the user put on a span."""
_RESOURCE = {"deployment.environment": "environment", "deployment.environment.name": "environment",
             "service.version": "version"}  # fmt: skip
_IDS = ("gen_ai.response.id", "ai.response.id", "llm.response.id", "gen_ai.response_id")
_ASKED = ("gen_ai.request.model", "ai.model.id", "llm.request.model")
_COSTS = ("llm.cost.total", "gen_ai.usage.cost", "gen_ai.usage.total_cost", "gen_ai.cost.total_cost",
          "operation.cost")  # fmt: skip
_TIERS = (
    "openai.response.service_tier", "gen_ai.openai.response.service_tier",
    "gen_ai.response.service_tier", "anthropic.response.service_tier",
)  # fmt: skip
_FINISHED = ("gen_ai.response.finish_reasons", "ai.response.finishReason", "llm.finish_reason",
             "gen_ai.completion.0.finish_reason", "llm.response.finish_reason",
             "gen_ai.response.stop_reason")  # fmt: skip
_REASON = re.compile(r'"finish_reason":\s*"(\w+)"[^"]*$')
_TEMPERATURE = ("gen_ai.request.temperature", "ai.settings.temperature", "llm.temperature",
                "llm.request.temperature")  # fmt: skip
_SETTINGS = (
    "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "max_tokens",
    "max_output_tokens", "max_completion_tokens", "stop_sequences", "stop", "reasoning_effort",
    "choice.count", "tool_choice", "response_format", "reasoning", "thinking", "text", "n",
)  # fmt: skip
"""Request settings that change the answer."""


def of_span(span: Span, texts: Texts) -> Call:
    """A span of a model call as a call. Raises ValueError where a count in it is none."""
    asked = _text(span.first(*_ASKED))
    answer = spent.response(span)
    model = _text(span.first(*_span_kinds.MODELS)) or _text(answer.get("model")) or asked
    provider, channel, region = identify(span, model, asked)
    raw = spent.raw_usage(span, answer)
    billed = spent.of_span(span, provider, raw)
    usage = billed.usage
    if usage is None and span.failed:
        # A refused request is not billed unless the log says so.
        usage = Usage()
    facts = _facts(span)
    settings = _settings(span)
    dimensions = {n: v for n, v in facts.dimensions.items() if n not in ("provider", "trace")}
    dimensions["region"] = _geo(raw) or region or dimensions.get("region")
    return Call(
        call_id=_text(span.first(*_IDS)) or _answered(answer) or span.trace + span.id,
        trace=span.trace or None,
        sent_at=span.start,
        latency_us=_length(span),
        provider=provider,
        channel=channel,
        model=model,
        tier=_tier(span, answer, raw),
        status="error" if span.failed else "ok",
        finish_reason=_finish(span, answer),
        tags=facts.tags,
        temperature=_number(span.first(*_TEMPERATURE), settings.get("temperature")),
        params=_params(settings),
        cache_params=invalidating(provider, settings),
        json_reply=_wants_json(span, settings),
        usage=usage,
        ambiguous=billed.ambiguous,
        units={**_searches(answer), **billed.units},
        reported_pd=facts.reported_pd,
        dialect=None if texts.empty else _span_blocks.blocks,
        tools=texts.tools,
        system=texts.system,
        messages=texts.messages,
        reply=texts.reply,
        **dimensions,
    )


def _searches(answer: Mapping[str, Any]) -> dict[str, int]:
    """Server-tool requests that only the items of a response show."""
    output = answer.get("output")
    return _units.items(output) if isinstance(output, list) else {}


def inherited(span: Span) -> dict[str, str]:
    """Who and what for, as far as a span says it: what lies under it is for the same."""
    found = _facts(span).dimensions
    return {name: found[name] for name in DIMENSIONS if name in found}


def service(span: Span) -> str:
    """The name of the service that sent a span; "" for the SDK's word for none."""
    name = _text(span.resource.get("service.name"))
    return "" if name.startswith("unknown_service") else name


def _facts(span: Span) -> _fields.Facts:
    own = _own(span.attributes)
    held = span.attributes.get("metadata")
    metadata = _json.inside(held) if isinstance(held, str) else held
    outer = {name: span.first(*names) for name, names in _OUTER.items()}
    outer["cost"] = span.first(*_COSTS)
    resource = {ours: span.resource.get(n) for n, ours in _RESOURCE.items() if n in span.resource}
    given = {**own, **metadata} if isinstance(metadata, dict) else own
    return _fields.facts(given, {k: v for k, v in outer.items() if v is not None}, resource)


def _own(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What the user put on a span: under a library's prefix, or a dimension under its bare name."""
    own: dict[str, Any] = {}
    for name, value in attributes.items():
        if name.startswith(_OWN):
            prefix = next(p for p in _OWN if name.startswith(p))
            own.setdefault(name.removeprefix(prefix), value)
        elif "." not in name and _is_dimension(name):
            own[name] = value
    return own


def _is_dimension(name: str) -> bool:
    meaning = _names.meaning(name)
    return meaning is not None and meaning[0] in _names.DIMENSIONS and meaning[0] != "provider"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _answered(answer: Mapping[str, Any]) -> str:
    return _text(answer.get("id")) or _text(answer.get("response_id"))


def _length(span: Span) -> int | None:
    if span.start is None or span.end is None or span.end < span.start:
        return None
    return span.end - span.start


def _geo(raw: Mapping[str, Any]) -> str | None:
    geo = _text(raw.get("inference_geo"))
    return geo if geo not in ("", "not_available") else None


def _tier(span: Span, answer: Mapping[str, Any], raw: Mapping[str, Any]) -> str:
    """The tier served, by the span or by the response that it keeps."""
    if raw.get("speed") == "fast":
        return "fast"
    metadata = spent.provider_metadata(span)
    places = (span.first(*_TIERS), answer.get("service_tier"), raw.get("service_tier"),
              metadata.get("serviceTier"))  # fmt: skip
    return _provider.tier(next((place for place in places if place), None))


def _finish(span: Span, answer: Mapping[str, Any]) -> str | None:
    held = span.first(*_FINISHED)
    if isinstance(held, str) and held[:1] == "[":
        held = _json.inside(held)
    if isinstance(held, list):
        held = held[0] if held else None
    held = held or _written(span.attributes.get("gen_ai.output.messages")) or _answer_end(answer)
    return held if isinstance(held, str) and held else None


def _answer_end(answer: Mapping[str, Any]) -> Any:
    """How a provider's response says that it ended."""
    choices = answer.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    inner = first.get("finish_reason") if isinstance(first, dict) else None
    return answer.get("stop_reason") or inner or answer.get("status")


def _written(messages: Any) -> str | None:
    """The finish reason that the last of the reply's messages has, in JSON text or as a list."""
    if isinstance(messages, str):
        match = _REASON.search(messages[-200:])
        return match[1] if match else None
    last = messages[-1] if isinstance(messages, list) and messages else None
    return last.get("finish_reason") if isinstance(last, dict) else None


def _settings(span: Span) -> dict[str, Any]:
    """The request's settings, from one attribute each and from OpenInference's JSON of all."""
    held = span.attributes.get("llm.invocation_parameters")
    found = _json.inside(held) if isinstance(held, str) else held
    settings = dict(found) if isinstance(found, dict) else {}
    for name in _SETTINGS:
        if (value := span.attributes.get("gen_ai.request." + name)) is not None:
            settings.setdefault(name, value)
    return settings


def _params(settings: Mapping[str, Any]) -> str:
    found = ((name, settings.get(name)) for name in _SETTINGS)
    return ";".join(f"{n}={_canonical(v)}" for n, v in found if v is not None)


def _canonical(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return msgspec.json.encode(value, order="sorted").decode("utf-8", "replace")
    return str(value)


def _wants_json(span: Span, settings: Mapping[str, Any]) -> bool:
    if span.attributes.get("gen_ai.output.type") == "json":
        return True
    operation = _text(span.attributes.get("ai.operationId"))
    wanted = _canonical(settings.get("response_format") or settings.get("text") or "")
    return "json" in wanted or "Object.do" in operation


def _number(*values: Any) -> float | None:
    for value in values:
        try:
            number = float(value) if isinstance(value, (int, float, str)) else math.nan
        except ValueError:
            continue
        if math.isfinite(number) and not isinstance(value, bool):
            return number
    return None
