"""Marks of files: small hashes that tell whether a file is still the one that was read before."""

from __future__ import annotations

import hashlib
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
