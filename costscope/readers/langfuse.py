"""Langfuse: observations as its exports hold them (rows, or traces with their observations), and requests
to its ingestion API. Generations and embeddings are calls; other observations are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Raw

from costscope.model import Call, Ignored, Skipped
from costscope.readers import _json, _observations
from costscope.readers._nest import Nest
from costscope.readers._observations import flat, plain
from costscope.readers._waiting import gathered
from costscope.readers.interface import Reader
from costscope.sources import Record

_SIGNS = frozenset((
    "parentobservationid", "usagedetails", "costdetails", "modelparameters", "completionstarttime",
    "providedmodelname", "statusmessage", "calculatedtotalcost", "promptversion", "level",
))  # fmt: skip
_TRACE = frozenset(
    ("timestamp", "name", "userid", "sessionid", "release", "bookmarked", "public", "tags")
)
_SCORE = frozenset(
    ("observationid", "datatype", "stringvalue", "source", "datasetrunid", "comment")
)
_EVENTS = (
    *(f"{kind.lower()}-" for kind in _observations.TYPES), "observation-", "trace-", "score-", "sdk-log",
)  # fmt: skip
"""How the types of the ingestion API's events begin."""


class Langfuse(Reader):
    """Observations, each with its trace's facts where the file has them."""

    about = "Langfuse observation exports (JSON, JSON lines, Parquet) and ingestion requests"
    whole_file = True

    def score(self, record: dict[str, Any]) -> float:
        """Sure for observations, traces with some, events of the ingestion API, and export rows."""
        listed = next(
            (v for n in ("batch", "observations") if isinstance(v := record.get(n), list)), []
        )
        if any(isinstance(item, dict) and (_is_event(item) or _is_row(item)) for item in listed):
            return 1.0
        return 1.0 if _is_event(record) or _is_row(record) or _is_beside(record) else 0.0

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """Rows one by one; events at the end, when all updates of an observation are known."""
        return gathered(_Reading(source), records, source)


def _is_row(record: Mapping[str, Any]) -> bool:
    keys = {plain(name) for name in record}
    known = str(record.get("type")).upper() in _observations.TYPES
    return known and "traceid" in keys and not _SIGNS.isdisjoint(keys)


def _is_event(record: Mapping[str, Any]) -> bool:
    kind = record.get("type")
    known = isinstance(kind, str) and kind.startswith(_EVENTS)
    return known and isinstance(record.get("body"), dict) and "timestamp" in record


def _is_beside(record: Mapping[str, Any]) -> bool:
    """Whether it is a row of the traces or scores that the blob storage export writes beside its
    observations: part of the format, and no call."""
    keys = {plain(name) for name in record}
    return "projectid" in keys and "environment" in keys and (
        len(_TRACE & keys) >= 7 or ("traceid" in keys and len(_SCORE & keys) >= 3)
    )  # fmt: skip


class _Event:
    """An observation of the ingestion API as its events have told it so far."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self.fields: dict[str, Raw] = {}


class _Reading:
    """The state of one file: which calls have been seen, and what waits for its end."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._nest = Nest()
        self._traces: dict[str, dict[str, Raw]] = {}
        self._events: dict[str, _Event] = {}
        self._waiting: list[tuple[Call, list[str]]] = []

    def take(self, record: Record) -> Iterator[Call | Skipped | Ignored]:
        """What one record gives at once. Raises what a broken record does."""
        fields = _json.raws(record.raw)
        events = fields.get("batch", _json.NONE)
        if _json.first(events) == b"[":
            yield from self._events_of(_json.array(events), record)
        elif _json.first(fields.get("body", _json.NONE)) == b"{":
            yield from self._events_of([Raw(bytes(record.raw))], record)
        elif _json.first(fields.get("observations", _json.NONE)) == b"[":
            yield from self._trace(fields, record)
        else:
            yield from self._row(flat(fields), {}, record)

    def rest(self) -> Iterator[Call | Skipped | Ignored]:
        """What had to wait: observations made of events, and calls that do not say what they cost."""
        for event in self._events.values():
            trace = self._traces.get(_text(event.fields, "traceid"), {})
            try:
                yield from self._row(event.fields, trace, event.record)
            except (ValueError, TypeError, KeyError) as error:
                yield Skipped(self._source, event.record.line, str(error))
        for call, above in self._waiting:
            yield Ignored() if self._nest.is_wrapper(call.call_id, above) else call

    def _row(
        self, fields: Mapping[str, Raw], trace: Mapping[str, Raw], record: Record
    ) -> Iterator[Call | Skipped | Ignored]:
        """An observation; none at once where it has to wait for what lies within it."""
        kind = _text(fields, "type").upper()
        if kind not in _observations.TYPES:
            known = "traceid" in fields or "projectid" in fields
            reason = "not a record of the langfuse format"
            yield Ignored() if known else Skipped(self._source, record.line, reason)
            return
        own = _text(fields, "id")
        self._nest.note(own, _text(fields, "parentobservationid"))
        if kind not in _observations.CALLS:
            yield Ignored()
            return
        call = _observations.call_of(fields, trace)
        call.offset, call.line = record.offset, record.line
        above = self._nest.above(own)
        if call.usage is None:
            self._nest.wait(above)
            self._waiting.append((call, above))
        else:
            yield Ignored() if self._nest.is_twin(own, above, call.usage) else call

    def _trace(
        self, fields: Mapping[str, Raw], record: Record
    ) -> Iterator[Call | Skipped | Ignored]:
        """A trace with its observations: the calls among them."""
        own = fields.get("trace", _json.NONE)
        trace = flat(_json.raws(own) if _json.first(own) == b"{" else fields)
        waiting, found = len(self._waiting), False
        for observation in _json.array(fields["observations"]):
            for item in self._nested(observation, trace, record):
                if not isinstance(item, Ignored):
                    found = True
                    yield item
        if not found and waiting == len(self._waiting):
            yield Ignored()

    def _nested(
        self, observation: Raw, trace: Mapping[str, Raw], record: Record
    ) -> Iterator[Call | Skipped | Ignored]:
        """One observation of a trace; that it is broken costs none of the others."""
        try:
            yield from self._row(flat(_json.raws(observation)), trace, record)
        except (ValueError, TypeError, KeyError) as error:
            yield Skipped(self._source, record.line, str(error))

    def _events_of(self, events: list[Raw], record: Record) -> Iterator[Ignored]:
        """Take in events; a record that brings no new observation is accounted for at once."""
        known = len(self._events)
        for event in events:
            fields = _json.raws(event) if _json.first(event) == b"{" else {}
            kind = _text(fields, "type").rpartition("-")[0]
            body = fields.get("body", _json.NONE)
            if _json.first(body) == b"{":
                self._event(kind, flat(_json.raws(body)), record)
        if known == len(self._events):
            yield Ignored()

    def _event(self, kind: str, body: dict[str, Raw], record: Record) -> None:
        own = _text(body, "id") or _text(body, "generationid")
        if kind == "trace":
            self._traces.setdefault(own, {}).update(body)
            return
        if kind != "observation":
            body["type"] = Raw(_json.dumps(kind.upper()))
        if _text(body, "type").upper() in _observations.CALLS:
            own = own or f"{record.line}.{len(self._events)}"
            self._events.setdefault(own, _Event(record)).fields.update(body)
        else:
            self._nest.note(own, _text(body, "parentobservationid"))


def _text(fields: Mapping[str, Raw], name: str) -> str:
    return _json.text(fields.get(name, _json.NONE)) or ""
