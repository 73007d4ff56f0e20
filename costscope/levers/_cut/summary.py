"""Old turns replaced by a summary: the block that stands for them, and the calls that write it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.attribute.prefix import chain
from costscope.levers._cut.cut import LEFT, MIX, Flags, Ints, cut
from costscope.levers._cut.turns import Turns, Window, left
from costscope.levers._prefix import ORDER, starts
from costscope.levers._rows import added
from costscope.model import Workload

Hashes = NDArray[np.uint64]

_NONE = np.uint64(0)


class Summary(NamedTuple):
    """Who writes a summary ("": the model of the call that needs it), and how many tokens it has."""

    model: str
    tokens: int


def summed_up(
    workload: Workload, parts: pl.DataFrame, turns: Turns, old: Flags, window: Window,
    summary: Summary,
) -> Workload:  # fmt: skip
    """The `old` rows of each call replaced by a summary, where they are more than that, and a call to the
    summariser for each that is new. `parts` are those of the workload, sorted."""
    sizes = np.where(old, parts["tokens"].to_numpy(), 0)
    gone = old & (turns.sums(sizes) > summary.tokens)
    at = np.flatnonzero(gone)
    if not at.size:
        return workload
    border = turns.of_rows(turns.threshold(window))[at]
    found = _named(workload, _summaries(parts, turns.turn[at], at, border, window), window)
    rows = _put_in(parts.with_columns(left(parts, turns, gone)), found, summary.tokens)
    return _charged(cut(workload, rows), found, summary)


def _summaries(
    parts: pl.DataFrame, turn: NDArray[np.int32], at: Ints, border: Ints, window: Window
) -> pl.DataFrame:
    """A row a call of which something goes (the rows `at`): call_no, `row` (the first of them), `border`
    (the turn before which it goes), `dropped` (tokens), `since` (those that the summary before this
    one does not hold yet), and hashes of what goes (`key`) and of what had gone before (`before`)."""
    gone = parts[at].select(*ORDER, "content", "tokens").with_columns(
        row=pl.Series(at), border=pl.Series(border), first=starts("call_no"),
        again=~starts(*ORDER), early=pl.Series(turn < border - window.stride),
    )  # fmt: skip
    texts = chain(*(gone[name].to_numpy() for name in ("content", "first", "again")))
    early = pl.col("early")
    return (
        gone.with_columns(texts=pl.Series(texts))
        .group_by("call_no", maintain_order=True)
        .agg(
            pl.col("row", "border").first(),
            dropped=pl.col("tokens").sum(),
            since=pl.col("tokens").filter(~early).sum(),
            key=pl.col("texts").last(),
            before=pl.col("texts").filter(early).last(),
        )
    )


def _named(workload: Workload, calls: pl.DataFrame, window: Window) -> pl.DataFrame:
    """`calls` with the names of their summaries: `key`, and `before`, the one that it goes on from, or
    null. The same old turns of one conversation have one summary, so that it stays the same, and can
    be cached, until it is renewed; what has neither text nor conversation has one for each call."""
    who = pl.coalesce(pl.col("session"), pl.col("trace"))
    name = pl.when(who.is_not_null()).then(who.hash(1)).otherwise(0).cast(pl.UInt64)
    known = workload.calls.select("call_no", "sent_at", "call_id", "model", name.alias("_who"))
    calls = calls.join(known, on="call_no", how="left", maintain_order="left")
    names, keys = calls["_who"].to_numpy(), calls["key"].to_numpy()
    alone = (names == _NONE) & (keys == _NONE)
    names = np.where(alone, calls["call_no"].to_numpy().astype(np.uint64), names)
    border = calls["border"].to_numpy()
    before = calls["before"].fill_null(0).to_numpy()
    goes_on = calls["before"].is_not_null()
    earlier = pl.Series(_mixed(before, names, border - window.stride))
    earlier = pl.select(pl.when(goes_on).then(earlier)).to_series()
    return calls.with_columns(key=pl.Series(_mixed(keys, names, border)), before=earlier)


def _mixed(texts: Hashes, names: Hashes, border: Ints) -> Hashes:
    """One hash of three, never 0."""
    mixed: Hashes = ((texts ^ names) * MIX + border.astype(np.uint64)) * MIX
    return np.maximum(mixed, np.uint64(1))


def _put_in(parts: pl.DataFrame, calls: pl.DataFrame, tokens: int) -> pl.DataFrame:
    """`parts`, which have `_left`, with a row for each summary in the place of what it stands for.

    A summary belongs to the first turn that is kept, so it is never summed up again by the same cut.
    """
    text = {"segment": "history", "role": "user", "kind": "text", "billing_class": "fresh",
            "rule": "structure", "breakpoint": ""}  # fmt: skip
    blocks = parts[calls["row"]].with_columns(
        *(pl.lit(value).cast(parts.schema[name]).alias(name) for name, value in text.items()),
        *(pl.lit(tokens, pl.Int64).alias(name) for name in ("tokens", LEFT)),
        turn=calls["border"].cast(parts.schema["turn"]),
        content=calls["key"].cast(parts.schema["content"]),
    )
    return pl.concat([parts, blocks]).sort(*ORDER, maintain_order=True)


def _charged(workload: Workload, calls: pl.DataFrame, summary: Summary) -> Workload:
    """`workload` with a call to the summariser on the account of the first call that needs a summary: it
    reads the one before it and what has come since, or, where there is none, all that goes."""
    ordered = calls.sort("sent_at", "call_id", "call_no", nulls_last=True)
    new = ordered.with_columns(_nth=pl.int_range(pl.len())).unique(
        "key", keep="first", maintain_order=True
    )
    seen = new.select(before="key", _seen="_nth")
    new = new.join(seen, on="before", how="left", maintain_order="left")
    goes_on = (pl.col("_seen") < pl.col("_nth")).fill_null(value=False)
    read = pl.when(goes_on).then(pl.col("since") + summary.tokens).otherwise("dropped")
    rows = new.select(
        "call_no",
        pl.lit(summary.model).alias("model") if summary.model else pl.col("model"),
        read.alias("input_tokens"),
        pl.lit(summary.tokens, pl.Int64).alias("output_tokens"),
    )
    return added(workload, rows.sort("call_no"), "history")
