"""Which marks and lifetimes to set: ways of caching tried per feature, the one that saves most kept.

Weighs tokens by the usual multipliers of caching, not by a price; the saving itself is priced later.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import keys, places
from costscope.levers._cache.calibration import READ
from costscope.levers._cache.rows import CONVERSATION, PREFIX, UNLIMITED, Facts, Flags, Ints, among
from costscope.levers._cache.sim import cuts, simulate
from costscope.levers._cache.trial import (
    LEFT_OUT,
    Billed,
    Ground,
    billed,
    facts_on,
    ground,
    lessened,
)
from costscope.levers._cache.whole import first, looked, reading, sizes

POLICIES = (PREFIX, CONVERSATION)
GROUP = ("scope", "feature")
ENOUGH = 1_000_000
"""Blocks on which ways are tried: of a log with more the calls of its first stretch of time."""

UNITS = {
    "cache_read": 10,
    "cache_write_1h": 200,
    "cache_write_12h": 250,
    "cache_write_5m": 125,
    "cache_write_30m": 125,
}
"""Hundredths of the input rate of most models (billing.md, section 2)."""

Billing = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
"""From blocks and calls, as the simulator takes them, to call_no and the cached classes."""


class Way(NamedTuple):
    """One way to cache: the name under which it is shown, and the calls with their policy and life."""

    marks: str
    calls: pl.DataFrame


class Best(NamedTuple):
    """A row a group: the way that saves most in it, the first of those that save the same, and how much
    that is; UNLIMITED below zero where nothing is known of it."""

    way: Ints
    total: Ints


def billing(blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """What the simulator bills, less the `lost` and `most` of `calls` (see `_calibration.READ`)."""
    about = calls.select("call_no", "lost", "most")
    return cuts(simulate(blocks, calls).join(about, on="call_no", maintain_order="left"), READ)


def best(parts: pl.DataFrame, ways: Sequence[Way]) -> pl.DataFrame:
    """The cached classes of calls under the best of `ways` for their scope and feature, where it saves
    anything: call_no and UNITS, of the calls that it caches.

    `ways`: of the first the calls, sorted, are those of all. Of ways that save the same the first is
    taken, also by features that do not occur in the stretch of a long log on which ways are tried.
    """
    calls = ways[0].calls
    on = ground(tried_on(parts, calls), calls)
    group = grouped(calls)
    abouts = [on.about, *(facts_on(on, way.calls) for way in ways[1:])]
    tried = [billed(on, about) for about in abouts]
    found = preferred(on, group, abouts, tried)
    way, pays = found.way[group], found.total[group] > 0
    if whole(parts):
        under = picked(tried, way)
        return laid(on.about.call_no, under, pays & cached(under))
    return mixed(parts, on, abouts, way, pays)


def grouped(calls: pl.DataFrame) -> Ints:
    """The number of the GROUP of each call, from 0 on."""
    place: Ints = np.unique(keys(calls, GROUP), return_inverse=True)[1]
    return place


def saved(found: Billed) -> Ints:
    """What a way saves of each call against no caching, in hundredths of a token of fresh input."""
    classes = zip(UNITS.values(), (found.read, *found.written), strict=True)
    units: Ints = np.sum([(100 - unit) * tokens for unit, tokens in classes], axis=0)
    return units


def totals(on: Ground, group: Ints, size: int, found: Billed, known: Flags | None = None) -> Ints:
    """What a way saves of each of so many groups; UNLIMITED below zero of those of which it has no call
    with text. `known`: the calls that it has, if not all."""
    told = on.prompts >= 0 if known is None else known & (on.prompts >= 0)
    sums = np.zeros(size, np.int64)
    np.add.at(sums, group[told], saved(found)[told])
    return np.where(np.bincount(group[told], minlength=size) > 0, sums, -UNLIMITED)


def preferred(on: Ground, group: Ints, ways: Sequence[Facts], tried: Sequence[Billed]) -> Best:
    """The best of the ways for each group, by what they bill."""
    size = int(group.max(initial=-1)) + 1
    pairs = zip(ways, tried, strict=True)
    sums = [totals(on, group, size, found, about.mode != LEFT_OUT) for about, found in pairs]
    return Best(np.argmax(sums, axis=0), np.max(sums, axis=0))


def picked(tried: Sequence[Billed], way: Ints) -> Billed:
    """Of each call what the way with this number bills."""
    columns = zip(*((one.plain, one.read, *one.written) for one in tried), strict=True)
    plain, read, *written = (np.choose(way, column) for column in columns)
    return Billed(plain, read, tuple(written))


def laid(numbers: Ints, found: Billed, here: Flags) -> pl.DataFrame:
    """call_no and UNITS of the calls for which `here` holds."""
    columns = zip(("call_no", *UNITS), (numbers, found.read, *found.written), strict=True)
    return pl.DataFrame({name: column[here] for name, column in columns})


def cached(found: Billed) -> Flags:
    """Which calls are billed for anything cached."""
    some: Flags = np.any([found.read, *found.written], axis=0)
    return some


def mixed(
    parts: pl.DataFrame, on: Ground, ways: Sequence[Facts], way: Ints, here: Flags
) -> pl.DataFrame:
    """`laid` of each call of a long log under its own way, wherever one of its scope pays."""
    own = [np.choose(way, columns) for columns in zip(*map(varying, ways), strict=True)]
    about = on.about._replace(**dict(zip(VARYING, own, strict=True)))
    some = np.isin(about.scope, about.scope[here])
    about = Facts._make(column[some] for column in about)
    found = looked(parts, about)
    under = lessened(reading(found, about), found.upto, on.lost[some], on.most[some])
    return laid(about.call_no, under, here[some] & cached(under))


VARYING = ("mode", "life", "ttl", "spots")


def varying(about: Facts) -> list[Ints]:
    """The facts that are other ones under other ways."""
    return [getattr(about, name) for name in VARYING]


def tried_on(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The parts on which ways to cache these calls are tried."""
    return parts if whole(parts) else among(parts, first(calls, sizes(parts), ENOUGH))


def whole(parts: pl.DataFrame) -> bool:
    """Whether ways are tried on all of it."""
    return parts.height <= ENOUGH or int(sizes(parts).blocks.sum()) <= ENOUGH


def stretch(blocks: pl.DataFrame, calls: pl.DataFrame, enough: int) -> pl.DataFrame:
    """The blocks of the earliest of these calls, about `enough` of them; all, if there are no more."""
    if blocks.height <= enough:
        return blocks
    early = first(calls, sizes(blocks), enough)
    return blocks.filter(pl.Series(places(blocks["call_no"].to_numpy(), early) >= 0))
