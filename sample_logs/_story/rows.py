"""Two features of which only counts were kept: search-summaries (Parquet) and shelf-labels (JSON).

No text, no sessions and no users, so that every token is billed and none can be explained.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Any

from _story.people import tenant
from _story.weeks import DESK, OFFICE, days, moment, stamp

SUMMARIES = 170
LABELS = 110
BATCHED = (4, 9)
"""Of ten rows of shelf-labels these two went through the batch tier."""
RATES = {"gpt-4.1-nano": ("0.10", "0.40"), "gpt-4o-mini": ("0.15", "0.60")}
"""Dollars a million tokens, input and output, with which the gateway filled in `cost_usd`."""


def summaries() -> list[dict[str, Any]]:
    """Two weeks of search-summaries, in order of time."""
    found = []
    for week in (0, 1):
        rng = Random(f"summaries/week {week}")
        for i, day in enumerate(days(SUMMARIES, OFFICE)):
            model = "gemini-2.5-flash-lite" if i % 5 == 4 else "gemini-2.5-flash"
            at, output = moment(rng, week, day), rng.randrange(90, 190)
            found.append({
                "timestamp": at, "model": model, "provider": "google",
                "input_tokens": rng.randrange(1_500, 2_900), "output_tokens": output,
                "latency_ms": 300 + 6 * output, "feature": "search-summaries", "team": "data",
                "tenant": tenant(rng), "template": "summary", "template_version": "v1",
            })  # fmt: skip
    found.sort(key=lambda row: (row["timestamp"], row["input_tokens"]))
    return [{"request_id": f"row-sample-{i:04d}", **row} for i, row in enumerate(found, 1)]


def labels() -> list[dict[str, Any]]:
    """Two weeks of shelf-labels, in order of time."""
    found = []
    for week in (0, 1):
        rng = Random(f"labels/week {week}")
        for i, day in enumerate(days(LABELS, DESK)):
            model = "gpt-4o-mini" if i % 4 == 3 else "gpt-4.1-nano"
            found.append(_label(rng, moment(rng, week, day), model, i % 10 in BATCHED))
    found.sort(key=lambda row: (row["timestamp"], row["prompt_tokens"]))
    return [{"id": f"label-sample-{i:04d}", **row} for i, row in enumerate(found, 1)]


def _label(rng: Random, at: datetime, model: str, batched: bool) -> dict[str, Any]:
    prompt, completion = rng.randrange(420, 780), rng.randrange(60, 120)
    rate_in, rate_out = (Decimal(rate) for rate in RATES[model])
    cost = (prompt * rate_in + completion * rate_out) / 1_000_000
    return {
        "timestamp": stamp(at), "model": model, "prompt_tokens": prompt,
        "completion_tokens": completion, "total_tokens": prompt + completion,
        "service_tier": "batch" if batched else "default",
        "cost_usd": format(cost / 2 if batched else cost, "f"),
        "feature": "shelf-labels", "team": "growth", "template": "label", "template_version": "v2",
    }  # fmt: skip
