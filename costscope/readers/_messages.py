"""The Anthropic Messages dialect: raw messages, system prompts, tools and content as blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.model import Block, Slot
from costscope.readers import _blocks


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Messages JSON as blocks: `messages` one by one, `tools`, `system` and `content` whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [
            Block("system", "tool_schema", _blocks.shown(tool), breakpoint=_mark(tool))
            for tool in _blocks.dicts(value)
        ]
    if slot == "system":
        return _content("system", value)
    if slot == "reply":
        return _content("assistant", value)
    message = _blocks.message(value)
    role = str(message.get("role", "user"))
    return _content(role if role in ("assistant", "system") else "user", message.get("content"))


def _mark(block: Mapping[str, Any]) -> str:
    control = block.get("cache_control")
    if not isinstance(control, dict):
        return ""
    return "1h" if control.get("ttl") == "1h" else "5m"


def _content(role: str, content: Any) -> list[Block]:
    if content == "":
        # It was said, though nothing was: the prompt goes on behind it.
        return [Block(role, "text", "")]
    return [block for part in _blocks.parts(content) for block in _part(role, part)]


def _part(role: str, part: Any) -> list[Block]:
    if not isinstance(part, dict):
        return [Block(role, "text", _blocks.text_of(part))]
    mark, kind = _mark(part), str(part.get("type", "text"))
    if kind.endswith("tool_use"):
        text = _blocks.call_text(part.get("name"), part.get("input"))
        return [Block("assistant", "tool_call", text, breakpoint=mark)]
    if kind.endswith("tool_result"):
        return _result(part.get("content"), mark)
    if kind in ("thinking", "redacted_thinking"):
        # A redacted thought is sealed: its length is not that of what was thought.
        return [Block(role, "thinking", _blocks.text_of(part.get("thinking")))]
    if kind in ("document", "search_result"):
        return [_document(role, part, mark)]
    if isinstance(part.get("text"), str):
        return [Block(role, "text", part["text"], breakpoint=mark)]
    return [Block(role, "image", _blocks.text_of(part.get("source", part)), breakpoint=mark)]


def _result(content: Any, mark: str) -> list[Block]:
    """A tool's result: its texts as one, then its images, which are not counted."""
    parts = _blocks.parts(content)
    media = [p for p in parts if _blocks.is_media(p)]
    text = "\n".join(_blocks.shown(p) for p in parts if not _blocks.is_media(p))
    found = [Block("tool", "tool_result", text)] if text or not media else []
    found += [Block("tool", "image", _blocks.text_of(p)) for p in media]
    last = found.pop()
    return [*found, Block(last.role, last.kind, last.text, breakpoint=mark)]


def _document(role: str, part: Mapping[str, Any], mark: str) -> Block:
    source = _blocks.inner(part.get("source"))
    if source.get("type") in ("base64", "url", "file"):
        return Block(role, "image", _blocks.text_of(source), "context", mark)
    body = source.get("data") or source.get("content") or part.get("content") or part.get("source")
    texts = (part.get("title"), part.get("context"), *_blocks.parts(body))
    return Block(role, "document", "\n".join(_blocks.shown(t) for t in texts if t), "context", mark)
