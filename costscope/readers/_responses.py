"""The Responses dialect: raw input items, instructions, tools and output as blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.model import Block, Slot
from costscope.readers import _blocks
from costscope.readers._chat import ROLES


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Responses JSON as blocks: input items one by one, instructions, tools and output whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [Block("system", "tool_schema", _blocks.text_of(t)) for t in _blocks.dicts(value)]
    if slot == "system":
        return [Block("system", "text", _blocks.text_of(value))] if value else []
    role = "assistant" if slot == "reply" else "user"
    if isinstance(value, str):
        return _content(role, value)
    return [b for item in _blocks.dicts(value) for b in _item(item, slot, role)]


def _item(item: Mapping[str, Any], slot: Slot, default: str) -> list[Block]:
    kind = str(item.get("type", "message"))
    if kind.endswith("_call_output"):
        return _content("tool", item.get("output"))
    if kind == "reasoning":
        # The same in a reply and in the next prompt, or the one would not begin with the other.
        text = _blocks.text_of(item.get("summary") or item.get("content") or "")
        return [Block("assistant", "thinking", text)] if text else []
    if kind.endswith("_call"):
        arguments = item.get("arguments", item.get("input", item.get("action")))
        return [
            Block("assistant", "tool_call", _blocks.call_text(item.get("name", kind), arguments))
        ]
    role = ROLES.get(str(item.get("role", default)), "user")
    return _content(role, item.get("content", item.get("text")))


def _content(role: str, content: Any) -> list[Block]:
    kind = "tool_result" if role == "tool" else "text"
    if content == "":
        # It was said, though nothing was: the prompt goes on behind it.
        return [Block(role, kind, "")]
    return [_part(role, kind, part) for part in _blocks.parts(content)]


def _part(role: str, kind: str, part: Any) -> Block:
    if _blocks.is_media(part):
        return Block(role, "image", _blocks.text_of(part))
    if isinstance(part, dict) and isinstance(part.get("refusal"), str):
        return Block(role, kind, part["refusal"])
    return Block(role, kind, _blocks.shown(part))
