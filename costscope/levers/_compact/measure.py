"""What compaction saves of each text, counted with the model's vocabulary. No prompts, no money."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import polars as pl

from costscope import tokens
from costscope.levers._compact.text import WAYS
from costscope.levers._rows import IS_OUTPUT
from costscope.levers._runs import runs
from costscope.model import Workload
from costscope.once import once

SEGMENTS = ("system", "tools", "context", "history", "query")
"""Where a prompt's text may lie."""
SMALLEST = 40
"""Blocks of fewer tokens are not read: what they could save is a few tokens each."""
KINDS = ("text", "tool_result", "document")
"""What is sent as text. Tool schemas and tool calls are objects that the provider writes out in its own
way, so that white space in them is not billed; what was thought must come back as it was; and images
are no text."""

COUNTS = {"content": pl.UInt64, "encoding": pl.String, "counted": pl.Int64} | dict.fromkeys(
    WAYS, pl.Int64
)


class Measured(NamedTuple):
    """What was read of a log: `table` has a row for each text (and encoding that it is billed in) that
    some way makes shorter: content, encoding, `counted` tokens, and how many of them each way saves on
    top of those before it. `wanted` and `read` are numbers of distinct texts."""

    table: pl.DataFrame
    wanted: int
    read: int


@once
def measured(log: Workload, segments: Sequence[str], *, encoded: bool) -> Measured:
    """All ways (that of encoded text only if asked for) tried on the texts of these segments of a log.
    Reads each text once."""
    wanted = _wanted(log, segments)
    if log.texts is None or wanted.is_empty():
        return Measured(pl.DataFrame(schema=COUNTS), wanted["content"].n_unique(), 0)
    billed: dict[int, list[str]] = defaultdict(list)
    for content, encoding in wanted.iter_rows():
        billed[content].append(encoding)
    ways = {name: way for name, way in WAYS.items() if encoded or name != "encoded"}
    rows, read = [], 0
    for content, text in log.texts.read(billed):
        read += 1
        saved = [(e, found) for e in billed[content] if (found := savings(text, e, ways))]
        rows += [(content, encoding, *found) for encoding, found in saved]
    return Measured(pl.DataFrame(rows, schema=COUNTS, orient="row"), len(billed), read)


def savings(
    text: str, encoding: str, ways: Mapping[str, Callable[[str], str]] = WAYS
) -> tuple[int, ...] | None:
    """The tokens of a text, and how many of them each of WAYS saves after those before it; None where
    none saves any. A way that would make the text longer in tokens is not applied."""
    counted = left = -1
    saved = dict.fromkeys(WAYS, 0)
    for name, way in ways.items():
        lean = way(text)
        if lean == text:
            continue
        if counted < 0:
            counted = left = tokens.count([text], encoding)[0]
        size = tokens.count([lean], encoding)[0]
        if size < left:
            saved[name], left, text = left - size, size, lean
    return (counted, *saved.values()) if any(saved.values()) else None


def eligible(segments: Sequence[str]) -> pl.Expr:
    """Parts of prompts that are text of these segments."""
    placed = pl.any_horizontal([pl.lit(value=False), *(pl.col("segment") == s for s in segments)])
    text = pl.any_horizontal([pl.col("kind") == kind for kind in KINDS])
    return placed & text & ~IS_OUTPUT & (pl.col("content") != 0)


@once
def typed(log: Workload, segments: Sequence[str]) -> pl.Series:
    """Contents of the texts that a user typed, which stay as they are in later turns too: a text that is
    sent as typed first and shorter afterwards breaks the provider's cached prefix at that place."""
    asked = (pl.col("segment") == "query") & (pl.col("tokens") >= SMALLEST)
    some = pl.lit("query" not in segments) & asked & (pl.col("content") != 0)
    return log.parts.select(pl.col("content").filter(some)).to_series().unique()


def encodings(calls: pl.DataFrame) -> pl.DataFrame:
    """call_no, encoding: the vocabulary that each call is counted with."""
    models = calls["model"].unique().to_list()
    named = {"model": models, "encoding": [tokens.encoding_for(m) for m in models]}
    table = pl.DataFrame(named, schema={"model": pl.String, "encoding": pl.String})
    return (
        calls.select("call_no", pl.col("model").cast(pl.String))
        .join(table, on="model")
        .drop("model")
    )


def _wanted(log: Workload, segments: Sequence[str]) -> pl.DataFrame:
    """content, encoding: what to read, with the encodings that it is billed in."""
    large = eligible(segments) & (pl.col("tokens") >= SMALLEST)
    rows = log.parts.select(pl.col("call_no", "content").filter(large))
    named = encodings(log.calls)
    pairs = [
        _of_calls(rows, some["call_no"]).to_frame().with_columns(encoding=pl.lit(encoding))
        for (encoding,), some in named.sort("encoding").group_by("encoding", maintain_order=True)
    ]
    found = pl.concat([pl.DataFrame(schema=_PAIRS), *pairs])
    return found.filter(~pl.col("content").is_in(typed(log, segments).implode()))


_PAIRS = {"content": pl.UInt64, "encoding": pl.String}


def _of_calls(rows: pl.DataFrame, calls: pl.Series) -> pl.Series:
    """The different contents of the rows of these calls."""
    mine = runs(rows).of(calls.to_numpy())
    return rows["content"].filter(pl.Series(mine)).unique()
