"""The OpenAI Responses API: request and response pairs with `input`, `instructions` and `output`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Block, Slot
from costscope.readers import _blocks, _json
from costscope.readers._bodies import Envelope
from costscope.readers._chat import ROLES
from costscope.readers._envelope import UNPROVEN, PairReader, counts_beside, proven


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


class OpenAIResponses(PairReader):
    """Responses records; usage counts cached tokens inside `input_tokens`."""

    about = "OpenAI Responses requests and responses, in any common envelope"
    dialect = staticmethod(blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for an output list or an input without messages."""
        answer, request = envelope.answer, envelope.request
        usage = bytes(answer.usage)
        if answer.object == "response" or b"input_tokens_details" in usage:
            return 1.0
        claude = "claude" in (request.model or answer.model or "")
        if request.messages is not None or b'"prompt_tokens"' in usage or claude:
            return 0.0
        sure = 1 if proven(envelope) else UNPROVEN
        if _json.has(request.input):
            if _json.first(answer.output) == b"{":
                return 0.0
            if _json.first(answer.output) == b"[":
                return 0.9 * sure
            # A table's columns of texts and counts are called input and output too.
            return 0.3 if counts_beside(envelope) else 0.6 * sure
        return 0.5 * sure if b'"input_tokens"' in usage else 0.0

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """Input, instructions and output."""
        request, answer = envelope.request, envelope.answer
        listed = _json.first(answer.output) == b"["
        return {
            "tools": request.tools,
            "system": request.instructions,
            "messages": _items(_json.opened(request.input)),
            "reply": answer.output if listed else envelope.reply,
            "finish_reason": _json.text(answer.status),
        }


def _items(raw: Raw) -> Sequence[Raw]:
    if _json.first(raw) == b"[":
        return _json.array(raw)
    return [raw] if _json.has(raw) else ()


def _item(item: Mapping[str, Any], slot: Slot, default: str) -> list[Block]:
    kind = str(item.get("type", "message"))
    if kind.endswith("_call_output"):
        return _content("tool", item.get("output"))
    if kind == "reasoning":
        # What is billed as reasoning is not this summary; it is text of the prompt when sent back.
        text = _blocks.text_of(item.get("summary") or item.get("content") or "")
        return [Block("assistant", "thinking", text)] if text and slot != "reply" else []
    if kind.endswith("_call"):
        arguments = item.get("arguments", item.get("input", item.get("action")))
        return [
            Block("assistant", "tool_call", _blocks.call_text(item.get("name", kind), arguments))
        ]
    role = ROLES.get(str(item.get("role", default)), "user")
    return _content(role, item.get("content", item.get("text")))


def _content(role: str, content: Any) -> list[Block]:
    kind = "tool_result" if role == "tool" else "text"
    return [_part(role, kind, part) for part in _blocks.parts(content)]


def _part(role: str, kind: str, part: Any) -> Block:
    if _blocks.is_media(part):
        return Block(role, "image", _blocks.text_of(part))
    if isinstance(part, dict) and isinstance(part.get("refusal"), str):
        return Block(role, kind, part["refusal"])
    return Block(role, kind, _blocks.shown(part))
