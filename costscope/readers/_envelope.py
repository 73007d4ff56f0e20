"""What the readers of request and response pairs share: from an unwrapped record to a call."""

from __future__ import annotations

import re
from abc import abstractmethod
from typing import Any

from msgspec import Raw

from costscope.model import BlockParser, Call, Usage
from costscope.readers import (
    _bodies,
    _columns,
    _diagnostics,
    _fields,
    _hosts,
    _json,
    _provider,
    _retries,
    _settings,
    _usage,
)
from costscope.readers._bodies import Answer, Body, Envelope
from costscope.readers._counts import Normalised
from costscope.readers._fields import Facts
from costscope.readers.interface import RecordReader
from costscope.sources.heads import MAX_RECORDS

MIN_RATE = 0.4
"""A record that is less surely of a format is not read as such."""
UNANSWERED = "a batch request without its response: ingest the batch's output"
SURELY = 1.0
"""What nothing else can be; a less sure record is asked of the other dialects, too: a gateway logs
several of them in one envelope."""
MAX_SCORE = 0.9
"""Of a pair of bodies; a format that wraps such bodies in fields of its own knows more of a record."""
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

    def usage(self, envelope: Envelope, maker: str) -> Usage | None:
        """What was billed, None where neither the response nor the log says; a dialect that keeps its
        counts elsewhere reads them here. Raises ValueError where a count is none."""
        envelope.billed = _billed(envelope, maker)
        return envelope.billed.usage

    def units(self, envelope: Envelope) -> dict[str, int]:
        """What is billed beside text tokens (`Call.units`); asked for after `usage`."""
        return envelope.billed.units

    def tier(self, envelope: Envelope) -> str:
        """The served tier, as the response says it."""
        billed = _counts_of(envelope)
        if billed.get("speed") == "fast":
            return "fast"
        return _provider.tier(envelope.answer.service_tier or billed.get("service_tier"))

    def score(self, record: dict[str, Any]) -> float:
        """How surely one decoded record is of this format, 0 to 1."""
        try:
            return min(self.rate(glanced(record)), MAX_SCORE)
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
        envelope = _unwrapped(raw)
        rate = self.rate(envelope)
        mine = rate >= SURELY or rate >= max(MIN_RATE, _surest(envelope))
        return self._of(envelope) if mine else None

    def _of(self, envelope: Envelope) -> Call:
        """The call of an unwrapped record. Raises ValueError for a batch's request."""
        request, answer = envelope.request, envelope.answer
        if envelope.batch and envelope.unanswered:
            raise ValueError(UNANSWERED)
        facts = _fields.facts(envelope.metadata, envelope.outer, _said(request, answer))
        model, provider, channel = _whose(envelope, facts)
        status, usage = _ended(envelope, facts.code, self.usage(envelope, provider))
        call_id, retry_of = _retries.ids(_id_of(answer), envelope)
        return Call(
            call_id=call_id,
            retry_of=retry_of,
            request_id=answer.request_id or "",
            sent_at=facts.sent_at,
            latency_us=facts.latency_us,
            provider=provider,
            channel=channel,
            model=model,
            tier="batch" if envelope.batch else self.tier(envelope),
            status=status,
            tags=_retries.without(facts.tags) | _diagnostics.tags(answer),
            temperature=request.temperature,
            params=_settings.params(request),
            cache_params=_settings.cache_params(provider, request),
            json_reply=_wants_json(request.response_format) or _wants_json(request.text),
            usage=usage,
            ambiguous=envelope.billed.ambiguous,
            units=self.units(envelope),
            reported_pd=facts.reported_pd if facts.reported_pd is not None else _cost(envelope),
            dialect=self.dialect,
            **facts.dimensions,
            **self.texts(envelope),
        )


def _surest(envelope: Envelope) -> float:
    """How surely a record speaks the API that it speaks most surely."""
    from costscope.readers import _dialects  # which gathers readers that this is the base of

    return _dialects.rates(envelope)[0][0]


MAX_GLANCED = 4 * MAX_RECORDS
"""Several heads at once, so that one head is never forgotten for each format that looks at it."""
_heads: dict[int, tuple[dict[str, Any], Envelope]] = {}


def glanced(record: dict[str, Any]) -> Envelope:
    """A record of a head unwrapped, once for all the formats that look at it."""
    known = _heads.get(id(record))
    if known is not None and known[0] is record:
        return known[1]
    if len(_heads) >= MAX_GLANCED:
        _heads.clear()
    envelope = _bodies.unwrap(_json.dumps(record))
    _heads[id(record)] = record, envelope
    return envelope


class _Latest:
    """The record that was unwrapped last: in a mixed log several formats look at it in turn."""

    raw: bytes | memoryview = b""
    envelope: Envelope | None = None


def _unwrapped(raw: bytes | memoryview) -> Envelope:
    if _Latest.envelope is None or raw is not _Latest.raw:
        envelope = _bodies.unwrap(raw)
        _Latest.raw, _Latest.envelope = raw, envelope
    return _Latest.envelope


