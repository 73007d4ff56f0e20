"""Which prefixes are live when a call looks for them: touches of one prefix, in the order of time.

Prefixes know nothing of each other, so they are taken in shares, by several threads (the arrays are
numpy's, which lets them run side by side), and memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from costscope.columns import Codes, Keys, changes
from costscope.levers._cache.rows import LIVES, UNLIMITED, WRITES, Facts, Flags, Ints, over
from costscope.levers._threads import side_by_side

__all__ = ["Share", "Touches", "joined", "longest", "shares", "side_by_side"]


SHARE = 500_000
"""Touches that are worked on at a time, about: what one takes is some twenty arrays of them."""
SECONDS = np.array([WRITES.get(name, 0) * 1_000_000 for name in LIVES])


class Touches(NamedTuple):
    """Places where a call looks for a prefix or writes one, those of a call together and in order. A
    reply is ready at once: a prompt that holds it can only have been sent after it."""

    call: NDArray[np.int32]
    """Place of the call in `Facts`."""
    key: NDArray[np.uint64]
    tokens: NDArray[Any]
    """Tokens up to here, in 32 bits wherever they fit; `most` likewise."""
    most: NDArray[Any]
    """As in `_cache.rows.Rows`."""
    mark: Codes
    """The lifetime of what is written here, a code of LIVES; 0: nothing is."""
    look: Flags
    reply: Flags
    inner: Flags
    """Stored only as the common prefix of two requests: what they share and go on from differently. Once
    that is known: not stored."""

    def where(self, which: Flags | Ints) -> Touches:
        """Some of the touches."""
        return Touches._make(column[which] for column in self)


def joined(found: Sequence[Touches]) -> Touches:
    """All of them, those of a call still together and in order."""
    if len(found) == 1:
        return found[0]
    return Touches._make(np.concatenate(columns) for columns in zip(*found, strict=True))


def longest(found: Touches | Sequence[Touches], about: Facts, prompts: Ints) -> Ints:
    """Tokens that each call of `about` reads: its longest live prefix, cut to its granularity.

    `prompts`: tokens of each call's prompt.
    """
    parts = [found] if isinstance(found, Touches) else found
    when = in_time(parts, about)
    if any(part.inner.any() for part in parts):
        whole = joined(parts)
        parts = [whole._replace(inner=~stored(whole, about, when))]
    reach = np.zeros(len(about.sent), np.int64)

    def read(share: Share) -> tuple[NDArray[np.int32], Ints]:
        part = share.touches()
        return tokens_read(lined(part, about, when), part, prompts)

    for call, tokens in side_by_side(read, shares(parts)):
        np.maximum.at(reach, call, tokens)
    steps = np.maximum(about.granularity, 1)
    return reach // steps * steps


def in_time(found: Sequence[Touches], about: Facts) -> NDArray[np.uint64]:
    """The place in time of each call of `about` that has touches."""
    here = np.zeros(len(about.sent), bool)
    for part in found:
        here[part.call] = True
    calls = np.flatnonzero(here)
    when = np.zeros(len(here), np.uint64)
    order = np.argsort(about.sent[calls], kind="stable")
    when[calls[order]] = np.arange(len(calls), dtype=np.uint64)
    return when


class Share(NamedTuple):
    """Some of the touches, all of a prefix or none."""

    of: Sequence[Touches]
    numbers: Sequence[NDArray[np.uint16]]
    """The share in which each touch is; nothing if there is but one."""
    nth: int = 0

    def touches(self) -> Touches:
        """The touches themselves."""
        if not self.numbers:
            return joined(self.of)
        both = zip(self.of, self.numbers, strict=True)
        return joined([part.where(np.flatnonzero(number == self.nth)) for part, number in both])


def shares(found: Sequence[Touches]) -> Iterator[Share]:
    """Touches in shares that split no prefix."""
    count = -(-sum(len(part.key) for part in found) // SHARE)
    if count < 2:
        yield Share(found, ())
        return
    half, size = np.uint64(32), np.uint64(count)
    numbers = [((part.key >> half) * size >> half).astype(np.uint16) for part in found]
    yield from (Share(found, numbers, nth) for nth in range(count))


class Line(NamedTuple):
    """Touches sorted by prefix and time. Touches of one prefix form islands, parted by gaps longer
    than its lifetime (counted from the start of a request, renewed by every touch)."""

    order: Ints
    call: NDArray[np.int32]
    sent: Ints
    ready: Ints
    """When others can read what is written here; UNLIMITED where nothing is."""
    parted: Flags
    """True where an island begins."""


def lined(found: Touches, about: Facts, when: NDArray[np.uint64]) -> Line:
    """`found` in line. `when`: each call's place in time."""
    order, other = in_line(found.key, when[found.call], len(when))
    call, mark = found.call[order], found.mark[order]
    sent, writes = about.sent[call], mark > 0
    own = SECONDS[mark]
    ttl = np.where(writes, np.where(own > 0, own, about.ttl[call]), -1)
    parted = other | (np.diff(sent, prepend=sent[:1]) > over(np.maximum, ttl, other))
    ready = np.where(found.reply[order], sent, np.maximum(about.ready[call], sent + 1))
    known = writes & ~found.inner[order]
    return Line(order, call, sent, np.where(known, ready, UNLIMITED), parted)


