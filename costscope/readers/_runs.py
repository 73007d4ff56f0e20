"""LangSmith's runs as calls: LangChain's inputs and generations, or the bodies that its wrappers of the
providers' clients log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call
from costscope.readers import (
    _fields,
    _json,
    _langchain,
    _logged,
    _platform,
    _provider,
    _usage,
)
from costscope.readers._counts import Normalised

CALLS = frozenset(("llm", "embedding"))
_TEXTS = frozenset((
    "inputs", "outputs", "serialized", "events", "error", "manifest", "inputs_preview",
    "outputs_preview", "feedback_stats", "child_runs",
))  # fmt: skip
_THREADS = ("session_id", "thread_id", "conversation_id")
"""Under which keys of a run's metadata LangSmith groups traces into threads; a run's own session_id is
that of its project."""
_NOISE = frozenset(("usage_metadata", "revision_id", *_THREADS))


def own_id(fields: Mapping[str, Raw]) -> str:
    """A run's id; the JavaScript client's patches have it only as the end of their order."""
    found = _json.text(fields.get("id", _json.NONE))
    return found or next(reversed(_lineage(fields)), "")


def above(fields: Mapping[str, Raw]) -> list[str]:
    """The ids of the runs around one, as far as it tells."""
    found = _lineage(fields)[:-1]
    for name in ("parent_run_id", "parent_run_ids"):
        raw = fields.get(name, _json.NONE)
        listed = _json.loads(raw) if _json.has(raw) else []
        found += [
            p for p in (listed if isinstance(listed, list) else [listed]) if isinstance(p, str)
        ]
    return list(dict.fromkeys(found))


def _lineage(fields: Mapping[str, Raw]) -> list[str]:
    """Run ids from the trace's root to the run, out of `dotted_order`: times and ids joined by Z."""
    order = _json.text(fields.get("dotted_order", _json.NONE)) or ""
    return [part.partition("Z")[2] for part in order.split(".") if "Z" in part]


def is_call(fields: Mapping[str, Raw]) -> bool:
    """Whether a run is of a model."""
    return (_json.text(fields.get("run_type", _json.NONE)) or "").lower() in CALLS


def call_of(fields: Mapping[str, Raw]) -> Call:
    """A run as a call. Raises ValueError where a count is none."""
    run = _platform.values(fields, _TEXTS)
    extra = _platform.opened(run.get("extra"))
    metadata = {**_platform.opened(run.get("metadata")), **_platform.opened(extra.get("metadata"))}
    inputs, outputs = (_json.mapping(fields.get(name)) for name in ("inputs", "outputs"))
    asked = {**inputs, **_platform.opened(metadata.get("ls_invocation_params")),
             **_platform.opened(extra.get("invocation_params"))}  # fmt: skip
    message = _message(outputs)
    said = _langchain.fields(message).get("response_metadata")
    told = _platform.opened(said)
    model = _model(outputs, told, metadata, asked)
    provider, channel = _provider.identify(_declared(metadata, asked), model)
    failed = run.get("status") == "error" or bool(_json.text(fields.get("error", _json.NONE)))
    facts = _facts(run, metadata)
    if channel == "bedrock" and (region := _provider.region(model)):
        facts.dimensions["region"] = region
    return Call(
        call_id=own_id(fields),
        trace=_platform.named(run, "trace_id"),
        sent_at=facts.sent_at,
        latency_us=facts.latency_us,
        provider=provider,
        channel=channel,
        model=model,
        tier=_provider.tier(outputs.get("service_tier") or told.get("service_tier")),
        status="error" if failed else _fields.status(run.get("status"), failed=False),
        finish_reason=_logged.finish_reason(fields.get("outputs", _json.NONE)),
        tags=facts.tags,
        **facts.dimensions,
        **_platform.settings({**asked, "temperature": _temperature(metadata, asked)}),
        **_platform.billing(
            _billed(run, metadata, outputs, message, provider), failed=failed, cached=False
        ),
        reported_pd=facts.reported_pd,
        **_texts(fields, asked),
    )


