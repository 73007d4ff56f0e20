"""The head of a prompt that nobody logged: what a bill shows of it being read from a cache.

An agent's system prompt and tools are often not logged. They are the same from call to call all the
same, so they are read though no logged text says so; how much of them is, only the bill can tell.
"""

from __future__ import annotations

import polars as pl

from costscope.levers._cache.calls import SECOND
from costscope.levers._cache.rows import WRITES
from costscope.once import once

AGENT = ("provider", "model", "feature")
CONVERSATION, FAMILY = ("scope", "cluster"), ("scope", "family")
ALIKE = ("scope", "feature")
WHOLE = 0.9
"""A head that is read as far as the prompt before it went, to a tenth, holds that prompt."""


def heads(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """call_no, `head` (tokens before the first block with text), `before` (tokens of the prompt before
    it in the same conversation and cache, else in its trace, as where an agent has a helper sum up what
    was said; null for the first), `alive`: that one is still cached, and `shared`: what the agent began
    any conversation of the log with is.

    `calls` as `_in_force.situated` gives them.
    """
    rows = calls.lazy().select(
        "call_no", *CONVERSATION, "sent", "ready", "feature",
        lasts=lifetime(), family=pl.coalesce("trace", "cluster"),
    )  # fmt: skip
    rows = rows.join(sizes(parts).lazy(), on="call_no").sort("sent", "call_no")
    whole, sent, ready = (
        pl.coalesce(pl.col(name).shift(1).over(of) for of in (CONVERSATION, FAMILY))
        for name in ("whole", "sent", "ready")
    )
    alive = (pl.col("sent") - sent <= pl.col("lasts")) & (ready <= pl.col("sent"))
    gap = pl.col("sent") - pl.col("sent").shift(1).over(ALIKE) > pl.col("lasts")
    rows = rows.with_columns(stretch=gap.fill_null(value=False).cum_sum().over(ALIKE))
    of = (*ALIKE, "stretch")
    shared = (pl.col("sent") >= pl.col("ready").first().over(of)) & (
        pl.col("call_no") != pl.col("call_no").first().over(of)
    )
    found = rows.select(
        "call_no", "head", before=whole, alive=alive.fill_null(value=False), shared=shared
    )
    return found.sort("call_no").collect()


@once
def sizes(parts: pl.DataFrame) -> pl.DataFrame:
    """call_no, `head` and `whole`: tokens of each prompt, before its first text and in all."""
    # Once a block has text, so has the prefix of every row behind it.
    bare = pl.col("tokens").filter(pl.col("prefix") == 0).sum().cast(pl.Int64)
    prompt = parts.lazy().filter(pl.col("billing_class") != "output")
    whole = pl.col("tokens").sum().cast(pl.Int64)
    return prompt.group_by("call_no").agg(head=bare, whole=whole).collect()


def lifetime() -> pl.Expr:
    """Microseconds that a call's entry lives: of the life that was billed, else the longest of its rule."""
    billed = pl.col("life").replace_strict(WRITES, default=None, return_dtype=pl.Int64) * SECOND
    return pl.coalesce(billed, "longest")


def learned(truth: pl.DataFrame) -> pl.DataFrame:
    """Per AGENT what bills show of heads in calls of which no logged text was found in the cache.

    `others`: tokens read by the first call of a conversation while what other ones of the log wrote is
    alive; `opening`: by any other first call, which somebody else's conversations wrote; `carried`: by
    a later one, while the one before is alive; of each the median, so 0 where most read none. Where
    no first call was seen beside others, `others` is `opening`. `whole`: later heads hold the prompt
    before them. `truth`: a row a call with `ideal`, `billed` and the columns of `heads`.
    """
    bare = truth.lazy().filter((pl.col("ideal") == 0) & (pl.col("head") > 0))
    billed, first = pl.col("billed"), pl.col("before").is_null()
    reach = pl.min_horizontal("before", "head")
    later = ~first & pl.col("alive")
    alone, beside = (billed.filter(first & x) for x in (~pl.col("shared"), pl.col("shared")))
    known = bare.group_by(AGENT).agg(
        opening=usual(alone),
        others=pl.when(beside.len() > 0).then(usual(beside)).otherwise(usual(alone)),
        carried=usual(billed.filter(later)),
        whole=(billed.filter(later) / reach.filter(later)).median().fill_null(0) >= WHOLE,
    )
    return known.sort(AGENT, nulls_last=True).collect()


def usual(read: pl.Expr) -> pl.Expr:
    """The median, of two the higher; 0 of nothing."""
    return read.quantile(0.5, "higher").fill_null(0).cast(pl.Int64)


def headed(calls: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`calls` with `ideal` no lower than what is read of their heads, as far as `known` (see `learned`)
    tells. A head whose conversation has lapsed is read if other conversations of the log kept it."""
    rows = calls.join(known, on=AGENT, how="left", nulls_equal=True, maintain_order="left")
    later = pl.when("whole").then("before").otherwise("carried")
    first = pl.when(pl.col("before").is_null()).then("opening").otherwise(0)
    read = pl.when("alive").then(later).when("shared").then("others").otherwise(first).fill_null(0)
    ideal = pl.max_horizontal("ideal", pl.min_horizontal(read, "head"))
    return rows.with_columns(ideal=ideal).drop("opening", "others", "carried", "whole")