def in_line(key: Keys, when: Keys, calls: int) -> tuple[Ints, Flags]:
    """The order of touches by prefix, then time; and where a prefix begins. `when` is below `calls`."""
    # One sort by the upper bits of the prefix and the time, which is told apart from two prefixes that
    # have these bits in common.
    room = np.uint64(calls.bit_length())
    both = (key >> room << room) | when
    order = np.argsort(both)
    other = changes(key[order])
    if np.count_nonzero(other) > np.count_nonzero(changes(both[order] >> room)):
        order = np.lexsort((when, key))
        other = changes(key[order])
    return order, other


def tokens_read(line: Line, found: Touches, prompts: Ints) -> tuple[NDArray[np.int32], Ints]:
    """The calls that find something live, and the tokens that each would read of it.

    In an island a prefix is live once a writer is ready. It is as long as in the call that last wrote
    it: to the token, where that was a whole prompt, for that is what is billed; elsewhere no longer
    than it can be in the call that reads.
    """
    start = np.flatnonzero(line.parted)
    island = np.cumsum(line.parted) - 1
    first = np.minimum.reduceat(line.ready, start) if len(start) else line.ready
    hit = np.flatnonzero(found.look[line.order] & (first[island] <= line.sent))
    # The writer before each touch; the touch itself where none in its island comes before it.
    place = np.arange(-1, len(line.order) - 1)
    place[1:][line.ready[:-1] == UNLIMITED] = -1
    writer = np.maximum.accumulate(place)[hit]
    by, here = line.order[np.where(writer >= start[island[hit]], writer, hit)], line.order[hit]
    tokens, call = found.tokens[by], line.call[hit]
    whole = tokens == prompts[found.call[by]]
    return call, np.minimum(tokens, np.where(whole, prompts[call], found.most[here]))


def stored(found: Touches, about: Facts, when: NDArray[np.uint64]) -> Flags:
    """Which touches store their prefix if they have to write it: all but `inner` ones, of which only
    the last that the request has in common with an earlier one."""
    new = np.empty(len(found.key), bool)
    number = np.arange(len(found.key))
    for share in shares([found]):
        some = share.touches()
        place = number if not share.numbers else np.flatnonzero(share.numbers[0] == share.nth)
        line = lined(some, about, when)
        new[place[line.order]] = line.parted
    ended = np.append(changes(found.call)[1:], True)[: len(new)]
    kept: Flags = ~found.inner | (~new & (ended | np.append(new[1:], True)[: len(new)]))
    return kept
