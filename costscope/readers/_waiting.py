"""Reading where some records have to wait for others: each gives what it can at once, the rest comes at
the end, and a broken one is a skip."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

from costscope.model import Call, Ignored, Skipped
from costscope.sources import Record

Item = Call | Skipped | Ignored


class Waiting(Protocol):
    """The state of reading one file."""

    def take(self, record: Record) -> Iterator[Item]:
        """What one record gives at once. Raises ValueError, TypeError, KeyError or RecursionError where
        it is broken."""

    def rest(self) -> Iterator[Item]:
        """What had to wait for the end of the file."""


def gathered(reading: Waiting, records: Iterable[Record], source: str) -> Iterator[Item]:
    """All that the records of a file give, in order."""
    for record in records:
        try:
            yield from reading.take(record)
        except (ValueError, TypeError, KeyError) as error:
            yield Skipped(source, record.line, str(error) or type(error).__name__)
        except RecursionError:
            yield Skipped(source, record.line, "the JSON is nested too deeply")
    yield from reading.rest()
