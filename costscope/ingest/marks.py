"""Marks of files: small hashes that tell whether a file is still the one that was read before."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

HEAD_BYTES = 64 * 1024
TAIL_BYTES = 4 * 1024
LINE_BYTES = 1024
_STEP = 1024 * 1024


def fingerprint(path: str, length: int) -> str:
    """A hash of the beginning and the end of the first `length` bytes: a file that has only grown
    since keeps it. Raises OSError."""
    with Path(path).open("rb") as file:
        found = hashlib.blake2b(file.read(min(length, HEAD_BYTES)), digest_size=16)
        if length > HEAD_BYTES:
            file.seek(length - TAIL_BYTES)
            found.update(file.read(TAIL_BYTES))
    return found.hexdigest()


def beginning(path: str) -> str:
    """A hash of the first line, or as much as there is of it in 1 KiB. Raises OSError."""
    with Path(path).open("rb") as file:
        return hashlib.blake2b(file.readline(LINE_BYTES), digest_size=16).hexdigest()


def begins(start: bytes) -> str:
    """What `beginning` gives for a file of these first bytes, 1 KiB at least if there are so many."""
    line = start[:LINE_BYTES].partition(b"\n")
    return hashlib.blake2b(line[0] + line[1], digest_size=16).hexdigest()


def streamed(file: io.BufferedIOBase, most: int | None = None) -> tuple[int, str]:
    """How many bytes there are, no more than `most`, and what `fingerprint` gives for so many; for files
    that can only be read from their start. Raises as reading does."""
    head, tail, length = b"", b"", 0
    while piece := file.read(_STEP if most is None else min(_STEP, most - length)):
        head += piece[: HEAD_BYTES - len(head)]
        tail = (tail + piece)[-TAIL_BYTES:]
        length += len(piece)
    found = hashlib.blake2b(head, digest_size=16)
    if length > HEAD_BYTES:
        found.update(tail)
    return length, found.hexdigest()


def line_breaks(path: str, start: int, stop: int) -> int:
    """How many line breaks there are in a range of bytes. Raises OSError."""
    found = 0
    with Path(path).open("rb") as file:
        file.seek(start)
        while start < stop and (piece := file.read(min(_STEP, stop - start))):
            found += piece.count(b"\n")
            start += len(piece)
    return found


def ends_line(path: str, stop: int) -> bool:
    """Whether the byte before `stop` is a line break. Raises OSError."""
    with Path(path).open("rb") as file:
        file.seek(max(0, stop - 1))
        return file.read(1) == b"\n"
