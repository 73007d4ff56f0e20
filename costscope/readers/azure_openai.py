"""Azure OpenAI: diagnostic logs of the service, gateway logs of API Management in front of it, and the
records of the AI Sentry proxy. Rows of one call are found by their correlation id."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Raw, Struct, field

from costscope.model import Call, Ignored, Skipped
from costscope.readers import _azure, _bodies, _dialects, _json
from costscope.readers._azure import Row
from costscope.readers.interface import Reader
from costscope.sources import Record

_SENTRY = ("sentry_ai_headers", "openai_response_id")


class _Waiting(Struct):
    """The rows of one call, until the file ends."""

    record: Record
    llm: list[Row] = field(default_factory=list)
    gateway: list[Row] = field(default_factory=list)


class AzureOpenAI(Reader):
    """Rows of Azure's resource logs, of which several may tell of one call."""

    about = "Azure OpenAI diagnostics, API Management gateway and LLM logs, AI Sentry"
    whole_file = True

    def score(self, record: dict[str, Any]) -> float:
        """Sure for rows about models, fair for others of the same logs."""
        try:
            fields = _json.members(Raw(_json.dumps(record)))
            kinds = [_azure.kind(row) for row in _azure.rows(fields)]
        except (ValueError, TypeError, RecursionError):
            return 0.0
        if any(name in fields for name in _SENTRY):
            return 1.0
        if any(kind in (_azure.LLM, _azure.GATEWAY, _azure.SERVICE) for kind in kinds):
            return 1.0
        return 0.5 if any(kinds) else 0.0

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """Calls of rows that stand alone as they come, those of several rows when the file has ended."""
        waiting: dict[str, _Waiting] = {}
        for record in records:
            try:
                for item in _read(record, waiting):
                    yield _placed(item, record)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                yield Skipped(source, record.line, str(error) or type(error).__name__)
        for held in waiting.values():
            try:
                yield from _held(held)
            except (ValueError, TypeError, KeyError, RecursionError) as error:
                yield Skipped(source, held.record.line, str(error) or type(error).__name__)


def _placed(item: Call | Ignored, record: Record) -> Call | Ignored:
    if isinstance(item, Call):
        item.offset, item.line = record.offset, record.line
    return item


def _read(record: Record, waiting: dict[str, _Waiting]) -> Iterator[Call | Ignored]:
    fields = _json.members(Raw(record.raw))
    if any(name in fields for name in _SENTRY):
        yield _sentry(record)
        return
    for row in _azure.rows(fields):
        kind = _azure.kind(row)
        if not kind:
            raise ValueError("not a record of the azure_openai format")
        if kind in (_azure.LLM, _azure.GATEWAY):
            held = waiting.setdefault(_azure.text(row, "correlationid"), _Waiting(record))
            (held.llm if kind == _azure.LLM else held.gateway).append(row)
        else:
            call = _azure.service(row) if kind == _azure.SERVICE else None
            yield Ignored() if call is None else call


def _held(held: _Waiting) -> Iterator[Call | Ignored]:
    """One call of all its rows; the others are counted. Gateways carry other traffic, too."""
    found: dict[str, Call] = {}
    for row in held.gateway:
        if (call := _azure.gateway(row)) is not None:
            found.setdefault(call.call_id, call)
    calls = list(found.values())
    if held.llm:
        calls[:1] = [_azure.llm(held.llm, held.gateway, calls[0] if calls else None)]
    yield from (_placed(call, held.record) for call in calls)
    if rest := len(held.llm) + len(held.gateway) - len(calls):
        yield Ignored(rest)


def _sentry(record: Record) -> Call:
    """A document of the AI Sentry proxy: both bodies, and headers that name the consumer."""
    envelope = _bodies.unwrap(record.raw)
    reader = _dialects.best(envelope)
    if reader is None:
        raise ValueError("the bodies are in no dialect that is known here")
    call = reader._of(envelope)
    call.channel, call.provider = "azure", call.provider or "openai"
    fields = _json.members(Raw(record.raw))
    headers = _json.mapping(fields.get("sentry_ai_headers"))
    call.sent_at = _azure.moment(fields, "date_time_utc") or call.sent_at
    call.feature = call.feature or str(headers.get("Ai-Sentry-Consumer") or "") or None
    return call
