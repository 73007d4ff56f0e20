"""JSON lines: a file's bytes as lines with their places, and places where a file can be cut."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from costscope.sources.packing import BROKEN

CHUNK_BYTES = 1024 * 1024
"""How much is read at once into a buffer that several files share: what fits a processor's cache is
not fetched from memory again."""
FIRST_BYTES = 256 * 1024
"""How much is read at once into one of a file's own: most logs are small, and memory is cleared first."""
MAX_RECORD_BYTES = 256 * 1024 * 1024
"""A longer line is passed over, so that one file cannot take all memory."""
_BOM = b"\xef\xbb\xbf"
_BLANK_BYTES = 80


class Record(NamedTuple):
    """One record of a log: its JSON bytes, where they start (bytes into the unpacked file, or the row
    number where the file has no lines), and its line or row, counted from 1."""

    raw: bytes | memoryview
    offset: int
    line: int


class Oversized(NamedTuple):
    """A line that was passed over because it is longer than MAX_RECORD_BYTES."""

    offset: int
    line: int


def read_lines(
    file: io.BufferedIOBase, start: int, length: int | None, buffer: bytearray | None
) -> Iterator[Record | Oversized]:
    """Lines without their ends, of `length` bytes that follow place `start` of the unpacked file; blank
    ones are passed over, a byte order mark is stripped. With `buffer` records are views into it.

    Raises what reading raised (see packing.BROKEN), after the whole lines before it.
    """
    window = _Window(file, start, length, _room(buffer))
    copy, skipping = buffer is None, False
    line = at = 0
    while window.advance(at):
        at, stop = 0, window.newline(window.seen)
        while stop >= 0:
            line += 1
            if skipping:
                skipping = False
            elif record := _record(window.view[at:stop], window.offset + at, line, copy):
                yield record
            at = stop + 1
            stop = window.newline(at)
        if not skipping and window.full - at > MAX_RECORD_BYTES:
            skipping = True
            yield Oversized(window.offset + at, line + 1)
        at = window.full if skipping else at
    last = window.view[at : window.full]
    if record := _record(last, window.offset + at, line + 1, copy):
        yield record


def _room(buffer: bytearray | None) -> bytearray:
    """What to read into: the given buffer, at its full size, or a small one."""
    if buffer is None:
        return bytearray(FIRST_BYTES)
    buffer.extend(bytes(max(0, CHUNK_BYTES - len(buffer))))
    return buffer


class _Window:
    """A stretch of a file in memory, which grows until a whole line fits. Bytes [0, full) are there,
    `offset` is where in the file they begin, and the last advance read those from `seen` on."""

    def __init__(
        self, file: io.BufferedIOBase, start: int, length: int | None, buffer: bytearray
    ) -> None:
        self._file, self._left, self._buffer = file, length, buffer
        self._broken: Exception | None = None
        self.view = memoryview(buffer)
        self.offset, self.full, self.seen = start, 0, 0

    def advance(self, used: int) -> bool:
        """Forget the first `used` bytes and read on; False at the end, when nothing is forgotten.
        Raises at the second call after a break: what came before it is given out first."""
        if self._broken is not None:
            raise self._broken
        if self._left == 0:
            return False
        if used == 0 and self.full == len(self._buffer):
            self._grow()
        kept = self.full - used
        if used:
            self.view[:kept] = bytes(self.view[used : self.full])
        got = self._fill(self.view[kept:])
        self.offset, self.full, self.seen = self.offset + used, kept + got, kept
        return True

    def _grow(self) -> None:
        room = max(self.full, MAX_RECORD_BYTES) + CHUNK_BYTES
        grown = bytearray(min(2 * self.full, room))
        grown[: self.full] = self._buffer
        self._buffer, self.view = grown, memoryview(grown)

    def _fill(self, room: memoryview) -> int:
        """Bytes read into `room`, as many as there are; fewer only before the end or a break."""
        room = room if self._left is None else room[: self._left]
        got = 0
        try:
            while got < len(room):
                if not (n := self._file.readinto1(room[got:])):
                    self._left = 0
                    return got
                got += n
        except BROKEN as error:
            self._broken = error
        if self._left is not None:
            self._left -= got
        return got

    def newline(self, start: int) -> int:
        """The place of the next line end at or after `start`, or -1."""
        return self._buffer.find(b"\n", start, self.full)


def _record(view: memoryview, offset: int, line: int, copy: bool) -> Record | Oversized | None:
    if len(view) > MAX_RECORD_BYTES:
        return Oversized(offset, line)
    if offset == 0 and view[:3] == _BOM:
        view, offset = view[3:], 3
    # A long line is not blank; looking would copy it.
    if len(view) < _BLANK_BYTES and not bytes(view).strip():
        return None
    return Record(bytes(view) if copy else view, offset, line)


def line_starts(path: str, start: int, size: int, pieces: int) -> list[int]:
    """Places that cut bytes [start, size) of a file of lines into about equal pieces at line starts;
    the first is `start`, the last `size`."""
    cuts = [start]
    with Path(path).open("rb") as file:
        for k in range(1, pieces):
            file.seek(max(start + (size - start) * k // pieces, cuts[-1]))
            file.readline()
            if cuts[-1] < file.tell() < size:
                cuts.append(file.tell())
    return [*cuts, size]
