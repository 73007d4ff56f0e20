"""Messages as tracing libraries write them, as blocks: OpenTelemetry's parts, OpenInference's contents,
the AI SDK's, and the chat messages of the providers that many libraries hand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.model import Block, Slot
from costscope.readers import _blocks

ROLES = {
    "system": "system", "developer": "system", "user": "user", "human": "user",
    "assistant": "assistant", "ai": "assistant", "model": "assistant", "thinking": "assistant",
    "tool": "tool", "function": "tool", "ipython": "tool",
}  # fmt: skip
_CALLS = frozenset(("tool_call", "tool_use", "tool-call", "function_call", "server_tool_use"))
_RESULTS = frozenset((
    "tool_call_response", "tool_result", "tool-result", "function_call_output", "tool_response",
))  # fmt: skip
_THOUGHTS = frozenset(("reasoning", "thinking", "redacted_thinking"))
_MEDIA = frozenset(("blob", "uri", "image_url", "media"))
_NAMES = ("name", "toolName", "function_name")
_ARGUMENTS = ("arguments", "args", "input", "parsed_args")
_OUTCOMES = ("response", "result", "output", "content")


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """A span's texts as blocks: messages one by one; tools, system and the reply's messages whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [Block("system", "tool_schema", _blocks.text_of(t)) for t in _blocks.dicts(value)]
    if slot == "system":
        return [b for part in _blocks.parts(value) for b in _part("system", part)]
    role = "assistant" if slot == "reply" else "user"
    messages = value if isinstance(value, list) else [value]
    return [b for message in messages for b in _message(message, role)]


def _message(value: Any, default: str) -> list[Block]:
    if not isinstance(value, dict):
        return _part(default, value)
    given = str(value.get("role", default)).lower()
    role = ROLES.get(given, default)
    held = next((value[n] for n in ("parts", "contents", "content") if value.get(n)), None)
    if isinstance(held, dict) and "parts" in held:
        held = held["parts"]
    found = [b for part in _blocks.parts(held) for b in _part(role, part)]
    if given == "thinking":
        found = [Block(role, "thinking", b.text) for b in found]
    thought = value.get("reasoning_content") or value.get("reasoning")
    if thought and isinstance(thought, str):
        found.insert(0, Block(role, "thinking", thought))
    return found + [_call(call) for call in _calls(value)]


def _calls(message: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = _blocks.dicts(message.get("tool_calls")) + _blocks.dicts(message.get("function_call"))
    if name := message.get("function_call_name"):
        arguments = message.get("function_call_arguments_json", "")
        found.append({"name": name, "arguments": arguments})
    return [call for call in found if call]


def _call(call: Mapping[str, Any]) -> Block:
    inner = _blocks.inner(call.get("tool_call")) or call
    target = _blocks.inner(inner.get("function")) or inner
    arguments: Any = next((target[n] for n in _ARGUMENTS if n in target), {})
    name = next((target[n] for n in _NAMES if n in target), "")
    return Block("assistant", "tool_call", _blocks.call_text(name, arguments))


def _part(role: str, part: Any) -> list[Block]:
    kind = "tool_result" if role == "tool" else "text"
    if not isinstance(part, dict):
        text = _blocks.text_of(part)
        return [Block(role, kind, text)] if text else []
    part = _blocks.inner(part.get("message_content")) or part
    named, mark = str(part.get("type", "")), _mark(part)
    if named in _CALLS or (not named and "function_call" in part):
        return [_call(_blocks.inner(part.get("function_call")) or part)]
    if named in _RESULTS:
        return [Block("tool", "tool_result", _outcome(part), breakpoint=mark)]
    if named in _THOUGHTS:
        return [Block(role, "thinking", _said(part))] if _said(part) else []
    if named == "document" and _said(part):
        return [Block(role, "document", _said(part), "context", mark)]
    if named in _MEDIA or "blob" in part or _blocks.is_media(part):
        return [Block(role, "image", _blocks.text_of(part), breakpoint=mark)]
    return [Block(role, kind, _said(part) or _blocks.shown(part), breakpoint=mark)]


def _said(part: Mapping[str, Any]) -> str:
    """The text of a part, under the name that each convention gives it."""
    for name in ("text", "content", "thinking"):
        if isinstance(part.get(name), str):
            return str(part[name])
    return ""


def _outcome(part: Mapping[str, Any]) -> str:
    held = next((part[n] for n in _OUTCOMES if n in part), "")
    if isinstance(held, dict) and held.keys() <= {"type", "value"}:
        held = held.get("value", "")
    return "\n".join(_blocks.shown(item) for item in _blocks.parts(held))


def _mark(part: Mapping[str, Any]) -> str:
    control = part.get("cache_control")
    if not isinstance(control, dict):
        return ""
    return "1h" if control.get("ttl") == "1h" else "5m"
