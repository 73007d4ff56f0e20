"""Which words are in which texts, to tell what a question is about without a model. Not a lever."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from costscope.levers._cut.chunks import LEAD, batches, split
from costscope.model import Workload
from costscope.once import once

MIN_LETTERS = 3
"""Shorter words are mostly articles, pronouns and prepositions."""
RARE = 1000
"""The weight of a word is this times the logarithm of how rare it is, as a whole number."""

_BATCH = 2_000
_WORD = rf"\w{{{MIN_LETTERS},}}"


@once
def words(log: Workload) -> pl.DataFrame:
    """A row for each text of a question or of history that can be read again, and each word in it:
    content, word (u64), weight (i64; more the fewer texts have the word)."""
    segments = pl.col("segment").is_in(["query", "history"])
    wanted = log.parts.filter(segments, pl.col("content") != 0)["content"].unique()
    texts = log.texts.read(wanted.to_list()) if log.texts is not None else ()
    found = pl.concat([_EMPTY, *(worded(batch) for batch in batches(texts, _BATCH))])
    number = found["content"].n_unique()
    weights = found.group_by("word").agg(weight=(1 + number / pl.len()).log())
    rare = (pl.col("weight") * RARE).round().cast(pl.Int64)
    return found.join(weights.with_columns(rare), on="word")


def relevance(workload: Workload, rows: pl.DataFrame, least: float) -> pl.DataFrame:
    """`rows` (pieces of context, with `stays`) without those that have less than a share of what their
    question's words weigh. What cannot be read stays, and so does the best of each call."""
    known = words(workload.log)
    asked = (
        workload.parts.filter(pl.col("segment") == "query").select("call_no", "content").unique()
    )
    asked = asked.join(known, on="content").select("call_no", "word", "weight").unique()
    whole = asked.group_by("call_no").agg(whole=pl.col("weight").sum())
    key = ["call_no", "seq", "nth"]
    said = rows.select(*key, "content").join(_chunk_words(workload.log), on=["content", "nth"])
    hits = said.join(asked, on=["call_no", "word"]).group_by(key).agg(hit=pl.col("weight").sum())
    rows = rows.join(hits, on=key, how="left", maintain_order="left")
    rows = rows.join(whole, on="call_no", how="left", maintain_order="left")
    chunk = (
        pl.col("context")
        & pl.col("read")
        & (pl.col("kind") != LEAD)
        & pl.col("whole").is_not_null()
    )
    hit = pl.col("hit").fill_null(0)
    best = pl.when(chunk).then(hit).max().over("call_no")
    off = chunk & (hit < least * pl.col("whole")) & (hit < best)
    return rows.with_columns(stays=pl.col("stays") & ~off).drop("hit", "whole")


@once
def _chunk_words(log: Workload) -> pl.DataFrame:
    """content, nth and word of each chunk of context that can be read again, each word once."""
    rows = log.parts.filter(pl.col("segment") == "context", pl.col("content") != 0)
    wanted = rows["content"].unique().to_list()
    texts = log.texts.read(wanted) if log.texts is not None else ()
    found = [_EMPTY.with_columns(nth=pl.lit(0, pl.Int32))]
    for batch in batches(texts, _BATCH):
        cuts = [(c, n, t[x.start : x.stop]) for c, t in batch for n, x in enumerate(split(t))]
        names = pl.DataFrame([cut[:2] for cut in cuts], _PLACE, orient="row")
        pairs = worded((number, cut[2]) for number, cut in enumerate(cuts))
        rows = names[pairs["content"]].with_columns(pairs["word"])
        found.append(rows.select("content", "word", "nth"))
    return pl.concat(found)


def worded(texts: Iterable[tuple[int, str]]) -> pl.DataFrame:
    """content and word, each word of a text once."""
    frame = pl.DataFrame(
        list(texts), schema={"content": pl.UInt64, "text": pl.String}, orient="row"
    )
    said = pl.col("text").str.to_lowercase().str.extract_all(_WORD).list.unique()
    rows = frame.lazy().select("content", word=said).explode("word").drop_nulls("word")
    return rows.select("content", pl.col("word").hash(2)).collect()


_PLACE = {"content": pl.UInt64, "nth": pl.Int32}
_EMPTY = pl.DataFrame(schema={"content": pl.UInt64, "word": pl.UInt64})
