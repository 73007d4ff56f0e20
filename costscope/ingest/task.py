"""What is handed to a reading process: plain values, so that such a process needs no store."""

from __future__ import annotations

from typing import NamedTuple

from costscope.ingest.amount import PACKED_FACTOR
from costscope.readers._house import HouseMap
from costscope.sources import Source


class Task(NamedTuple):
    """A piece of a file to read: bytes [start, end) of a seekable one, else all of it."""

    source: Source
    source_no: int
    origin: int
    """The source that these records were first seen in."""
    reader: str
    """"" is to be found by looking."""
    start: int = 0
    end: int | None = None
    house: HouseMap | None = None
    """The map by which a house format is read; `reader` is its id."""

    @property
    def size(self) -> int:
        """Bytes of the file that this task reads."""
        return (self.source.size if self.end is None else self.end) - self.start

    @property
    def weight(self) -> int:
        """About how many bytes that is unpacked."""
        return self.size * (PACKED_FACTOR if self.source.packing else 1)


def place(source: Source) -> str:
    """The file that holds a source's bytes: what came through a pipe was put into one."""
    return source.copy or source.path


Job = tuple[Task, ...]
"""Tasks that one process reads in one go."""
