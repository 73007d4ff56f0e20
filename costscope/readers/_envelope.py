"""What the readers of request and response pairs share: from an unwrapped record to a call."""

from __future__ import annotations

import re
from abc import abstractmethod
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw

from costscope.model import BlockParser, Call, Usage
from costscope.readers import _bodies, _columns, _fields, _json, _provider, _usage
from costscope.readers._bodies import Answer, Body, Envelope
from costscope.readers.interface import RecordReader

MIN_RATE = 0.4
"""A record that is less surely of a format is not read as such."""
UNPROVEN = 0.3
"""How much less a record counts that may be of a data set as well as of a log."""


class PairReader(RecordReader):
    """A format of request and response bodies in any common envelope. A reader rates how surely a
    record speaks its API, and says where that API keeps its texts."""

    dialect: BlockParser

    @abstractmethod
    def rate(self, envelope: Envelope) -> float:
        """How surely a record speaks this API, 0 to 1."""

    @abstractmethod
    def texts(self, envelope: Envelope) -> dict[str, Any]:
        """`tools`, `system`, `messages`, `reply` and `finish_reason` of the call, as far as there are."""

    def score(self, record: dict[str, Any]) -> float:
        """How surely one decoded record is of this format, 0 to 1."""
        try:
            return self.rate(_bodies.unwrap(_json.dumps(record)))
        except (ValueError, TypeError, RecursionError):
            return 0.0

    def call(self, raw: bytes | memoryview) -> Call | None:
        """One exchange; None where it speaks another API."""
        try:
            try:
                return self._call(raw)
            except _json.NOT_STRICT:
                return self._call(_json.clean(raw))
        except RecursionError:
            raise ValueError("the JSON is nested too deeply") from None

    def _call(self, raw: bytes | memoryview) -> Call | None:
        envelope = _bodies.unwrap(raw)
        return self._of(envelope) if self.rate(envelope) >= MIN_RATE else None

    def _of(self, envelope: Envelope) -> Call:
        request, answer = envelope.request, envelope.answer
        facts = _fields.facts(envelope.metadata, envelope.outer, _said(request, answer))
        model = answer.model or request.model or facts.model or ""
        asked = request.model or ""
        provider, channel = _provider.identify(facts.dimensions.pop("provider", ""), model, asked)
        if channel == "bedrock" and (region := _provider.region(model, asked)):
            facts.dimensions.setdefault("region", region)
        billed = _json.mapping(answer.usage)
        usage = _billed(answer.usage, billed, envelope, provider)
        code = envelope.code or facts.code
        word = _json.text(answer.status) or envelope.outer.get("status")
        status = _fields.status(word, failed=envelope.failed or (code or 0) >= 400)
        if usage is None and status == "error":
            # A refused request is not billed unless the log says so; what it might have cost is no bill.
            usage = Usage()
        return Call(
            call_id=answer.id or _fields.identifier(envelope.outer),
            request_id=answer.request_id or "",
            sent_at=facts.sent_at,
            latency_us=facts.latency_us,
            provider=provider,
            channel=channel,
            model=model,
            tier=_tier(envelope, billed),
            status=status,
            tags=facts.tags,
            temperature=request.temperature,
            params=_params(request),
            json_reply=_wants_json(request.response_format) or _wants_json(request.text),
            usage=usage,
            reported_pd=facts.reported_pd if facts.reported_pd is not None else _cost(billed),
            dialect=self.dialect,
            **facts.dimensions,
            **self.texts(envelope),
        )


def _said(request: Body, answer: Answer) -> dict[str, Any]:
    """What the bodies themselves say of the caller and the time; the last resort for both."""
    found: dict[str, Any] = {}
    if _json.has(request.user):
        found["user"] = _json.decode(request.user)
    created = answer.created if _json.has(answer.created) else answer.created_at
    if _json.has(created):
        found["created"] = _json.decode(created)
    return found


def _billed(raw: Raw, found: dict[str, Any], envelope: Envelope, maker: str) -> Usage | None:
    """What was billed: by the response, else by counts beside it; None where neither says. Raises
    ValueError where a count is none, or where they are in words that nobody here knows."""
    if _json.first(raw) not in (b"", b"n", b"{"):
        raise ValueError(f"usage is no object: {_usage.short(_json.loads(raw))}")
    usage = _usage.of(found, maker) if found else None
    usage = usage or _columns.usage(found, maker) or _columns.usage(envelope.outer, maker)
    if usage is None and any(value and _COUNTS.search(name) for name, value in found.items()):
        raise ValueError(f"usage does not say how many tokens went in: {_usage.short(found)}")
    return usage


_COUNTS = re.compile(r"token|unit", re.IGNORECASE)


def counts_beside(envelope: Envelope) -> bool:
    """Whether token counts stand in the record's own columns."""
    return _columns.Counts(envelope.outer).found


def _tier(envelope: Envelope, billed: dict[str, Any]) -> str:
    """The served tier: what the response says, and not what the request asked for."""
    if envelope.batch:
        return "batch"
    if billed.get("speed") == "fast":
        return "fast"
    return _provider.tier(envelope.answer.service_tier or billed.get("service_tier"))


def _cost(billed: dict[str, Any]) -> int | None:
    """The cost that a router puts into its usage object."""
    try:
        return _fields.picodollars(billed.get("cost"))
    except ValueError:
        return None


def _wants_json(text: Raw) -> bool:
    return _json.first(text) == b"{" and b"json" in bytes(text)


_PARAMS = (
    "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "max_tokens",
    "max_output_tokens", "max_completion_tokens", "n", "stop", "stop_sequences", "logit_bias",
    "tool_choice", "response_format", "text", "reasoning", "reasoning_effort", "verbosity", "thinking",
    "output_config", "previous_response_id",
)  # fmt: skip

_OBJECTS = ("text", "reasoning", "thinking", "output_config")


def _params(request: Body) -> str:
    """The settings that change an answer, as canonical text; two calls with the same text of these
    and the same prompt ask for the same thing."""
    parts = []
    for name, value in zip(_PARAMS, _params_of(request), strict=True):
        if value is None or value is _json.NONE:
            continue
        if isinstance(value, Raw):
            # Where request and log are one object, these may be prose.
            if not _json.has(value) or (name in _OBJECTS and _json.first(value) != b"{"):
                continue
            value = msgspec.json.encode(_json.decode(value), order="sorted").decode()
        parts.append(f"{name}={value}")
    return ";".join(parts)


_params_of = attrgetter(*_PARAMS)


def proven(envelope: Envelope) -> bool:
    """Whether a record is of a log at all: it names a model, was billed, or wraps a body."""
    if envelope.wrapped or envelope.request.model or envelope.answer.model:
        return True
    return _json.has(envelope.answer.usage) or "model" in envelope.outer
