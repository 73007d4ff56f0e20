"""Where to put up to four cache marks, searched per feature with the simulator itself.

A local search over places that an application can name: ends of tools and of system, borders behind
which prompts part, the end of the prompt, and one mark further back in long turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from costscope import columns
from costscope.columns import changes
from costscope.levers._cache.policy import grouped, totals
from costscope.levers._cache.rows import (
    CHOSEN,
    CONVERSATION,
    NTH,
    POLICIES,
    PREFIX,
    SPOTS,
    Flags,
    Ints,
    Rows,
    Spot,
)
from costscope.levers._cache.sim import SPREAD
from costscope.levers._cache.trial import Ground, billed, ground, only
from costscope.levers._cache.whole import holding, sizes

LOOKED_AT = 100_000
"""Blocks that are searched with: a try takes some hundredths of a second for so many."""
ROUNDS = 4
MOST = 4
"""Marks that a request may carry, OpenAI's implicit one included: a limit of both."""
BORDERS = 2
CONVERSING = SPOTS[POLICIES.index(CONVERSATION)]
NAMES = {
    Spot.TOOLS: "end of tools", Spot.SYSTEM: "end of system", Spot.LAST: "end of the prompt",
    Spot.BACK: "one look-back before the end",
}  # fmt: skip


def searched(parts: pl.DataFrame, calls: pl.DataFrame) -> Ints:
    """The `spots` (bits of Spot) that save most in the GROUP of each of these calls, sorted, which all need
    marks.

    Begins with the better of the two usual policies and sets or drops one mark at a time, as long as
    that saves more by the simulator; so it is never worse than they are, on what it looked at.
    """
    group, length = grouped(calls), lengths(parts, calls)
    early = sampled(calls, group, length)
    if not length[early].any():
        return np.zeros(len(group), np.int64)
    some = calls if early.all() else calls.filter(pl.Series(early))
    some = some.with_columns(policy=pl.lit(CHOSEN), spots=pl.lit(0, pl.Int64))
    on = ground(holding(parts, some["call_no"].to_numpy()), some)
    size = int(group.max()) + 1
    known = [np.full(size, SPOTS[POLICIES.index(name)]) for name in (PREFIX, CONVERSATION)]
    bits = list(NAMES)
    if (length[early] > on.about.lookback).any():
        known.append(known[-1] | Spot.BACK)
    else:
        bits.remove(Spot.BACK)
    steps = [np.full(size, bit) for bit in bits] + borders(on.rows, group[early], size)
    found = climbed(known, steps, tries(on, group[early], size))
    seen = np.bincount(group[early], length[early], size) > 0
    return np.where(seen, found, CONVERSING)[group]


def lengths(parts: pl.DataFrame, calls: pl.DataFrame) -> Ints:
    """How many blocks each call has."""
    found = sizes(parts)
    return np.append(found.blocks, 0)[columns.places(calls["call_no"].to_numpy(), found.call_no)]


def sampled(calls: pl.DataFrame, group: Ints, length: Ints) -> Flags:
    """Which calls are looked at: the earliest of each group, with about LOOKED_AT blocks in all."""
    if length.sum() <= LOOKED_AT:
        return np.ones(len(group), bool)
    order = np.lexsort((calls["call_no"].to_numpy(), calls["sent"].to_numpy(), group))
    upto, other = np.cumsum(length[order]), changes(group[order])
    before = np.maximum.accumulate(np.where(other, upto - length[order], 0))
    early = np.zeros(len(group), bool)
    early[order] = upto - before <= LOOKED_AT // (int(group.max()) + 1)
    return early


