"""The spans of texts as rows of small numbers, for learning what recurs after the texts are gone."""

from __future__ import annotations

from array import array

import numpy as np
import pyarrow as pa
from xxhash import xxh3_64_intdigest

from costscope import tokens
from costscope.attribute.spans import spans


class SpanRows:
    """Gathers the spans of texts that have several. `seed` keys the hashes of the spans' texts."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._clear()

    def _clear(self) -> None:
        self._columns = {name: array(kind) for name, kind in _TYPES.items()}
        self._texts: dict[str, tuple[list[int], list[str]]] = {}

    def add(self, content: int, text: str, encoding: str) -> None:
        """Take in a text that is known as `content`."""
        found = spans(text)
        if len(found) < 2:
            return
        rows, texts = self._texts.setdefault(encoding, ([], []))
        pieces = [text[span.start : span.stop].strip() for span in found]
        columns, n = self._columns, len(found)
        rows.extend(range(len(columns["nth"]), len(columns["nth"]) + n))
        texts.extend(pieces)
        columns["content"].extend([content] * n)
        columns["nth"].extend(range(n))
        columns["span"].extend(self._hashes(pieces))
        columns["tokens"].extend([0] * n)
        columns["opens"].extend([span.opens for span in found])
        columns["asks"].extend([span.asks for span in found])

    def _hashes(self, texts: list[str]) -> list[int]:
        """Keyed hashes of parts of a text, whoever says them."""
        raw = (text.encode("utf-8", "surrogatepass") for text in texts)
        return [xxh3_64_intdigest(text, self._seed) | 1 for text in raw]

    def taken(self) -> pa.Table:
        """The rows so far: content, nth, span, tokens, opens, asks; they are forgotten with it."""
        counted = self._columns["tokens"]
        for encoding, (rows, texts) in self._texts.items():
            for row, n in zip(rows, tokens.count(texts, encoding), strict=True):
                counted[row] = n
        table = pa.table({
            name: np.array(column, _DTYPES[_TYPES[name]]) for name, column in self._columns.items()
        })  # fmt: skip
        self._clear()
        return table.set_column(5, "asks", table["asks"].cast(pa.bool_()))


_TYPES = {"content": "Q", "nth": "h", "span": "Q", "tokens": "i", "opens": "b", "asks": "b"}
_DTYPES = {"Q": np.uint64, "h": np.int16, "i": np.int32, "b": np.int8}
