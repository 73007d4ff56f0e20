"""LangChain's messages as Chat Completions messages: constructors, typed dictionaries, tool calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costscope.readers import _blocks

ROLES = {
    "human": "user", "user": "user", "ai": "assistant", "assistant": "assistant",
    "system": "system", "developer": "system", "tool": "tool", "function": "function",
}  # fmt: skip
"""LangChain's message types → roles."""


def plain(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message with a role and content, whether it was a serialised constructor
    (`{"lc": 1, "id": [..., "HumanMessage"], "kwargs": {...}}`), `{"type": "human", "data": {...}}` or
    `{"type": "human", "content": ...}`; any other object is returned as it is."""
    kind = _kind(message)
    fields = message
    for name in ("kwargs", "data"):
        if isinstance(inner := message.get(name), dict) and (kind or message.get("lc")):
            fields, kind = inner, kind or _kind(inner)
    if fields is message and ("role" in message or kind not in ROLES or "content" not in message):
        return _with_calls(message)
    return _with_calls({**fields, "role": fields.get("role") or ROLES.get(kind, "user")})


def fields(message: Any) -> Mapping[str, Any]:
    """What stands in a message, without its wrapping; empty where it is none."""
    found = _blocks.inner(message)
    return next(
        (inner for name in ("kwargs", "data") if isinstance(inner := found.get(name), dict)), found
    )


def _kind(message: Mapping[str, Any]) -> str:
    """human, ai, ...: the type that a message states, or its class does."""
    path = message.get("id") if message.get("lc") else None
    name = str(path[-1] if isinstance(path, list) and path else message.get("type", ""))
    return name.removesuffix("Chunk").removesuffix("Message").lower()


def _with_calls(message: Mapping[str, Any]) -> Mapping[str, Any]:
    """A message with its tool calls in OpenAI's form, each once: LangChain keeps the API's own form
    beside its own, under `additional_kwargs`."""
    more = _blocks.inner(message.get("additional_kwargs"))
    if not more and not message.get("tool_calls"):
        return message
    found = {**{name: more[name] for name in _MORE if more.get(name)}, **message}
    calls = _blocks.dicts(message.get("tool_calls")) or _blocks.dicts(more.get("tool_calls"))
    if calls:
        found["tool_calls"] = [_call(call) for call in calls]
        found.pop("function_call", None)
    return found


_MORE = ("reasoning_content", "function_call", "refusal")


def _call(call: Mapping[str, Any]) -> Mapping[str, Any]:
    if "args" not in call:
        return call
    return {"function": {"name": call.get("name"), "arguments": call["args"]}}
