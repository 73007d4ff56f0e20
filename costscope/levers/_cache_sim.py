"""The prompt-cache simulator: which prefix of each call was still cached when it was sent.

A prefix is live if its previous touch in the same scope is at most one lifetime ago and its first
writer had begun to answer. No loop over calls and no price: what goes in are blocks and rules.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.levers._cache_marks import Spots, placed
from costscope.levers._cache_rows import (
    LIVES,
    MODES,
    UNLIMITED,
    WRITES,
    Facts,
    Flags,
    Ints,
    changes,
    facts,
    rows,
)  # fmt: skip

__all__ = ["WRITES", "cuts", "simulate"]

SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""Odd: keeps the prefixes of different scopes apart in one 64-bit key."""
SECONDS = np.array([WRITES.get(name, 0) * 1_000_000 for name in LIVES])
IMPLICIT = MODES.index("implicit")


class Touches(NamedTuple):
    """Places where a call looks for a prefix or writes one. A reply is ready at once: a prompt that
    holds it can only have been sent after it."""

    call: Ints
    end: Ints
    """Tokens up to here, cut to the provider's granularity."""
    key: NDArray[np.uint64]
    sent: Ints
    look: Flags
    mark: Ints
    ready: Ints
    """When others can read what is written here; UNLIMITED where nothing is."""
    ttl: Ints
    """Microseconds; -1 where nothing is written."""

    def where(self, which: Flags | Ints) -> Touches:
        """Some of the touches."""
        return Touches._make(column[which] for column in self)


def simulate(blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """What caching would have done for each call: a row per call whose prompt has any text.

    `blocks`: as `_prefix.blocks` gives them. `calls`: call_no, scope (u64), sent and ready
    (microseconds; from `ready` on others can read what it wrote), mode (explicit, implicit,
    breakpoint), minimum, granularity, lookback (null: unlimited), life (name of the lifetime of a
    mark set by policy), ttl (microseconds) and policy; calls of other modes are left out.

    Returns call_no, `ideal` (tokens read if nothing is evicted or misrouted, in the call's own
    tokens) and `upto_5m` …: how far along the prompt a mark of that lifetime is written, 0 if none.
    """
    about = facts(calls)
    found = rows(blocks, about.call_no)
    spots = [touches(place, about) for place in placed(found, about)]
    touched = Touches(*map(np.concatenate, zip(*spots, strict=True))) if spots else None
    known = np.unique(found.call[~found.reply])
    columns = {"call_no": about.call_no[known], "ideal": np.zeros(len(known), np.int64)}
    columns |= {f"upto_{name}": np.zeros(len(known), np.int64) for name in WRITES}
    if touched is not None and len(touched.call):
        columns["ideal"] = furthest(touched, live(touched), len(about.call_no))[known]
        for name in WRITES:
            columns[f"upto_{name}"] = furthest(
                touched, written(touched, about, name), len(about.call_no)
            )[known]
    return pl.DataFrame(columns)


def touches(spots: Spots, about: Facts) -> Touches:
    """Only the places that look or write, cut to granularity and minimum."""
    at, call = spots.rows, spots.rows.call
    steps = np.maximum(about.granularity[call], 1)
    end = at.end // steps * steps
    big = end >= about.minimum[call]
    writes = (spots.mark > 0) & (big | (about.mode[call] == IMPLICIT))
    sent = about.sent[call]
    ready = np.where(at.reply, sent, np.maximum(about.ready[call], sent + 1))
    own = SECONDS[spots.mark]
    found = Touches(
        call=call,
        end=end,
        key=at.prefix ^ (about.scope[call] * SPREAD),
        sent=sent,
        look=spots.look & big,
        mark=spots.mark,
        ready=np.where(writes, ready, UNLIMITED),
        ttl=np.where(writes, np.where(own > 0, own, about.ttl[call]), -1),
    )
    return found.where(found.look | writes)


def live(found: Touches) -> Flags:
    """Where a call looks and finds: somebody wrote this prefix, and it has been kept alive since.

    Touches of one prefix form islands, parted by gaps longer than its lifetime (counted from the
    start of a request, renewed by every touch). In an island it is live once a writer is ready.
    """
    order = np.lexsort((found.sent, found.key))
    key, sent = found.key[order], found.sent[order]
    other = changes(key)
    ttl = over(np.maximum, found.ttl[order], other)
    parted = other | (np.diff(sent, prepend=sent[:1]) > ttl)
    first = over(np.minimum, found.ready[order], parted)
    hit = np.empty(len(key), bool)
    hit[order] = first <= sent
    return hit & found.look


def over(best: np.ufunc, values: Ints, starts: Flags) -> Ints:
    """The best of each run's values, on every row of it; `starts` is True where a run begins."""
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, len(values)))
    return np.repeat(best.reduceat(values, first), sizes)


def written(found: Touches, about: Facts, name: str) -> Flags:
    """Where a mark of one lifetime is written and charged."""
    charged = (found.ready < UNLIMITED) & (about.mode[found.call] != IMPLICIT)
    here: Flags = charged & (found.mark == LIVES.index(name))
    return here


def furthest(found: Touches, which: Flags, calls: int) -> Ints:
    """How far along its prompt each call has such a place, in tokens; 0 where it has none."""
    reach = np.zeros(calls, np.int64)
    np.maximum.at(reach, found.call[which], found.end[which])
    return reach


def cuts(simulated: pl.DataFrame, read: pl.Expr) -> pl.DataFrame:
    """Tokens per billing class of each call, of which `read` (from `ideal` and others) are read.

    What is not read is written again as far as the marks go: read = A, then each lifetime's last
    mark less what lies before it (billing.md 1.1).
    """
    reach = pl.col("cache_read")
    columns = []
    for name in WRITES:
        upto = pl.max_horizontal(reach, f"upto_{name}")
        columns.append((upto - reach).alias(f"cache_write_{name}"))
        reach = upto
    return simulated.with_columns(cache_read=read.cast(pl.Int64)).select(
        "call_no", "cache_read", *columns
    )
