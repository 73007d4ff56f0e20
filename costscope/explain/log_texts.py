"""The texts of many blocks, read again from the logs that they came from. Nothing of them is kept."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import pyarrow as pa

from costscope import sources
from costscope.attribute.stated import Stated
from costscope.attribute.texts import texts_of
from costscope.errors import InputError
from costscope.explain.texts import calls_at
from costscope.filters import Reading
from costscope.ingest.find import find_reader
from costscope.readers import _house
from costscope.readers._house import is_map
from costscope.store import Store


class LogTexts:
    """`model.Texts` of the calls of a store. Each file that has any of what is wanted is read once."""

    def __init__(self, store: Store, reading: Reading) -> None:
        self._store = store
        self._house = _house.load(reading.map) if reading.map else None
        self._stated = Stated(reading.rules)

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        """(content hash, text) of each that can still be had, once each, in the order of the log."""
        contents = pa.table({"content": pa.array(sorted(set(wanted) - {0}), pa.uint64())})
        if not contents.num_rows:
            return
        places = self._store.table("text_places", wanted=contents).to_pylist()
        for (path, name), inner in groupby(places, key=lambda p: (p["path"], p["reader"])):
            yield from self._of_file(path, name, list(inner))

    def _of_file(
        self, path: str, name: str, places: Sequence[dict[str, Any]]
    ) -> Iterator[tuple[int, str]]:
        """What one file still says; nothing where it is gone, or was read by another map."""
        known = not is_map(name) or (self._house is not None and self._house.id == name)
        if not known or not Path(path).is_file():
            return
        left = {place["content"] for place in places}
        try:
            source = sources.identify(path)
            reader = find_reader(source, name, self._house)
            for call in calls_at(source, reader, {place["byte_offset"] for place in places}):
                for rules in dict.fromkeys((self._stated.of(call.feature), None)):
                    texts = texts_of(call, self._store.secret, rules)
                    found = sorted(left & texts.keys())
                    left.difference_update(found)
                    yield from ((content, texts[content]) for content in found)
        except InputError:
            return
