"""Which chunks of text are nearly the same as one before. Keeps of each a hash and a sketch of the runs
of words in it. Not a lever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

MIN_WORDS = 8
"""A chunk of fewer words (a heading, a rule) is never called a repetition."""
SHINGLE = 5
"""Words in a row that are compared (Broder, "On the resemblance and containment of documents", 1997,
compares such runs; 5 as Lee et al., "Deduplicating Training Data", 2022)."""
SKETCH = 128
"""How many of a chunk's smallest shingle hashes are kept: two chunks of no more words are compared
exactly, longer ones to about four hundredths."""
KEYS = 8
"""Chunks that share none of their so many smallest hashes are not alike: of two with a resemblance
of 0.8 this misses one pair in 10,000."""
VAIN = 4
"""So many comparisons for each chunk that is held cost as much as to count anew which hashes are common."""
COMMON = 4
"""A hash of more chunks than this is common."""
LAST = np.uint64(2**64 - 1)
"""No hash comes after it."""

Hashes = NDArray[np.uint64]


class Alike:
    """Chunks so far, told by their shingles: one that is nearly another is known by that one's hash."""

    def __init__(self, similarities: Sequence[float]) -> None:
        self._found = [_Nearest(least) for least in similarities]
        self._same: dict[int, tuple[int, ...]] = {}

    def known(self, words: list[str]) -> tuple[int, ...]:
        """The hashes under which a chunk of these words is known, one for each similarity; 0 if it is too
        short."""
        if len(words) < MIN_WORDS:
            return (0,) * len(self._found)
        own = _hashed(" ".join(words)) or 1
        if own not in self._same:
            sketch = _sketch(words)
            self._same[own] = tuple(nearest.of(own, sketch) for nearest in self._found)
        return self._same[own]


class _Nearest:
    """Chunks of which each is less alike to any other than a threshold.

    What many chunks begin or end with makes each of them share hashes with all others. So a chunk is
    found by its rarest hashes: as many as one that is alike cannot all lack (Chaudhuri, Ganti and
    Kaushik, "A primitive operator for similarity joins", 2006).
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self._owns: list[int] = []
        self._sketches: list[Hashes] = []
        self._by_hash: defaultdict[int, list[int]] = defaultdict(list)
        self._common, self._uses = np.full(1, LAST), np.zeros(1, np.int64)
        self._vain = 0

    def of(self, own: int, sketch: Hashes) -> int:
        """The first chunk that is as alike as it must be, else this one, which is then remembered."""
        if self._least >= 1:
            return own
        if self._vain > VAIN * len(self._owns):
            self._count()
        rare = self._rarest(sketch)
        near = {chunk for key in rare for chunk in self._by_hash.get(key, ())}
        self._vain += len(near)
        found = [chunk for chunk in near if self._is_alike(sketch, self._sketches[chunk])]
        if found:
            keys = sketch[:KEYS].tolist()
            return self._owns[min(found, key=lambda n: (_first(keys, self._sketches[n]), n))]
        for key in rare:
            self._by_hash[key].append(len(self._owns))
        self._owns.append(own)
        self._sketches.append(sketch)
        return own

    def _is_alike(self, sketch: Hashes, held: Hashes) -> bool:
        shorter, longer = sorted((len(sketch), len(held)))
        # At most all of the shorter one are shared: to look at the lengths spares most comparisons.
        return (
            shorter / longer >= self._least
            and resemblance(sketch, held) >= self._least
            and _first(sketch[:KEYS].tolist(), held) < KEYS
        )

    def _rarest(self, sketch: Hashes) -> list[int]:
        """One more of the rarest hashes of a chunk than another that is alike can lack."""
        lacked = int((1 - self._least) * len(sketch)) + 1
        if len(self._common) == 1:
            return list(sketch[: lacked + 1].tolist())
        at = np.searchsorted(self._common, sketch)
        uses = np.where(self._common[at] == sketch, self._uses[at], 0)
        order = np.argsort(uses, kind="stable")
        rarest: list[int] = sketch[order[: lacked + 1]].tolist()
        return rarest

    def _count(self) -> None:
        """See again which hashes are common, and find all chunks by those that are rare now."""
        hashes, uses = np.unique(np.concatenate(self._sketches), return_counts=True)
        common = uses > COMMON
        self._common, self._uses = np.append(hashes[common], LAST), np.append(uses[common], 0)
        self._by_hash.clear()
        for chunk, sketch in enumerate(self._sketches):
            for key in self._rarest(sketch):
                self._by_hash[key].append(chunk)
        self._vain = 0


def _first(keys: Sequence[int], held: Hashes) -> int:
    """The place of the first of a chunk's keys that another chunk has among its own; KEYS for none."""
    theirs = set(held[:KEYS].tolist())
    return next((place for place, key in enumerate(keys) if key in theirs), KEYS)


def _hashed(text: str) -> int:
    return xxhash.xxh3_64_intdigest(text.encode("utf-8", "surrogatepass"))


def _sketch(words: list[str]) -> Hashes:
    runs = {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
    hashes = np.fromiter(map(_hashed, runs), np.uint64, len(runs))
    return np.sort(hashes)[:SKETCH]


def resemblance(one: Hashes, other: Hashes) -> float:
    """The share of shingles of either chunk that both have, told from their smallest hashes."""
    either = np.sort(np.concatenate((one, other)))
    new = np.ones(len(either), bool)
    new[1:] = either[1:] != either[:-1]
    smallest, both = either[new][:SKETCH], either[~new]
    return int(both.searchsorted(smallest[-1], "right")) / len(smallest)
