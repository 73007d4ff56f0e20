"""What a log uses that has no price, by model, with the reason. Only looks; prices nothing."""

from __future__ import annotations

import polars as pl

from costscope.model import CLASSES

WHOSE = ("provider", "channel", "model", "tier")


def unpriced_tokens(calls: pl.DataFrame, keyed: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Tokens without a price: a row for each (provider, channel, model, tier, what, reason) with calls
    and number, the most tokens first.

    `calls`: call_no, the columns of WHOSE, and a column of tokens for each billing class; `keyed` and
    `rates` as `PriceBook.rates` gives them.
    """
    used = (
        calls.select("call_no", *WHOSE, *CLASSES)
        .unpivot(CLASSES, index=["call_no", *WHOSE], variable_name="what", value_name="number")
        .filter(pl.col("number") > 0)
    )
    known = rates.select("rate_no", "rate_pd", what="billing_class", reason="source")
    priced = used.join(keyed, on="call_no").join(known, on=("rate_no", "what"))
    return _summed(priced.filter(pl.col("rate_pd").is_null()))


def unpriced_units(calls: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Units without a price, as `unpriced_tokens` gives tokens. `rows` as `units.unit_rows` gives them."""
    named = rows.filter(pl.col("pd").is_null()).rename({"unit": "what", "source": "reason"})
    return _summed(named.join(calls.select("call_no", *WHOSE), on="call_no"))


def _summed(rows: pl.DataFrame) -> pl.DataFrame:
    by = (*WHOSE, "what", "reason")
    sums = rows.group_by(by).agg(
        calls=pl.col("call_no").n_unique().cast(pl.Int64), number=pl.col("number").sum()
    )
    return sums.sort("number", *by, descending=[True, *(False for _ in by)])
