"""Which chunks of retrieved context go under which limits, and the prompts without them. Not a lever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import changes
from costscope.levers._cut.chunks import LEAD, MARKED, WHOLE, chunked, schema
from costscope.levers._cut.chunks_words import relevance
from costscope.levers._cut.cut import MIX, SALT, Flags, cut, scaled
from costscope.levers._prefix import ORDER, ordered
from costscope.levers._rows import IS_OUTPUT
from costscope.levers._runs import runs
from costscope.model import Workload
from costscope.once import once

USUAL = (1.0, 0.9, 0.8)
"""Similarities that the lever tries by default: texts are read once for all of them."""


@dataclass(frozen=True)
class Limits:
    """What a call's context may hold; the fields are those of the lever `context`."""

    duplicates: bool = True
    similarity: float = 0.9
    repeats: bool = False
    top_k: int = 0
    max_tokens: int = 0
    min_overlap: float = 0.0


class Found(NamedTuple):
    """What of a log's context would go: numbers of blocks of context, of those that are one chunk because
    they cannot be looked into, of chunks; of chunks that go, their tokens, and the calls they are in."""

    blocks: int = 0
    unread: int = 0
    chunks: int = 0
    dropped: int = 0
    tokens: int = 0
    calls: int = 0


def shorter(workload: Workload, limits: Limits) -> Workload:
    """The workload without the chunks that go; the same object if none does."""
    cuts = dropped(workload, limits)
    if cuts.is_empty():
        return workload
    parts = ordered(workload.parts)
    joined = parts.join(cuts, on=ORDER, how="left", maintain_order="left")
    kept = joined["kept"].fill_null(-1).to_numpy()
    left = scaled(parts, kept, joined["whole"].fill_null(1).to_numpy())
    return cut(workload, parts.with_columns(left, joined[SALT].fill_null(0)))


def counts(workload: Workload, limits: Limits) -> Found:
    """What goes, in numbers."""
    rows = pieces(workload, limits.similarity).filter("context")
    if rows.is_empty():
        return Found()
    cuts = dropped(workload, limits)
    lost = pl.col("billed") - pl.col("billed") * pl.col("kept") // pl.col("whole")
    blocks = rows.unique(ORDER)
    return Found(
        blocks=blocks.height, unread=blocks.filter(~pl.col("read")).height, chunks=rows.height,
        dropped=int(cuts["gone"].sum()), tokens=int(cuts.select(lost.sum()).item()),
        calls=cuts["call_no"].n_unique(),
    )  # fmt: skip


@once
def dropped(workload: Workload, limits: Limits) -> pl.DataFrame:
    """A row for each block that loses chunks: call_no, seq, `kept` of `whole` counted tokens, `gone`
    (chunks), billed, and a hash of what goes as `_salt`."""
    rows = pieces(workload, limits.similarity)
    rows = rows.filter(pl.col("context") | limits.repeats)
    rows = rows.with_columns(gone=_again(limits)).with_columns(stays=~pl.col("gone"))
    if limits.min_overlap:
        rows = relevance(workload, rows, limits.min_overlap)
    chunk = pl.col("context") & (pl.col("kind") != LEAD)
    if limits.top_k:
        ranked = chunk & pl.col("kind").is_in([WHOLE, MARKED]) & pl.col("stays")
        rank = ranked.cum_sum().over("call_no")
        rows = rows.with_columns(stays=pl.col("stays") & (~ranked | (rank <= limits.top_k)))
    if limits.max_tokens:
        open_ = chunk & pl.col("stays")
        upto = pl.when(open_).then("size").otherwise(0).cum_sum().over("call_no")
        first = open_.cum_sum().over("call_no") == 1
        fits = ~open_ | first | (upto <= limits.max_tokens)
        rows = rows.with_columns(stays=pl.col("stays") & fits)
    return _by_block(rows)


def _again(limits: Limits) -> pl.Expr:
    """Whether a chunk was in its prompt before."""
    if not (limits.duplicates or limits.repeats):
        return pl.lit(value=False)
    known = (pl.col("chunk") != 0) & (pl.col("kind") != LEAD)
    # A number for each chunk of each call is told apart much faster than the two together.
    both = pl.col("chunk") ^ (pl.col("call_no").cast(pl.UInt64) * pl.lit(MIX))
    return known & ~both.is_first_distinct()