def tries(on: Ground, group: Ints, size: int) -> Callable[[Ints], Ints]:
    """What saves how much in each group: marks of all groups are tried at once. What shares prompts is
    simulated again only where any of its groups has marks that it had not with the same ones of the others."""
    within = sharing(on, group, size)
    members = [np.flatnonzero(within == name) for name in np.unique(within[group])]
    known: dict[tuple[int, bytes], Ints] = {}

    def saved(spots: Ints) -> Ints:
        keys = [(nth, spots[own].tobytes()) for nth, own in enumerate(members)]
        new = [members[key[0]] for key in keys if key not in known]
        if new:
            here = np.zeros(size, bool)
            here[np.concatenate(new)] = True
            some = on._replace(rows=only(on.rows, here[group]))
            found = totals(on, group, size, billed(some, on.about._replace(spots=spots[group])))
            known.update((key, found[members[key[0]]]) for key in keys if key not in known)
        units = np.zeros(size, np.int64)
        for key, own in zip(keys, members, strict=True):
            units[own] = known[key]
        return units

    return saved


def sharing(on: Ground, group: Ints, size: int) -> Ints:
    """The same number for groups whose prompts may have a beginning in common, as far as their first
    block with text tells."""
    first = on.rows.starts()
    of = group[on.rows.call[first]]
    begins = on.rows.prefix[first] ^ (on.about.scope[on.rows.call[first]] * SPREAD)
    names, begin = np.unique(begins, return_inverse=True)
    found = np.arange(size)
    while True:
        least = np.full(len(names), size)
        np.minimum.at(least, begin, found[of])
        before = found.copy()
        np.minimum.at(found, of, least[begin])
        if (found == before).all():
            return found


def climbed(known: Sequence[Ints], steps: Sequence[Ints], saved: Callable[[Ints], Ints]) -> Ints:
    """From the best of `known` upwards, each group by itself, by setting or dropping one bit of `steps`."""
    spots, units = known[0], saved(known[0])
    for other in known[1:]:
        spots, units = better(spots, units, other, saved(other))
    for _ in range(ROUNDS):
        before = spots
        for step in steps:
            tried = before ^ step
            tried = np.where(np.bitwise_count(tried) <= MOST, tried, before)
            if (tried != before).any():
                spots, units = better(spots, units, tried, saved(tried))
        if (spots == before).all():
            break
    return spots


def better(spots: Ints, units: Ints, other: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Of each group the spots that save more; of two that save the same those with fewer marks."""
    fewer = np.bitwise_count(other) < np.bitwise_count(spots)
    take = (others > units) | ((others == units) & fewer)
    return np.where(take, other, spots), np.where(take, others, units)


def borders(rows: Rows, group: Ints, size: int) -> list[Ints]:
    """Of each group the bits of the blocks behind which most of what recurs does not go on."""
    rows = rows.where(~rows.reply)
    place = np.arange(len(rows.call))
    nth = place - np.maximum.accumulate(np.where(rows.starts(), place, 0))
    near = nth <= NTH
    cell = (group[rows.call] * (NTH + 1) + nth)[near]
    prefix, cells = rows.prefix[near], size * (NTH + 1)
    order = np.lexsort((prefix, cell))
    new = changes(cell[order]) | changes(prefix[order])
    count, distinct = (np.bincount(x, minlength=cells) for x in (cell, cell[order][new]))
    again = (count - distinct).reshape(size, NTH + 1)
    mean = (np.bincount(cell, rows.end[near], cells) / np.maximum(count, 1)).reshape(again.shape)
    lost = (again[:, :-1] - again[:, 1:]) * mean[:, :-1]
    ranked = np.argsort(-lost, axis=1, kind="stable")[:, :BORDERS].T
    return [np.where(lost[np.arange(size), nth] > 0, Spot.BLOCK << nth, 0) for nth in ranked]


def places(spots: int) -> str:
    """In words where marks are set: "end of tools, end of block 2"."""
    said = [name for bit, name in NAMES.items() if spots & bit]
    said += [f"end of block {n + 1}" for n in range(NTH) if spots & (Spot.BLOCK << n)]
    return ", ".join(said) or "none"
