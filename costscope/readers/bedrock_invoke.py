"""InvokeModel with a vendor's own text bodies (Titan, Llama, Mistral, AI21) and Anthropic's older text
completions: request and response pairs."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _chat, _invoke, _json, _usage
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import UNPROVEN, PairReader, proven
from costscope.readers._json import NONE

_URL = re.compile(r"/model/[^/]+/invoke|api\.anthropic\.com/v1/complete")
_SETTINGS = ("max_gen_len", "max_tokens_to_sample", "textGenerationConfig")
"""Settings that only these bodies have."""
_ANSWERS = ("generation_token_count", "inputTextTokenCount")


class BedrockInvoke(PairReader):
    """Records of a prompt as one text; counts are outside of each other."""

    about = "Bedrock InvokeModel bodies of Titan, Llama, Mistral and AI21, Claude text completions"
    dialect = staticmethod(_chat.blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for a vendor's own counts, fair for its settings or the address."""
        request, answer = envelope.request, envelope.answer
        if request.messages is not None or _json.has(answer.choices):
            return 0.0
        got = _json.members(envelope.got)
        if any(name in got for name in _ANSWERS):
            return 1.0
        sent = _json.members(envelope.sent)
        if not any(_json.first(sent.get(name, NONE)) == b'"' for name in _invoke.PROMPTS):
            return 0.0
        if _URL.search(envelope.url):
            return 0.8
        known = any(name in sent for name in _SETTINGS)
        return 0.8 * (1 if proven(envelope) else UNPROVEN) if known else 0.0

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """The prompt and what came back, each one text."""
        asked = _invoke.prompt(_json.mapping(envelope.sent))
        said = _invoke.reply(got := _json.mapping(envelope.got))
        return {
            "messages": () if asked is None else [Raw(_json.dumps(asked))],
            "reply": NONE if said is None else Raw(_json.dumps(said)),
            "finish_reason": _invoke.finish(got),
        }

    def usage(self, envelope: Envelope, maker: str) -> Usage | None:
        """Counts in the body, else those of Bedrock's HTTP headers."""
        found = _invoke.counts(_json.mapping(envelope.got))
        found = found or _invoke.headers(_json.mapping(envelope.got_headers))
        if not found:
            return super().usage(envelope, maker)
        envelope.billed = _usage.read(found, maker)
        return envelope.billed.usage

    def _of(self, envelope: Envelope) -> Call:
        call = super()._of(envelope)
        sent, got = _json.mapping(envelope.sent), _json.mapping(envelope.got)
        config = sent.get("textGenerationConfig")
        temperature = (config if isinstance(config, dict) else sent).get("temperature")
        if isinstance(temperature, (int, float)):
            call.temperature = float(temperature)
        metrics = got.get(_invoke.METRICS)
        latency = metrics.get("invocationLatency") if isinstance(metrics, dict) else None
        if call.latency_us is None and isinstance(latency, (int, float)):
            call.latency_us = round(latency * 1000)
        return call
