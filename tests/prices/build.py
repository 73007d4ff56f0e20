"""Calls and parts for the price book, by hand."""

from datetime import datetime
from typing import Any

import polars as pl

CALLS: dict[str, Any] = {
    "call_no": pl.Int64, "provider": pl.String, "channel": pl.String, "region": pl.String,
    "model": pl.String, "tier": pl.String, "sent_at": pl.Datetime("us", "UTC"),
    "input_tokens": pl.Int64,
}  # fmt: skip
PARTS = {"call_no": pl.Int64, "billing_class": pl.Categorical, "tokens": pl.Int64}
NOON = datetime(2026, 11, 2, 12)


def calls(*rows: dict[str, Any]) -> pl.DataFrame:
    """One call for each row of columns that differ from a gpt-4o call of 1,000 tokens."""
    usual: dict[str, Any] = {
        "provider": "openai",
        "channel": "direct",
        "region": None,
        "model": "gpt-4o",
    }
    usual |= {"tier": "standard", "sent_at": NOON, "input_tokens": 1000}
    return pl.DataFrame(
        [{"call_no": i, **usual, **row} for i, row in enumerate(rows)], schema=CALLS, orient="row"
    )


def parts(*rows: tuple[int, str, int]) -> pl.DataFrame:
    """(call_no, billing class, tokens) as a parts table."""
    return pl.DataFrame(list(rows), schema=PARTS, orient="row")


def rate_of(frames: tuple[pl.DataFrame, pl.DataFrame], call_no: int, name: str) -> int | None:
    """Picodollars a token of one class of one call."""
    keyed, rates = frames
    number = keyed.filter(pl.col("call_no") == call_no)["rate_no"].item()
    found = rates.filter((pl.col("rate_no") == number) & (pl.col("billing_class") == name))
    value = found["rate_pd"].item()
    assert value is None or isinstance(value, int)
    return value
