"""What a log says about how good answers were: scores, thumbs, retries, escalations. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from costscope.levers._rows import conversation
from costscope.model import ANSWERED, Workload
from costscope.once import once
from costscope.prices.names import base

SCORES = ("score", "rating", "feedback", "thumbs", "correct")
"""Tags that are taken for a score where the user names none; the first that a call has counts."""

GOOD = ("true", "yes", "good", "up", "thumbs_up", "thumbsup", "pass", "passed", "correct", "positive",
        "like", "liked", "ok", "right", "accepted", "+", "\N{THUMBS UP SIGN}")  # fmt: skip
BAD = ("false", "no", "bad", "down", "thumbs_down", "thumbsdown", "fail", "failed", "incorrect",
       "negative", "dislike", "disliked", "wrong", "rejected", "-", "\N{THUMBS DOWN SIGN}")  # fmt: skip

AGAIN_WITHIN_US = 600_000_000
"""The same question, asked of another model in the same conversation within ten minutes, is an
escalation; later it may be a new wish."""


class Evidence(NamedTuple):
    """Judged calls and by what they were judged."""

    calls: pl.DataFrame
    """call_no, good (0.0 or 1.0)."""
    kind: str
    """scores, retries, or "" where there is nothing."""
    scale: str
    """What counts as good, in words."""
    unread: int
    """Calls with a score that cannot be read."""


def evidence(log: Workload, score_tag: str = "", good_from: float | None = None) -> Evidence:
    """What this log says about its answers: scores where it has any. Without, a log with retries or
    escalations judges every answered call: poor if it was asked again, else good."""
    names = (score_tag,) if score_tag else SCORES
    scored, scale, unread = _scored(log, names, good_from)
    if scored.height:
        return Evidence(scored, "scores", scale, unread)
    repeated = asked_again(log)
    if repeated.is_empty():
        return Evidence(scored, "", scale, unread)
    answered = ~pl.col("added") & pl.col("status").is_in(ANSWERED)
    poor = pl.col("call_no").is_in(repeated.implode())
    rows = log.calls.filter(answered).select("call_no", (~poor).cast(pl.Float64).alias("good"))
    return Evidence(rows, "retries", "good is what nobody asked again", unread)


@once
def _scored(
    log: Workload, names: Sequence[str], good_from: float | None
) -> tuple[pl.DataFrame, str, int]:
    """call_no and good of the calls with a readable score, what is good in words, and how many
    scores cannot be read."""
    tags = pl.col("tags").fill_null("")
    some = log.calls.filter(~pl.col("added") & (tags.str.len_bytes() > 2))
    some = some.filter(
        pl.any_horizontal(pl.col("tags").str.contains(f'"{n}"', literal=True) for n in names)
    )
    empty = pl.DataFrame(schema={"call_no": pl.Int64, "good": pl.Float64})
    if some.is_empty():
        return empty, "", 0
    found = pl.coalesce(pl.col("tags").str.json_path_match(f"$['{name}']") for name in names)
    word = found.str.strip_chars().str.to_lowercase().alias("word")
    rows = some.select("call_no", word).drop_nulls()
    rows = rows.with_columns(
        pl.col("word").cast(pl.Float64, strict=False).alias("number"),
        pl.when(pl.col("word").is_in(GOOD))
        .then(1.0)
        .when(pl.col("word").is_in(BAD))
        .then(0.0)
        .alias("said"),
    )
    least, most = rows.select(
        pl.col("number").min().alias("a"), pl.col("number").max().alias("b")
    ).row(0)
    from_, scale = (
        threshold(least, most)
        if good_from is None
        else (good_from, f"{good_from:g} or more is good")
    )
    numeric = (
        (pl.col("number") >= from_).cast(pl.Float64)
        if from_ is not None
        else pl.lit(None, pl.Float64)
    )
    rows = rows.with_columns(pl.coalesce("said", numeric).alias("good"))
    known = rows.drop_nulls("good")
    return known.select("call_no", "good"), scale, rows.height - known.height


def threshold(least: float | None, most: float | None) -> tuple[float | None, str]:
    """From which number on a score is good, by the scale that the log's numbers fit: shares and yes/no
    from a half, -1/+1 above nothing, stars out of five from four (what surveys count as satisfied).
    None for any other scale."""
    if least is None or most is None:
        return None, "good and bad are words"
    if least >= 0 and most <= 1:
        return 0.5, "0.5 of 1 or more is good"
    if least >= -1 and most <= 1:
        return 1e-9, "above 0 is good"
    if least >= 0 and most <= 5:
        return 4.0, "4 of 5 or more is good"
    return None, f"a scale of {least:g} to {most:g} is not known; say good_from"


@once
def asked_again(log: Workload) -> pl.Series:
    """Numbers of the calls that were answered and asked again all the same: because another call
    says that it repeats them, or because their conversation put the same query to another model soon
    after. Sorted."""
    calls = log.calls.filter(~pl.col("added"))
    answered = calls.filter(pl.col("status").is_in(ANSWERED))
    told = calls["retry_of"].drop_nulls().unique()
    repeated = answered.filter(pl.col("call_id").is_in(told.implode()))["call_no"]
    return pl.concat([repeated, _escalated(log, answered)]).unique().sort()


def _escalated(log: Workload, answered: pl.DataFrame) -> pl.Series:
    shared = answered.select(
        "call_no", "call_id", "model", "sent_at", conversation().alias("of")
    ).filter(pl.col("sent_at").is_not_null())
    mixed = shared.filter(pl.col("model").n_unique().over("of") > 1)
    if mixed.is_empty():
        return mixed["call_no"]
    rows = mixed.join(queries(log), on="call_no").sort("of", "asked", "sent_at", "call_id")
    then = [pl.col(c).shift(-1).over("of", "asked") for c in ("model", "sent_at")]
    wait = (then[1] - pl.col("sent_at")).dt.total_microseconds()
    other = (then[0] != pl.col("model")) & (wait <= AGAIN_WITHIN_US)
    return rows.filter(other.fill_null(value=False))["call_no"]


@once
def queries(log: Workload) -> pl.DataFrame:
    """call_no, `asked` (what its query says, as one hash) and `content` (its longest block)."""
    rows = log.parts.filter((pl.col("segment") == "query") & (pl.col("content") != 0))
    rows = (
        rows.sort("tokens", "seq")
        .group_by("call_no")
        .agg(pl.col("content").unique().sum().alias("asked"), pl.col("content").last())
    )
    return rows.sort("call_no")


def based(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with `base`: each model's name without date, version and region."""
    names = {model: base(model) for model in frame["model"].unique().drop_nulls()}
    short = pl.col("model").replace_strict(names, default=None, return_dtype=pl.String)
    return frame.with_columns(short.alias("base"))
