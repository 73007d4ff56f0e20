"""Frames of calls by hand and at random, as the gate takes them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

RATES = {"fresh": 2_500_000, "cache_read": 250_000, "cache_write": 3_125_000, "output": 10_000_000}
"""Picodollars a token."""

BLANK: dict[str, Any] = {
    "cluster": "c0", "feature": "chat", "model": "large", "template": "answer",
    "template_version": "v3", "fresh": 0, "cache_read": 0, "cache_write": 0, "output": 0,
    "reasoning": 0, "seg_system": 0, "seg_tools": 0, "seg_context": 0, "seg_history": 0,
    "seg_query": 0, "seg_unattributed": 0, "pd": 0, "unpriced_tokens": 0, "status": "ok",
    "provider": "acme", "channel": "direct", "tier": "standard",
    "pd_fresh": 0, "pd_cache_read": 0, "pd_cache_write": 0, "pd_output": 0,
}  # fmt: skip
MONEY = ("pd", *(f"pd_{name}" for name in RATES))
TYPES: dict[str, Any] = {
    k: pl.Int128 if k in MONEY else pl.String if isinstance(v, str) else pl.Int64
    for k, v in BLANK.items()
}


def call(cluster: str = "c0", factor: float = 1, **columns: Any) -> dict[str, Any]:
    """A row. Input that no segment is given for is unattributed; cost is RATES times `factor`."""
    row = {**BLANK, "cluster": cluster, **columns}
    prompt = row["fresh"] + row["cache_read"] + row["cache_write"]
    row["seg_unattributed"] = prompt - sum(v for k, v in row.items() if k.startswith("seg_"))
    costs = {f"pd_{name}": round(row[name] * rate * factor) for name, rate in RATES.items()}
    return {**row, **costs, "pd": columns.get("pd", sum(costs.values()))}


def frame(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """The rows as a frame with the types of the contract."""
    return pl.DataFrame(list(rows), schema=TYPES)


def bare(units: pl.DataFrame) -> pl.DataFrame:
    """Without the columns that a caller may leave out."""
    return units.drop("provider", "channel", "tier", *MONEY[1:])


def traffic(
    seed: int,
    conversations: int = 60,
    features: Sequence[str] = ("chat", "search"),
    dearer: float = 1,
    **columns: Any,
) -> pl.DataFrame:
    """Conversations of one to eleven calls that are alike within; `dearer` scales their tokens."""
    dice = random.Random(seed)
    rows = []
    for c in range(conversations):
        feature, mood = features[c % len(features)], dice.lognormvariate(0, 0.4)
        for _ in range(dice.randint(1, 11)):
            context = int(900 * mood * dearer * dice.lognormvariate(0, 0.4))
            output = int(200 * mood * dearer * dice.lognormvariate(0, 0.5))
            texts = {"fresh": context + 300, "seg_context": context, "seg_system": 300}
            rows.append(call(f"{feature}-{c}", feature=feature, **texts, output=output, **columns))
    return frame(rows)


def planted(context: int, version: str, seed: int, conversations: int = 80) -> pl.DataFrame:
    """support-chat answers with `context` tokens of it on average, beside an unchanged search."""
    dice = random.Random(seed)
    rows = []
    for c in range(conversations):
        mood = dice.uniform(0.8, 1.2)
        for _ in range(dice.randint(2, 6)):
            found = int(context * mood)
            rows.append(call(
                f"s{c}", feature="support-chat", template_version=version, fresh=found + 340,
                seg_context=found, seg_system=300, seg_query=40, output=int(150 * mood),
            ))  # fmt: skip
            rows.append(call(
                f"q{c}", feature="search", template="find", template_version="v1",
                fresh=int(500 * mood), seg_query=int(500 * mood), output=60,
            ))  # fmt: skip
    return frame(rows)
