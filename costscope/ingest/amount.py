"""How much there is to read, by the sizes of files alone, and what a little of it is not worth.

Imports nothing heavy, so that a command can ask before it loads the rest.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from costscope import sources
from costscope.errors import InputError
from costscope.sources.paths import PACKED

if TYPE_CHECKING:
    from costscope.store import SourceState

INLINE_BYTES = 24 * 1024 * 1024
"""Less than this is read in one process: starting others would take longer."""
PACKED_FACTOR = 8
"""So much larger is a packed log when it is unpacked, roughly."""
MOST_TEXT = 24 * 1024 * 1024
"""Characters of different texts that are kept for those who need words; beyond them none is, and who
needs some reads the logs again."""
THREADS = "POLARS_MAX_THREADS"


def new_bytes(states: Iterable[SourceState], paths: Iterable[str]) -> int:
    """About how many bytes are to be read of these files, by their sizes and times alone."""
    known = {(s.path, s.size, s.modified) for s in states}
    total = 0
    for path in paths:
        with suppress(OSError):
            found = os.stat(path)
            if (os.path.abspath(path), found.st_size, found.st_mtime_ns) not in known:
                total += found.st_size * (PACKED_FACTOR if path.endswith(PACKED) else 1)
    return total


def is_small(paths: Sequence[str]) -> bool:
    """Whether these are files, no pipes, of which one process reads all."""
    return all(map(os.path.isfile, paths)) and new_bytes((), paths) < INLINE_BYTES


def spare_threads(logs: Sequence[str]) -> bool:
    """Tell polars, which asks once, when it is imported, that tables of small logs are not worth handing to
    threads: that saves a tenth of `demo`. Whether it was told so; what a user says of threads holds.
    Raises nothing: who reads the logs tells what is wrong."""
    with suppress(InputError):
        if THREADS not in os.environ and logs and is_small(sources.expand(logs)):
            os.environ[THREADS] = "1"
            return True
    return False
