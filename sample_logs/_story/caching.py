"""Prompt caches of two providers as their price lists describe them, to fill in billed tokens.

They are far simpler than the providers' own: no machines, no eviction, one cache for the company.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from random import Random

READY = timedelta(milliseconds=700)
"""A prefix can be read once the reply that wrote it has begun."""
IDLE = timedelta(minutes=30)
"""How long OpenAI keeps a prefix that nobody uses: 'typically' half an hour."""
MISSES = 0.08
"""Share of OpenAI calls that miss though the prefix is there, on another machine."""
STEP, SMALLEST = 128, 1024
"""OpenAI reports cached tokens in steps of 128, and none below 1,024."""
LOOK_BACK = 20
LIFETIMES = {"5m": timedelta(minutes=5), "1h": timedelta(hours=1)}
NO_BLOCK = -1


@dataclass(frozen=True)
class Piece:
    """A stretch of a prompt. `mark` is a cache mark at its end, "5m" or "1h"."""

    text: str
    tokens: int
    mark: str = ""


def _chain(model: str, pieces: Sequence[Piece]) -> Iterator[bytes]:
    """A hash for each prefix of a prompt, the shortest first."""
    state = blake2b(model.encode(), digest_size=16)
    for piece in pieces:
        state.update(blake2b(piece.text.encode(), digest_size=16).digest())
        yield state.digest()


@dataclass
class OpenAICache:
    """Reads happen by themselves and writes are free. Calls have to come in order of time."""

    rng: Random
    touched: dict[bytes, datetime] = field(default_factory=dict)

    def cached(self, at: datetime, model: str, pieces: Sequence[Piece]) -> int:
        """The tokens of a prompt that are billed as cached; the prompt is kept for later ones."""
        shared = total = 0
        for digest, piece in zip(_chain(model, pieces), pieces, strict=True):
            last = self.touched.get(digest)
            total += piece.tokens
            if last is not None and READY <= at - last <= IDLE:
                shared = total
            self.touched[digest] = at
        shared -= shared % STEP
        if shared < SMALLEST or self.rng.random() < MISSES:
            return 0
        return shared


@dataclass(frozen=True)
class Billed:
    """Input tokens of one call to Claude in their four classes."""

    fresh: int
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0


@dataclass
class ClaudeCache:
    """Reads and writes happen at marks only. Calls have to come in order of time."""

    smallest: int
    expires: dict[bytes, datetime] = field(default_factory=dict)
    ready: dict[bytes, datetime] = field(default_factory=dict)

    def bill(self, at: datetime, model: str, pieces: Sequence[Piece]) -> Billed:
        """What a prompt is billed as; its marked prefixes are kept for later ones."""
        ends = _ends(pieces)
        marks = [i for i, p in enumerate(pieces) if p.mark and ends[i] >= self.smallest]
        if not marks:
            return Billed(sum(piece.tokens for piece in pieces))
        digests = list(_chain(model, pieces))
        hit = self._hit(at, digests, marks)
        self._keep(at, digests, pieces, marks)
        read = ends[hit] if hit != NO_BLOCK else 0
        longer = max((ends[i] for i in marks if pieces[i].mark == "1h"), default=0)
        middle = max(read, longer)
        last = max(ends[marks[-1]], read)
        return Billed(ends[-1] - last, read, last - middle, middle - read)

    def _hit(self, at: datetime, digests: Sequence[bytes], marks: Sequence[int]) -> int:
        for mark in reversed(marks):
            for i in range(mark, max(mark - LOOK_BACK, NO_BLOCK), -1):
                if self._live(at, digests[i]):
                    return i
        return NO_BLOCK

    def _live(self, at: datetime, digest: bytes) -> bool:
        return digest in self.expires and self.ready[digest] <= at <= self.expires[digest]

    def _keep(
        self, at: datetime, digests: Sequence[bytes], pieces: Sequence[Piece], marks: Sequence[int]
    ) -> None:
        for i in marks:
            if not self._live(at, digests[i]):
                self.ready[digests[i]] = at + READY
            self.expires[digests[i]] = at + LIFETIMES[pieces[i].mark]


def _ends(pieces: Sequence[Piece]) -> list[int]:
    total, ends = 0, []
    for piece in pieces:
        total += piece.tokens
        ends.append(total)
    return ends
