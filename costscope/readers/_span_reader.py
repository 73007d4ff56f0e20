"""What the readers of spans share: a file of spans, in any convention and from any tool, as calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Raw, Struct

from costscope.model import Call, Ignored, Skipped
from costscope.readers import (
    _json,
    _otlp,
    _span_blocks,
    _span_call,
    _span_documents,
    _span_kinds,
    _span_texts,
)
from costscope.readers import _spans as spans
from costscope.readers._span_kinds import OTHER
from costscope.readers._span_tree import DIMENSIONS, Node, Tree
from costscope.readers._spans import Event, Span
from costscope.readers.interface import Reader
from costscope.sources import Record

_NO_SPAN = "the messages of a call whose span is not in this file; read spans and logs as one file"


class SpanReader(Reader):
    """Spans of any convention: one file may hold several, and a trace may lie over many records."""

    whole_file = True

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """One call for each model span that no inner span repeats. Broken records and spans are
        skipped; records that hold only other spans are ignored."""
        file = _File(source, self.name)
        seen, told = 0, set[int]()
        for record in records:
            seen += 1
            for skipped in file.take(record):
                told.add(skipped.line)
                yield skipped
        for item in file.finish():
            told.add(item.line)
            yield item
        if others := seen - len(told):
            yield Ignored(others)


def held(record: Mapping[str, Any]) -> list[Span]:
    """The spans of a record, and the log records of one that speak of models, for a look at it."""
    found = list(spans.of_record(record))
    return found or [spans.log_event(log)[0] for log in _otlp.logs(record)]


class _Log(Struct):
    """What the log records of one span say."""

    line: int
    offset: int
    where: Span
    events: list[Event]


class _File:
    """All that is kept of a file while it is read."""

    def __init__(self, source: str, name: str) -> None:
        self._source, self._name = source, name
        self._tree = Tree()
        self._logs: dict[tuple[str, str], _Log] = {}
        self._texts: dict[bytes, bytes] = {}
        self._raws: dict[bytes, Raw] = {}

    def take(self, record: Record) -> Iterator[Skipped]:
        """Keep what a record holds; what is broken in it comes out at once."""
        try:
            fields = _json.loads(record.raw)
            found = list(_otlp.spans(fields)) if isinstance(fields, dict) else []
            logs = list(_otlp.logs(fields)) if isinstance(fields, dict) else []
        except RecursionError:
            yield Skipped(self._source, record.line, "the JSON is nested too deeply")
            return
        except ValueError as error:
            yield Skipped(self._source, record.line, str(error))
            return
        if not found and not logs:
            if not isinstance(fields, dict) or fields.keys().isdisjoint(_EMPTY):
                reason = f"not a record of the {self._name} format"
                yield Skipped(self._source, record.line, reason)
            return
        for one in found:
            yield from self._span(one, record)
        for one in logs:
            yield from self._log(one, record)

    def _span(self, found: _otlp.Found, record: Record) -> Iterator[Skipped]:
        try:
            node = self._node(spans.span(found), record)
        except (ValueError, TypeError, RecursionError) as error:
            yield Skipped(self._source, record.line, str(error) or type(error).__name__)
            return
        self._tree.add(node)

    def _node(self, span: Span, record: Record) -> Node:
        kind = _span_kinds.of(span)
        node = Node(span.trace, span.id, span.parent, kind, scope=span.scope)
        if kind == OTHER:
            node.dimensions = _span_call.inherited(span)
            node.documents = _span_texts.documents(span)
            return node
        node.service = _span_call.service(span)
        node.call = _span_call.of_span(span, _span_texts.of_span(span))
        told = ((name, getattr(node.call, name)) for name in DIMENSIONS)
        node.dimensions = {name: value for name, value in told if value is not None}
        self._place(node.call, record)
        return node

    def _place(self, call: Call, record: Record) -> None:
        self._share(call)
        call.offset, call.line = record.offset, record.line

    def _share(self, call: Call) -> None:
        """Prompts repeat from call to call: each distinct text is held once."""
        call.messages = [self._texts.setdefault(m, m) for m in map(bytes, call.messages)]
        call.tools = self._raws.setdefault(bytes(call.tools), call.tools)
        call.system = self._raws.setdefault(bytes(call.system), call.system)

    def _log(self, found: _otlp.Found, record: Record) -> Iterator[Skipped]:
        where, event = spans.log_event(found)
        if event.name == spans.REQUEST:
            where.id = ""  # several requests may lie in one span
            yield from self._whole(where, record)
            return
        if not event.name.startswith("gen_ai."):
            return
        key = where.trace, where.id
        log = self._logs.setdefault(key, _Log(record.line, record.offset, where, []))
        log.events.append(event)

    def finish(self) -> Iterator[Call | Skipped]:
        """The calls, after all records are taken in."""
        for key, log in self._logs.items():
            yield from self._join(key, log)
        cut = _span_documents.Cutter(self._tree.nodes)
        for node in self._tree.calls():
            if node.call is not None:
                node.call.messages = cut.messages(node.trace, node.call.messages)
                yield node.call

    def _join(self, key: tuple[str, str], log: _Log) -> Iterator[Skipped]:
        """Give what logs say of a call to its span, or make it a call where they say it all."""
        number = self._tree.places.get(key)
        call = None if number is None else self._tree.nodes[number].call
        if call is not None:
            try:
                self._fill(call, log)
            except (ValueError, TypeError, RecursionError) as error:
                yield Skipped(self._source, log.line, str(error) or type(error).__name__)
            return
        whole = Span(
            key[0], key[1], "", "", log.where.start, None,
            {k: v for e in log.events for k, v in e.attributes.items()},
            log.events, log.where.failed, log.where.scope, log.where.resource,
        )  # fmt: skip
        record = Record(b"", log.offset, log.line)
        if whole.first(*_span_kinds.MODELS) is None:
            yield Skipped(self._source, log.line, _NO_SPAN)
            return
        yield from self._whole(whole, record)

    def _whole(self, span: Span, record: Record) -> Iterator[Skipped]:
        try:
            node = self._node(span, record)
        except (ValueError, TypeError, RecursionError) as error:
            yield Skipped(self._source, record.line, str(error) or type(error).__name__)
            return
        self._tree.add(node)

    def _fill(self, call: Call, log: _Log) -> None:
        if call.dialect is not None:
            return
        texts = _span_texts.of_events(log.events)
        if not texts.empty:
            call.dialect = _span_blocks.blocks
            call.tools, call.system, call.reply = texts.tools, texts.system, texts.reply
            call.messages = texts.messages
            self._share(call)


_EMPTY = frozenset((*_otlp.RESOURCE_SPANS, *_otlp.RESOURCE_LOGS, "resourceMetrics", "spans"))
"""Keys of records that hold spans, or metrics, which are no calls."""
