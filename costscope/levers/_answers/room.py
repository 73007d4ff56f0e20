"""What a store of answers holds: for how long each, and what makes room for others. Not a lever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat

import numpy as np
import polars as pl

from costscope.columns import Flags, Ints, changes
from costscope.levers._answers.allowed import moments
from costscope.levers._cache.lru import passed

FAR = 100
"""Requests that may be looked at for each one before it costs less to play them all through."""


def held(made: pl.DataFrame, keys: Sequence[str], ttl_us: int) -> pl.DataFrame:
    """From and until when (microseconds: start, until) the answer of each call is held: until its time
    is up, or a newer one of the same request (`keys`) is there."""
    _, answered = moments()
    made = made.with_columns(answered.alias("start")).sort(*keys, "start", "call_id")
    newer = pl.col("start").shift(-1).over(keys)
    until = pl.min_horizontal(pl.col("start") + ttl_us, newer)
    return made.select("start", until.alias("until"))


def lost(kind: Ints, room: int) -> Flags:
    """For each of some requests in order of time whether its `kind` was asked for before, and so many
    others have been since that its answer is gone, where `room` answers fit and the one that was asked
    for longest ago goes first. Every request, a hit too, makes its answer the newest."""
    if len(kind) <= room:
        return np.zeros(len(kind), bool)
    order = np.argsort(kind, kind="stable")
    again = ~changes(kind[order])
    place = np.arange(len(kind))
    before = place.copy()
    before[order[again]] = order[np.flatnonzero(again) - 1]
    # Between the two are at most all requests, and at least those that were never made before.
    repeats = before < place
    news = np.cumsum(~repeats)
    gone = repeats & (news - news[before] >= room)
    unsure = np.flatnonzero(repeats & ~gone & (place - before > room))
    if (place - before)[unsure].sum() > FAR * len(kind):
        return repeats & ~_there(kind, room)
    for at in unsure.tolist():
        since = slice(before[at] + 1, at)
        others = ~repeats[since] | (before[since] < before[at])
        gone[at] = np.count_nonzero(others) >= room
    return gone


def _there(kind: Ints, room: int) -> Flags:
    """The same by playing it through."""
    kinds = kind.tolist()
    return np.fromiter(passed(kinds, repeat(1, len(kinds)), room), bool, len(kinds))


def served(
    group: Iterable[tuple[int, int, int, bool, int]], ttl_us: int
) -> Iterator[tuple[int, int]]:
    """(call, source) for the hits among calls of one request in order of time (any, sent, answered,
    whether the answer is gone, call); the others are stored, each for `ttl_us`."""
    stored: list[tuple[int, int]] = []
    for _, sent, answered, gone, call in group:
        if gone:
            stored = []
        elif len(stored) == 1 and stored[0][0] < sent <= stored[0][0] + ttl_us:
            yield call, stored[0][1]
            continue
        stored = [entry for entry in stored if sent <= entry[0] + ttl_us]
        ready = [entry for entry in stored if entry[0] < sent]
        if ready:
            yield call, max(ready)[1]
        else:
            stored.append((answered, call))
