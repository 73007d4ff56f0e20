"""Anthropic Messages: request and response pairs, direct or through Bedrock and Vertex."""

from __future__ import annotations

from typing import Any

from costscope.readers import _json, _messages
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import UNPROVEN, PairReader, proven


class AnthropicMessages(PairReader):
    """Messages records; usage counts cached tokens beside `input_tokens`."""

    about = "Anthropic Messages requests and responses, in any common envelope"
    dialect = staticmethod(_messages.blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for a message with content blocks or Anthropic's usage, fair for Claude requests."""
        answer, request = envelope.answer, envelope.request
        usage = bytes(answer.usage)
        openai = b'"prompt_tokens"' in usage or b"input_tokens_details" in usage
        if openai or _json.has(answer.choices) or _json.first(answer.output) in (b"[", b"{"):
            return 0.0
        listed = _json.first(answer.content) == b"["
        if (answer.type == "message" and (listed or usage)) or b"cache_creation_input_" in usage:
            return 1.0
        claude = "claude" in (request.model or answer.model or envelope.url)
        if request.messages is None:
            return 0.8 if claude and b'"input_tokens"' in usage else 0.0
        sure = 1 if proven(envelope) else UNPROVEN
        if listed:
            return 0.9 * sure
        return (0.7 if claude or _json.has(request.system) else 0.1) * sure

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """System prompt, messages and the reply's content."""
        request, answer = envelope.request, envelope.answer
        listed = _json.first(answer.content) == b"["
        return {
            "tools": request.tools,
            "system": _json.opened(request.system),
            "messages": request.messages or (),
            "reply": answer.content if listed else envelope.reply,
            "finish_reason": answer.stop_reason,
        }
