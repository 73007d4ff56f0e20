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
from costscope.ingest.amount import MOST_TEXT, is_small
from costscope.ingest.load import Progress, ingest
from costscope.readers import _house
from costscope.store import Store
from costscope.store.files import give_secret


@contextmanager
def passing(logs: Sequence[str], reading: Reading, progress: Progress | None) -> Iterator[Store]:
    """A store of these logs alone. Raises InputError as reading them does."""
    house = _house.load(reading.map) if reading.map else None
    paths = sources.expand(logs)
    with _made(paths) as store:
        texts = _Texts()
        ingest(
            store,
            paths,
            reader=reading.reader,
            house=house,
            rules=reading.rules,
            progress=progress,
            hand_on=texts.keep,
        )
        store.texts = texts.kept
        yield store


@contextmanager
def _made(paths: Sequence[str]) -> Iterator[Store]:
    """An empty store: of small logs in memory, of others in a file, which takes less of it."""
    secret = secret_for(paths)
    if is_small(paths):
        with Store.in_memory(secret) as store:
            yield store
        return
    with tempfile.TemporaryDirectory(prefix="costscope-") as folder:
        path = Path(folder) / "store.duckdb"
        give_secret(path, secret)
        with Store.open(path, create=True) as store:
            yield store


class _Texts:
    """Texts by content hash, as long as they are few."""

    def __init__(self) -> None:
        self.kept: dict[int, str] = {}
        self._room = MOST_TEXT

    def keep(self, content: int, text: str) -> None:
        """Keep a text if there is room for all of them."""
        if self._room >= 0 and content not in self.kept:
            self.kept[content] = text
            self._room -= len(text)
        if self._room < 0:
            self.kept.clear()


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
