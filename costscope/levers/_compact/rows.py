"""Which rows of a workload's parts compaction changes, and the workload with them changed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import Ints, stretches
from costscope.columns import changes as differ
from costscope.levers._compact.measure import (
    COUNTS,
    Measured,
    eligible,
    encodings,
    measured,
    typed,
)
from costscope.levers._compact.text import WAYS
from costscope.levers._prefix import ORDER, SOME, ordered, rehash, starts
from costscope.levers._rows import to_fresh
from costscope.model import Workload

LONG = 200
"""Blocks of fewer tokens are repeated: a pointer in their place is worth little, and may confuse."""
POINTER = 12
"""Tokens of a pointer to an earlier copy: seven with o200k, eleven with Claude's newer vocabulary."""

CHANGES = {
    "row": pl.UInt32, "became": pl.Int32, "segment": pl.String, "had": pl.Int64, "has": pl.Int64,
    **dict.fromkeys((*WAYS, "repeats"), pl.Int64),
}  # fmt: skip

_ODD = np.uint64(0xD1B54A32D192ED03)
_LEAN, _POINTER = 1, 2
"""What became of a block; its new content hash is made of the old one and of this."""


def changes(
    workload: Workload, segments: tuple[str, ...], ways: Sequence[str], *, repeats: bool
) -> pl.DataFrame:
    """A row for each changed row of `workload.parts` (sorted): CHANGES, of which the last columns are
    how many tokens each of WAYS, and a pointer to an earlier copy, saves of it."""
    text, found = eligible(segments), []
    ways = ways if workload.log.texts is not None else ()
    table = told(workload.log, segments, tuple(ways)).table
    if ways and (table := table.filter(pl.sum_horizontal(ways) > 0)).height:
        found = [_lean(workload, text, table, ways)]
    if repeats and (again := _again(workload, segments)).height:
        found = [*(lean.join(again, on="row", how="anti") for lean in found), again]
    return pl.concat(found) if found else pl.DataFrame(schema=CHANGES)


def told(log: Workload, segments: tuple[str, ...], ways: Sequence[str]) -> Measured:
    """What these ways could save of a log's texts; nothing is read for no ways."""
    if not ways:
        return Measured(pl.DataFrame(schema=COUNTS), 0, 0)
    return measured(log, segments, encoded="encoded" in ways)


