"""Which format reads a record of a log whose records stand alone: logs get mixed."""

from __future__ import annotations

import re

from costscope.ingest.find import STUMBLES, SURE, record_readers, scores
from costscope.model import Call, Skipped
from costscope.readers.interface import RecordReader
from costscope.sources import Record

_LOOKED_AT = 128
_KEY = re.compile(rb'"([^"\\]{1,40})"\s*:')
MAX_SIGHTS = 256
"""So many different beginnings of records are told apart in a file; it has one or two, or thousands."""


class Choice:
    """Reads the records of one file. What begins with the same keys was written by the same program,
    so that only a new beginning is looked at closely."""

    def __init__(self, own: RecordReader) -> None:
        self._readers = record_readers(own)
        self._own = own
        self._seen: dict[tuple[bytes, ...], RecordReader] = {}

    def read(self, record: Record, source: str) -> Call | Skipped:
        """A record by the file's own format, unless it surely is of another; and by the one that knows
        it best where that does not know it."""
        first = self._first(record)
        item = _tried(first, record, source)
        if isinstance(item, Call) or not _strange(item):
            return item
        return self._other(first, item, record, source)

    def _first(self, record: Record) -> RecordReader:
        sight = (*_KEY.findall(record.raw[:_LOOKED_AT]),)
        if (known := self._seen.get(sight)) is not None:
            return known
        if len(self._seen) >= MAX_SIGHTS:
            return self._own
        (best, surest), *others = scores(self._readers, record)
        own = next((score for score, r in [(best, surest), *others] if r is self._own), 0.0)
        self._seen[sight] = found = surest if best >= SURE and best > own else self._own
        return found

    def _other(
        self, first: RecordReader, item: Skipped, record: Record, source: str
    ) -> Call | Skipped:
        for score, reader in scores(self._readers, record):
            if reader is first:
                continue
            other = _tried(reader, record, source)
            if isinstance(other, Call) or (score and not _strange(other)):
                return other
        return item


def _strange(item: Skipped) -> bool:
    """Whether a reader says that a record is not of its format."""
    return item.reason.startswith("not a record of")


def _tried(reader: RecordReader, record: Record, source: str) -> Call | Skipped:
    """A record by one reader; what makes a reader stumble is a bad record, not the end of the log."""
    try:
        return reader.one(record, source)
    except STUMBLES as error:
        return Skipped(
            source, record.line, f"not readable as {reader.name} ({type(error).__name__}: {error})"
        )