def _whose(envelope: Envelope, facts: Facts) -> tuple[str, str, str]:
    """(model, provider, channel): the model that answered, as far as anything tells, the URL last."""
    request, answer = envelope.request, envelope.answer
    place = _hosts.place(envelope.url)
    asked = request.model or request.modelId or place.model
    model = answer.model or answer.modelVersion or asked or facts.model or ""
    declared = facts.dimensions.pop("provider", "") or place.provider
    provider, channel = _provider.identify(declared, model, asked)
    provider = provider or place.maker
    region: str | None = place.region
    proxy = place.channel == "self-hosted" and provider in _hosts.CLOSED
    if channel == "direct" and place.channel and not proxy:
        channel = place.channel
    if channel == "bedrock":
        named = _provider.region(model, asked)
        # A global profile is priced as such, wherever it was asked.
        region = named if named == "global" else region or named
    geo = _counts_of(envelope).get("inference_geo")
    if isinstance(geo, str) and geo not in ("", "not_available"):
        facts.dimensions["region"] = (
            geo  # what decides the price, whatever the caller calls a region
        )
    if region:
        facts.dimensions.setdefault("region", region)
    return model, provider, channel


def _ended(envelope: Envelope, code: int | None, usage: Usage | None) -> tuple[str, Usage | None]:
    """(status, usage). A refused request is not billed unless the log says so: what it might have cost
    is no bill. A stream that broke off was, but nobody knows how much."""
    answer = envelope.answer
    word = _json.text(answer.status) or envelope.outer.get("status")
    code = envelope.code or code or envelope.outer.get("status")
    failed = envelope.failed or (isinstance(code, int) and code >= 400)
    status = _fields.status(word, failed=failed)
    if status == "error":
        begun = envelope.incomplete and _begun(envelope)
        return status, Usage() if usage is None and not begun else usage
    if envelope.incomplete and (usage is None or _json.has(answer.usage)):
        status = "incomplete"
    return status, usage


def _begun(envelope: Envelope) -> bool:
    """Whether a stream that failed had begun to answer."""
    answer = envelope.answer
    said = (answer.choices, answer.content, answer.output, answer.candidates, envelope.reply)
    return not {b"", b"[]", b"null"}.issuperset(map(bytes, said))


def _id_of(answer: Answer) -> str:
    """The provider's own id, under the name that each gives it."""
    return answer.id or answer.responseId or answer.response_id or answer.generation_id or ""


def _said(request: Body, answer: Answer) -> dict[str, Any]:
    """What the bodies themselves say of the caller and the time; the last resort for both."""
    found: dict[str, Any] = {}
    if _json.has(request.user):
        found["user"] = _json.decode(request.user)
    created = answer.created if _json.has(answer.created) else answer.created_at
    if _json.has(created):
        found["created"] = _json.decode(created)
    return found


def _counts_of(envelope: Envelope) -> dict[str, Any]:
    """The response's usage object, decoded once."""
    if envelope.counts is None:
        envelope.counts = _json.mapping(envelope.answer.usage)
    return envelope.counts


def _billed(envelope: Envelope, maker: str) -> Normalised:
    """What was billed: by the response, else by counts beside it; no usage where neither says. Raises
    ValueError where a count is none, or where they are in words that nobody here knows."""
    raw = envelope.answer.usage
    found = _counts_of(envelope)
    if _json.first(raw) not in (b"", b"n", b"{"):
        raise ValueError(f"usage is no object: {_usage.short(_json.loads(raw))}")
    billed = _usage.read(found, maker) if found else Normalised(None)
    if billed.usage is None:
        billed = _columns.read(envelope.outer, maker)
    if billed.usage is None and any(
        value and _COUNTS.search(name) for name, value in found.items()
    ):
        raise ValueError(f"usage does not say how many tokens went in: {_usage.short(found)}")
    return billed


_COUNTS = re.compile(r"token|unit", re.IGNORECASE)


def counts_beside(envelope: Envelope) -> bool:
    """Whether token counts stand in the record's own columns."""
    return _columns.Counts(envelope.outer).found


def _cost(envelope: Envelope) -> int | None:
    """The cost that a router or xAI puts into its usage object (`cost_in_usd_ticks`: 1 USD is 1e10)."""
    billed = _counts_of(envelope)
    ticks = billed.get("cost_in_usd_ticks")
    if type(ticks) is int and ticks >= 0:
        return ticks * 100
    cost = billed.get("cost")
    try:
        paid = _fields.picodollars(cost.get("total_cost") if isinstance(cost, dict) else cost)
        if billed.get("is_byok") is True:
            # With a key of one's own OpenRouter takes a fee, and the provider bills the rest.
            details = billed.get("cost_details")
            owed = details.get("upstream_inference_cost") if isinstance(details, dict) else None
            return (paid or 0) + (_fields.picodollars(owed) or 0)
        return paid
    except ValueError:
        return None


def _wants_json(text: Raw) -> bool:
    return _json.first(text) == b"{" and b"json" in bytes(text)


def proven(envelope: Envelope) -> bool:
    """Whether a record is of a log at all: it names a model, was billed, or wraps a body."""
    if envelope.wrapped or envelope.request.model or envelope.answer.model:
        return True
    return _json.has(envelope.answer.usage) or "model" in envelope.outer
