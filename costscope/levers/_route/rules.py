"""The rules that tell easy calls from hard ones, also as a score of how easy. Not a lever."""

from __future__ import annotations

from typing import Protocol

import polars as pl

from costscope.levers._own.moving import without_traits

NEVER = 1e9
"""More than any factor: what no looser limit lets through."""


class Limits(Protocol):
    """The settings that the rules go by."""

    @property
    def max_query_tokens(self) -> int: ...
    @property
    def max_input_tokens(self) -> int: ...
    @property
    def max_output_tokens(self) -> int: ...
    @property
    def keep(self) -> tuple[str, ...]: ...


def hardness(limits: Limits) -> pl.Expr:
    """By how much all limits would have to be multiplied for a call to pass: easy up to 1; NEVER with
    a trait that keeps it, and where the log shows no query. Of frames with `sizes` and traits."""
    fresh = pl.col("input_tokens") - pl.col("history_tokens")
    pairs = (
        (pl.col("query_tokens"), limits.max_query_tokens),
        (fresh, limits.max_input_tokens),
        (pl.col("output_tokens"), limits.max_output_tokens),
    )
    most = pl.max_horizontal(tokens / max(limit, 1) for tokens, limit in pairs)
    judged = (pl.col("query_tokens") >= 1) & without_traits(limits.keep)
    return pl.when(judged).then(most).otherwise(NEVER).fill_null(NEVER)
