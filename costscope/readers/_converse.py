"""The Bedrock Converse dialect, which Amazon Nova's own bodies speak too: messages, system prompts and
tools as blocks, and the served tier."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from costscope.model import Block, Slot
from costscope.readers import _blocks

KEYS = frozenset((
    "text", "image", "document", "video", "audio", "toolUse", "toolResult", "guardContent",
    "cachePoint", "reasoningContent", "citationsContent", "searchResult",
))  # fmt: skip
"""The members of the ContentBlock union: a part is an object with one of them, and has no `type`."""


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Converse JSON as blocks: messages one by one; tools, system and the reply's message whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return _marked(_blocks.dicts(value), "system", _tool)
    if slot == "system":
        return _marked(_blocks.parts(value), "system", _part)
    if slot == "reply" and isinstance(value, str):
        return [Block("assistant", "text", value)]
    message = _blocks.message(value)
    default = "assistant" if slot == "reply" else "user"
    role = str(message.get("role", default))
    known = role if role in ("assistant", "system") else "user"
    return _marked(_blocks.parts(message.get("content")), known, _part)


def _marked(
    parts: Sequence[Any], role: str, read: Callable[[str, Any], list[Block]]
) -> list[Block]:
    """Parts as blocks; a cache point is a mark at the end of what stands before it."""
    found: list[Block] = []
    for part in parts:
        point = part.get("cachePoint") if isinstance(part, Mapping) else None
        if isinstance(point, Mapping):
            mark = "1h" if point.get("ttl") == "1h" else "5m"
            last = found.pop() if found else Block(role, "text", "")
            found.append(Block(last.role, last.kind, last.text, last.segment, mark))
        else:
            found += read(role, part)
    return found


def _tool(role: str, tool: Mapping[str, Any]) -> list[Block]:
    inner = tool.get("toolSpec")
    return [Block(role, "tool_schema", _blocks.text_of(tool if inner is None else inner))]


def _part(role: str, part: Any) -> list[Block]:
    if not isinstance(part, Mapping):
        return [Block(role, "text", _blocks.text_of(part))]
    if isinstance(part.get("text"), str):
        return [Block(role, "text", part["text"])]
    for name, read in _PARTS.items():
        if isinstance(inner := part.get(name), Mapping):
            return read(role, inner)
    return [Block(role, "text", _blocks.text_of(part))]


def _called(role: str, inner: Mapping[str, Any]) -> list[Block]:
    text = _blocks.call_text(inner.get("name"), inner.get("input"))
    return [Block("assistant", "tool_call", text)]


def _answered(role: str, inner: Mapping[str, Any]) -> list[Block]:
    """A tool's result: its texts as one, then its pictures and files, which are not counted."""
    parts = _blocks.dicts(inner.get("content"))
    media = [p for p in parts if _MEDIA & p.keys()]
    texts = [_blocks.text_of(p.get("text", p.get("json", p))) for p in parts if p not in media]
    found = [Block("tool", "tool_result", "\n".join(texts))] if texts or not media else []
    return found + [Block("tool", "image", _blocks.text_of(p)) for p in media]


def _thought(role: str, inner: Mapping[str, Any]) -> list[Block]:
    # A redacted thought is sealed: its length is not that of what was thought.
    text = _blocks.inner(inner.get("reasoningText")).get("text")
    return [Block(role, "thinking", _blocks.text_of(text))]


def _guarded(role: str, inner: Mapping[str, Any]) -> list[Block]:
    """Content that a guardrail shall look at. What it is to be grounded in is context."""
    text = _blocks.inner(inner.get("text"))
    if "image" in inner:
        return [Block(role, "image", _blocks.text_of(inner["image"]))]
    if "grounding_source" in _blocks.parts(text.get("qualifiers")):
        return [Block(role, "document", _blocks.text_of(text.get("text")), "context")]
    return [Block(role, "text", _blocks.text_of(text.get("text")))]


def _document(role: str, inner: Mapping[str, Any]) -> list[Block]:
    source = _blocks.inner(inner.get("source"))
    texts = [source.get("text"), *(p.get("text") for p in _blocks.dicts(source.get("content")))]
    shown = "\n".join(text for text in (inner.get("name"), *texts) if isinstance(text, str))
    if any(isinstance(text, str) for text in texts):
        return [Block(role, "document", shown, "context")]
    return [Block(role, "image", _blocks.text_of(inner), "context")]


def _found(role: str, inner: Mapping[str, Any]) -> list[Block]:
    texts = [inner.get("title"), *(p.get("text") for p in _blocks.dicts(inner.get("content")))]
    shown = "\n".join(text for text in texts if isinstance(text, str))
    return [Block(role, "document", shown, "context")]


def _cited(role: str, inner: Mapping[str, Any]) -> list[Block]:
    return [
        Block(role, "text", _blocks.text_of(p.get("text")))
        for p in _blocks.dicts(inner.get("content"))
    ]


def _media(role: str, inner: Mapping[str, Any]) -> list[Block]:
    return [Block(role, "image", _blocks.text_of(inner))]


_PARTS = {
    "toolUse": _called, "toolResult": _answered, "reasoningContent": _thought,
    "guardContent": _guarded, "document": _document, "searchResult": _found,
    "citationsContent": _cited, "image": _media, "video": _media, "audio": _media,
}  # fmt: skip
_MEDIA = frozenset(("image", "video", "document", "audio"))


def is_content(content: Any) -> bool:
    """Whether a message's content is Converse's: parts that are named by a key and have no `type`."""
    parts = _blocks.dicts(content) if isinstance(content, list) else []
    return bool(parts) and all("type" not in p and KEYS & p.keys() for p in parts)


def tier(got: Mapping[str, Any]) -> str:
    """The tier that a response says it was served in: its serviceTier, or latency-optimised inference,
    which is dearer and called "fast" here."""
    served = _blocks.inner(got.get("serviceTier")).get("type", got.get("serviceTier"))
    if served in ("flex", "priority"):
        return str(served)
    if served == "reserved":
        return "provisioned"
    latency = _blocks.inner(got.get("performanceConfig")).get("latency")
    return "fast" if latency == "optimized" else "standard"
