"""How far provider caching falls short of the ideal, fitted on bills that show cached tokens.

What a provider does not find (another machine, an eviction) is the newest end of a prompt, and its
size does not grow with the prompt: so the loss is fitted as tokens a call, not as a share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from costscope.levers._cache.heads import headed, learned

GROUP = ("provider", "model")
MILLION = 1_000_000
WHOLE_STEP = 128
"""A call is above the ideal if it is billed more than one step of OpenAI's granularity above it."""
TAILS = (0.05, 0.95)
STUDENT = (
    6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833,
    1.812, 1.796, 1.782, 1.771, 1.761, 1.753, 1.746, 1.740,
)  # fmt: skip
"""Student's t, 95 %, at 1 to 17 degrees of freedom: below 19 sessions no order statistic reaches the
5 % and 95 % points."""
EXPLAINED = 0.8
"""Below this share of the billed tokens the logged text is not what was sent, and is not simulated."""

READ = pl.col("ideal") - pl.min_horizontal("lost", pl.col("ideal") * pl.col("most") // MILLION)
"""Tokens read: the ideal less `lost` tokens, at the `most` so many millionths of it. Null `lost`: a
share alone."""


def fitted(truth: pl.DataFrame) -> pl.DataFrame:
    """Per provider and model what is ideal but not billed as read: `lost` and `most`, see READ.

    `lost` is the mean of tokens a call, `most` the share among the shorter half of the calls, or
    among all where that is more; both are scaled so that together they take off exactly what was
    not billed. `truth`: a row per call with provider, model, `ideal` and `billed` tokens. Calls
    whose ideal is 0 tell nothing of misses; more billed than ideal in the mean is no loss.
    """
    ideal, loss = pl.col("ideal"), pl.col("ideal") - pl.col("billed")
    short = ideal <= ideal.median()
    shares = (loss.filter(short).sum() / ideal.filter(short).sum(), loss.sum() / ideal.sum())
    rows = truth.filter(ideal > 0).with_columns(
        lost=loss.mean().over(GROUP), most=pl.max_horizontal(*shares).over(GROUP)
    )
    taken = pl.min_horizontal(pl.col("lost"), ideal * pl.col("most")).clip(0)
    scale = pl.when(taken.sum() > 0).then(loss.sum() / taken.sum()).otherwise(0).clip(0)
    return rows.group_by(GROUP).agg(
        lost=whole(pl.col("lost").first() * scale), most=whole(pl.col("most").first() * scale * MILLION)
    ).with_columns(pl.col("most").clip(0, MILLION)).sort(GROUP)  # fmt: skip


def whole(value: pl.Expr) -> pl.Expr:
    return value.floor().clip(0).cast(pl.Int64)


def explained(truth: pl.DataFrame) -> pl.DataFrame:
    """`truth` without the providers and models whose bill the logged text does not explain."""
    seen = pl.min_horizontal("ideal", "billed").sum().over(GROUP)
    return truth.filter(seen >= EXPLAINED * pl.col("billed").sum().over(GROUP))


def halves(truth: pl.DataFrame) -> pl.DataFrame:
    """`truth` with `fit`: true for the first half of each provider's and model's sessions in time.

    A session is a `cluster`, placed by its first call (`sent`, then its name).
    """
    sessions = (
        truth.group_by(*GROUP, "cluster").agg(pl.col("sent").min()).sort(*GROUP, "sent", "cluster")
    )
    nth, all_ = pl.int_range(pl.len()).over(GROUP), pl.len().over(GROUP)
    sessions = sessions.select(*GROUP, "cluster", fit=nth < all_ // 2)
    return truth.join(sessions, on=[*GROUP, "cluster"], maintain_order="left")


def backtested(truth: pl.DataFrame) -> Mapping[str, Any] | None:
    """Fitted on the first half of the sessions, checked on the rest; None if nothing is left to check.

    `calls`, the three sums of tokens, `error` (predicted over billed, less one) and
    `calls_above_ideal` are of the calls that were held out; `interval_coverage` is the share of
    held-out sessions whose billed tokens lie in their 90 % interval. `fit_calls` were fitted on.
    """
    split = halves(truth)
    known = learned(split.filter("fit"))
    split = headed(split, known)
    fit, held = split.filter("fit"), split.filter(~pl.col("fit"))
    held = held.join(fitted(fit), on=GROUP, maintain_order="left")
    held = held.filter(pl.col("lost").is_not_null()).with_columns(predicted=READ)
    billed = int(held["billed"].sum())
    if not billed:
        return None
    above = held.select((pl.col("billed") > pl.col("ideal") + WHOLE_STEP).mean()).item()
    return {
        "calls": held.height,
        "billed_cached_tokens": billed,
        "ideal_cached_tokens": int(held["ideal"].sum()),
        "predicted_cached_tokens": int(held["predicted"].sum()),
        "error": round(int(held["predicted"].sum()) / billed - 1, 6),
        "calls_above_ideal": round(above, 6),
        "interval_coverage": coverage(fit, held),
        "fit_calls": fit.height,
    }


def coverage(fit: pl.DataFrame, held: pl.DataFrame) -> float | None:
    """The share of held-out sessions whose billed tokens lie in their 90 % interval; None where fewer
    than two sessions were fitted on."""
    mean = fit.group_by(GROUP).agg(usual=(pl.col("ideal") - pl.col("billed")).mean())
    off, slack = pl.col("off"), 1 / pl.col("root")
    bounds = per_session(fit, mean).group_by(GROUP).agg(least=bound(0), most=bound(1))
    inside = (
        per_session(held, mean)
        .join(bounds.drop_nulls(), on=GROUP)
        .select((off >= pl.col("least") - slack) & (off <= pl.col("most") + slack))
        .to_series()
    )
    share = inside.mean()
    return round(float(share), 6) if isinstance(share, float) else None


def per_session(truth: pl.DataFrame, mean: pl.DataFrame) -> pl.DataFrame:
    """`off`: tokens that a session loses beyond the mean of its calls, over `root`, the root of its
    ideal: misses are many and independent, so what they add up to spreads like that."""
    loss = (pl.col("ideal") - pl.col("billed") - pl.col("usual")).sum()
    root = pl.max_horizontal(pl.col("ideal").sum(), 1).cast(pl.Float64).sqrt()
    rows = truth.join(mean, on=GROUP, maintain_order="left")
    return rows.group_by(*GROUP, "cluster").agg(off=loss / root, root=root)


def bound(side: int) -> pl.Expr:
    """The lower (0) or upper (1) end of the interval for the `off` of a session yet to come."""
    off, n = pl.col("off"), pl.len().cast(pl.Int64)
    t = (n - 1).replace_strict(dict(enumerate(STUDENT, 1)), default=None, return_dtype=pl.Float64)
    reach = t * off.std() * (1 + 1 / n).sqrt()
    few = off.mean() + (reach if side else -reach)
    return pl.when(n > len(STUDENT) + 1).then(quantile(TAILS[side])).otherwise(few)


def quantile(p: float) -> pl.Expr:
    """The quantile of `off` for a session yet to come: at p (n + 1), between neighbours, kept
    inside what was seen."""
    ordered, n = pl.col("off").sort(), pl.len()
    place = (p * (n + 1)).clip(1, n) - 1
    low = place.floor().cast(pl.Int64)
    high = place.ceil().cast(pl.Int64)
    below, over = ordered.get(low), ordered.get(high)
    return below + (over - below) * (place - place.floor())
