"""What the tests of advise pull: levers made up on the spot, a price list of three lines, and a cache
that keeps every prefix for ever."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from costscope.columns import Ints
from costscope.levers._prefix import reclassify
from costscope.levers.interface import Lever
from costscope.model import Workload
from costscope.prices.amounts import Whole

RATES = {"gpt-4o": 100, "half": 50, "tenth": 10}
"""Picodollars for a fresh input token. Output is 4 times that, a cached token a tenth, and a batch
half of everything; a write costs a quarter more."""
TIMES = {"fresh": 40, "cache_read": 4, "cache_write_5m": 50, "output": 160}


class PriceList:
    """The prices above. Any other model has none."""

    def paid(self, workload: Workload) -> tuple[Whole, Ints]:
        table = self.cost(workload)
        whole = np.array(table["pd"].fill_null(0).to_list(), np.int64)
        return whole, table["unpriced_tokens"].to_numpy()

    def cost(self, workload: Workload) -> pl.DataFrame:
        rows = workload.parts.join(workload.calls.select("call_no", "model", "tier"), on="call_no")
        rate = pl.col("model").replace_strict(RATES, default=None, return_dtype=pl.Int128)
        times = pl.col("billing_class").cast(pl.String).replace_strict(TIMES, default=None)
        whole = pl.col("tokens") * rate * times
        pd = pl.when(pl.col("tier") == "batch").then(whole // 80).otherwise(whole // 40)
        sums = rows.with_columns(pd.alias("pd")).group_by("call_no").agg(
            pl.col("pd").sum(),
            pl.col("tokens").filter(pl.col("pd").is_null()).sum().alias("unpriced_tokens"),
        )  # fmt: skip
        found = workload.calls.select("call_no").join(sums, on="call_no", how="left")
        priced = pl.when(pl.col("unpriced_tokens").fill_null(0) == 0).then(
            pl.col("pd").fill_null(0)
        )
        return found.select("call_no", priced.alias("pd"), pl.col("unpriced_tokens").fill_null(0))


def warm(workload: Workload) -> Workload:
    """Every prefix that an earlier call of the same model had is read from a cache, free to write."""
    calls = workload.calls.select("call_no", "model", "sent_at", "call_id")
    seen: set[tuple[str, int]] = set()
    cuts = []
    for number, model, _, _ in calls.sort("sent_at", "call_id").iter_rows():
        rows = workload.parts.filter(
            pl.col("call_no") == number, pl.col("billing_class") != "output"
        )
        length, hit = 0, 0
        for prefix, size in rows.select("prefix", "tokens").iter_rows():
            length += size
            hit = length if (model, prefix) in seen else hit
        seen |= {(model, prefix) for prefix in rows["prefix"]}
        cuts.append({"call_no": number, "cache_read": hit})
    schema = {"call_no": pl.Int64, "cache_read": pl.Int64}
    return workload.with_(parts=reclassify(workload.parts, pl.DataFrame(cuts, schema=schema)))


@dataclass(frozen=True)
class Made(Lever):
    """A lever whose change is a function."""

    effort = "low"
    risk = "low"
    flag = "made"
    change: Callable[[Workload], Workload] = lambda workload: workload
    low: Callable[[Workload], Workload] | None = None
    size: int = 0
    sizes: Sequence[int] = ()

    def apply(self, workload: Workload) -> Workload:
        return self.change(workload)

    def action(self, before: Workload, after: Workload) -> str:
        return f"Do {self.name}."

    def scenarios(self) -> tuple[Any, Any]:
        return replace(self, change=self.low or self.change, low=None), self


def made(name: str, change: Any, stage: str = "truncation", *, rewrites: bool = False, **more: Any):
    """A lever of this name; attributes of Lever may be given, and fields of Made."""
    own = (
        "effort",
        "risk",
        "notes",
        "variants",
        "family",
        "delay_s",
        "with_retries",
        "misroute_limit",
        "grounded",
    )
    attributes = {k: more.pop(k) for k in own if k in more}
    attributes |= {"name": name, "title": name, "stage": stage, "rewrites_prompts": rewrites}
    return type(name, (Made,), attributes)(change=change, **more)


def where(column: str, values: Sequence[Any]) -> pl.Expr:
    return pl.col(column).is_in(list(values))


def drop(*ids: str) -> Callable[[Workload], Workload]:
    """Drops calls by id."""

    def change(workload: Workload) -> Workload:
        gone = workload.calls.filter(where("call_id", ids))["call_no"].to_list()
        keep = ~where("call_no", gone)
        return workload.with_(calls=workload.calls.filter(keep), parts=workload.parts.filter(keep))

    return change


def shrink(factor: int, *ids: str) -> Callable[[Workload], Workload]:
    """Divides the tokens of some calls (all, without ids)."""

    def change(workload: Workload) -> Workload:
        chosen = workload.calls.filter(where("call_id", ids) | (not ids))["call_no"].to_list()
        small = pl.when(where("call_no", chosen)).then(pl.col("tokens") // factor)
        return workload.with_(
            parts=workload.parts.with_columns(small.otherwise("tokens").alias("tokens"))
        )

    return change


def move(column: str, value: str, *ids: str) -> Callable[[Workload], Workload]:
    """Sets a column of some calls (all, without ids)."""

    def change(workload: Workload) -> Workload:
        new = pl.when(where("call_id", ids) | (not ids)).then(pl.lit(value)).otherwise(column)
        return workload.with_(calls=workload.calls.with_columns(new.alias(column)))

    return change
