"""Prompts that were made shorter: blocks dropped or cut, with what that does to hashes and caches.

And the same without what it does to caches, so that the two can be told apart. Not a lever.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.levers._prefix import ORDER, ordered, rehash, starts
from costscope.levers._rows import IS_OUTPUT, to_fresh
from costscope.model import Workload

LEFT, SALT = "_left", "_salt"
MIX = np.uint64(0xD6E8FEB86659FD93)
"""Odd, so that other texts stay other texts after it."""

BLOCKS = 2**22
"""More than the blocks of any call; numbers of calls, added ones included, stay below 2**41."""

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]


def cut(workload: Workload, parts: pl.DataFrame, *, everywhere: bool = False) -> Workload:
    """`workload` with the rows of `parts` cut to what is left of them.

    `parts` is the sorted table of its parts (rows may have been put in) with `_left`, the tokens left
    of each row (null: the row goes), and optionally `_salt` (u64), which stands for what was cut:
    alike blocks that are cut alike stay alike. A block that changes gets another content; from the
    first change on a prompt is fresh and its prefixes are new. The same object if nothing changes.

    With `everywhere` the billing classes stay: a text that is changed in all prompts that hold it is
    found in caches as it was before, once it is written; where caching can be simulated, it will be.
    """
    changed = parts.select(pl.col(LEFT).is_null() | (pl.col(LEFT) != pl.col("tokens")))
    flags = changed.to_series().to_numpy()
    if not flags.any():
        return workload
    salt = np.where(flags, parts[SALT].to_numpy() if SALT in parts.columns else MIX, np.uint64(0))
    parts = parts.with_columns(
        _content=_contents(parts, flags, salt), _behind=_behind(parts, flags)
    )
    kept = parts.filter(pl.col(LEFT).is_not_null()).with_columns(
        tokens=pl.col(LEFT).cast(pl.Int64), content="_content"
    )
    if not everywhere:
        kept = to_fresh(kept, pl.col("_behind") & ~IS_OUTPUT)
    kept = kept.select(workload.parts.columns).cast(workload.parts.schema)
    return workload.with_(parts=rehash(kept))


def _contents(parts: pl.DataFrame, changed: Flags, salt: NDArray[np.uint64]) -> pl.Series:
    """The content of each row; all rows of a block of which any changed get the same new one."""
    at = np.flatnonzero(parts.select(starts(*ORDER)).to_series().to_numpy())
    sizes = np.diff(np.append(at, len(changed)))
    touched = np.repeat(np.logical_or.reduceat(changed, at), sizes)
    # The greatest and not the sum: in how many classes a block is billed is not part of its text.
    salts = np.repeat(np.maximum.reduceat(salt, at), sizes)
    content = parts["content"].to_numpy()
    other = np.maximum((content ^ salts) * MIX, np.uint64(1))
    return pl.Series(np.where(touched & (content != 0), other, content))


def _behind(parts: pl.DataFrame, changed: Flags) -> pl.Series:
    """True on the first changed row of each call and on all rows after it."""
    first = parts.select(starts("call_no")).to_series().to_numpy()
    sofar = np.cumsum(changed)
    before = np.maximum.accumulate(np.where(first, sofar - changed, 0))
    return pl.Series(sofar > before)


def scaled(parts: pl.DataFrame, kept: Ints, whole: Ints) -> pl.Series:
    """`_left` of each row of the sorted `parts`, of which `kept` of `whole` counted tokens remain (below 0:
    all of them).

    Whole numbers: the rows of one block lose together what its tokens call for, exactly. A row that
    is left nothing goes; one that had nothing stays.
    """
    tokens = parts["tokens"].to_numpy()
    first = parts.select(starts(*ORDER)).to_series().to_numpy()
    sofar = np.cumsum(tokens)
    upto = sofar - np.maximum.accumulate(np.where(first, sofar - tokens, 0))
    whole = np.maximum(whole, 1)
    left = np.where(kept < 0, tokens, upto * kept // whole - (upto - tokens) * kept // whole)
    return leaving(left, (left == 0) & (tokens > 0))


def leaving(left: Ints, gone: Flags) -> pl.Series:
    """`_left`: what is left of each row, null where it goes."""
    return pl.select(pl.when(pl.Series(~gone)).then(pl.Series(left))).to_series().alias(LEFT)


def in_block(parts: pl.DataFrame) -> Ints:
    """The tokens of the whole block of each row of the sorted `parts`."""
    at = np.flatnonzero(parts.select(starts(*ORDER)).to_series().to_numpy())
    sums = np.add.reduceat(parts["tokens"].to_numpy(), at)
    return np.repeat(sums, np.diff(np.append(at, parts.height)))


def unbroken(before: Workload, after: Workload) -> Workload:
    """`after` as it would be billed if shorter prompts broke no cache.

    Every block of `after` is billed in the classes, and in the proportions, in which the block in its
    place (the same call_no and seq, and of the prompt like it, or of the reply) is in `before`; what
    has none stays as it is. What fewer tokens
    save is the price of `before` less that of this; what the broken cache costs is the price of
    `after` with its caching less that of this. Models, tiers and calls are those of `after`.
    """
    was, now = ordered(before.parts), ordered(after.parts)
    if was.is_empty() or now.is_empty():
        return after
    whole = in_block(was)
    ours, theirs = (p.select(IS_OUTPUT).to_series().to_numpy() for p in (now, was))
    at, found = _places(_keys(now), _keys(was))
    found &= ours[at] == theirs
    left = scaled(was, np.where(found, in_block(now)[at], 0), whole)
    rows = was.with_columns(left).filter(pl.Series(found & (whole > 0)), pl.col(LEFT).is_not_null())
    rows = rows.with_columns(tokens=pl.col(LEFT).cast(pl.Int64)).select(now.columns)
    at, known = _places(_keys(was), _keys(now))
    known &= theirs[at] == ours
    new = now.filter(pl.Series(~known | (whole[at] == 0)))
    parts = pl.concat([rows.cast(now.schema), new])
    return after.with_(parts=ordered(parts))


def _keys(parts: pl.DataFrame) -> Ints:
    """The block of each row of sorted parts, as one number that sorts alike."""
    keys: Ints = parts["call_no"].to_numpy() * BLOCKS + parts["seq"].to_numpy()
    return keys


def _places(keys: Ints, wanted: Ints) -> tuple[Ints, Flags]:
    """Where each wanted key stands first among sorted keys, and whether it is there at all."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return at, keys[at] == wanted
