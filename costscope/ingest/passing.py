"""A store that is made of logs for one run and is gone after it."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from costscope import sources
from costscope.filters import Reading
from costscope.ingest import marks
from costscope.ingest.load import Progress, ingest
from costscope.readers import _house
from costscope.store import Store
from costscope.store.files import give_secret


@contextmanager
def passing(logs: Sequence[str], reading: Reading, progress: Progress | None) -> Iterator[Store]:
    """A store of these logs alone. Raises InputError as reading them does."""
    house = _house.load(reading.map) if reading.map else None
    with tempfile.TemporaryDirectory(prefix="costscope-") as folder:
        path = Path(folder) / "store.duckdb"
        give_secret(path, secret_for(logs))
        with Store.open(path, create=True) as store:
            ingest(
                store,
                logs,
                reader=reading.reader,
                house=house,
                rules=reading.rules,
                progress=progress,
            )
            yield store


def secret_for(logs: Sequence[str]) -> bytes:
    """A key made of the logs themselves, so that the same logs give the same names of what is hashed,
    and nobody can prepare texts that collide in all logs. What comes through a pipe adds nothing.

    Raises InputError where a path does not exist.
    """
    known = sorted(filter(None, map(_mark, sources.expand(logs))))
    return hashlib.blake2b("\0".join(known).encode(), digest_size=32).digest()


def _mark(path: str) -> str:
    """A mark of a file; "" for what is none, or cannot be read."""
    file = Path(path)
    try:
        return marks.fingerprint(path, file.stat().st_size) if file.is_file() else ""
    except OSError:
        return ""
