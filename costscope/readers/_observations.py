"""Langfuse's observations as calls: rows of its exports and bodies of its ingestion API, which name the same
facts in snake_case and camelCase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Call
from costscope.readers import (
    _columns,
    _fields,
    _json,
    _logged,
    _platform,
    _provider,
    _usage_types,
)  # fmt: skip
from costscope.readers._counts import Normalised

CALLS = frozenset(("GENERATION", "EMBEDDING"))
TYPES = CALLS | {
    "SPAN", "EVENT", "AGENT", "TOOL", "CHAIN", "RETRIEVER", "EVALUATOR", "GUARDRAIL",
}  # fmt: skip
_TEXTS = frozenset(("input", "output", "prompt", "completion", "tooldefinitions"))


def plain(name: str) -> str:
    """A field's name without case and underscores: usageDetails and usage_details are one."""
    return name.replace("_", "").lower()


def flat(fields: Mapping[str, Raw]) -> dict[str, Raw]:
    """Fields by their plain names, without those that are null or empty."""
    return {plain(n): raw for n, raw in fields.items() if bytes(memoryview(raw)[:3]) not in _EMPTY}


_EMPTY = (b"", b"nul", b'""', b"{}", b"[]")


def call_of(fields: Mapping[str, Raw], trace: Mapping[str, Raw]) -> Call:
    """An observation as a call. `fields` and those of its trace as from `flat`; of what both say the
    observation's counts. Raises ValueError where a count is none."""
    row = {**_trace_facts(trace), **_platform.values(fields, _TEXTS)}
    metadata = {**_platform.opened(row.pop("tracemetadata", None)), **_opened(row, "metadata")}
    asked = _opened(row, "modelparameters")
    facts = _facts(metadata, row)
    provider, channel = _provider.identify(facts.dimensions.pop("provider", ""), _model(row))
    failed = row.get("level") == "ERROR"
    cached = _platform.is_true(metadata.get("cache_hit")) and "hidden_params" in metadata
    return Call(
        call_id=_platform.named(row, "id") or "",
        revision=_updated(row),
        sent_at=facts.sent_at,
        latency_us=facts.latency_us,
        provider=provider,
        channel=channel,
        model=_model(row),
        status="error" if failed else "ok",
        finish_reason=_logged.finish_reason(fields.get("output", _json.NONE)),
        tags=dict(sorted((facts.tags | (_platform.CACHE_TAG if cached else {})).items())),
        **facts.dimensions,
        **_platform.settings(asked),
        **_platform.billing(_usage(row, provider), failed=failed, cached=cached),
        reported_pd=_cost(row),
        **_texts(fields, asked),
    )


def _updated(row: Mapping[str, Any]) -> int:
    """When Langfuse last changed an exported row: exports overlap, and the newest holds the bill."""
    try:
        return _fields.micros(row.get("updatedat")) or 0
    except ValueError:
        return 0


def _trace_facts(trace: Mapping[str, Raw]) -> dict[str, Any]:
    found = _platform.values(trace, _TEXTS)
    names = {"sessionid": "sessionid", "userid": "userid", "tags": "tags", "name": "tracename",
             "metadata": "tracemetadata", "environment": "environment", "release": "release",
             "id": "traceid"}  # fmt: skip
    return {ours: found[name] for name, ours in names.items() if name in found}


def _opened(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    return _platform.opened(row.get(name))


def _model(row: Mapping[str, Any]) -> str:
    return _platform.named(row, "providedmodelname", "model") or ""


def _facts(metadata: Mapping[str, Any], row: Mapping[str, Any]) -> _fields.Facts:
    """Times, dimensions and tags. A trace is named after what the application does."""
    tags = row.get("tags")
    outer = {
        "feature": row.get("tracename"), "user_id": row.get("userid"),
        "session_id": row.get("sessionid"), "trace_id": row.get("traceid"),
        "prompt_name": row.get("promptname"), "prompt_version": row.get("promptversion"),
        "start_time": row.get("starttime"), "end_time": row.get("endtime"),
        "latency": row.get("latency"), "provider": metadata.get("ls_provider"),
        "tags": _json.inside(tags) if isinstance(tags, str) else tags,
        "environment": row.get("environment"), "release": row.get("release"),
        "observation": row.get("name"),
    }  # fmt: skip
    kept = {name: value for name, value in metadata.items() if not _is_noise(name)}
    return _fields.facts(kept, {n: v for n, v in outer.items() if v is not None}, {})


def _is_noise(name: str) -> bool:
    """Facts that LiteLLM and LangChain put into the metadata and that a call has fields for."""
    return name.endswith("response_cost") or name.startswith("ls_") or name == "cache_hit"


def _usage(row: Mapping[str, Any], maker: str) -> Normalised:
    """What was billed: by the details, else by the older usage object, else by the oldest columns."""
    for name in ("usagedetails", "usage"):
        found = _opened(row, name)
        if str(found.get("unit") or "TOKENS").upper() == "TOKENS":
            counts = {n: v for n, v in found.items() if n != "unit" and not n.endswith("Cost")}
            known = _usage_types.read(counts, maker)
            if known.usage is not None:
                return known
    counts = {n: row[n] for n in ("prompttokens", "completiontokens", "totaltokens") if row.get(n)}
    return Normalised(_columns.usage(counts, maker))


def _cost(row: Mapping[str, Any]) -> int | None:
    """What Langfuse or the application says that it cost; 0 without any detail is no price known."""
    details = _opened(row, "costdetails")
    parts = [
        v for name, v in details.items() if name != "total" and _platform.number(v) is not None
    ]
    found = (
        row.get("totalcost"), row.get("calculatedtotalcost"), details.get("total"),
        sum(parts) if parts else None, _opened(row, "usage").get("totalCost"),
    )  # fmt: skip
    cost = next((c for v in found if v is not None and (c := _money(v)) is not None), None)
    return None if cost == 0 and not details and "usage" not in row else cost


def _money(value: Any) -> int | None:
    try:
        return _fields.picodollars(value)
    except ValueError:
        return None


def _texts(fields: Mapping[str, Raw], asked: Mapping[str, Any]) -> dict[str, Any]:
    """Input and output in whatever shape the application handed them over."""
    texts = _logged.prompt(fields.get("input", fields.get("prompt", _json.NONE)))
    reply = _logged.reply(fields.get("output", fields.get("completion", _json.NONE)))
    if not texts["messages"] and reply is _json.NONE:
        return {}
    texts["messages"], tools = _without_tools(texts["messages"])
    found = fields.get("tooldefinitions")
    if found is not None and "tools" not in texts:
        texts["tools"] = found
    elif tools or asked.get("tools"):
        texts.setdefault("tools", Raw(_json.dumps(tools or asked["tools"])))
    return {"dialect": _logged.blocks, **texts, "reply": reply}


def _without_tools(messages: Sequence[Raw]) -> tuple[list[Raw], list[Any]]:
    """Messages, and the tool definitions that the LangChain handler puts behind them as messages."""
    kept: list[Raw] = []
    tools: list[Any] = []
    for message in messages:
        # Most messages are not looked into: only a tool's may hold an object.
        content = _json.mapping(message).get("content") if b'"tool"' in bytes(message) else None
        if (
            isinstance(content, dict)
            and {"function", "input_schema", "parameters"} & content.keys()
        ):
            tools.append(content)
        else:
            kept.append(message)
    return kept, tools
