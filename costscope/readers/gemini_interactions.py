"""Gemini's Interactions API: request and response pairs of turns and steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Block, Call, Slot, Usage
from costscope.readers import _blocks, _gemini, _json, _usage_words
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import PairReader

_SIGN = b'"total_input_tokens"'
_CALLS = ("function_call", "code_execution_call", "mcp_server_tool_call")
_RESULTS = ("function_result", "code_execution_result", "mcp_server_tool_result")
_MEDIA = ("image", "audio", "video", "document")
_SEARCH = "google_search_call"


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Interactions JSON as blocks: turns, steps or contents one by one, tools and steps whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [Block("system", "tool_schema", _blocks.text_of(t)) for t in _blocks.dicts(value)]
    role = {"system": "system", "reply": "assistant"}.get(slot, "user")
    return [b for item in _blocks.parts(value) for b in _item(item, role, slot)]


def _item(item: Any, role: str, slot: Slot) -> list[Block]:
    """A turn, a step, or a content; they are known by their type, and turns have a role."""
    if not isinstance(item, Mapping):
        return [Block(role, "text", _blocks.text_of(item))]
    kind = str(item.get("type", ""))
    if kind in _CALLS:
        text = _blocks.call_text(item.get("name", kind), item.get("arguments"))
        return [Block("assistant", "tool_call", text)]
    if kind in _RESULTS:
        return [Block("tool", "tool_result", _blocks.text_of(item.get("result")))]
    if kind == "thought":
        text = "\n".join(_blocks.shown(p) for p in _blocks.parts(item.get("summary")))
        return [Block("assistant", "thinking", text)] if text else []
    if kind in _MEDIA:
        return [Block(role, "image", _blocks.text_of(item))]
    if isinstance(item.get("text"), str):
        return [Block(role, "text", item["text"])]
    if "content" not in item:
        return []
    said = "assistant" if kind == "model_output" else str(item.get("role", role))
    said = _gemini.ROLES.get(said, "user")
    return [b for part in _blocks.parts(item["content"]) for b in _item(part, said, slot)]


class GeminiInteractions(PairReader):
    """Interactions records; usage counts cached tokens inside the input, thoughts beside."""

    about = "Gemini Interactions requests and responses, in any common envelope"
    dialect = staticmethod(blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for an interaction or its usage, and for its address."""
        answer = envelope.answer
        if answer.object == "interaction" or _SIGN in bytes(answer.usage):
            return 1.0
        here = envelope.url.partition("?")[0].endswith("/interactions")
        return 0.9 if here and "google" in envelope.url else 0.0

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """Input, instruction, tools and the steps that came back."""
        request, steps = envelope.request, _steps(envelope)
        given = _json.opened(request.input)
        return {
            "tools": request.tools,
            "system": request.system_instruction,
            "messages": _json.array(given) or ([given] if _json.has(given) else ()),
            "reply": steps if _json.has(steps) else envelope.reply,
            "finish_reason": _json.text(envelope.answer.status),
        }

    def usage(self, envelope: Envelope, maker: str) -> Usage | None:
        """The response's usage; one in progress has none yet."""
        found = _json.mapping(envelope.answer.usage)
        envelope.billed = _usage_words.google(found, grounded=_only_searched(_steps(envelope)))
        return envelope.billed.usage

    def units(self, envelope: Envelope) -> dict[str, int]:
        """Sounds and pictures among the tokens, and searches."""
        searches = sum(_queries(step) for step in _json.objects(_steps(envelope)))
        units = envelope.billed.units
        return {**units, "web_search": searches} if searches else units

    def _of(self, envelope: Envelope) -> Call:
        call = super()._of(envelope)
        sent = _json.mapping(envelope.sent)
        call.provider, call.model = "google", call.model or str(sent.get("agent") or "")
        config = _blocks.inner(sent.get("generation_config"))
        if isinstance(config.get("temperature"), (int, float)):
            call.temperature = float(config["temperature"])
        rest = {k: v for k, v in config.items() if k != "temperature"}
        call.params = f"generation_config={_blocks.text_of(rest)}" if rest else ""
        return call


def _steps(envelope: Envelope) -> Raw:
    got = _json.members(envelope.got)
    return got.get("steps", got.get("outputs", _json.NONE))


def _only_searched(steps: Raw) -> bool:
    """Whether search was the only tool that put something in: what that finds is not charged."""
    kinds = {str(step.get("type", "")) for step in _json.objects(steps)}
    tools = {kind for kind in kinds if kind.endswith("_call")} - {"function_call"}
    return tools == {_SEARCH}


def _queries(step: Mapping[str, Any]) -> int:
    """How many searches a step made."""
    if step.get("type") != _SEARCH:
        return 0
    return len(_blocks.parts(_blocks.inner(step.get("arguments")).get("queries")))
