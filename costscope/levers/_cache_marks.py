"""Where along a prompt a provider looks for a cached prefix, and where it writes one.

Positions only: whether anything is live there is decided elsewhere. A mark is the name of a lifetime
("5m") at the end of a block; it stands for what the log carries or for what a policy would set.
"""

from __future__ import annotations

import polars as pl

LOGGED = "logged"
"""Marks as the log has them; on OpenAI 5.6 and later also the provider's implicit one."""
CONVERSATION = "conversation"
"""Ends of tools and of system, and the last block, so that the next turn finds this one."""
PREFIX = "prefix"
"""Ends of tools and of system only: for traffic whose tail never comes back."""

AUTOMATIC = "automatic"
"""The mark of what a provider writes unasked; its lifetime is the provider's, not a mark's."""

REPLIES = ("user", "tool")
RUNS = ("tool_call", "tool_result")


def placed(rows: pl.LazyFrame) -> pl.LazyFrame:
    """`rows` with `look` (may be read from here) and `mark` (the lifetime written here, or "").

    `rows`: the blocks that have text, of whole calls, sorted by (call_no, seq), with role, kind,
    breakpoint, `reply`, and from their call mode, lookback, life and policy.
    """
    names = rows.collect_schema().names()
    rows = rows.with_columns(role=text("role"), kind=text("kind"), breakpoint=text("breakpoint"))
    places = {"implicit": implicit, "explicit": explicit, "breakpoint": boundary}
    return pl.concat(
        place(rows.filter(pl.col("mode") == mode)).select(*names, "look", "mark")
        for mode, place in places.items()
    )


def implicit(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Everything is written, replies too; a prompt is matched as far as it goes."""
    return rows.with_columns(look=~pl.col("reply"), mark=pl.lit(AUTOMATIC))


def explicit(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Only marks are written; each is looked back from over `lookback` positions, itself counted.

    A run of tool calls, or of tool results, is one position (billing.md 1.1).
    """
    rows = rows.filter(~pl.col("reply"))
    last = pl.col("seq") == pl.col("seq").max().over("call_no")
    rows = rows.with_columns(mark=policy_mark(pl.col("breakpoint"), last))
    same = (pl.col("call_no") == pl.col("call_no").shift(1)) & (
        pl.col("kind").is_in(RUNS) & (pl.col("kind") == pl.col("kind").shift(1))
    )
    rows = rows.with_columns(position=(~same.fill_null(value=False)).cum_sum())
    marked = pl.when(pl.col("mark") != "").then("position").backward_fill().over("call_no")
    near = (marked - pl.col("position") < pl.col("lookback")) | pl.col("lookback").is_null()
    return rows.with_columns(look=(marked.is_not_null() & near).fill_null(value=False)).drop(
        "position"
    )


def boundary(rows: pl.LazyFrame) -> pl.LazyFrame:
    """OpenAI 5.6 and later: prompts match only at the ends of eligible messages (billing.md 1.2).

    Eligible: a user message, the last of a group of tool responses, the last of the initial
    developer messages. The latest is the implicit mark; `lookback` earlier ones are looked at.
    """
    rows = rows.filter(~pl.col("reply"))
    role, call = pl.col("role"), pl.col("call_no")
    closes = ((role != role.shift(-1)) | (call != call.shift(-1))).fill_null(value=True)
    spoken = role.is_in(REPLIES) | (role == "assistant")
    opening = (role == "system") & (spoken.cum_sum().over("call_no") == 0)
    rows = rows.with_columns(eligible=closes & (role.is_in(REPLIES) | opening), opening=opening)
    later = pl.col("eligible").cum_sum(reverse=True).over("call_no") - 1
    latest = pl.col("eligible") & (later == 0)
    rows = rows.with_columns(mark=policy_mark(with_latest(latest), latest), later=later)
    near = pl.col("eligible") & ((pl.col("later") <= pl.col("lookback")) | pl.col("opening"))
    look = near.fill_null(value=True) | (pl.col("mark") != "")
    return rows.with_columns(look=look).drop("eligible", "opening", "later")


def with_latest(latest: pl.Expr) -> pl.Expr:
    """The logged marks and, where there is none, the implicit one."""
    return pl.when(latest & (pl.col("breakpoint") == "")).then("life").otherwise("breakpoint")


def policy_mark(logged: pl.Expr, last: pl.Expr) -> pl.Expr:
    """The mark of a block under its call's policy; `last` is the block that ends the prompt."""
    head = closing(pl.col("kind") == "tool_schema") | closing(pl.col("role") == "system")
    policy = pl.col("policy")
    chosen = (head & policy.is_in((PREFIX, CONVERSATION))) | (last & (policy == CONVERSATION))
    return (
        pl.when(policy == LOGGED).then(logged).when(chosen).then("life").otherwise(pl.lit(""))
    ).alias("mark")


def closing(condition: pl.Expr) -> pl.Expr:
    """True on the call's last block of which `condition` holds."""
    seq = pl.when(condition).then("seq")
    return (seq == seq.max().over("call_no")).fill_null(value=False)


def text(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String)
