"""One file to read: what kind of container it is, how it is packed, and where its bytes lie."""

from __future__ import annotations

import atexit
import io
import os
import shutil
import stat
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from costscope.errors import InputError
from costscope.sources import containers, packing

STDIN = "-"


@dataclass(frozen=True)
class Source:
    """One file to read. `container` is jsonl, json, parquet or zip; `packing` is gz, zst or ""; `size` is in
    bytes as stored. `copy` is where the bytes of a pipe were put, or ""."""

    path: str
    container: str
    packing: str
    size: int
    copy: str = ""

    @property
    def seekable(self) -> bool:
        """Whether reading can begin in the middle and end before the end."""
        return self.container == "jsonl" and not self.packing and not self.copy

    @property
    def shown(self) -> str:
        """The path as messages name it."""
        return _shown(self.path)

    def open(self) -> io.BufferedIOBase:
        """Its bytes, unpacked, from the start. Raises OSError where it is gone."""
        return packing.opened(self.copy or self.path, self.packing)

    def start(self, n: int) -> bytes:
        """Its first `n` bytes, unpacked, as many as can be read. Raises InputError where none can."""
        try:
            with self.open() as file:
                return packing.taken(file, n)
        except packing.BROKEN as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else error
            raise InputError(f"{self.shown}: cannot be read ({why})") from error


def identify(path: str) -> Source:
    """What kind of container a file is, by its first bytes; the name decides nothing.

    A pipe, "-" among them, is first written to a temporary file, for it is read more than once.
    Raises InputError where a file is empty, binary, or cannot be opened.
    """
    copy = _copied(path) if _is_pipe(path) else ""
    place = Source(path, "", "", 0, copy)
    packed = packing.packing_of(place.start(4))
    start = replace(place, packing=packed).start(containers.HEAD_BYTES)
    try:
        container = containers.container_of(start)
    except containers.NoLog as error:
        raise InputError(f"{_shown(path)}: {error}") from error
    return Source(path, container, packed, os.stat(copy or path).st_size, copy)


def _shown(path: str) -> str:
    return "standard input" if path == STDIN else path


def _is_pipe(path: str) -> bool:
    try:
        return path == STDIN or stat.S_ISFIFO(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def _copied(path: str) -> str:
    """A temporary file with all that comes out of a pipe; it goes when the process ends."""
    handle, copy = tempfile.mkstemp(prefix="costscope-")
    atexit.register(Path(copy).unlink, missing_ok=True)
    with os.fdopen(handle, "wb") as target:
        if path == STDIN:
            shutil.copyfileobj(sys.stdin.buffer, target)
        else:
            with Path(path).open("rb") as pipe:
                shutil.copyfileobj(pipe, target)
    return copy