def _message(outputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message of the first generation or of the output itself; empty where there is none."""
    found: Any = outputs.get("generations", outputs.get("output", outputs.get("message")))
    while isinstance(found, list):
        found = found[0] if found else None
    found = found if isinstance(found, dict) else {}
    inner = found.get("message")
    return inner if isinstance(inner, dict) else found


def _model(
    outputs: Mapping[str, Any],
    told: Mapping[str, Any],
    metadata: Mapping[str, Any],
    asked: Mapping[str, Any],
) -> str:
    """The model that answered, else the one that was asked."""
    output = _platform.opened(outputs.get("llm_output"))
    for place, names in (
        (outputs, ("model",)), (told, ("model_name", "model", "model_id")),
        (output, ("model_name", "model")), (metadata, ("ls_model_name",)),
        (asked, ("model", "model_name", "model_id", "modelId", "azure_deployment")),
    ):  # fmt: skip
        if found := _platform.named(place, *names):
            return found
    return ""


def _declared(metadata: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Who served it: LangSmith's own field, else the kind of LangChain's class (`azure-openai-chat`)."""
    found = _platform.named(metadata, "ls_provider")
    kind = _platform.named(asked, "_type") or ""
    return found or kind.removesuffix("-chat").removesuffix("_chat")


def _facts(run: Mapping[str, Any], metadata: Mapping[str, Any]) -> _fields.Facts:
    """Times, money, dimensions and tags. A thread is named in the metadata only."""
    kept = {n: v for n, v in metadata.items() if not n.startswith("ls_") and n not in _NOISE}
    tags = run.get("tags")
    outer = {
        "session_id": _platform.named(metadata, *_THREADS) or _platform.named(run, "thread_id"),
        "start_time": run.get("start_time"), "end_time": run.get("end_time"),
        "total_cost": run.get("total_cost"),
        "tags": _json.inside(tags) if isinstance(tags, str) else tags,
        "project": run.get("session_name"), "run": run.get("name"),
    }  # fmt: skip
    facts = _fields.facts(kept, {n: v for n, v in outer.items() if v is not None}, {})
    for name in ("provider", "trace"):  # of these the run itself knows better
        facts.dimensions.pop(name, None)
    return facts


def _temperature(metadata: Mapping[str, Any], asked: Mapping[str, Any]) -> Any:
    return asked.get("temperature", metadata.get("ls_temperature"))


def _billed(
    run: Mapping[str, Any],
    metadata: Mapping[str, Any],
    outputs: Mapping[str, Any],
    message: Mapping[str, Any],
    maker: str,
) -> Normalised:
    """What was billed, by the place nearest to the provider: LangChain's usage metadata, the API's own
    usage object, the sums of the run."""
    inner = _langchain.fields(message)
    told = _platform.opened(inner.get("response_metadata"))
    output = _platform.opened(outputs.get("llm_output"))
    for place in (
        outputs.get("usage_metadata"), inner.get("usage_metadata"), metadata.get("usage_metadata"),
        outputs.get("usage"), output.get("token_usage"), output.get("usage"),
        told.get("token_usage"), told.get("usage"), _sums(run),
    ):  # fmt: skip
        found = _usage.read(_platform.settled(_platform.opened(place)), maker)
        if found.usage is not None:
            return found
    return Normalised(None)


def _sums(run: Mapping[str, Any]) -> dict[str, Any]:
    """The counts that LangSmith itself keeps of a run; 0 in all of them is what it has of none."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens", "prompt_token_details",
             "completion_token_details")  # fmt: skip
    found = {name: run[name] for name in names if run.get(name) is not None}
    return found if any(found.get(name) for name in names[:3]) else {}


def _texts(fields: Mapping[str, Raw], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Messages of the inputs and the reply of the outputs; tools stand among the settings."""
    texts = _logged.prompt(fields.get("inputs", _json.NONE))
    reply = _logged.reply(fields.get("outputs", _json.NONE))
    if not texts["messages"] and reply is _json.NONE:
        return {}
    if "tools" not in texts and asked.get("tools"):
        texts["tools"] = Raw(_json.dumps(asked["tools"]))
    return {"dialect": _logged.blocks, **texts, "reply": reply}
