"""The Cohere dialect, v1 and v2: messages, chat history, documents, tools and replies as blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.model import Block, Slot
from costscope.readers import _blocks

ROLES = {
    "user": "user", "chatbot": "assistant", "assistant": "assistant", "system": "system",
    "tool": "tool", "developer": "system",
}  # fmt: skip


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Cohere JSON as blocks: messages, history entries and documents one by one, tools whole. A reply
    is v2's message, v1's response, or a text."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [Block("system", "tool_schema", _blocks.text_of(t)) for t in _blocks.dicts(value)]
    if slot == "system":
        return [Block("system", "text", _blocks.text_of(value))]
    if slot == "reply":
        return [b for item in _blocks.parts(value) for b in _reply(item)]
    if isinstance(value, str):
        return [Block("user", "text", value)]
    message = _blocks.message(value)
    if "role" in message:
        return _message(message)
    return [_result(message) if "call" in message else _document("user", message)]


def _reply(value: Any) -> list[Block]:
    if isinstance(value, str):
        return [Block("assistant", "text", value)]
    return _message({"role": "assistant", **_blocks.message(value)})


def _message(message: Mapping[str, Any]) -> list[Block]:
    """A message of v2 (`content`) or an entry of v1's history (`message`)."""
    role = ROLES.get(str(message.get("role", "user")).lower(), "user")
    content = message.get("content") or message.get("message") or message.get("text")
    found = [_part(role, part) for part in _blocks.parts(content)]
    if plan := message.get("tool_plan"):
        found.insert(0, Block(role, "thinking", _blocks.text_of(plan)))
    for call in _blocks.dicts(message.get("tool_calls")):
        target = _blocks.inner(call.get("function") or call)
        text = _blocks.call_text(
            target.get("name"), target.get("arguments", target.get("parameters"))
        )
        found.append(Block("assistant", "tool_call", text))
    return found + [_result(r) for r in _blocks.dicts(message.get("tool_results"))]


def _part(role: str, part: Any) -> Block:
    kind = "tool_result" if role == "tool" else "text"
    if not isinstance(part, Mapping):
        return Block(role, kind, _blocks.text_of(part))
    if _blocks.is_media(part):
        return Block(role, "image", _blocks.text_of(part))
    if isinstance(part.get("thinking"), str):
        return Block(role, "thinking", part["thinking"])
    if part.get("type") == "document":
        return _document(role, _blocks.inner(part.get("document")), kind)
    return Block(role, kind, _blocks.shown(part))


def _result(result: Mapping[str, Any]) -> Block:
    """v1's result of a tool: what it put out; the call that it repeats stands in the history."""
    return Block("tool", "tool_result", _blocks.text_of(result.get("outputs")))


def _document(role: str, document: Mapping[str, Any], kind: str = "document") -> Block:
    """A document to answer from: v1's fields, or those that v2 keeps under `data`."""
    data = document.get("data", document)
    if isinstance(data, Mapping):
        data = "\n".join(_blocks.text_of(v) for k, v in data.items() if k != "id" and v)
    return Block(role, kind, _blocks.text_of(data), "context" if kind == "document" else "")
