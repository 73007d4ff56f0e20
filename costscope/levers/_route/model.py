"""What a router is learned from and with: n-grams and traits in, the chance of a good answer out.

Ridge-penalised logistic regression in numpy, its penalty chosen on folds. It knows no log and no price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[Any]
Ints = npt.NDArray[np.int64]

FOLDS = 5
BITS = 10
GRAM = 4
LOOKED_AT = 2_000
"""Only the start of a query is read, so that a pasted document costs no more than a question."""

PENALTIES = (0.1, 0.3, 1.0, 3.0)
STEPS = 30

BLOCK = 64
"""Rows of 2**BITS times four penalties: OpenBLAS multiplies up to 2**18 terms on one thread."""

_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_MULTIPLIER = np.uint32(0x9E3779B1)  # Knuth's multiplicative hashing: 2**32 over the golden ratio
_NUMERIC_SCALE = 0.2
"""One standard deviation of a number weighs a fifth of all n-grams together, whose norm is one."""


def grams(texts: Sequence[str]) -> Floats:
    """Texts → a row each of 2**BITS zeros and ones: which buckets its byte 4-grams fall into, letters in
    small and every digit alike."""
    gap = bytes(GRAM - 1)
    pieces = [t[:LOOKED_AT].lower().encode().translate(_DIGITS).replace(b"\0", b" ") for t in texts]
    found = np.zeros((len(texts), 2**BITS), np.float32)
    data = np.frombuffer(gap.join([*pieces, b""]), np.uint8)
    if data.size < GRAM:
        return found
    windows = np.lib.stride_tricks.sliding_window_view(data, GRAM)
    codes = windows.astype(np.uint32) @ np.array([1 << 8 * i for i in range(GRAM)], np.uint32)
    rows = np.repeat(np.arange(len(pieces)), [len(p) + len(gap) for p in pieces])[: len(codes)]
    whole = windows.all(axis=1)
    buckets = (codes * _MULTIPLIER) >> np.uint32(32 - BITS)
    found[rows[whole], buckets[whole]] = 1
    return found


def fold_of(group: str) -> int:
    """The fold of a group, which is the same whatever else there is."""
    return crc32(group.encode()) % FOLDS


@dataclass(frozen=True)
class Examples:
    """Answers that were judged: what was asked, how good it was (0 to 1), and in which fold it is."""

    counts: Floats
    """From `grams`; no columns where there are no texts."""
    numbers: Floats
    good: Floats
    fold: Ints

    def where(self, keep: npt.NDArray[np.bool_]) -> Examples:
        """Those of a mask."""
        return Examples(self.counts[keep], self.numbers[keep], self.good[keep], self.fold[keep])


@dataclass(frozen=True)
class Scale:
    """How raw rows become the numbers that a model sees; learned from the rows that it trains on."""

    rarity: Floats
    mean: Floats
    spread: Floats

    @classmethod
    def of(cls, examples: Examples) -> Scale:
        """Inverse document frequencies of the n-grams, mean and deviation of the numbers."""
        seen = examples.counts.sum(axis=0)
        rarity = np.log((1 + len(examples.counts)) / (1 + seen))
        spread = examples.numbers.std(axis=0)
        return cls(rarity, examples.numbers.mean(axis=0), np.where(spread > 0, spread, 1))

    def texts(self, counts: Floats) -> Floats:
        """Rows of n-grams, each of norm one (or nothing, where there is no text)."""
        weighted = counts * self.rarity
        norm = np.linalg.norm(weighted, axis=1, keepdims=True)
        return weighted / np.where(norm > 0, norm, np.float32(1))

    def traits(self, numbers: Floats) -> Floats:
        """The numbers, centred and scaled."""
        return ((numbers - self.mean) / self.spread * _NUMERIC_SCALE).astype(np.float32)

    def rows(self, examples: Examples) -> Floats:
        """What a model trains on: n-grams, then numbers."""
        return np.hstack([self.texts(examples.counts), self.traits(examples.numbers)])


@dataclass(frozen=True)
class Logistic:
    """P(good) = 1 / (1 + exp(-(rows @ weights + bias)))."""

    weights: Floats
    bias: float

    def __call__(self, rows: Floats) -> Floats:
        return _squash(rows @ self.weights + self.bias)


@dataclass(frozen=True)
class Model:
    """P(good) of a query and a call's numbers; the two sides of the sum can be had one by one."""

    scale: Scale
    logistic: Logistic

    def of_texts(self, counts: Floats) -> Floats:
        """The n-grams' side of the log-odds."""
        return self.scale.texts(counts) @ self.logistic.weights[: counts.shape[1]]

    def chance(self, of_texts: Floats, numbers: Floats) -> Floats:
        """P(good) of calls, given their texts' side."""
        own = self.scale.traits(numbers) @ self.logistic.weights[len(self.scale.rarity) :]
        return _squash(of_texts + own + self.logistic.bias)


