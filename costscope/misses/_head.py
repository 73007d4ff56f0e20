"""System prompts told apart: what of them every call has, what is one user's, what never comes twice."""

from __future__ import annotations

import polars as pl

from costscope.misses._state import PROMPT, State

PLACE = ("group", "place")
VOLATILE, OWN, STABLE = "volatile", "own", "stable"
RARE = 0.2
"""What at most this share of the calls have at one place is no version of a template."""
ENOUGH = 5
"""Fewer calls than this show nothing of what varies."""


def heads(state: State) -> pl.DataFrame:
    """The blocks of system text, with `group`, `user_id` and `place`, their number among them."""
    system = (pl.col("role").cast(pl.String) == "system") | (
        pl.col("segment").cast(pl.String) == "system"
    )
    text = pl.col("kind").cast(pl.String) == "text"
    rows = state.blocks.filter(PROMPT & system & text & (pl.col("content") != 0))
    about = state.calls.select("call_no", "group", "user_id")
    return rows.join(about, on="call_no", maintain_order="left").with_columns(
        place=pl.int_range(pl.len()).over("call_no")
    )


def varying(rows: pl.DataFrame) -> pl.DataFrame:
    """The heads at places where calls seldom have the same text."""
    n, texts = pl.len().over(PLACE), pl.col("content").n_unique().over(PLACE)
    return rows.filter((n >= ENOUGH) & (texts > 1))


def units(rows: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    """A row for each span of each text at a place: *PLACE, content, nth, span, counted, and `what` it
    is. A text that is not told apart is one span."""
    texts = rows.group_by(*PLACE, "content", "user_id").agg(n=pl.len(), size=pl.col("tokens").max())
    told = texts.join(spans.rename({"tokens": "counted"}), on="content", how="left")
    told = told.with_columns(
        pl.col("nth").fill_null(0),
        pl.col("counted").fill_null(pl.col("size")),
        span=pl.coalesce("span", "content"),
    )
    kinds = told.join(_kinds(texts, told), on=[*PLACE, "span"])
    return kinds.unique([*PLACE, "content", "nth"]).sort(*PLACE, "content", "nth")


def _kinds(texts: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """`what` each span of a place is: one user's OWN, VOLATILE or STABLE."""
    calls = texts.group_by(PLACE).agg(calls=pl.col("n").sum(), users=pl.col("user_id").n_unique())
    mine = texts.group_by(*PLACE, "user_id").agg(mine=pl.col("n").sum())
    once = told.unique([*PLACE, "content", "user_id", "span"])
    spans = once.group_by(*PLACE, "span").agg(
        n=pl.col("n").sum(), owners=pl.col("user_id").n_unique(), user_id=pl.col("user_id").first()
    )
    spans = spans.join(calls, on=PLACE).join(mine, on=[*PLACE, "user_id"], nulls_equal=True)
    only = (pl.col("owners") == 1) & (pl.col("users") > 1) & pl.col("user_id").is_not_null()
    often = only & (2 * pl.col("n") >= pl.col("mine"))
    sure = often & (pl.col("n") > 1)
    lone = often & (pl.col("mine") == 1) & sure.any().over(PLACE)
    rare = pl.col("n") <= RARE * pl.col("calls")
    what = pl.when(sure | lone).then(pl.lit(OWN)).when(rare).then(pl.lit(VOLATILE))
    return spans.select(*PLACE, "span", what=what.otherwise(pl.lit(STABLE)))


def split(found: pl.DataFrame, away: str) -> pl.DataFrame:
    """For each text at a place that has spans of the kind `away`, or others in another order: hashes and
    shares of the whole of what stays (`stay`), of what goes (`go`), and of what leads up to it (`lead`).

    What stays has one hash whatever its order. `kept_nth`: the spans that stay, in order.
    """
    gone = pl.col("what") == away
    before = gone.cast(pl.Int64).cum_sum().over(*PLACE, "content") == 0
    rows = found.with_columns(before=before)
    texts = rows.group_by(*PLACE, "content", maintain_order=True).agg(
        whole=pl.col("counted").sum(),
        goes=pl.col("counted").filter(gone).sum(),
        leads=pl.col("counted").filter("before").sum(),
        first=pl.col("nth").filter(gone).first(),
        **{
            name: _hash(where)
            for name, where in (("stay", ~gone), ("go", gone), ("lead", pl.col("before")))
        },
    )
    shuffled = (pl.col("goes") == 0) & (pl.len().over(*PLACE, "stay") > 1)
    return texts.filter((pl.col("goes") > 0) | shuffled)


def _hash(where: pl.Expr) -> pl.Expr:
    """One hash of some spans in any order, never 0."""
    return pl.col("span").filter(where).bitwise_xor().fill_null(0) | pl.lit(1, pl.UInt64)


def remaining(found: pl.DataFrame, texts: pl.DataFrame, away: str) -> pl.DataFrame:
    """The spans of the texts that are left once those of the kind `away` are gone, see SPANS."""
    left = found.filter(pl.col("what") != away).join(
        texts.select(*PLACE, "content", "stay"), on=[*PLACE, "content"]
    )
    left = left.select(content="stay", nth="nth", span="span", tokens="counted")
    return left.unique(["content", "nth"], keep="first", maintain_order=True)
