"""The texts of many blocks, read again from the logs that they came from. Nothing of them is stored."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from pickle import PicklingError
from typing import Any

import pyarrow as pa

from costscope import sources
from costscope.attribute.stated import Stated
from costscope.attribute.texts import Wanted
from costscope.errors import InputError
from costscope.explain.texts import calls_at
from costscope.filters import Reading
from costscope.ingest.find import find_reader
from costscope.readers import _house
from costscope.readers._house import is_map
from costscope.store import Store

FEW = 4_000_000
"""Tokens of different texts. Where a log has no more, all are read at once and kept for the next who asks."""


@dataclass(frozen=True)
class Held:
    """`model.Texts` that are at hand."""

    texts: dict[int, str]

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        """(content hash, text) of each that there is, in the order of the log."""
        asked = set(wanted) - {0}
        return ((content, text) for content, text in self.texts.items() if content in asked)


class LogTexts:
    """`model.Texts` of the calls of a store. Each file that has any of what is wanted is read once."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._house = _house.load(reading.map) if reading.map else None
        self._stated = Stated(reading.rules)
        self._secret = store.secret
        self._kept: dict[int, str] | None = None

    def __reduce__(self) -> tuple[type[Held], tuple[dict[int, str]]]:
        """Another process gets what this run has read already. Raises PicklingError where that is not
        all: a store is of one process."""
        if not self._store.texts:
            raise PicklingError("texts that are in a log")
        self._kept = self._kept or self._handed_on()
        return Held, (self._kept,)

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        """(content hash, text) of each that can still be had, once each, in the order of the log."""
        asked = set(wanted) - {0}
        if not asked:
            return
        if self._kept is None:
            self._kept = self._handed_on() if self._store.texts else self._few()
        if self._kept:
            yield from ((content, text) for content, text in self._kept.items() if content in asked)
        else:
            yield from self._read(asked)

    def _handed_on(self) -> dict[int, str]:
        """What this run has read already."""
        texts, order = self._store.texts, self._store.table("text_order")["content"].to_pylist()
        return {content: texts[content] for content in order if content in texts}

    def _few(self) -> dict[int, str]:
        """All texts, if that is little."""
        few = self._store.table("text_amount", {"most": FEW})["content"].to_pylist()
        return dict(self._read(set(few)))

    def _read(self, wanted: set[int]) -> Iterator[tuple[int, str]]:
        contents = pa.table({"content": pa.array(sorted(wanted), pa.uint64())})
        places = self._store.table("text_places", wanted=contents).to_pylist() if wanted else []
        for (path, name), inner in groupby(places, key=lambda p: (p["path"], p["reader"])):
            yield from self._of_file(path, name, list(inner))

    def _of_file(
        self, path: str, name: str, places: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[int, str]]:
        """What one file still says; nothing where it is gone, or was read by another map."""
        known = not is_map(name) or (self._house is not None and self._house.id == name)
        if not known or not Path(path).is_file():
            return
        wanted = Wanted(self._secret, [place["content"] for place in places])
        try:
            source = sources.identify(path)
            reader = find_reader(source, name, self._house)
            for call in calls_at(source, reader, {place["byte_offset"] for place in places}):
                for rules in dict.fromkeys((self._stated.of(call.feature), None)):
                    yield from sorted(wanted.of(call, rules).items())
                if not wanted.left:
                    return
        except InputError:
            return