def _by_block(rows: pl.DataFrame) -> pl.DataFrame:
    goes = ~pl.col("stays")
    what = pl.struct("nth", "chunk").hash(3).filter(goes).bitwise_xor()
    touched = rows.filter(goes).select(ORDER).unique()
    return (
        rows.join(touched, on=ORDER, how="semi")
        .group_by(ORDER, maintain_order=True)
        .agg(
            pl.col("billed").first(),
            kept=pl.col("tokens").filter("stays").sum(),
            whole=pl.col("tokens").sum(),
            gone=goes.sum().cast(pl.Int64),
            **{SALT: pl.max_horizontal(what, pl.lit(1, pl.UInt64))},
        )
    )


@once
def pieces(workload: Workload, similarity: float) -> pl.DataFrame:
    """A row for each chunk of each block of context, and of what a user said before in the same prompt:
    call_no, seq, nth, `context`, `read`, chunk, tokens (counted), kind, `billed` (the block's
    tokens) and `size` (the chunk's share of them). In the order of the prompts; empty without context."""
    blocks = _blocks(workload.parts)
    if blocks.is_empty():
        return pl.DataFrame(schema=_PIECES)
    among = USUAL if similarity in USUAL else (similarity,)
    known = _chunks(workload.log, among).rename({str(similarity): "chunk"})
    rows = blocks.join(known, on="content", how="left", maintain_order="left")
    read = pl.col("kind").is_not_null()
    rows = rows.with_columns(
        read=read, nth=pl.col("nth").fill_null(0), kind=pl.col("kind").fill_null(WHOLE),
        chunk=pl.when(read).then("chunk").otherwise("content"),
        tokens=pl.when(read).then("tokens").otherwise(1),
    ).sort(*ORDER, "nth")  # fmt: skip
    at = np.flatnonzero(_begins(rows))
    whole = np.add.reduceat(rows["tokens"].to_numpy(), at)
    whole = np.repeat(np.maximum(whole, 1), np.diff(np.append(at, rows.height)))
    size = pl.col("billed") * pl.col("tokens") // pl.Series(whole)
    return rows.with_columns(size=size).select(*_PIECES)


_PIECES = {
    "call_no": pl.Int64, "seq": pl.Int32, "nth": pl.Int32, "content": pl.UInt64,
    "context": pl.Boolean, "read": pl.Boolean, "chunk": pl.UInt64, "tokens": pl.Int64,
    "kind": pl.Int8, "billed": pl.Int64, "size": pl.Int64,
}  # fmt: skip


@once
def _chunks(log: Workload, similarities: tuple[float, ...]) -> pl.DataFrame:
    """The chunks of all texts of a log that are context, or what a user said before it."""
    if log.texts is None:
        return pl.DataFrame(schema=schema(similarities))
    wanted = _blocks(log.parts)["content"].unique()
    return chunked(log.texts.read(wanted.filter(wanted != 0).to_list()), similarities)


def _blocks(parts: pl.DataFrame) -> pl.DataFrame:
    """call_no, seq, content, `billed` and `context` of the blocks of context that are nothing else, and, in
    their calls, of what a user said in earlier turns."""
    tool = (pl.col("role") == "tool") & (pl.col("kind") != "document")
    context = (pl.col("segment") == "context") & ~tool & ~IS_OUTPUT
    if not parts.select(context.any()).item():
        return pl.DataFrame()
    parts = ordered(parts)
    calls = runs(parts)
    mine = calls.any(parts.select(context).to_series().to_numpy())
    rows = parts.select(_READ)[np.flatnonzero(np.repeat(mine, calls.counts))]
    said = (pl.col("segment") == "history") & (pl.col("role") == "user") & ~tool
    kinds = rows.select(pl.when(context).then(2).when(said).then(1).otherwise(0))
    kind = kinds.to_series().to_numpy()
    at = np.flatnonzero(_begins(rows))
    least, most = np.minimum.reduceat(kind, at), np.maximum.reduceat(kind, at)
    blocks = rows.select(*ORDER, "content")[at].with_columns(
        billed=pl.Series(np.add.reduceat(rows["tokens"].to_numpy(), at)),
        context=pl.Series(most == 2), _pure=pl.Series((least == most) & (most > 0)),
    )  # fmt: skip
    blocks = blocks.filter("_pure")
    having = blocks.filter("context")["call_no"].unique()
    return blocks.filter(pl.col("call_no").is_in(having.implode())).drop("_pure")


def _begins(rows: pl.DataFrame) -> Flags:
    """True where a block begins."""
    call, seq = (rows[name].to_numpy() for name in ORDER)
    return changes(call) | changes(seq)


_READ = (*ORDER, "content", "tokens", "segment", "role", "kind", "billing_class")
