"""Which calls a cache of whole answers may store and serve. Shared by the exact and the like-sounding."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import polars as pl

from costscope.levers._rows import matches
from costscope.model import ANSWERED, Trait

SCOPES = {"all": [], "user": ["user_id"], "tenant": ["tenant"]}
"""Who may share an answer → the columns that must be known and equal."""

MICROSECONDS = 1_000_000
BATCH_US = 86_400 * MICROSECONDS


def able(calls: pl.DataFrame, keys: Sequence[str], never: Sequence[str] = ()) -> pl.Expr:
    """Calls that may be stored and served, whatever their temperature: answered, with a known request
    and time, not asking for a tool, all `keys` known, of no feature that a glob of `never` names."""
    names = calls["feature"].unique().to_list() if never else []
    live = [name for name in names if matches(name, never)]
    known = [pl.col(key).is_not_null() for key in keys]
    fit = (
        (pl.col("request_hash") != 0)
        & pl.col("status").is_in(ANSWERED)
        & pl.col("sent_at").is_not_null()
        & ((pl.col("traits") & Trait.TOOL_CALLED) == 0)
        & ~pl.col("added")
        & ~pl.col("feature").is_in(live).fill_null(value=False)
    )
    return reduce(pl.Expr.and_, known, fit)


def repeatable(*, any_temperature: bool, unknown_temperature: bool) -> pl.Expr:
    """Calls whose answer is as good as a new one: not sampled, unless that is allowed too."""
    cold = pl.lit(any_temperature) | (pl.col("temperature") == 0)
    return cold.fill_null(any_temperature or unknown_temperature)


def moments() -> tuple[pl.Expr, pl.Expr]:
    """`sent` and `answered` in microseconds; a call of unknown duration is answered at once, one in a
    batch a day later, which is the time that providers allow themselves for it."""
    sent = pl.col("sent_at").dt.timestamp("us")
    unknown = pl.when(pl.col("tier") == "batch").then(BATCH_US).otherwise(0)
    return sent.alias("sent"), (sent + pl.col("latency_us").fill_null(unknown)).alias("answered")
