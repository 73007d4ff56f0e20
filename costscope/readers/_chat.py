"""The Chat Completions dialect: raw messages, tools and choices as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Block, Slot
from costscope.readers import _blocks

ROLES = {
    "system": "system", "developer": "system", "user": "user", "assistant": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Chat Completions JSON as blocks: `messages` one by one, `tools` and `choices` whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [Block("system", "tool_schema", _blocks.text_of(t)) for t in _blocks.dicts(value)]
    if slot == "reply":
        return _content("assistant", value) if isinstance(value, str) else _choices(value)
    return _content("user", value) if isinstance(value, str) else _message(value, "user")


def _choices(value: Any) -> list[Block]:
    found: list[Block] = []
    for choice in _blocks.dicts(value):
        if isinstance(choice.get("text"), str):
            found += _content("assistant", choice["text"])
        else:
            found += _message(choice.get("message") or {}, "assistant")
    return found


def _message(value: Any, default: str) -> list[Block]:
    message = _blocks.message(value)
    role = ROLES.get(str(message.get("role", default)), "user")
    found = _content(role, message.get("content"))
    names = ("reasoning_content", "reasoning", "thinking")
    if reasoning := next((message[n] for n in names if message.get(n)), None):
        found.insert(0, Block(role, "thinking", _blocks.text_of(reasoning)))
    calls = _blocks.dicts(message.get("tool_calls")) + _blocks.dicts(message.get("function_call"))
    for call in calls:
        target = _blocks.inner(call.get("function") or call.get("custom") or call)
        text = _blocks.call_text(target.get("name"), target.get("arguments", target.get("input")))
        found.append(Block(role, "tool_call", text))
    if refusal := message.get("refusal"):
        found.append(Block(role, "text", _blocks.text_of(refusal)))
    if not found and message.get("content") == "":
        # It was said, though nothing was: the prompt goes on behind it.
        found.append(Block(role, "tool_result" if role == "tool" else "text", ""))
    return found


def _content(role: str, content: Any) -> list[Block]:
    kind = "tool_result" if role == "tool" else "text"
    return [_part(role, kind, part) for part in _blocks.parts(content)]


def _part(role: str, kind: str, part: Any) -> Block:
    mark = _mark(part)
    if isinstance(part, dict) and part.get("type") == "thinking":
        texts = _blocks.parts(part.get("thinking"))
        return Block(role, "thinking", "\n".join(_blocks.shown(text) for text in texts))
    if _blocks.is_media(part):
        return Block(role, "image", _blocks.text_of(part), breakpoint=mark)
    return Block(role, kind, _blocks.shown(part), breakpoint=mark)


def _mark(part: Any) -> str:
    """A cache mark as LiteLLM and OpenRouter take it for Anthropic's models."""
    control = part.get("cache_control") if isinstance(part, dict) else None
    if not control:
        return ""
    return "1h" if _blocks.inner(control).get("ttl") == "1h" else "5m"
