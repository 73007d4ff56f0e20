"""What looking questions up costs: an embedding of each, as a call of its own."""

from __future__ import annotations

from fractions import Fraction

import polars as pl

from costscope.levers._rows import added
from costscope.model import Workload
from costscope.tokens import family_ratio


def with_lookups(workload: Workload, calls: pl.Series, embedding: str, lever: str) -> Workload:
    """The workload with a call to `embedding` ("provider/model") for the query of each of these calls,
    in that model's tokens, rounded up."""
    provider, _, model = embedding.partition("/")
    size = workload.parts.filter(
        pl.col("call_no").is_in(calls.implode()), pl.col("segment") == "query"
    )
    size = size.group_by("call_no").agg(pl.col("tokens").sum())
    rows = workload.calls.select("call_no", pl.col("model").alias("asked")).join(
        size, on="call_no", maintain_order="left"
    )
    tokens = -(-(pl.col("tokens") * pl.col("top")) // pl.col("bottom"))
    rows = rows.join(_ratios(rows["asked"], model), on="asked", maintain_order="left").select(
        "call_no",
        pl.lit(model).alias("model"),
        tokens.alias("input_tokens"),
        pl.lit(0, pl.Int64).alias("output_tokens"),
        pl.lit(provider).alias("provider"),
        pl.lit("direct").alias("channel"),
        pl.lit("standard").alias("tier"),
        pl.lit(None, pl.String).alias("region"),
    )
    return added(workload, rows, lever)


def _ratios(models: pl.Series, to: str) -> pl.DataFrame:
    """asked, top, bottom: tokens of `to` for one of each model's, as a fraction."""
    there = Fraction(*family_ratio(to))
    rows = [
        (name, *(there / Fraction(*family_ratio(name))).as_integer_ratio())
        for name in models.unique().sort().to_list()
    ]
    schema = {"asked": pl.String, "top": pl.Int64, "bottom": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
