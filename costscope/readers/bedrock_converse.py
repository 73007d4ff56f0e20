"""Bedrock's Converse and ConverseStream, and Amazon Nova's own bodies, which are alike: request and
response pairs, as applications log them."""

from __future__ import annotations

from typing import Any

from costscope.model import Call
from costscope.readers import _blocks, _converse, _json, _settings
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import UNPROVEN, PairReader, proven
from costscope.readers._json import NONE

_SETTINGS = ("inferenceConfig", "toolConfig", "additionalModelRequestFields", "outputConfig")


class BedrockConverse(PairReader):
    """Converse records; usage counts cached tokens beside `inputTokens`."""

    about = "Bedrock Converse and Nova: pairs in any common envelope, batch results"
    dialect = staticmethod(_converse.blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for an output with a message, fair for messages of Converse's parts."""
        request, answer = envelope.request, envelope.answer
        if _json.first(answer.output) == b"{" and "message" in _json.mapping(answer.output):
            return 1.0
        if request.messages is None or _json.has(answer.choices):
            return 0.0
        if b"[" in (_json.first(answer.output), _json.first(answer.content)):
            return 0.0
        sure = 1 if proven(envelope) else UNPROVEN
        settings = _json.has(request.inferenceConfig) or _json.has(request.toolConfig)
        last = _json.loads(request.messages[-1]) if request.messages else None
        content = last.get("content") if isinstance(last, dict) else None
        return 0.9 * sure if settings or _converse.is_content(content) else 0.0

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """Messages, system prompts, tools and the reply's message."""
        request, answer = envelope.request, envelope.answer
        said = _json.members(answer.output).get("message", NONE)
        return {
            "tools": _json.members(request.toolConfig).get("tools", NONE),
            "system": request.system,
            "messages": request.messages or (),
            "reply": said if _json.has(said) else envelope.reply,
            "finish_reason": answer.stopReason,
        }

    def tier(self, envelope: Envelope) -> str:
        """The served tier, as the response says it."""
        return _converse.tier(_json.mapping(envelope.got))

    def _of(self, envelope: Envelope) -> Call:
        call = super()._of(envelope)
        got, request = _json.mapping(envelope.got), envelope.request
        router = _blocks.inner(_blocks.inner(got.get("trace")).get("promptRouter"))
        call.channel = "bedrock"
        routed = str(router.get("invokedModelId") or "")
        call.model = routed.rpartition("/")[2] or call.model
        config = _json.mapping(request.inferenceConfig)
        if isinstance(config.get("temperature"), (int, float)):
            call.temperature = float(config.pop("temperature"))
        call.params = _params(envelope, config)
        call.cache_params = _settings.invalidating(call.provider, _given(envelope))
        latency = _json.mapping(envelope.answer.metrics).get("latencyMs")
        if call.latency_us is None and isinstance(latency, (int, float)):
            call.latency_us = round(latency * 1000)
        sdk = _blocks.inner(got.get("ResponseMetadata"))
        call.call_id = call.call_id or str(sdk.get("RequestId") or "")
        return call


def _given(envelope: Envelope) -> dict[str, Any]:
    """The settings of a model's own, and how it may choose tools."""
    sent = _json.mapping(envelope.sent)
    own = _blocks.inner(sent.get("additionalModelRequestFields"))
    return {**own, "tool_choice": _blocks.inner(sent.get("toolConfig")).get("toolChoice")}


def _params(envelope: Envelope, config: dict[str, Any]) -> str:
    """The settings that change an answer, as canonical text."""
    sent = _json.mapping(envelope.sent)
    choice = _blocks.inner(sent.get("toolConfig")).get("toolChoice")
    found = {**sent, "inferenceConfig": config, "toolConfig": choice}
    return ";".join(
        f"{name}={_blocks.text_of(found[name])}" for name in _SETTINGS if found.get(name)
    )
