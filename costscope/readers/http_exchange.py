"""Recorded HTTP traffic: HAR archives, VCR cassettes, and rows with a URL, a status and both bodies. Each
exchange is read in the dialect that its bodies speak; what is no call of a model is passed over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from costscope.model import Call, Ignored, Skipped, Usage
from costscope.readers import _bodies, _dialects, _hosts, _http, _json, _provider
from costscope.readers._bodies import Envelope
from costscope.readers._envelope import glanced
from costscope.readers.interface import Reader
from costscope.sources import Record

_MODEL_PATHS = re.compile(
    r"/(chat/completions|completions?|complete|responses|messages|embeddings|embed|rerank|generate"
    r"|generations|converse(-stream)?|invoke(-with-response-stream)?|interactions|predictions"
    r"|v\d/chat|api/chat|invocations|generation/text(_stream)?|text/generation)/?$"
    r"|:(stream)?(generateContent|rawPredict|predict|embedContent|batchEmbedContents)$",
    re.IGNORECASE,
)
"""The last part of the path of an API that answers with what a model made."""
_THREADS = re.compile(r"/v\d/(threads|assistants)\b")
"""Assistants: their messages are kept, not generated, by these calls; runs are told by their usage."""
_MADE = re.compile(r"^(POST|PUT)?$", re.IGNORECASE)
_STATUS = ("status", "status_code", "response_status", "method", "response_headers")
MAX_FAILED = 1000
"""So many refused requests are kept in mind, to know the attempt that repeats one."""


class HttpExchange(Reader):
    """Recorded exchanges of every dialect in one file."""

    about = "recorded HTTP exchanges with model APIs: HAR, VCR cassettes (JSON), rows with url and bodies"

    def sniff(self, head: Any) -> float:
        """The mean of `score`, if there is a model's call at all: other traffic is recorded, too."""
        scores = [self.score(record) for record in head.records]
        return sum(scores) / len(scores) if scores and max(scores) == 1.0 else 0.0

    def score(self, record: dict[str, Any]) -> float:
        """1 for a model's call, fair for any other exchange."""
        try:
            envelope = glanced(record)
        except (ValueError, TypeError, RecursionError):
            return 0.0
        if not _is_exchange(envelope):
            return 0.0
        return 1.0 if _is_model(envelope) and _dialects.best(envelope) else 0.5

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """A call for each exchange with a model; retries are linked to the attempt before."""
        failed: dict[tuple[str, bytes], str] = {}
        for record in records:
            try:
                envelope = _unwrapped(record.raw)
                item = _read(envelope)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                yield Skipped(source, record.line, str(error) or type(error).__name__)
                continue
            if isinstance(item, str):
                yield Skipped(source, record.line, item)
            elif isinstance(item, Call):
                item.offset, item.line = record.offset, record.line
                _link(item, envelope, failed)
                yield item
            else:
                yield item


def _unwrapped(raw: bytes | memoryview) -> Envelope:
    try:
        return _bodies.unwrap(raw)
    except _json.NOT_STRICT:
        return _bodies.unwrap(_json.clean(raw))


def _is_exchange(envelope: Envelope) -> bool:
    """Whether a record is HTTP traffic: it has an address, and how it was answered."""
    if not envelope.url.startswith(("http://", "https://")):
        return False
    return envelope.wrapped or not envelope.outer.keys().isdisjoint(_STATUS)


def _is_model(envelope: Envelope) -> bool:
    """Whether an exchange may be a model's call: its path says so, or its bodies speak of usage."""
    _, path = _hosts.parts(envelope.url)
    if _THREADS.search(path):
        return _json.has(envelope.answer.usage)
    if _MODEL_PATHS.search(path):
        return True
    # Guardrails and vector stores speak of usage as well, but of no tokens.
    return b"oken" in bytes(envelope.answer.usage) or _json.has(envelope.answer.usageMetadata)


def _read(envelope: Envelope) -> Call | Ignored | str:
    """A call, what is none, or why a model's call cannot be read."""
    exchange = _is_exchange(envelope)
    if exchange and not _is_model(envelope):
        return Ignored()
    reader = _dialects.best(envelope)
    if exchange and envelope.unanswered:
        envelope.incomplete = True
    if reader is not None:
        call = reader._of(envelope)
        if envelope.answer.object == "thread.run":
            # A run is asked for again and again; each time it tells the same usage.
            call.revision = 1
        return call
    if not exchange:
        return "no HTTP exchange with a model"
    if (envelope.code or _status(envelope)) >= 400:
        return _refused(envelope)
    host, path = _hosts.parts(envelope.url)
    return f"a model's call in a dialect that is not known here: {host}{path}"[:200]


def _status(envelope: Envelope) -> int:
    code = envelope.outer.get("status")
    return code if isinstance(code, int) else 0


def _refused(envelope: Envelope) -> Call:
    """A call that was refused before its bodies spoke any API."""
    place = _hosts.place(envelope.url)
    model = envelope.request.model or place.model
    provider, channel = _provider.identify(place.provider, model)
    return Call(
        provider=provider or place.maker,
        channel=place.channel or channel,
        region=place.region or None,
        model=model,
        status="error",
        usage=Usage(),
    )


def _link(call: Call, envelope: Envelope, failed: dict[tuple[str, bytes], str]) -> None:
    """Link a call to the refused attempt with the same body that it repeats, where its client says that
    it does (the SDKs' x-stainless-retry-count), and keep in mind those that were refused."""
    answered = _http.headers(envelope.got_headers)
    if not call.call_id:
        call.call_id = answered.get("x-request-id") or answered.get("request-id") or call.request_id
    sent = _http.headers(envelope.sent_headers)
    key = envelope.url, bytes(envelope.sent) or b"".join(map(bytes, call.messages))
    before = failed.pop(key, None)
    if call.retry_of is None and sent.get("x-stainless-retry-count", "0") not in ("0", ""):
        call.retry_of = before
    if call.status == "error" and call.call_id:
        failed[key] = call.call_id
        if len(failed) > MAX_FAILED:
            failed.pop(next(iter(failed)))
