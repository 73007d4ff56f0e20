"""What in a log would make a cascade ask the stronger model: the cheap model's own bad ends. Not a lever."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from costscope.levers._route.evidence import asked_again, based, evidence
from costscope.levers._rows import replies
from costscope.levers._shares import wilson
from costscope.model import ANSWERED, Workload
from costscope.once import once

SIGNALS = ("error", "refusal", "cut", "short", "slow", "score", "retry")

_REFUSED = ("refusal", "content_filter", "safety", "recitation", "prohibited_content", "blocklist")
_CUT = ("length", "max_tokens", "model_context_window_exceeded")


@dataclass(frozen=True)
class Share:
    """The share of a model's calls with a signal: expected, and both ends of its 95 % interval."""

    low: float
    """The dearest end: the most escalations."""
    base: float
    high: float
    calls: int
    hits: int

    def of(self, case: str) -> float:
        """The share in a case: low, base or high."""
        return {"low": self.low, "base": self.base, "high": self.high}[case]


POOR = ("score", "retry", "short", "slow")
"""Signals of a poor answer; the others only tell of calls that failed."""


_KNOWN = ["call_no", "model", "feature", "status", "finish_reason", "latency_us", "added"]


@once
def signalled(
    log: Workload, signals: Sequence[str], short_tokens: int, slow_us: int
) -> pl.DataFrame:
    """base, feature, `calls`, `judged` (of those, whose answer any signal of POOR could have told of),
    and, for each signal and for `any` of them, how many calls have it. Errors count: a cascade asks
    the other model then too."""
    calls = based(log.calls[_KNOWN].filter(~pl.col("added")))
    calls = calls.join(replies(log.parts), on="call_no", how="left")
    told = {name: _told(log, name, short_tokens, slow_us) for name in signals}
    calls = calls.with_columns(x.fill_null(value=False).alias(name) for name, x in told.items())
    calls = calls.with_columns(
        pl.any_horizontal(signals).alias("any"), _judged(log, signals).alias("judged")
    )
    sums = [pl.col(name).sum().cast(pl.Int64) for name in ("judged", *signals, "any")]
    failed = (pl.col("judged") & pl.col("any")).sum().cast(pl.Int64).alias("poor")
    counts = calls.group_by("base", "feature").agg(
        pl.len().cast(pl.Int64).alias("calls"), *sums, failed
    )
    return counts.sort("base", "feature")


def _judged(log: Workload, signals: Sequence[str]) -> pl.Expr:
    """Whether a signal of a poor answer could have told of a call: where there are scores, of the scored
    ones and of those that failed; else of all, where the log has such signals at all."""
    if "short" in signals or "slow" in signals:
        return pl.lit(True)
    found = evidence(log)
    if "score" in signals and found.kind == "scores":
        scored = pl.col("call_no").is_in(found.calls["call_no"].implode())
        return scored | ~pl.col("status").is_in(ANSWERED)
    return pl.lit("retry" in signals and not asked_again(log).is_empty())


def _told(log: Workload, signal: str, short_tokens: int, slow_us: int) -> pl.Expr:
    if signal == "score":
        return pl.col("call_no").is_in(_poor(log).implode())
    if signal == "retry":
        return pl.col("call_no").is_in(asked_again(log).implode())
    answered = pl.col("status").is_in(ANSWERED)
    reason = pl.col("finish_reason").str.to_lowercase()
    return {
        "error": ~answered,
        "refusal": reason.is_in(_REFUSED),
        "cut": reason.is_in(_CUT),
        "short": answered & (pl.col("tokens").fill_null(0) < short_tokens),
        "slow": (pl.col("latency_us") > slow_us) if slow_us else pl.lit(False),
    }[signal]


def _poor(log: Workload) -> pl.Series:
    found = evidence(log)
    rows = found.calls if found.kind == "scores" else found.calls.clear()
    return rows.filter(pl.col("good") == 0)["call_no"]


def share_of(
    counts: pl.DataFrame, cheap: str, features: Collection[str | None], least: int
) -> Share | None:
    """The share with any signal of the cheap model's calls (a name without date) on these features, of
    those that were judged; None below `least` of them."""
    rows = counts[["base", "feature", "judged", "poor"]].rows()
    mine = [row[2:] for row in rows if row[0] == cheap and row[1] in features]
    calls, hits = (sum(column) for column in zip(*mine, strict=True)) if mine else (0, 0)
    ends = wilson(hits, calls)
    if calls < least or ends is None:
        return None
    return Share(ends[1], hits / calls, ends[0], calls, hits)
