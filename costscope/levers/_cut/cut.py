"""Prompts that were made shorter: blocks dropped or cut, with what that does to hashes and caches.

And the same without what it does to caches, so that the two can be told apart. Not a lever.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.attribute.prefix import chain
from costscope.columns import changes
from costscope.levers._prefix import ORDER, ordered, starts
from costscope.levers._rows import IS_OUTPUT, to_fresh
from costscope.levers._runs import runs
from costscope.model import Workload

LEFT, SALT, BEHIND = "_left", "_salt", "_behind"
MIX = np.uint64(0xD6E8FEB86659FD93)
"""Odd, so that other texts stay other texts after it."""

BLOCKS = 2**22
"""More than the blocks of any call; numbers of calls, added ones included, stay below 2**41."""

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Hashes = NDArray[np.uint64]


def cut(workload: Workload, parts: pl.DataFrame, *, everywhere: bool = False) -> Workload:
    """`workload` with the rows of `parts` cut to what is left of them.

    `parts` is the sorted table of its parts (rows may have been put in) with `_left`, the tokens left
    of each row (null: the row goes), and optionally `_salt` (u64), which stands for what was cut:
    alike blocks that are cut alike stay alike. A block that changes gets another content; from the
    first change on a prompt is fresh and its prefixes are new. The same object if nothing changes.

    With `everywhere` the billing classes stay: a text that is changed in all prompts that hold it is
    found in caches as it was before, once it is written; where caching can be simulated, it will be.
    """
    changed = (pl.col(LEFT) != pl.col("tokens")).fill_null(value=True)
    flags = parts.select(changed).to_series().to_numpy()
    if not flags.any():
        return workload
    stays = parts[LEFT].is_not_null()
    made = _made(parts, flags, stays.to_numpy())
    new = {"tokens": parts[LEFT], **{name: pl.Series(column) for name, column in made.items()}}
    shorter = parts.select(name for name in workload.parts.columns if name not in new)
    if not stays.all():
        shorter = shorter.filter(stays)
        new = {name: column.filter(stays) for name, column in new.items()}
    shorter = shorter.with_columns(column.alias(name) for name, column in new.items())
    if not everywhere:
        shorter = to_fresh(shorter, pl.col(BEHIND))
    return workload.with_(parts=shorter.select(workload.parts.columns).cast(workload.parts.schema))


def _made(parts: pl.DataFrame, changed: Flags, stays: Flags) -> dict[str, NDArray[Any]]:
    """`content` and `prefix` of each row after the cut, and BEHIND: whether it is the first changed row of its
    call or comes after it. Of rows that do not stay nothing is told."""
    calls, salt = runs(parts), parts[SALT].to_numpy() if SALT in parts.columns else None
    content, prefix = (parts[name].to_numpy().copy() for name in ("content", "prefix"))
    behind = np.zeros(parts.height, np.bool_)
    at = np.flatnonzero(calls.any(changed))
    for some in calls.pieces(at):
        rows = calls.rows_at(at[some])
        call, seq = (parts[name].to_numpy()[rows] for name in ORDER)
        block = changes(call) | changes(seq)
        own = MIX if salt is None else salt[rows]
        new = _contents(content[rows], block, changed[rows], own)
        kept = stays[rows]
        content[rows] = new
        prefix[rows[kept]] = _prefixes(call[kept], seq[kept], new[kept])
        behind[rows] = _behind(changed[rows], changes(call))
    return {"content": content, "prefix": prefix, BEHIND: behind}


def _contents(content: Hashes, block: Flags, changed: Flags, salt: Hashes | np.uint64) -> Hashes:
    """The content of each row; all rows of a block (one begins at each of `block`) of which any changed get
    the same new one."""
    at = np.flatnonzero(block)
    sizes = np.diff(np.append(at, len(content)))
    # The greatest and not the sum: in how many classes a block is billed is not part of its text.
    salts = np.maximum.reduceat(np.where(changed, salt, np.uint64(0)), at)
    touched = np.repeat(np.logical_or.reduceat(changed, at), sizes) & (content != 0)
    other = np.maximum((content ^ np.repeat(salts, sizes)) * MIX, np.uint64(1))
    return np.where(touched, other, content)


def _prefixes(call: Ints, seq: Ints, content: Hashes) -> Hashes:
    """The prefix hash of each row of some calls, as it is after the cut."""
    first = changes(call)
    return chain(content, first, ~(first | changes(seq)))


def _behind(changed: Flags, first: Flags) -> Flags:
    """True on the first changed row of each call and on all rows after it; `first`: where a call begins."""
    sofar = np.cumsum(changed)
    before = np.maximum.accumulate(np.where(first, sofar - changed, 0))
    found: Flags = sofar > before
    return found


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
