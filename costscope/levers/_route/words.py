"""What is said and shown of learned routers: sentences, curves, figures. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from costscope.levers._route.evidence import Evidence
from costscope.levers._route.learn import Judged
from costscope.levers._route.study import MOST, Study, alike
from costscope.levers._words import count
from costscope.model import Column, Table

FEWEST = 20
"""Judged calls of each model below which the rules are not measured."""

MOST_ROWS = 20

KINDS = {"scores": "scores", "retries": "calls that were asked again"}


def said_of(found: Evidence, studies: Sequence[Study]) -> list[str]:
    """What the log shows of its answers, and of each pair of models."""
    if not studies:
        return ["No model of this log has a cheaper one to learn about."]
    if not found.kind:
        unread = f" {found.unread:,} scores cannot be read: {found.scale}." if found.unread else ""
        return [
            "Too little data: the log has no scores, retries or escalations, so nothing is learned "
            f"about {count(len(studies), 'pair')} of models.{unread}"
        ]
    scale = f" ({found.scale})" if found.scale else ""
    said = [f"{found.calls.height:,} calls are judged by {KINDS[found.kind]}{scale}."]
    if found.unread:
        said.append(f"{found.unread:,} scores cannot be read.")
    return said + [_said(study) for study in studies]


def _said(study: Study) -> str:
    pair = f"{study.strong} or {study.cheap}"
    held = study.held
    if study.router is None or held is None:
        return f"{pair}: too little data ({study.why_not})."
    if not study.useful:
        return (
            f"{pair}: the learned router is no better than chance (APGR {_range(study)}, a coin has "
            "0.5), so nothing is routed."
        )
    if study.apgr is None:
        quality = (
            f"{study.cheap} is judged no worse than {study.strong} on these features; that is a blanket "
            "downgrade, which needs no router"
        )
    else:
        quality = f"APGR {_range(study)}, where a coin has 0.5"
    cheap, strong = study.judged
    text = f" {study.textless:,} queries could not be read again." if study.textless else ""
    return (
        f"{pair}: learned from {cheap:,} and {strong:,} judged calls; out of fold, {quality}; "
        f"{held.routed:.0%} of {study.strong}'s calls go, and the share of good answers falls by "
        f"{100 * held.loss:.1f} points.{text}"
    )


def _range(study: Study) -> str:
    if study.apgr is None or study.interval is None:
        return "unknown"
    low, high = study.interval
    return f"{study.apgr:.2f}, 95 % from {low:.2f} to {high:.2f}"


def points(study: Study) -> dict[str, Any]:
    """The figures of a router out of fold, plain."""
    router, held = study.router, study.held
    if router is None or held is None:
        return {}
    curve, cheap = router.judged.curve(), study.judged[0]
    found: dict[str, Any] = {"judged_calls": sum(study.judged), "cheap_calls": cheap}
    if curve is not None and study.interval is not None:
        low, high = study.interval
        found |= {
            "apgr": round(curve.apgr, 4), "apgr_low": round(low, 4), "apgr_high": round(high, 4),
            "cpt_50": round(curve.cpt(0.5), 4), "cpt_80": round(curve.cpt(0.8), 4),
        }  # fmt: skip
    return found | {
        "routed_share": round(held.routed, 4),
        "good_share_lost": round(held.loss, 4),
        "calibration_error": round(router.calibration(), 4),
    }


def splits(study: Study) -> Table:
    """The cost-quality curve as a table: calls to the strong model, PGR, good answers lost."""
    columns = (
        Column("strong model's calls", "share"), Column("advantage kept (PGR)", "share"),
        Column("a coin", "share"), Column("good answers lost", "share"),
    )  # fmt: skip
    rows: list[tuple[float | None, ...]] = []
    if study.router is not None:
        judged = study.router.judged
        curve, (_, weight, gain) = judged.curve(), judged.bins()
        strong = np.r_[0.0, np.cumsum(weight)]
        lost = gain.sum() - np.r_[0.0, np.cumsum(gain)]
        rows = [
            (round(float(x), 4), None if curve is None else round(curve.at(float(x)), 4),
             round(float(x), 4), round(float(y), 4))
            for x, y in zip(strong, lost, strict=True)
        ]  # fmt: skip
    return Table(
        f"A learned router between {study.strong} and {study.cheap}, out of fold",
        columns, rows,
        "PGR is the share of the strong model's advantage that is kept (RouteLLM, arXiv 2406.18665).",
    )  # fmt: skip


def measured(ranked: pl.DataFrame, pairs: Sequence[tuple[str, str]]) -> dict[str, Any] | None:
    """How the rules' order does by what the log's judged calls say, for the pair of models with the most
    of them on features that both answer. `ranked`: base, feature, good, rank."""
    best: tuple[int, Judged] | None = None
    for strong, cheap in pairs:
        judged, _ = alike(ranked.filter(pl.col("base").is_in([strong, cheap])))
        sides = [judged.filter(pl.col("base") == name) for name in (cheap, strong)]
        least = min(side.height for side in sides)
        if least >= FEWEST and (best is None or least > best[0]):
            some = [side.gather_every(-(-side.height // MOST)) for side in sides]
            arrays = [side[name].to_numpy() for side in some for name in ("rank", "good")]
            best = (least, Judged(*arrays))
    if best is None:
        return None
    curve, ends = best[1].curve(), best[1].interval()
    if curve is None or ends is None:
        return None
    return {
        "judged_calls": len(best[1].cheap) + len(best[1].strong), "apgr": round(curve.apgr, 4),
        "apgr_low": round(ends[0], 4), "apgr_high": round(ends[1], 4),
        "cpt_50": round(curve.cpt(0.5), 4), "cpt_80": round(curve.cpt(0.8), 4),
    }  # fmt: skip


def by_feature(judged: pl.DataFrame) -> Table:
    """Calls that could go and calls that do, by feature and model, the busiest first."""
    tokens = pl.col("input_tokens") + pl.col("output_tokens")
    rows = judged.group_by("feature", "model").agg(
        pl.len().cast(pl.Int64).alias("calls"),
        pl.col("easy").sum().cast(pl.Int64).alias("easy"),
        pl.col("easy").mean().alias("share"),
        tokens.filter("easy").sum().alias("tokens"),
    )
    rows = rows.sort(-pl.col("calls"), "feature", "model").head(MOST_ROWS)
    columns = (
        Column("feature"), Column("model"), Column("calls", "count"), Column("easy", "count"),
        Column("share", "share"), Column("easy tokens", "tokens"),
    )  # fmt: skip
    note = "Where nearly every call of a feature is easy, the rules choose nothing: a blanket downgrade."
    return Table("Easy calls by feature", columns, list(rows.iter_rows()), note)
