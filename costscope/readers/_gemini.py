"""The Gemini dialect: contents, system instructions, tools and candidates as blocks, and the
served tier and searches; in the API's own camelCase, and in the snake_case of the SDKs' dumps."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from costscope.model import Block, Slot
from costscope.readers import _blocks

ROLES = {
    "model": "assistant", "assistant": "assistant", "function": "tool", "tool": "tool",
    "system": "system",
}  # fmt: skip
_UPPER = re.compile(r"(?<!^)(?=[A-Z])")
_TIERS = {
    "on_demand_flex": "flex", "on_demand_priority": "priority",
    "provisioned_throughput": "provisioned", "2": "provisioned",
}  # fmt: skip
"""Vertex's trafficType; 2 is the enum's number."""


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """generateContent JSON as blocks: contents one by one; tools, instruction and candidates whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [b for tool in _blocks.dicts(value) for b in _tool(tool)]
    if slot == "system":
        return _content(value, "system")
    if slot == "message":
        return _content(value, "user")
    if isinstance(value, str):
        return [Block("assistant", "text", value)]
    return [b for c in _blocks.dicts(value) for b in _content(c.get("content"), "assistant")]


def get(found: Mapping[str, Any], name: str) -> Any:
    """A field by its camelCase name, also where it is in snake_case."""
    value = found.get(name)
    return found.get(_snake(name)) if value is None else value


@lru_cache(512)
def _snake(name: str) -> str:
    return _UPPER.sub("_", name).lower()


def _tool(tool: Mapping[str, Any]) -> list[Block]:
    """Each declared function as a block of its own, and each built-in tool by its name."""
    declared = _blocks.dicts(get(tool, "functionDeclarations"))
    rest = {
        k: v for k, v in tool.items()
        if v is not None and k not in ("functionDeclarations", "function_declarations")
    }  # fmt: skip
    shown = [*declared, rest] if rest else declared
    return [Block("system", "tool_schema", _blocks.text_of(_plain(t))) for t in shown]


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    """Without the nulls that a dump of a typed object is full of."""
    return {k: v for k, v in value.items() if v is not None}


def _content(value: Any, default: str) -> list[Block]:
    """A content object, or one of the shorter forms the SDKs take: text, a part, a list of them."""
    if isinstance(value, Mapping) and ("parts" in value or "role" in value):
        # A system instruction's own role says "user"; where it stands decides.
        role = default if default == "system" else ROLES.get(str(value.get("role")), default)
        return [b for part in _blocks.parts(value.get("parts")) for b in _part(role, part)]
    return [b for part in _blocks.parts(value) for b in _part(default, part)]


def _part(role: str, part: Any) -> list[Block]:
    if not isinstance(part, Mapping):
        return [Block(role, "text", _blocks.text_of(part))]
    if isinstance(text := part.get("text"), str):
        # A part of nothing but the signature of a thought has an empty text.
        kind = "thinking" if part.get("thought") is True else "text"
        return [Block(role, kind, text)] if text else []
    for name, block in _PARTS.items():
        if isinstance(inner := get(part, name), Mapping):
            return [block(role, inner)]
    rest = {k: v for k, v in _plain(part).items() if k not in _SEALED}
    return [Block(role, "text", _blocks.text_of(rest))] if rest else []


def _called(role: str, inner: Mapping[str, Any]) -> Block:
    return Block("assistant", "tool_call", _blocks.call_text(inner.get("name"), inner.get("args")))


def _answered(role: str, inner: Mapping[str, Any]) -> Block:
    return Block("tool", "tool_result", _blocks.text_of(inner.get("response")))


def _code(role: str, inner: Mapping[str, Any]) -> Block:
    return Block("assistant", "tool_call", _blocks.text_of(inner.get("code")))


def _outcome(role: str, inner: Mapping[str, Any]) -> Block:
    return Block("tool", "tool_result", _blocks.text_of(inner.get("output")))


def _media(role: str, inner: Mapping[str, Any]) -> Block:
    return Block(role, "image", _blocks.text_of(_plain(inner)))


_PARTS = {
    "functionCall": _called, "functionResponse": _answered, "executableCode": _code,
    "codeExecutionResult": _outcome, "inlineData": _media, "fileData": _media,
}  # fmt: skip
_SEALED = frozenset((
    "thoughtSignature", "thought_signature", "thought", "videoMetadata", "video_metadata",
))  # fmt: skip


def tier(found: Mapping[str, Any]) -> str:
    """The served tier: Vertex's trafficType, or the Gemini API's serviceTier. What was served from
    provisioned throughput is not billed by the token: "provisioned"."""
    traffic = str(get(found, "trafficType") or "").lower()
    served = str(get(found, "serviceTier") or "").lower()
    return _TIERS.get(traffic) or (
        served if served in ("flex", "priority", "batch") else "standard"
    )


def searches(candidates: Iterable[Mapping[str, Any]], model: str) -> int:
    """How many searches are billed: Gemini 3 and later count queries, earlier ones grounded prompts
    (Gemini API pricing, Grounding with Google Search)."""
    queries = [
        query
        for candidate in candidates
        for query in _blocks.parts(
            get(_blocks.inner(get(candidate, "groundingMetadata")), "webSearchQueries")
        )
    ]
    generation = re.search(r"gemini-(\d+)", model)
    return len(queries) if generation and int(generation[1]) >= 3 else min(1, len(queries))


def only_searched(candidates: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the tools of a reply were searches alone: code and fetched pages are charged as input."""
    parts = [
        part
        for candidate in candidates
        for part in _blocks.dicts(_blocks.inner(candidate.get("content")).get("parts"))
    ]
    ran = any(get(p, "executableCode") or get(p, "codeExecutionResult") for p in parts)
    fetched = any(get(c, "urlContextMetadata") for c in candidates)
    return any(get(c, "groundingMetadata") for c in candidates) and not ran and not fetched
