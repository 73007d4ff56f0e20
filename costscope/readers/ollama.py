"""Ollama's own API (api/chat, api/generate, api/embed): request and response pairs of a model on one's own
machine. What a cached prompt saved is not told: the server counts only what it had to read."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _chat, _json, _usage
from costscope.readers._envelope import PairReader
from costscope.readers._wire import Envelope

_PATH = re.compile(r"/api/(chat|generate|embed|embeddings)$")
_COUNTS = ("prompt_eval_count", "eval_count")


class Ollama(PairReader):
    """Records of prompts and answers with `eval_count`, times in nanoseconds."""

    about = "Ollama's own API: chat, generate and embed requests with their responses"
    dialect = staticmethod(_chat.blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for its counts or `done`, and for its addresses."""
        got = _json.members(envelope.got)
        if "done" in got and not {"message", "response", *_COUNTS}.isdisjoint(got):
            return 1.0
        return 0.95 if _PATH.search(envelope.url) else 0.0

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """Messages, or a system text and a prompt; the reply's message or text."""
        sent, got = _json.mapping(envelope.sent), _json.mapping(envelope.got)
        message = got.get("message", {"role": "assistant", "content": got.get("response")})
        reason = got.get("done_reason")
        return {
            "tools": envelope.request.tools,
            "messages": envelope.request.messages or _prompt(sent),
            "reply": Raw(_json.dumps([{"message": message}])),
            "finish_reason": reason if isinstance(reason, str) else None,
        }

    def usage(self, envelope: Envelope, maker: str) -> Usage | None:
        """`prompt_eval_count` and `eval_count`."""
        got = _json.mapping(envelope.got)
        return _usage.of({name: got[name] for name in _COUNTS if name in got}, maker)

    def _of(self, envelope: Envelope) -> Call:
        call = super()._of(envelope)
        sent, got = _json.mapping(envelope.sent), _json.mapping(envelope.got)
        call.channel = "self-hosted"
        options = sent.get("options")
        temperature = options.get("temperature") if isinstance(options, dict) else None
        if isinstance(temperature, (int, float)):
            call.temperature = float(temperature)
        took = got.get("total_duration")
        if call.latency_us is None and isinstance(took, int):
            call.latency_us = took // 1000
        return call


def _prompt(sent: Mapping[str, Any]) -> Sequence[bytes]:
    """The texts of a request without messages."""
    said = [("system", sent.get("system"))]
    inputs = sent.get("prompt", sent.get("input"))
    said += [("user", text) for text in (inputs if isinstance(inputs, list) else [inputs])]
    return [_json.dumps({"role": role, "content": t}) for role, t in said if isinstance(t, str)]
