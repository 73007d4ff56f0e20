"""OpenAI Chat Completions, and the many servers that speak it: request and response pairs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from msgspec import Raw, Struct
from msgspec.json import Decoder

from costscope.readers import _chat, _json
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import UNPROVEN, PairReader, proven


class OpenAIChat(PairReader):
    """Chat Completions records; usage counts cached tokens inside `prompt_tokens`."""

    about = "OpenAI Chat Completions requests and responses, in any common envelope"
    dialect = staticmethod(_chat.blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for choices or prompt_tokens, fair for messages of a model that is no Claude."""
        answer, request = envelope.answer, envelope.request
        if _is_choices(bytes(answer.choices)) or b'"prompt_tokens"' in bytes(answer.usage):
            return 1.0
        if _PLAIN.search(envelope.url):
            return 0.8
        other = _json.first(answer.content) == b"[" or _json.first(answer.output) in (b"[", b"{")
        if request.messages is None or other:
            return 0.0
        claude = "claude" in (request.model or answer.model or "") or _json.has(request.system)
        return (0.3 if claude else 0.6) * (1 if proven(envelope) else UNPROVEN)

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """Messages and choices; a prompt or an embedding's input stands for the messages."""
        request, answer = envelope.request, envelope.answer
        found = _json.has(answer.choices)
        return {
            "tools": request.tools if _json.has(request.tools) else request.functions,
            "messages": request.messages or _inputs(envelope),
            "reply": answer.choices if found else envelope.reply,
            "finish_reason": _finish(answer.choices),
        }


def _is_choices(raw: bytes) -> bool:
    """Choices of a model, and not those of a quiz."""
    return raw[:1] == b"[" and (b'"message"' in raw or b'"finish_reason"' in raw)


_PLAIN = re.compile(r"^https?://.*/(embeddings|completions)(\?|$)")
"""Addresses of requests that may have no messages: a prompt as one text, or what is to be embedded."""


def _inputs(envelope: Envelope) -> Sequence[Any]:
    request = envelope.request
    raw = request.input if _json.has(request.input) else request.prompt
    texts = [raw] if _json.first(raw) == b'"' else _json.array(raw)
    return [text for text in texts if _json.first(text) == b'"']


class _Choice(Struct):
    """Of a choice what a call tells without its text."""

    finish_reason: Any = None


_choices = Decoder(list[_Choice])


def _finish(choices: Raw) -> str | None:
    """Why the first choice ended."""
    try:
        reasons = [c.finish_reason for c in _choices.decode(choices)]
    except _json.NOT_STRICT:
        reasons = [c.get("finish_reason") for c in _json.objects(choices)]
    return reasons[0] if reasons and isinstance(reasons[0], str) else None
