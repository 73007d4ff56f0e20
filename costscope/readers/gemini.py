"""Gemini's generateContent: request and response pairs of the Gemini API and of Vertex, Vertex's
request-response logging rows, and the results of batches."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw, Struct

from costscope.model import Call, Usage
from costscope.readers import _blocks, _fields, _gemini, _json, _usage_words
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import UNPROVEN, PairReader, proven
from costscope.readers._json import NONE

_EMBEDS = re.compile(r":(batchEmbedContents|embedContent)\b")
_REPLIED = re.compile(rb'"(content|finishReason|finish_reason|groundingMetadata)"')
_LOCATION = re.compile(r"/locations/([\w-]+)/")
_FIELDS = ("key", "processed_time", "logging_time", "request_latency")
"""Fields of batches' results and logging rows that are told elsewhere."""
_FINISHES = ("", "STOP", "MAX_TOKENS", "SAFETY", "RECITATION", "OTHER")
"""The first numbers of the FinishReason enum, which dumps without names hold."""
_SETTINGS = ("generationConfig", "generation_config", "toolConfig", "tool_config", "cachedContent",
             "cached_content", "config")  # fmt: skip
_NO_SETTINGS = frozenset(
    ("temperature", "systemInstruction", "system_instruction", "tools", "labels")
)


class _Sent(Struct):
    """A request, as the REST API has it, or as the arguments of an SDK's generate_content."""

    contents: Raw = NONE
    systemInstruction: Raw = NONE
    system_instruction: Raw = NONE
    tools: Raw = NONE
    config: Raw = NONE
    generationConfig: Raw = NONE
    generation_config: Raw = NONE
    toolConfig: Raw = NONE
    tool_config: Raw = NONE
    cachedContent: Raw = NONE
    cached_content: Raw = NONE
    labels: Raw = NONE
    content: Raw = NONE
    requests: Raw = NONE


class _Got(Struct):
    """A response. Where two are given one is the SDK's name."""

    candidates: Raw = NONE
    usageMetadata: Raw = NONE
    usage_metadata: Raw = NONE
    model_version: Raw = NONE
    createTime: Raw = NONE
    create_time: Raw = NONE


class Gemini(PairReader):
    """Records of generateContent; usage counts cached tokens inside the prompt, thoughts beside."""

    about = "Gemini and Vertex generateContent: pairs, Vertex logging rows, batch results"
    dialect = staticmethod(_gemini.blocks)

    def rate(self, envelope: Envelope) -> float:
        """High for candidates or usageMetadata, fair for contents with parts."""
        request, answer = envelope.request, envelope.answer
        if ":countTokens" in envelope.url:
            return 0.0
        replied = _json.first(answer.candidates) == b"[" and _REPLIED.search(answer.candidates)
        if replied or _json.has(answer.usageMetadata) or _json.has(answer.usage_metadata):
            return 1.0
        if _EMBEDS.search(envelope.url):
            return 0.9
        if "key" in envelope.outer and b'"code"' in bytes(answer.error) and not envelope.wrapped:
            return 0.5  # a request of a batch that failed
        said = bytes(memoryview(request.contents)[:2000])
        if not _json.has(request.contents) or _json.has(answer.choices):
            return 0.0
        known = b'"parts"' in said or "gemini" in (request.model or answer.model or "")
        return (0.9 if known else 0.3) * (1 if proven(envelope) else UNPROVEN)

    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """Contents, instruction, tools and candidates."""
        sent, config = _sent(envelope), _config(envelope)
        found = _json.objects(envelope.answer.candidates)
        return {
            "tools": sent.tools if _json.has(sent.tools) else config.get("tools", NONE),
            "system": _json.given(
                sent.systemInstruction, sent.system_instruction, config.get("systemInstruction", NONE),
                config.get("system_instruction", NONE),
            ),
            "messages": _messages(sent),
            "reply": envelope.answer.candidates if found else envelope.reply,
            "finish_reason": _finish(found),
        }  # fmt: skip

    def usage(self, envelope: Envelope, maker: str) -> Usage | None:
        """usageMetadata, where it is that of the whole response."""
        found = _metadata(envelope)
        if not found:
            return super().usage(envelope, maker)
        if not envelope.incomplete:
            candidates = _json.objects(envelope.answer.candidates)
            grounded = _gemini.only_searched(candidates)
            envelope.billed = _usage_words.google(found, grounded=grounded)
        return envelope.billed.usage

    def units(self, envelope: Envelope) -> dict[str, int]:
        """Sounds and pictures among the tokens, searches, and the storage of a new explicit cache."""
        model = envelope.answer.modelVersion or ""
        searches = _gemini.searches(_json.objects(envelope.answer.candidates), model)
        more = {"web_search": searches, "cache_storage": _stored(envelope)}
        return {**envelope.billed.units, **{unit: count for unit, count in more.items() if count}}

    def tier(self, envelope: Envelope) -> str:
        """The served tier; a line of a batch's results was served in one."""
        return "batch" if _is_batch(envelope) else _gemini.tier(_metadata(envelope))

    def _of(self, envelope: Envelope) -> Call:
        sent, found = _sent(envelope), _metadata(envelope)
        envelope.metadata = {**_json.mapping(sent.labels), **envelope.metadata}
        call = super()._of(envelope)
        call.model = (call.model or _text(_got(envelope).model_version)).rpartition("/")[2]
        call.provider = call.provider or "google"
        if _gemini.get(found, "trafficType") is not None:
            call.channel = "vertex"
        call.region = call.region or _region(envelope)
        _settle(call, envelope)
        return call


