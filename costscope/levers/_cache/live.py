"""Which prefixes are live when a call looks for them: touches of one prefix, in the order of time.

Prefixes know nothing of each other, so they are taken in shares, by several threads (the arrays are
numpy's, which lets them run side by side), and memory stays bounded.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from costscope.columns import changes
from costscope.levers._cache.rows import LIVES, UNLIMITED, WRITES, Facts, Flags, Ints, over

T = TypeVar("T")
R = TypeVar("R")
THREADS = min(4, os.cpu_count() or 1)
SHARE = 1_000_000
"""Touches that are worked on at a time, about: what one takes is some twenty arrays of them."""
SECONDS = np.array([WRITES.get(name, 0) * 1_000_000 for name in LIVES])


class Touches(NamedTuple):
    """Places where a call looks for a prefix or writes one, those of a call together and in order. A
    reply is ready at once: a prompt that holds it can only have been sent after it."""

    call: NDArray[np.int32]
    """Place of the call in `Facts`."""
    key: NDArray[np.uint64]
    tokens: Ints
    """Tokens up to here."""
    most: Ints
    """As in `_cache.rows.Rows`."""
    mark: NDArray[np.int8]
    """The lifetime of what is written here, a code of LIVES; 0: nothing is."""
    look: Flags
    reply: Flags
    inner: Flags
    """Stored only as the common prefix of two requests: what they share and go on from differently."""

    def where(self, which: Flags | Ints) -> Touches:
        """Some of the touches."""
        return Touches._make(column[which] for column in self)


def longest(found: Touches, about: Facts, prompts: Ints) -> Ints:
    """Tokens that each call of `about` reads: its longest live prefix, cut to its granularity.

    `prompts`: tokens of each call's prompt.
    """
    when = np.empty(len(about.sent), np.uint64)
    when[np.lexsort((about.call_no, about.sent))] = np.arange(len(about.sent), dtype=np.uint64)
    reach = np.zeros(len(about.sent), np.int64)
    stored = shared(found, about, when) if found.inner.any() else None

    def read(some: Ints) -> tuple[NDArray[np.int32], Ints]:
        part = found.where(some)
        line = lined(part, about, when, None if stored is None else stored[some])
        return line.call, tokens_read(line, part, prompts)

    for call, tokens in side_by_side(read, shares(found.key)):
        np.maximum.at(reach, call, tokens)
    steps = np.maximum(about.granularity, 1)
    return reach // steps * steps


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `work` makes of each item, in their order; no more are begun than there are THREADS. A
    single one is not worth a thread."""
    waiting = iter(items)
    first = list(islice(waiting, 2))
    if len(first) < 2:
        yield from map(work, first)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        begun = deque[Future[R]]()
        for item in chain(first, waiting):
            if len(begun) >= THREADS:
                yield begun.popleft().result()
            begun.append(pool.submit(work, item))
        while begun:
            yield begun.popleft().result()


def shares(key: NDArray[np.uint64]) -> Iterator[Ints]:
    """Places of touches, in shares that split no prefix."""
    count = np.uint64(-(-len(key) // SHARE) or 1)
    number = key % count
    for share in range(int(count)):
        yield np.flatnonzero(number == share)


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


def lined(
    found: Touches, about: Facts, when: NDArray[np.uint64], stored: Flags | None = None
) -> Line:
    """`found` in line. `when`: each call's place in time; `stored`: see `shared`."""
    order = np.argsort(found.key)
    other = changes(found.key[order])
    nth = np.cumsum(other).astype(np.uint64) << np.uint64(32)
    order = order[np.argsort(nth | when[found.call[order]])]
    call, mark, reply = found.call[order], found.mark[order], found.reply[order]
    sent = about.sent[call]
    writes = mark > 0
    own = SECONDS[mark]
    ttl = np.where(writes, np.where(own > 0, own, about.ttl[call]), -1)
    parted = other | (np.diff(sent, prepend=sent[:1]) > over(np.maximum, ttl, other))
    ready = np.where(reply, sent, np.maximum(about.ready[call], sent + 1))
    known = writes if stored is None else writes & stored[order]
    return Line(order, call, sent, np.where(known, ready, UNLIMITED), parted)


def tokens_read(line: Line, found: Touches, prompts: Ints) -> Ints:
    """Tokens that would be read at each touch in line, 0 where nothing is live.

    In an island a prefix is live once a writer is ready. It is as long as in the call that last wrote
    it: to the token, where that was a whole prompt, for that is what is billed; elsewhere no longer
    than it can be in the call that reads.
    """
    first = over(np.minimum, line.ready, line.parted)
    hit = np.flatnonzero((first <= line.sent) & found.look[line.order])
    place = np.arange(len(line.order))
    start = np.maximum.accumulate(np.where(line.parted, place, 0))[hit]
    # The writer before each touch; the touch itself where none in its island comes before it.
    writer = np.maximum.accumulate(np.where(line.ready < UNLIMITED, place, -1))
    writer = np.append(-1, writer)[hit]
    by, here = line.order[np.where(writer >= start, writer, hit)], line.order[hit]
    exact = found.tokens[by] == prompts[found.call[by]]
    room = np.where(exact, prompts[found.call[here]], found.most[here])
    read = np.zeros(len(place), np.int64)
    read[hit] = np.minimum(found.tokens[by], room)
    return read


def shared(found: Touches, about: Facts, when: NDArray[np.uint64]) -> Flags:
    """Which touches store their prefix if they have to write it: all but `inner` ones, of which only
    the last that the request has in common with an earlier one."""
    new = np.empty(len(found.key), bool)
    for some in shares(found.key):
        line = lined(found.where(some), about, when)
        new[some[line.order]] = line.parted
    ended = np.append(changes(found.call)[1:], True)[: len(new)]
    kept: Flags = ~found.inner | (~new & (ended | np.append(new[1:], True)[: len(new)]))
    return kept
