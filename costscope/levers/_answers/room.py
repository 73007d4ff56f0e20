"""What a store of answers holds: for how long each, and what makes room for others. Not a lever."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import polars as pl

from costscope.columns import Flags, Ints, changes
from costscope.levers._answers.allowed import moments


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
    gone = np.zeros(len(kind), bool)
    if len(kind) <= room:
        return gone
    order = np.argsort(kind, kind="stable")
    later = np.flatnonzero(~changes(kind[order]))
    again, before = order[later], order[later - 1]
    in_time = np.argsort(again)
    again, before = again[in_time], before[in_time]
    # Between the two are as many others as requests, less those that were made before within.
    between = again - before - 1
    far = np.flatnonzero(between >= room)
    newest = np.argsort(-before)
    place = np.empty(len(newest), np.int64)
    place[newest] = np.arange(len(newest))
    gone[again[far]] = between[far] - smaller_ahead(newest, place[far]) >= room
    return gone


def smaller_ahead(numbers: Ints, places: Ints) -> Ints:
    """How many of the numbers (from 0 on without a gap, in any order) ahead of each of some places are
    smaller than the one there."""
    found = np.zeros(len(places), np.int64)
    for bit in range(int(places.max(initial=0)).bit_length()):
        # What is ahead of a place is one stretch for each power of two that its number is made of.
        some = np.flatnonzero(places >> bit & 1)
        stretch = (places[some] >> bit) - 1
        in_order = np.sort((np.arange(len(numbers)) >> bit) * len(numbers) + numbers)
        upto = np.searchsorted(in_order, stretch * len(numbers) + numbers[places[some]])
        found[some] += upto - (stretch << bit)
    return found


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
