"""The prefix cache of an engine of one's own: as many blocks as fit, the least recently used go first.

No lifetime and no marks: a block is read if it and all before it in the prompt are still there.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import changes
from costscope.levers._cache.rows import UNLIMITED, Flags, Ints, Rows, rows

UNITS = ("blocks", "tokens")


class Capacity(NamedTuple):
    """How much an engine holds, in one of UNITS."""

    amount: int
    unit: str


def capacity_of(text: str) -> Capacity | None:
    """ "5859 blocks", "3000000 tokens" or "unlimited"; None for what is none of them."""
    if text == "unlimited":
        return Capacity(int(UNLIMITED), "blocks")
    number, _, unit = text.partition(" ")
    known = number.isdecimal() and unit in UNITS
    return Capacity(int(number), unit) if known else None


def lru(blocks: pl.DataFrame, calls: pl.DataFrame, capacity: Capacity) -> pl.DataFrame:
    """What an engine would have read, a row per call whose prompt has any block with a content.

    `blocks` as `_prefix.blocks` gives them, which are what the engine stores; `calls`: call_no,
    scope (each is an engine of its own) and sent. Calls are taken in the order in which they were
    sent; replies are stored too. Returns call_no, `blocks` and `tokens` of the prompt, and `hit` and
    `cache_read`: how many of them were there, from its beginning.
    """
    calls = calls.sort("call_no")
    found = rows(blocks, calls["call_no"].to_numpy())
    order = played(found, calls)
    scope = calls["scope"].to_numpy()[found.call]
    there = np.zeros(len(found.call), bool)
    for engine in np.unique(scope):
        turn = order[scope[order] == engine]
        keys, sizes = found.prefix[turn].tolist(), weights(found, capacity.unit)[turn].tolist()
        there[turn] = list(passed(keys, sizes, capacity.amount))
    return counted(found, there, calls)


def played(found: Rows, calls: pl.DataFrame) -> Ints:
    """The rows in the order of time, those of one call in theirs."""
    sent = calls["sent"].to_numpy()[found.call]
    return np.lexsort((np.arange(len(sent)), found.call, sent))


def weights(found: Rows, unit: str) -> Ints:
    """How much room each block takes."""
    if unit == "blocks":
        return np.ones(len(found.call), np.int64)
    before = np.append(0, found.end[:-1])[: len(found.end)]
    return found.end - np.where(found.starts(), 0, before)


def passed(keys: Iterable[int], sizes: Iterable[int], room: int) -> Iterator[bool]:
    """Whether each block was there when it came; what does not fit then goes, the oldest first."""
    held: OrderedDict[int, int] = OrderedDict()
    used = 0
    for key, size in zip(keys, sizes, strict=True):
        yield key in held
        used += size - held.pop(key, 0)
        held[key] = size
        while used > room:
            used -= held.popitem(last=False)[1]


def counted(found: Rows, there: Flags, calls: pl.DataFrame) -> pl.DataFrame:
    """Per call what was there of its prompt without a gap."""
    missed = np.cumsum(~there)
    before = np.maximum.accumulate(np.where(changes(found.call), missed - ~there, 0))
    hit = (missed == before) & ~found.reply
    prompt = pl.DataFrame(
        {"call": found.call, "end": found.end, "hit": hit, "reply": found.reply}
    ).filter(~pl.col("reply"))
    sums = prompt.group_by("call").agg(
        blocks=pl.len().cast(pl.Int64),
        tokens=pl.col("end").max(),
        hit=pl.col("hit").sum().cast(pl.Int64),
        cache_read=pl.col("end").filter("hit").max().fill_null(0),
    ).sort("call")  # fmt: skip
    return sums.select(calls["call_no"].gather(sums["call"]), pl.exclude("call"))
