"""What the prompts of a log are made of, and how that changes: with each turn, over time, from version to
version of a template; and what of a system prompt is never the same twice."""

from __future__ import annotations

from typing import Any, cast

import polars as pl

from costscope.model import INPUT_CLASSES
from costscope.reports.prompts import Prompts
from costscope.store import Store

PERIODS = ("day", "week", "month")
"""Time is told by the first of these of which there are at most MOST; scope keys of these names are
wanted."""
MOST = 31
ENOUGH = 5
"""Below so many conversations of a feature, what is the same in none of them says nothing."""
MANY, FEW = 20, 10
"""More than so many texts with fewer than so many calls each are no versions of a template."""
NAMED = ["feature", "template", "version"]


def made_of(store: Store, units: pl.DataFrame) -> Prompts:
    """Of the calls of the store's scope, which has the keys of PERIODS. `units` as the gate looks at
    them: a row a call with its tokens by class and segment, `pd` (null: unpriced) and `sent_at`."""
    heads = cast(pl.DataFrame, pl.from_arrow(store.table("prompts_heads")))
    calls = _measured(units.join(heads, on="call_no").sort("sent_at", "call_no", nulls_last=True))
    named, nth = _versions(calls), pl.int_range(1, pl.len() + 1)
    return Prompts(
        by_turn=_buckets(calls.filter(pl.col("turn") > 0), pl.col("turn")),
        by_call=_buckets(calls.filter("spoken"), nth.over("feature", "conversation")),
        over_time=_over_time(named),
        templates=_templates(named),
        nameless=calls.height - named.height,
        volatile=store.table("prompts_volatile", {"enough": ENOUGH}).to_pylist(),
    )


def _measured(calls: pl.DataFrame) -> pl.DataFrame:
    system = pl.col("seg_system") + pl.col("seg_tools")
    return calls.with_columns(
        input=pl.sum_horizontal(INPUT_CLASSES), history=pl.col("seg_history"), system=system
    )


def _sums() -> dict[str, pl.Expr]:
    """What is told of some calls; `picodollars` is null where none of them has a price."""
    priced = pl.col("pd").is_not_null()
    return {
        "calls": pl.len().cast(pl.Int64),
        **{f"{name}_tokens": pl.col(name).sum() for name in ("input", "history", "system")},
        "priced_calls": priced.sum().cast(pl.Int64),
        "picodollars": pl.when(priced.any()).then(pl.col("pd").sum()),
    }


def _buckets(calls: pl.DataFrame, number: pl.Expr) -> list[dict[str, Any]]:
    """Sums by feature and how far on in its conversation a call is: 1, 2, 3 to 4, 5 to 8, and so on."""
    n = number.cast(pl.Int64)
    upto = pl.lit(2).pow(n.cast(pl.Float64).log(2).ceil().cast(pl.Int64)).cast(pl.Int64)
    sums = calls.with_columns(to=upto).group_by("feature", "to").agg(**_sums())
    rows = sums.sort("feature", "to").to_dicts()
    return [{"from": _from(row["to"]), **row} for row in rows]


def _from(to: int) -> int:
    return to if to <= 2 else to // 2 + 1


def _versions(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls that show what template they are made from, with feature, template and version: as the
    log names them, else by the mark of their first system text, in order of first appearance."""
    told = pl.col("template") != ""
    known = calls.filter(told | pl.col("mark").is_not_null())
    family = ["feature", "template"]
    order = known.select(*family, "mark").unique(maintain_order=True)
    nth = pl.int_range(1, pl.len() + 1).over(family)
    order = order.with_columns(nth=nth, marks=pl.len().over(family))
    known = known.join(order, on=[*family, "mark"], nulls_equal=True, maintain_order="left")
    restless = (pl.col("marks") > MANY) & (pl.len().over(family) < FEW * pl.col("marks"))
    chain = pl.when(~restless).then(pl.format("v{}", "nth")).otherwise(pl.lit("changes"))
    shown = pl.when(restless).then(pl.lit("system")).otherwise(pl.format("system:{}", "mark"))
    return known.with_columns(
        declared=told,
        template=pl.when(told).then("template").otherwise(shown),
        version=pl.when(pl.col("template_version") != "").then("template_version").otherwise(chain),
    )


def _templates(named: pl.DataFrame) -> list[dict[str, Any]]:
    """Sums by template version, in order of first appearance within a feature."""
    first = pl.col("sent_at").min()
    sums = named.group_by(NAMED, maintain_order=True).agg(
        declared=pl.col("declared").first(),
        since=first,
        until=pl.col("sent_at").max(),
        first=pl.col("day").min(),
        last=pl.col("day").max(),
        **_sums(),
    )
    return sums.sort("feature", maintain_order=True).to_dicts()


def _over_time(named: pl.DataFrame) -> list[dict[str, Any]]:
    """Sums by template and period: a template that the log does not name is that of its feature."""
    timed = named.filter(pl.col("sent_at").is_not_null()).with_columns(
        template=pl.when("declared").then("template").otherwise(pl.lit("system"))
    )
    period = next((p for p in PERIODS if timed[p].n_unique() <= MOST), PERIODS[-1])
    rows = timed.group_by("feature", "template", pl.col(period).alias("start")).agg(**_sums())
    return [
        {"period": period, **row} for row in rows.sort("feature", "template", "start").to_dicts()
    ]
