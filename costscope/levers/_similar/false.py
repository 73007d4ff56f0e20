"""How many of the hits of a cache of like questions would have been false: by the answers that the log has
to the questions that would not have been sent, and by pairs that a user has labelled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import polars as pl
import xxhash

from costscope.levers._shares import Z_95, wilson
from costscope.levers._similar.embed import Embedder, batches, plain_words
from costscope.levers._similar.guards import Marked, marked
from costscope.levers._similar.texts import read_pieces
from costscope.model import Column, Table, Workload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_COMPARED = 20_000
"""Pairs of answers that are compared; of more, so many evenly spread."""
SHORT, LONG = 3, 60
"""Words. Shorter answers (a label, yes or no) must be the same; in longer ones no number or negation has
to be, because a model words and fills a long answer another way each time."""


class Point(NamedTuple):
    """What a threshold does."""

    threshold: float
    hits: int
    repeats: int
    """Hits of the same words, which an exact cache serves too. They count as hits, not as evidence."""
    compared: int
    """Other hits for which the right answer is known."""
    wrong: int
    """Those of them whose answer would have been another one."""
    tokens: int
    """Tokens of the calls that are served: what need not be billed."""

    def share(self) -> float | None:
        return self.wrong / self.compared if self.compared else None

    def ends(self) -> tuple[float, float] | None:
        """The 95 % interval of the share of false hits."""
        return wilson(self.wrong, self.compared)


def needed(budget: float) -> int:
    """How many compared hits, none of them false, show that false hits stay within the budget."""
    return ceil(Z_95 * Z_95 * (1 - budget) / budget)


def lowest(curves: Sequence[Sequence[Point]], budget: float) -> float | None:
    """The lowest threshold at which no curve that can tell shows more than the budget, by the upper end of
    its interval, and one at least can tell; None where there is none."""
    least = needed(budget)
    good = []
    for points in zip(*curves, strict=True):
        ends = [p.ends() for p in points if p.compared >= least]
        if ends and all(end is not None and end[1] <= budget for end in ends):
            good.append(points[0].threshold)
    return min(good, default=None)


class _Answer(NamedTuple):
    """What is kept of an answer's text."""

    vector: NDArray[np.float32]
    plain: int
    words: int
    marks: Marked


def same_answers(log: Workload, pairs: pl.DataFrame, way: Embedder) -> pl.DataFrame:
    """`pairs` (call, source) for which the log has both answers, with `same`: whether they say the same.

    The same words are the same; so are answers that are alike enough, if their numbers, units, dates
    and negations agree.
    """
    answers = _answers(log.parts, pairs)
    both = pairs.join(answers, left_on="call", right_on="call_no").join(
        answers, left_on="source", right_on="call_no", suffix="_shared"
    )
    equal = pl.col("answer") == pl.col("answer_shared")
    known = both.filter(equal).select("call", "source", same=pl.lit(value=True))
    others = _some(both.filter(~equal).sort("call", "source"))
    read = _read(log, others, way)
    rows = [
        (call, source, _alike(read[one], read[other], way))
        for call, source, one, other in others.select(
            *pairs.columns, "answer", "answer_shared"
        ).iter_rows()
        if one in read and other in read
    ]
    found = pl.DataFrame(rows, schema={**pairs.schema, "same": pl.Boolean}, orient="row")
    return pl.concat([known, found])


def _some(pairs: pl.DataFrame) -> pl.DataFrame:
    """Evenly spread, not too many."""
    step = -(-pairs.height // MOST_COMPARED) if pairs.height else 1
    return pairs.gather_every(step)


def _answers(parts: pl.DataFrame, pairs: pl.DataFrame) -> pl.DataFrame:
    """call_no, `answer` (a hash of the reply's texts) and `pieces`, of calls whose reply is text."""
    wanted = pl.concat([pairs["call"], pairs["source"]]).unique()
    replies = parts.filter(pl.col("segment") == "output", pl.col("call_no").is_in(wanted.implode()))
    replies = replies.unique(["call_no", "seq"], keep="first", maintain_order=True)
    answers = replies.group_by("call_no").agg(pl.col("content").alias("pieces"))
    answers = answers.filter(pl.col("pieces").list.min() > 0)
    text = pl.col("pieces").list.eval(pl.element().cast(pl.String)).list.join(" ")
    return answers.with_columns(answer=text)


def _read(log: Workload, pairs: pl.DataFrame, way: Embedder) -> Mapping[str, _Answer]:
    """What is needed of each answer's text."""
    one, other = (
        pairs.select(query=f"answer{end}", content=f"pieces{end}") for end in ("", "_shared")
    )
    distinct = pl.concat([one, other]).unique("query", keep="first").sort("query")
    names = distinct["query"].to_list()
    pieces = distinct.with_row_index("at").explode("content").select(
        pl.col("at").alias("query"), "content", before=0, upto=1, whole=1
    )  # fmt: skip
    texts = read_pieces(log.texts, pieces)
    places, read = iter(texts), dict[str, _Answer]()
    for some in batches(words.text for words in texts.values()):
        for text, vector in zip(some, way.vectors(some), strict=True):
            words = plain_words(text)
            plain = xxhash.xxh3_64_intdigest(" ".join(words).encode("utf-8", "surrogatepass"))
            read[names[next(places)]] = _Answer(vector, plain, len(words), marked(text))
    return read


def _alike(one: _Answer, other: _Answer, way: Embedder) -> bool:
    """Whether two answers say the same, as far as can be seen."""
    if one.plain == other.plain:
        return True
    if min(one.words, other.words) <= SHORT:
        return False
    if max(one.words, other.words) <= LONG and one.marks.key != other.marks.key:
        return False
    return bool(float(one.vector @ other.vector) >= way.same)


def table(title: str, points: Sequence[Point]) -> Table:
    """The points as a table to be shown."""
    columns = (
        Column("threshold", "number"), Column("hits", "count"), Column("of the same words", "count"),
        Column("compared", "count"), Column("false", "count"), Column("false hits", "share"),
        Column("at least", "share"), Column("at most", "share"), Column("tokens not billed", "tokens"),
    )  # fmt: skip
    rows = [
        [p.threshold, p.hits, p.repeats, p.compared, p.wrong, _rounded(p.share()),
         *(p.ends() or (None, None)), p.tokens]
        for p in points
    ]  # fmt: skip
    note = (
        "False: the answer that the call got says something else than the one that it would have been "
        "given. Hits of the same words are no evidence and not compared. Interval: 95 %."
    )
    return Table(title, columns, rows, note)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)
