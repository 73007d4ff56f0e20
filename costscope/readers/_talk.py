"""Messages of agents that name the same few things differently, in the words of the Messages dialect."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Raw

from costscope.readers import _json
from costscope.readers._session import items, said, string

CALLS = frozenset(("toolcall", "tooluse", "functioncall", "tool"))
RESULTS = frozenset(("toolresult", "functioncalloutput", "functionresult"))
THOUGHTS = frozenset(("thinking", "reasoning", "think", "thought"))
TOOL_ROLES = frozenset(("tool", "function", "toolresult", "tool_result"))
ROLES: Mapping[str, str] = {
    "system": "system", "developer": "system", "user": "user", "human": "user", "bot": "assistant",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "ai": "assistant",
    **dict.fromkeys(TOOL_ROLES, "tool"),
}  # fmt: skip
"""Everybody's names for who speaks; the ShareGPT ones among them."""


def parts(content: Any, calls: Any = None, thought: Any = None) -> list[Any]:
    """What a message says: its content in blocks, tool calls that stand beside it, and a thought."""
    listed = content if isinstance(content, list) else [content] if content else []
    shown = [_part(part) for part in listed]
    before = [{"type": "thinking", "thinking": thought}] if string(thought) else []
    return [*before, *shown, *(_call(call) for call in items(calls))]


def message(role: str, shown: Iterable[Any]) -> bytes:
    """A message of parts. What a tool answered is a user's message, as in the Messages API."""
    listed = list(shown)
    if role != "tool":
        return said(role, listed)
    known = listed and all(isinstance(p, dict) and p.get("type") == "tool_result" for p in listed)
    return said("user", listed if known else [{"type": "tool_result", "content": listed}])


def reply(shown: Iterable[Any]) -> Raw:
    """A model's parts as the reply of a call."""
    return Raw(_json.dumps(list(shown)))


def _part(part: Any) -> Any:
    if not isinstance(part, dict):
        return {"type": "text", "text": part} if isinstance(part, str) else part
    kind = string(part.get("type")).replace("_", "").replace("-", "").lower()
    if kind in CALLS:
        return _call(part)
    if kind in RESULTS:
        return {"type": "tool_result", "content": _first(part, "content", "output", "result")}
    if kind in THOUGHTS:
        text = _first(part, "thinking", "text", "think", "reasoning", "content")
        return {"type": "thinking", "thinking": text}
    return {"type": "text", "text": part["text"]} if isinstance(part.get("text"), str) else part


def _call(call: dict[str, Any]) -> dict[str, Any]:
    inner = call.get("function")
    target = {**call, **inner} if isinstance(inner, dict) else call
    name = _first(target, "name", "toolName", "tool")
    return {
        "type": "tool_use",
        "name": name or inner,
        "input": _first(target, "input", "arguments", "args", "parameters"),
    }


def _first(found: Mapping[str, Any], *names: str) -> Any:
    return next((found[name] for name in names if found.get(name) is not None), None)
