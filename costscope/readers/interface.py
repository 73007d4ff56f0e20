"""What a reader is: it recognises a log format and narrows its records to calls.

How bytes are stored (JSON lines, one JSON document, Parquet; plain, .gz or .zst) is not a reader's
business: `sources` hands every record over as JSON bytes with its place.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar

from costscope.model import Call, Ignored, Skipped
from costscope.sources import Head, Record


class Reader(ABC):
    """One log format. A plug-in is a file in this folder with one class of this base."""

    name: str
    """Set by the registry from the file's name."""
    whole_file: ClassVar[bool] = False
    """True where records need each other, so that a file cannot be read from the middle."""
    about: ClassVar[str]
    """What logs these are, in a few words, for help and documentation."""

    def sniff(self, head: Head) -> float:
        """How surely this is its format, 0 to 1: the mean of `score` over the head's records. A reader
        that knows better says less, never more: one whose mean cannot win is not asked."""
        scores = [self.score(record) for record in head.records]
        return sum(scores) / len(scores) if scores else 0.0

    @abstractmethod
    def score(self, record: dict[str, Any]) -> float:
        """How surely one decoded record is of this format, 0 to 1."""

    @abstractmethod
    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """Every record once, in any number of calls, skips and ignored ones. Never raises on content."""


class RecordReader(Reader):
    """A format whose records stand alone: a record is a call. Files can be cut between records, and
    records of several such formats may be mixed in one file."""

    @abstractmethod
    def call(self, raw: bytes | memoryview) -> Call | None:
        """One record as a call, or None where it is not of this format. Raises msgspec.DecodeError,
        ValueError, TypeError or KeyError with a message for the user where it is, but is broken."""

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """Each record by `call`; used where nothing else is known of the file."""
        for record in records:
            yield self.one(record, source)

    def one(self, record: Record, source: str) -> Call | Skipped:
        """One record as a call with its place, or as a skip with the reason."""
        try:
            call = self.call(record.raw)
        except (ValueError, TypeError, KeyError) as error:  # msgspec's errors are ValueErrors
            return Skipped(source, record.line, str(error) or type(error).__name__)
        if call is None:
            return Skipped(source, record.line, f"not a record of the {self.name} format")
        call.offset, call.line = record.offset, record.line
        return call


PLUGIN = Reader