def _lean(
    workload: Workload, text: pl.Expr, table: pl.DataFrame, ways: Sequence[str]
) -> pl.DataFrame:
    """The rows whose text some way makes shorter."""
    some = pl.col("content").is_in(table["content"].unique().implode())
    rows = workload.parts.lazy().with_row_index("row").filter(some, text)
    rows = rows.select("row", "call_no", "content", "segment", "tokens")
    rows = rows.join(encodings(workload.calls).lazy(), on="call_no")
    rows = rows.join(table.lazy(), on=["content", "encoding"])
    saved = pl.sum_horizontal(ways)
    has = pl.col("tokens") * (pl.col("counted") - saved) // pl.col("counted")
    shares = {way: pl.col("tokens") * pl.col(way) // pl.col("counted") for way in ways}
    rows = rows.with_columns(has=has, became=pl.lit(_LEAN), **shares)
    return _as_changes(rows.filter(pl.col("has") < pl.col("tokens")), ways)


def _as_changes(rows: pl.LazyFrame, ways: Sequence[str]) -> pl.DataFrame:
    """Rows with `tokens`, `has` and what these ways save, as CHANGES."""
    rest = [pl.lit(0).alias(name) for name in (*WAYS, "repeats") if name not in ways]
    return (
        rows.with_columns(*rest, had="tokens")
        .select(*CHANGES)
        .cast(pl.Schema(CHANGES))
        .sort("row")
        .collect()
    )


def _again(workload: Workload, segments: Sequence[str]) -> pl.DataFrame:
    """The rows of blocks that stand in the same prompt before, word for word.

    Whether a text is long is asked of the text and not of each row, since where a cached stretch ends
    within a block is another place in each call: a pointer in some of them would break their caches.
    """
    parts, text = workload.parts, eligible(segments)
    groups = parts[[*ORDER, "content"]][_twice(parts, text)].group_by("call_no", "content")
    seqs = groups.agg(pl.col("seq").min().alias("_first"), pl.col("seq").max().alias("_last"))
    several = seqs.filter(pl.col("_first") < pl.col("_last"))
    if several.is_empty():
        return pl.DataFrame(schema=CHANGES)
    some = pl.col("content").is_in(several["content"].unique().implode())
    is_long = text & (pl.col("tokens") >= LONG) & some
    long = parts.select(pl.col("content").filter(is_long)).to_series().unique()
    long = long.filter(~long.is_in(typed(workload.log, segments).implode()))
    several = several.filter(pl.col("content").is_in(long.implode()))
    if several.is_empty():
        return pl.DataFrame(schema=CHANGES)
    some = pl.col("content").is_in(several["content"].unique().implode())
    rows = parts.lazy().with_row_index("row").filter(some, text)
    found = rows.join(several.lazy(), on=["call_no", "content"])
    found = found.filter(pl.col("seq") > pl.col("_first"))
    found = found.sort("row")
    upto = pl.col("tokens").cum_sum().over(ORDER)
    before = upto - pl.col("tokens")
    has = upto.clip(upper_bound=POINTER) - before.clip(upper_bound=POINTER)
    found = found.with_columns(has=has, became=pl.lit(_POINTER))
    # All rows of a block: each of them stands for the pointer now, even if it loses nothing itself.
    found = found.filter((pl.col("has") < pl.col("tokens")).any().over(ORDER))
    return _as_changes(found.with_columns(repeats=pl.col("tokens") - pl.col("has")), ["repeats"])


def _twice(parts: pl.DataFrame, text: pl.Expr) -> Ints:
    """The rows of such text whose content stands in several rows of the same call."""
    mine = parts.select(text).to_series().to_numpy()
    call, content = (parts[name].to_numpy() for name in ("call_no", "content"))
    found = []
    for some in stretches(call, SOME):
        rows = np.flatnonzero(mine[some]) + some.start
        # One number for both tells apart all but the few that a second look does.
        keys = content[rows] ^ (call[rows].astype(np.uint64) * _ODD)
        order = np.argsort(keys)
        again = np.flatnonzero(~differ(keys[order]))
        found.append(rows[np.union1d(order[again], order[again - 1])])
    return np.concatenate(found)


def changed(workload: Workload, rows: pl.DataFrame) -> Workload:
    """The workload with these rows changed, their prefixes made anew, and nothing cached from the first
    change of a prompt on."""
    parts = workload.parts
    at = rows["row"].to_numpy()
    tokens, content = parts["tokens"].to_numpy().copy(), parts["content"].to_numpy().copy()
    tokens[at] = rows["has"].to_numpy()
    content[at] = _renamed(content[at], rows["became"].to_numpy())
    touched = np.zeros(parts.height, bool)
    touched[at] = True
    first = parts.select(starts("call_no")).to_series().to_numpy()
    parts = parts.with_columns(
        pl.Series("tokens", tokens), pl.Series("content", content), _behind=_since(touched, first)
    )
    # Looked at first, since the change of class is slow and many logs have nothing cached.
    kind = pl.col("billing_class")
    if parts.select((pl.col("_behind") & (kind != "fresh") & (kind != "output")).any()).item():
        parts = to_fresh(parts, pl.col("_behind"))
    return workload.with_(parts=rehash(parts.drop("_behind")))


def _renamed(content: NDArray[np.uint64], became: NDArray[np.int32]) -> NDArray[np.uint64]:
    """Other hashes for these contents, the same for the same; never 0."""
    return np.asarray((content * _ODD + became.astype(np.uint64)) | np.uint64(1))


def _since(touched: NDArray[np.bool_], first: NDArray[np.bool_]) -> pl.Series:
    """Whether a row is at or behind the first touched row of its call; `first` marks calls' first rows."""
    number = np.arange(len(touched))
    last = np.maximum.accumulate(np.where(touched, number, -1))
    start = np.maximum.accumulate(np.where(first, number, 0))
    return pl.Series(last >= start)


def sorted_parts(workload: Workload) -> Workload:
    """The workload with its parts sorted; itself where they are."""
    parts = ordered(workload.parts)
    return workload if parts is workload.parts else workload.with_(parts=parts)
