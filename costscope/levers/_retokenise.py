"""The same text in another model's tokens: whole numbers, by exact ratios. Not a tokenizer."""

from __future__ import annotations

import polars as pl

from costscope.levers._rows import IS_OUTPUT

_SIDE = ("call_no", "_reply")


def rescaled(parts: pl.DataFrame, ratios: pl.DataFrame) -> pl.DataFrame:
    """The parts with the tokens of some calls multiplied by exact ratios.

    `ratios`: call_no, in_top, in_bottom, out_top, out_bottom (i64). A call's prompt and its reply
    each come out at the nearest whole number, divided among the parts by the largest remainder; a
    part that had tokens keeps one at least, so a prompt of many tiny parts may end a little higher.
    """
    same = (pl.col("in_top") == pl.col("in_bottom")) & (pl.col("out_top") == pl.col("out_bottom"))
    ratios = ratios.filter(~same)
    if ratios.is_empty():
        return parts
    numbered = parts.with_row_index("_row")
    changed = _shared_out(numbered.join(ratios, on="call_no")).select("_row", "_new")
    joined = numbered.join(changed, on="_row", how="left", maintain_order="left")
    tokens = pl.coalesce("_new", "tokens").cast(parts.schema["tokens"]).alias("tokens")
    return joined.with_columns(tokens).select(parts.columns)


def _shared_out(rows: pl.DataFrame) -> pl.DataFrame:
    """`_new`: the tokens of each row after scaling and rounding within its call and side."""
    top = pl.when(IS_OUTPUT).then("out_top").otherwise("in_top")
    bottom = pl.when(IS_OUTPUT).then("out_bottom").otherwise("in_bottom")
    rows = rows.with_columns(
        IS_OUTPUT.alias("_reply"), (pl.col("tokens") * top).alias("_scaled"), bottom.alias("_by")
    ).with_columns(
        (pl.col("_scaled") // pl.col("_by")).alias("_floor"),
        (pl.col("_scaled") % pl.col("_by")).alias("_left"),
    )
    total = (2 * pl.col("_scaled").sum() + pl.col("_by").first()) // (2 * pl.col("_by").first())
    missing = (total - pl.col("_floor").sum()).over(_SIDE)
    kind = pl.col("billing_class").cast(pl.String)
    order = (*_SIDE, -pl.col("_left"), "seq", kind, "_row")
    rows = rows.with_columns(missing.alias("_missing")).sort(*order)
    place = pl.int_range(pl.len()).over(_SIDE)
    tokens = pl.col("_floor") + (place < pl.col("_missing")).cast(pl.Int64)
    least = (pl.col("tokens") > 0).cast(pl.Int64)
    return rows.with_columns(pl.max_horizontal(tokens, least).alias("_new"))
