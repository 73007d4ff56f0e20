"""Old turns that have to do with the question: those that share the most of its rarer words with it."""

from __future__ import annotations

import numpy as np
import polars as pl

from costscope.levers._cut.chunks_words import words
from costscope.levers._cut.cut import Flags
from costscope.levers._cut.turns import Turns
from costscope.model import Workload

_TURN = ("call_no", "turn")


def recalled(workload: Workload, parts: pl.DataFrame, turns: Turns, old: Flags, most: int) -> Flags:
    """Of the `old` rows those of the `most` turns of each call that have words of its question, the
    rarer ones counting more; of two alike turns the later one. Rows of `parts`."""
    known = words(workload.log)
    if not most or known.is_empty():
        return np.zeros(len(old), bool)
    at = np.flatnonzero(old)
    back = parts[at].select("call_no", "content", turn=pl.Series(turns.turn[at]))
    calls = back["call_no"].unique()
    asked = parts.filter(pl.col("segment") == "query", pl.col("call_no").is_in(calls.implode()))
    pairs = asked.select("call_no", query="content").unique().join(back.unique(), on="call_no")
    shared = _shared(pairs.select("query", "content").unique(), known)
    # A word that several messages of a turn have counts once for each of them.
    scores = pairs.join(shared, on=["query", "content"]).group_by(_TURN).agg(pl.col("score").sum())
    best = scores.sort("call_no", "score", "turn", descending=[False, True, True])
    best = best.group_by("call_no", maintain_order=True).head(most)
    kept = back.join(best.with_columns(_kept=True), on=_TURN, how="left", maintain_order="left")
    found = np.zeros(len(old), bool)
    found[at[kept["_kept"].is_not_null().to_numpy()]] = True
    return found


def _shared(pairs: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """query, content and `score`, the weights of the words that both texts have, where there are any."""
    asked = pairs.lazy().join(known.lazy(), left_on="query", right_on="content")
    both = asked.join(known.lazy().select("content", "word"), on=["content", "word"])
    return both.group_by("query", "content").agg(score=pl.col("weight").sum()).collect()


def unread(workload: Workload) -> int:
    """How many calls with history have a question, or history, whose text cannot be read again."""
    known = words(workload.log)["content"].unique()
    rows = workload.parts.filter(pl.col("segment").is_in(["query", "history"]))
    silent = rows.filter(~pl.col("content").is_in(known.implode()))
    return silent.filter(pl.col("segment") == "history")["call_no"].n_unique()
