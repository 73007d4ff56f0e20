"""Cohere: request and response pairs of chat (v1 and v2), generate, embed and rerank."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from costscope.model import Call, Usage
from costscope.readers import _cohere, _json, _units, _usage
from costscope.readers._bodies import Envelope
from costscope.readers._counts import Normalised, inner, known
from costscope.readers._envelope import UNPROVEN, PairReader, proven
from costscope.readers._json import NONE

_MODEL = re.compile(r"^(cohere\.)?(command|c4ai|embed-|rerank-|aya)")
_URL = re.compile(r"cohere\.(com|ai)/|/model/[^/]*cohere\.")


class _Sent(Struct):
    """A request to any of the endpoints."""

    message: Raw = NONE
    chat_history: Raw = NONE
    preamble: Raw = NONE
    messages: Raw = NONE
    documents: Raw = NONE
    tool_results: Raw = NONE
    prompt: Raw = NONE
    query: Raw = NONE
    texts: Raw = NONE
    inputs: Raw = NONE


class Cohere(PairReader):
    """Cohere records. Billed are the billed units, not the tokens: those hold Cohere's own preamble."""

    about = "Cohere chat, embed and rerank requests and responses, in any common envelope"
    dialect = staticmethod(_cohere.blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for billed units, fair for the shapes of chat and for the address."""
        answer, request = envelope.answer, envelope.request
        if b'"billed_units"' in bytes(answer.usage) or b'"billed_units"' in bytes(answer.meta):
            return 1.0
        if _json.has(answer.choices) or _json.first(answer.output) in (b"[", b"{"):
            return 0.0
        model = request.model or answer.model or ""
        if _URL.search(envelope.url):
            return 0.9
        history = _json.first(request.chat_history) == b"[" or answer.generation_id is not None
        if history and _json.first(request.message) == b'"':
            return 0.9 if envelope.wrapped else 0.9 * UNPROVEN
        known = _MODEL.search(model) is not None
        return 0.8 * (1 if proven(envelope) else UNPROVEN) if known else 0.0

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """Preamble, history, documents and message; or a query and its documents; or texts."""
        sent, got = _sent(envelope), _json.members(envelope.got)
        message = got.get("message", NONE)
        return {
            "tools": envelope.request.tools,
            "system": sent.preamble,
            "messages": _messages(sent),
            "reply": message if _json.first(message) == b"{" else _reply(envelope, got),
            "finish_reason": _finish(got),
        }

    def usage(self, envelope: Envelope, maker: str) -> Usage | None:
        """The billed units; a rerank's are no tokens, and its `units`."""
        found = _counts(envelope)
        if not found:
            return super().usage(envelope, maker)
        counted = _usage.read(found, "cohere")
        usage, units = counted.usage, counted.units or _units.tools(found)
        if images := known(inner(found, "billed_units"), "image_tokens"):
            usage, units = _with_images(usage or Usage(), images), {**units, "input_image": images}
        usage = Usage() if usage is None and units else usage
        envelope.billed = Normalised(usage, counted.ambiguous, units)
        return usage

    def _of(self, envelope: Envelope) -> Call:
        call = super()._of(envelope)
        call.provider = call.provider or "cohere"
        return call


def _with_images(usage: Usage, images: int) -> Usage:
    """Pictures of an embedding are counted beside its text."""
    return Usage(fresh=usage.fresh + images, output=usage.output)


def _sent(envelope: Envelope) -> _Sent:
    raw = envelope.sent if _json.first(envelope.sent) == b"{" else b"{}"
    return msgspec.json.decode(raw, type=_Sent)


def _messages(sent: _Sent) -> Sequence[Raw]:
    """Everything that was sent, with documents before the last message, whose context they are."""
    before = [*_json.array(sent.messages), *_json.array(sent.chat_history)]
    last = [m for m in (sent.message, sent.prompt, sent.query) if _json.first(m) == b'"']
    last += _json.array(sent.tool_results)
    if not last and before:
        last = [before.pop()]
    inputs = [*_json.array(sent.texts), *_json.array(sent.inputs)]
    return [*before, *map(_document, _json.array(sent.documents)), *last, *inputs]


def _document(raw: Raw) -> Raw:
    """A document, also where it is plain text, as an object that no message looks like."""
    return Raw(_json.dumps({"data": _json.loads(raw)})) if _json.first(raw) == b'"' else raw


def _reply(envelope: Envelope, got: dict[str, Raw]) -> Raw:
    """v1's response, of which text and tool calls are the reply; or generate's."""
    if "text" in got or "tool_calls" in got:
        kept = {k: got[k] for k in ("text", "tool_calls") if _json.has(got.get(k, NONE))}
        return Raw(msgspec.json.encode(kept))
    texts = [Raw(_json.dumps(g["text"])) for g in _json.objects(got.get("generations", NONE))
             if isinstance(g.get("text"), str)]  # fmt: skip
    return Raw(msgspec.json.encode(texts)) if texts else envelope.reply


def _finish(got: dict[str, Raw]) -> str | None:
    found = _json.objects(got.get("generations", NONE))
    said = found[0].get("finish_reason") if found else _json.text(got.get("finish_reason", NONE))
    return said if isinstance(said, str) else None


def _counts(envelope: Envelope) -> dict[str, Any]:
    """Billed units: v2 keeps them in `usage`, v1 and all but chat in `meta`. Cached tokens are counted
    of all tokens and not of those, and have no price of their own."""
    found = _json.mapping(envelope.answer.usage) or _json.mapping(envelope.answer.meta)
    return {k: found[k] for k in ("billed_units", "tokens") if isinstance(found.get(k), dict)}
