"""A frame of calls → the sums that the gate compares: moments by feature, and tokens and money by
(feature, template, version, model). No statistics and no verdicts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from math import fsum
from typing import NamedTuple

import polars as pl

from costscope.errors import InputError
from costscope.gate.exact import split
from costscope.gate.statistics import Moments
from costscope.model import ANSWERED

TOKEN_CLASSES = ("fresh", "cache_read", "cache_write", "output")
CLASSES = (*TOKEN_CLASSES, "other")
"""What a picodollar was paid for. `other`: charges that are not for tokens, counted by the call."""

PARTS = ("system", "tools", "context", "history", "query", "unattributed", "reasoning")
"""What the input tokens were (they add up to them), and how much of the output was reasoning."""

REQUIRED = (
    "cluster", "feature", "model", "template", "template_version", *TOKEN_CLASSES, "reasoning",
    *(f"seg_{part}" for part in PARTS[:-1]), "pd", "unpriced_tokens", "status",
)  # fmt: skip
DEFAULTS = {"provider": "", "channel": "direct", "tier": "standard"}

MEASURES = ("calls", "failed", "cost", "tokens", "input", "cache_read", "output")
PRODUCTS = (
    "cost*cost", "cost*calls", "calls*calls", "tokens*tokens", "tokens*calls", "output*output",
    "output*calls", "cache_read*cache_read", "cache_read*input", "input*input",
)  # fmt: skip
RATIOS = (
    ("cost", "calls"), ("cost", "clusters"), ("tokens", "calls"), ("tokens", "clusters"),
    ("output", "calls"), ("cache_read", "input"),
)  # fmt: skip
"""The ratios that rules may test; the order in which a pair of features keeps its products."""

Priced = tuple[str, str, str, str, Mapping[str, int]]
"""(model, provider, channel, tier, {token class: tokens}); cache_write is all writes together."""

Reprice = Callable[[Sequence[Priced]], Sequence[int | None]]
"""One price book as a function: picodollars for each item, in order, None where it has no price.
A function of its items alone. It is only compared with another such function (another book) on
the same items, so that what sums cannot know (long-context tiers, cache lifetimes) cancels."""

Pairs = Mapping[tuple[str, str], tuple[float, ...]]


class Key(NamedTuple):
    """What the calls of a cell have in common."""

    feature: str
    template: str
    template_version: str
    provider: str
    channel: str
    model: str
    tier: str


@dataclass(frozen=True)
class Cell:
    """All calls of one (feature, template, version, model): the ground on which causes are found.

    `cost` has a key for each of CLASSES, `tokens` one for each of TOKEN_CLASSES, `parts` one for
    each of PARTS. `listed`: what the price book said for the tokens of each class, or None.
    """

    key: Key
    calls: int
    tokens: Mapping[str, int]
    parts: Mapping[str, int]
    cost: Mapping[str, int]
    listed: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Sums:
    """What one log is reduced to. `pairs`: for two features that share clusters, the sum over those
    clusters of the product of their residuals, for each of RATIOS."""

    overall: Moments
    features: Mapping[str, Moments]
    cells: tuple[Cell, ...]
    pairs: Pairs = field(default_factory=dict)
    tokens: int = 0
    unpriced_tokens: int = 0
    dropped_calls: int = 0
    """Calls left out because they have no price or no usage."""
    top_share: float = 0.0
    """The share of the cost in the dearest 1 % of clusters (at least one)."""


def measure(units: pl.DataFrame, reprice: Reprice | None = None) -> Sums:
    """Reduce a frame, one row a call, to its sums; the order of rows does not matter.

    Columns: REQUIRED (cluster, feature, model, template, template_version, status: text; tokens by
    class, seg_* and reasoning: integers; pd: Int128 picodollars or null; unpriced_tokens).
    Optional: provider, channel, tier, and pd_fresh, pd_cache_read, pd_cache_write, pd_output
    (Int128), the parts of pd by class. Without these `pd` is split by the price book, and without
    a book in proportion to tokens. Raises InputError if a column or every price is missing.
    """
    rows = _rows(units)
    usable = rows.filter("usable")
    if usable.is_empty():
        raise InputError("nothing to compare: no call of this log has a price; see `prices check`")
    clusters = _clusters(usable)
    whole = clusters.group_by("cluster").agg(pl.col("clusters").max(), pl.col(MEASURES).sum())
    features = _moments(clusters)
    billed = pl.sum_horizontal(TOKEN_CLASSES)
    unpriced = pl.when("usable").then(0).otherwise(billed)
    return Sums(
        overall=_moments(whole.with_columns(feature=pl.lit("")))[""],
        features=features,
        cells=_cells(usable, reprice),
        pairs=_pairs(clusters, features),
        tokens=int(rows.select(billed.sum()).item()),
        unpriced_tokens=int(
            rows.select(pl.max_horizontal("unpriced_tokens", unpriced).sum()).item()
        ),
        dropped_calls=rows.height - usable.height,
        top_share=_top_share(whole["cost"].to_list()),
    )


def _rows(units: pl.DataFrame) -> pl.DataFrame:
    missing = sorted(set(REQUIRED) - set(units.columns))
    if missing:
        raise InputError(f"the calls to compare lack the columns {', '.join(missing)}")
    absent = {k: pl.lit(v) for k, v in DEFAULTS.items() if k not in units.columns}
    shown = pl.col("feature", "model", "template", "template_version")
    return units.with_columns(**absent).with_columns(
        pl.when(shown != "").then(shown).otherwise(pl.lit("(none)")),
        pl.col("pd").cast(pl.Int128),
        usable=pl.all_horizontal(pl.col("pd", *TOKEN_CLASSES).is_not_null()),
    )


def _clusters(rows: pl.DataFrame) -> pl.DataFrame:
    """One row for each (feature, cluster) with its MEASURES."""
    prompt = pl.sum_horizontal("fresh", "cache_read", "cache_write")
    return (
        rows.select(
            "feature", "cluster", "cache_read", "output",
            calls=pl.lit(1, pl.Int64),
            failed=(~pl.col("status").is_in(ANSWERED)).cast(pl.Int64),
            cost="pd", input=prompt, tokens=prompt + pl.col("output"),
        )
        .group_by("feature", "cluster")
        .agg(pl.col(MEASURES).sum(), clusters=pl.lit(1, pl.Int64))
    )  # fmt: skip


def _moments(clusters: pl.DataFrame) -> dict[str, Moments]:
    """Sums are exact integers and products are summed with fsum, so no order of rows shows."""
    products = [_product(name).alias(name) for name in PRODUCTS]
    sums = pl.col("clusters", *MEASURES).sum()
    table = clusters.with_columns(products).group_by("feature").agg(sums, pl.col(PRODUCTS))
    return {
        row["feature"]: Moments(
            {name: int(row[name]) for name in ("clusters", *MEASURES)},
            {name: rounded(fsum(row[name])) for name in PRODUCTS},
        )
        for row in table.sort("feature").iter_rows(named=True)
    }


def _product(name: str) -> pl.Expr:
    left, right = name.split("*")
    return pl.col(left).cast(pl.Float64) * pl.col(right).cast(pl.Float64)


def rounded(number: float) -> float:
    """12 significant digits: what a baseline keeps, so that a log and its file compare alike."""
    return float(f"{number:.12g}")


def _pairs(clusters: pl.DataFrame, features: Mapping[str, Moments]) -> Pairs:
    shared = clusters.filter(pl.len().over("cluster") > 1)
    if shared.is_empty():
        return {}
    left = shared.select("cluster", "feature", *_residuals(features))
    both = left.join(left, on="cluster", suffix="_2").filter(pl.col.feature < pl.col.feature_2)
    products = [(pl.col(f"r{i}") * pl.col(f"r{i}_2")).alias(f"p{i}") for i in range(len(RATIOS))]
    table = both.group_by("feature", "feature_2").agg(products).sort("feature", "feature_2")
    return {(f, g): tuple(rounded(fsum(p)) for p in lists) for f, g, *lists in table.iter_rows()}


def _residuals(features: Mapping[str, Moments]) -> Iterable[pl.Expr]:
    """r = top - ratio·bottom of each (feature, cluster), for each of RATIOS."""
    for i, (top, bottom) in enumerate(RATIOS):
        slopes = {f: m.sums[top] / m.sums[bottom] for f, m in features.items() if m.sums[bottom]}
        names = pl.Series(list(slopes), dtype=pl.String)
        slope = pl.col("feature").replace_strict(
            names, pl.Series(list(slopes.values()), dtype=pl.Float64), default=0.0
        )
        yield (pl.col(top).cast(pl.Float64) - slope * pl.col(bottom)).alias(f"r{i}")


def _top_share(costs: list[int]) -> float:
    dearest = sorted(costs, reverse=True)[: max(1, len(costs) // 100)]
    return rounded(float(Fraction(sum(dearest), sum(costs)))) if sum(costs) else 0.0


def _cells(rows: pl.DataFrame, reprice: Reprice | None) -> tuple[Cell, ...]:
    keys = Key._fields
    sums = [*TOKEN_CLASSES, "reasoning", *(f"seg_{p}" for p in PARTS[:-1]), "pd"]
    exact = [f"pd_{name}" for name in TOKEN_CLASSES]
    given = set(exact) <= set(rows.columns)
    table = rows.group_by(keys).agg(pl.len().alias("calls"), pl.col(sums + exact * given).sum())
    cells = [_cell(row) for row in table.sort(keys).iter_rows(named=True)]
    cells = listed(cells, reprice)
    bills = table.sort(keys).iter_rows(named=True)
    return tuple(
        replace(cell, cost=_by_class(cell, row, given=given))
        for cell, row in zip(cells, bills, strict=True)
    )


def _cell(row: Mapping[str, int | str]) -> Cell:
    tokens = {name: int(row[name]) for name in TOKEN_CLASSES}
    prompt = sum(tokens.values()) - tokens["output"]
    parts = _parts([int(row[f"seg_{part}"]) for part in PARTS[:-1]], prompt)
    parts["reasoning"] = int(row["reasoning"])
    key = Key._make(str(row[name]) for name in Key._fields)
    return Cell(key, int(row["calls"]), tokens, parts, {})


def _parts(tokens: list[int], prompt: int) -> dict[str, int]:
    """Input tokens by segment so that they add up to the prompt: what they miss is unattributed."""
    missing = prompt - sum(tokens)
    parts = dict(zip(PARTS, tokens if missing >= 0 else split(prompt, tokens), strict=False))
    parts["unattributed"] += max(0, missing)
    return parts


def listed(cells: Sequence[Cell], reprice: Reprice | None) -> list[Cell]:
    """The cells with what a price book says for the tokens of each class; unchanged without one."""
    if reprice is None:
        return list(cells)
    items = [
        (key.model, key.provider, key.channel, key.tier, {name: cell.tokens[name]})
        for cell in cells
        for key in [cell.key]
        for name in _spent(cell)
    ]
    prices = iter(reprice(items))
    return [replace(cell, listed=_known({n: next(prices) for n in _spent(cell)})) for cell in cells]


def _spent(cell: Cell) -> list[str]:
    """The classes that a cell has tokens of: a book need not know a price for the others."""
    return [name for name in TOKEN_CLASSES if cell.tokens[name]]


def _known(prices: Mapping[str, int | None]) -> dict[str, int] | None:
    known = {name: price for name, price in prices.items() if price is not None}
    return dict.fromkeys(TOKEN_CLASSES, 0) | known if len(known) == len(prices) else None


def _by_class(cell: Cell, row: Mapping[str, int], *, given: bool) -> dict[str, int]:
    """A cell's cost by class. What cannot be for tokens, because there are none, is `other`."""
    total = int(row["pd"])
    weights = [(cell.listed or cell.tokens)[name] for name in TOKEN_CLASSES]
    parts = [int(row[f"pd_{n}"]) for n in TOKEN_CLASSES] if given else split(total, weights)
    cost = {
        name: part if cell.tokens[name] else 0
        for name, part in zip(TOKEN_CLASSES, parts, strict=True)
    }
    return {**cost, "other": total - sum(cost.values())}
