"""The spans of texts as rows of small numbers, for learning what recurs after the texts are gone."""

from __future__ import annotations

from array import array
from collections import defaultdict
from itertools import count

import numpy as np
import pyarrow as pa
from xxhash import xxh3_64_intdigest

from costscope import tokens
from costscope.attribute.spans import ASKS, borders


class SpanRows:
    """Gathers the spans of texts that have several. `seed` keys the hashes of the spans' texts."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._clear()

    def _clear(self) -> None:
        self._content, self._counts = array("Q"), array("q")
        self._opens, self._which = array("b"), array("q")
        # Most spans recur, so each different text gets a number, which its rows have.
        number = count().__next__
        self._numbers: defaultdict[str, defaultdict[str, int]] = defaultdict(
            lambda: defaultdict(number)
        )

    def add(self, content: int, text: str, encoding: str) -> None:
        """Take in a text that is known as `content`."""
        starts, opens = borders(text)
        if len(starts) < 2:
            return
        numbers = self._numbers[encoding]
        self._content.append(content)
        self._counts.append(len(starts))
        self._opens.extend(opens)
        self._which.extend(
            [numbers[text[a:b].strip()] for a, b in zip(starts, [*starts[1:], None], strict=True)]
        )

    def taken(self) -> pa.Table:
        """The rows so far: content, nth, span, tokens, opens, asks; they are forgotten with it."""
        counts, which = np.array(self._counts, np.int64), np.array(self._which, np.int64)
        content = np.repeat(np.array(self._content, np.uint64), counts)
        nth = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        opens, (span, counted, asks) = np.array(self._opens, np.int8), self._told()
        self._clear()
        return pa.table({
            "content": content, "nth": nth.astype(np.int16), "span": span[which],
            "tokens": counted[which], "opens": opens, "asks": asks[which],
        })  # fmt: skip

    def _told(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Hash, tokens and whether it asks, of each different text by its number."""
        size = sum(map(len, self._numbers.values()))
        span, asks = np.zeros(size, np.uint64), np.zeros(size, bool)
        counted = np.zeros(size, np.int32)
        for encoding, numbers in self._numbers.items():
            texts, at = list(numbers), list(numbers.values())
            span[at] = self._hashes(texts)
            counted[at] = tokens.count(texts, encoding)
            asks[at] = [text.endswith(ASKS) for text in texts]
        return span, counted, asks

    def _hashes(self, texts: list[str]) -> list[int]:
        """Keyed hashes of parts of a text, whoever says them."""
        raw = (text.encode("utf-8", "surrogatepass") for text in texts)
        return [xxh3_64_intdigest(text, self._seed) | 1 for text in raw]