def fitted(rows: Floats, good: Floats, penalties: Sequence[float]) -> list[Logistic]:
    """A model for each penalty. Deterministic: Nesterov's accelerated gradient steps, as long as the
    curvature of the loss allows (at most a quarter of the largest eigenvalue of X'X)."""
    centre = rows.mean(axis=0)
    blocks = _Blocks.of(rows - centre)
    price = np.array(penalties, np.float32)
    rate = 1 / (blocks.largest() / 4 + price)
    start = float(np.log((good.sum() + 0.5) / (len(good) - good.sum() + 0.5)))
    weights = ahead = np.zeros((rows.shape[1], len(price)), np.float32)
    bias = np.full(len(price), start, np.float32)
    pace = 1.0
    for _ in range(STEPS):
        error = _squash(blocks.times(ahead) + bias) - good[:, None]
        new = ahead - rate * (blocks.flipped_times(error) + price * ahead)
        bias = bias - 4 * error.mean(axis=0)
        faster = (1 + (1 + 4 * pace * pace) ** 0.5) / 2
        ahead, weights, pace = new + (pace - 1) / faster * (new - weights), new, faster
    shift = bias - centre @ weights
    return [Logistic(weights[:, i], float(shift[i])) for i in range(len(price))]


@dataclass(frozen=True)
class _Blocks:
    """A matrix in blocks of a few rows, so small that BLAS multiplies each on one thread: its threads
    wait for each other far longer than they work where other programs want the cores, and sums
    would depend on how many there are."""

    rows: int
    blocks: Floats

    @classmethod
    def of(cls, matrix: Floats) -> _Blocks:
        rows, columns = matrix.shape
        filled = np.zeros((-(-rows // BLOCK) * BLOCK, columns), np.float32)
        filled[:rows] = matrix
        return cls(rows, filled.reshape(-1, BLOCK, columns))

    def times(self, other: Floats) -> Floats:
        """X @ other."""
        product: Floats = self.blocks @ other
        return product.reshape(-1, other.shape[1])[: self.rows]

    def flipped_times(self, other: Floats) -> Floats:
        """X' @ other."""
        filled = np.zeros((self.blocks.shape[0] * BLOCK, other.shape[1]), np.float32)
        filled[: self.rows] = other
        tall = self.blocks.transpose(0, 2, 1) @ filled.reshape(-1, BLOCK, other.shape[1])
        product: Floats = tall.sum(axis=0)
        return product

    def largest(self) -> float:
        """The largest eigenvalue of X'X, or a little more, by power iteration from a few vectors."""
        columns = self.blocks.shape[2]
        vectors = np.cos(np.outer(np.arange(columns), np.arange(1, 5))).astype(np.float32)
        sizes = np.ones(4)
        for _ in range(12):
            vectors = self.flipped_times(self.times(vectors))
            sizes = np.linalg.norm(vectors, axis=0)
            vectors /= np.where(sizes > 0, sizes, 1)
        return 1.1 * float(sizes.max()) or 1.0


def _squash(values: Floats) -> Floats:
    chances: Floats = 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    return chances


def learned(examples: Examples, held: int | None = None) -> Model:
    """A model of P(good) from the examples outside fold `held` (all, for None). The penalty is the
    one that does best on the fold after it, by a model that has seen neither."""
    seen = examples if held is None else examples.where(examples.fold != held)
    check = 0 if held is None else (held + 1) % FOLDS
    scale = Scale.of(seen)
    models = fitted(scale.rows(seen), seen.good, PENALTIES)
    best = _best(seen.where(seen.fold != check), seen.where(seen.fold == check))
    return Model(scale, models[best])


def _best(inner: Examples, outer: Examples) -> int:
    """Which of PENALTIES does best on `outer` when learned from `inner`."""
    if not len(inner.good) or not len(outer.good):
        return len(PENALTIES) - 1
    scale = Scale.of(inner)
    tried = fitted(scale.rows(inner), inner.good, PENALTIES)
    rows = scale.rows(outer)
    return int(np.argmin([_loss(model(rows), outer.good) for model in tried]))


def out_of_fold(examples: Examples, *asked: Examples) -> list[Floats]:
    """P(good) of the rows of each of `asked`, every one by a model that has seen nothing of its fold."""
    found = [np.zeros(len(rows.fold), np.float32) for rows in asked]
    for held in range(FOLDS):
        model = learned(examples, held)
        for rows, chances in zip(asked, found, strict=True):
            mine = rows.fold == held
            chances[mine] = model.chance(model.of_texts(rows.counts[mine]), rows.numbers[mine])
    return found


def _loss(chance: Floats, good: Floats) -> float:
    return float(-(good * np.log(chance) + (1 - good) * np.log1p(-chance)).mean())
