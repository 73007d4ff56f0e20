"""The OpenAI Responses API: request and response pairs with `input`, `instructions` and `output`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from costscope.readers import _json, _units
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import UNPROVEN, PairReader, counts_beside, proven
from costscope.readers._responses import blocks


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
        other = envelope.url.startswith("http") and "/responses" not in envelope.url
        claude = other or "claude" in (request.model or answer.model or "")
        if request.messages is not None or b'"prompt_tokens"' in usage or claude:
            return 0.0
        sure = 1 if proven(envelope) else UNPROVEN
        if _json.first(request.input) in (b'"', b"["):
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
            "messages": _items(_json.opened(request.input)) or _items(request.prompt),
            "reply": answer.output if listed else envelope.reply,
            "finish_reason": None if envelope.incomplete else _json.text(answer.status),
        }

    def units(self, envelope: Envelope) -> dict[str, int]:
        """What the usage counts, and the searches among the output's items. The image API speaks of its
        counts as this one does, and its output are images."""
        found = _searches(envelope.answer.output) | super().units(envelope)
        drawn = envelope.billed.usage
        if drawn and drawn.output and (envelope.request.model or "").startswith("gpt-image"):
            found.setdefault("output_image", drawn.output)
        return found


def _searches(output: Raw) -> dict[str, int]:
    """Requests of server tools among the items of an output."""
    return _units.items(_json.objects(output)) if b"_call" in bytes(output) else {}


def _items(raw: Raw) -> Sequence[Raw]:
    if _json.first(raw) == b"[":
        return _json.array(raw)
    return [raw] if _json.has(raw) else ()