def _settle(call: Call, envelope: Envelope) -> None:
    """What the API keeps elsewhere than the others: settings, times and ids."""
    sent = _sent(envelope)
    config = _json.mapping(_json.given(sent.generationConfig, sent.generation_config, sent.config))
    temperature = config.get("temperature")
    if isinstance(temperature, (int, float)):
        call.temperature = float(temperature)
    call.params = _params(sent) or call.params
    mime = _gemini.get(config, "responseMimeType")
    call.json_reply = (
        mime == "application/json" or _gemini.get(config, "responseSchema") is not None
    )
    own = envelope.outer.get("request_id", envelope.outer.get("key"))
    call.request_id = call.request_id or ("" if own is None else str(own))
    _set_time(call, envelope)
    for name in _FIELDS:
        call.tags.pop(name, None)


def _set_time(call: Call, envelope: Envelope) -> None:
    """`createTime` is when the request came in; a logging row is written when it was answered."""
    latency = envelope.metadata.get("request_latency")
    if call.latency_us is None and isinstance(latency, (int, float)) and latency >= 0:
        call.latency_us = round(latency * 1000)
    got, logged = _got(envelope), _moment(envelope.outer.get("logging_time"))
    if call.sent_at is None:
        call.sent_at = _moment(_json.text(_json.given(got.createTime, got.create_time)))
    if call.sent_at is None and logged is not None:
        call.sent_at = logged - (call.latency_us or 0)


def _region(envelope: Envelope) -> str | None:
    """The location in a Vertex resource's name, or in the address that was asked."""
    places = (envelope.outer.get("endpoint"), envelope.outer.get("model"), envelope.url)
    found = (_LOCATION.search(place) for place in places if isinstance(place, str))
    return next((match[1] for match in found if match), None)


def _sent(envelope: Envelope) -> _Sent:
    raw = envelope.sent if _json.first(envelope.sent) == b"{" else b"{}"
    return msgspec.json.decode(raw, type=_Sent)


def _got(envelope: Envelope) -> _Got:
    raw = envelope.got if _json.first(envelope.got) == b"{" else b"{}"
    return msgspec.json.decode(raw, type=_Got)


def _config(envelope: Envelope) -> dict[str, Raw]:
    """The raw members of an SDK's `config`, which holds all but contents and model."""
    raw = _sent(envelope).config
    found: dict[str, Raw] = (
        msgspec.json.decode(raw, type=dict[str, Raw]) if _json.first(raw) == b"{" else {}
    )
    return found


def _text(raw: Raw) -> str:
    return _json.text(raw) or ""


def _messages(sent: _Sent) -> Sequence[Raw]:
    """Contents one by one; a lone text or content is one. An embedding's contents stand for them."""
    if _json.first(sent.requests) == b"[":
        requests = msgspec.json.decode(sent.requests, type=list[_Sent])
        return [r.content for r in requests if _json.has(r.content)]
    contents = _json.given(sent.contents, sent.content)
    if _json.first(contents) == b"[":
        return _json.array(contents)
    return [contents] if _json.has(contents) else ()


def _finish(candidates: Sequence[Mapping[str, Any]]) -> str | None:
    value = _gemini.get(candidates[0], "finishReason") if candidates else None
    if isinstance(value, int) and 0 < value < len(_FINISHES):
        return _FINISHES[value]
    return value if isinstance(value, str) else None


def _metadata(envelope: Envelope) -> dict[str, Any]:
    answer = envelope.answer
    return _json.mapping(_json.given(answer.usageMetadata, answer.usage_metadata))


def _stored(envelope: Envelope) -> int:
    """Tokens times hours that a new explicit cache is to be kept. It may be deleted before, or kept
    longer, by requests of which no call tells."""
    got = _json.members(envelope.got)
    if "cachedContents/" not in _text(got.get("name", NONE)) or envelope.billed.usage is None:
        return 0
    made, ends = (_moment(_text(got.get(name, NONE))) for name in ("createTime", "expireTime"))
    span = ends - made if made is not None and ends is not None else 0
    return round(max(0, span) * envelope.billed.usage.fresh / (3600 * 10**6))


def _is_batch(envelope: Envelope) -> bool:
    """Whether this is a line of a batch's results: the Gemini API's name the request by a key, Vertex's
    say when it was processed."""
    keyed = "key" in envelope.outer and not envelope.url and "request_id" not in envelope.outer
    return envelope.batch or keyed or "processed_time" in envelope.outer


def _params(sent: _Sent) -> str:
    """The settings that change an answer, as canonical text."""
    parts = []
    for name in _SETTINGS:
        raw = getattr(sent, name)
        if _json.has(raw):
            value = _json.loads(raw)
            if isinstance(value, dict):
                value = {k: v for k, v in value.items() if k not in _NO_SETTINGS and v is not None}
            parts += [f"{name}={_blocks.text_of(value)}"] if value else []
    return ";".join(parts)


def _moment(text: Any) -> int | None:
    try:
        return _fields.micros(text) if isinstance(text, str) else None
    except ValueError:
        return None
