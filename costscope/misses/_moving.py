"""Varying spans of system prompts moved behind what is stable, and the places that they came from."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from costscope.levers._cache.rows import LOGGED
from costscope.misses import _head
from costscope.misses._state import EXPLICIT, MARKED, PROMPT, State, relaid
from costscope.misses.interface import About, Repair

LAST = 1_000_000.0
"""Behind every block of a prompt, and before a reply, which is moved behind it."""


def moved(state: State, away: str, *, to_the_end: bool) -> Repair | None:
    """The log with all spans of one kind moved: to the end of the prompt, else to that of the head."""
    heads = _head.heads(state).with_columns(last=pl.col("seq").max().over("call_no"))
    heads = _head.varying(heads)
    if heads.is_empty():
        return None
    units = _head.units(heads, state.spans)
    texts = _head.split(units, away)
    if away == _head.OWN:
        texts = texts.filter(pl.col("goes") > 0)
    keys = [*_head.PLACE, "content"]
    rows = heads.join(texts, on=keys, maintain_order="left")
    if rows.is_empty():
        return None
    rows = rows.with_columns(out=pl.col("tokens") * pl.col("goes") // pl.col("whole"))
    told = replace(state, spans=_spans(state, units, texts, away))
    marked = _marked(told, rows)
    return Repair(
        free=replace(marked, blocks=relaid(_placed(marked, rows, to_the_end=to_the_end))),
        before=replace(state, blocks=_led(state, rows)),
        about=_about(rows),
    )


def _spans(state: State, units: pl.DataFrame, texts: pl.DataFrame, away: str) -> pl.DataFrame:
    more = _head.remaining(units, texts, away)
    return pl.concat([state.spans, more.select(state.spans.columns).cast(state.spans.schema)])


def _placed(state: State, rows: pl.DataFrame, *, to_the_end: bool) -> pl.DataFrame:
    """The blocks with those of `rows` in two: what stays where it was, and what goes."""
    key = ["call_no", "seq"]
    columns = state.blocks.columns
    blocks = state.blocks.with_columns(
        seq=pl.col("seq").cast(pl.Float64) + pl.when(~PROMPT).then(2 * LAST).otherwise(0.0)
    )
    found = blocks.join(
        rows.select("call_no", pl.col("seq").cast(pl.Float64), "stay", "go", "out", "last"), on=key
    )
    stay = found.filter(pl.col("out") < pl.col("tokens")).with_columns(
        content="stay", tokens=pl.col("tokens") - pl.col("out")
    )
    # No role: it is neither a part of the system prompt nor a message that a provider caches up to.
    go = found.filter(pl.col("out") > 0).with_columns(
        content="go", tokens="out", breakpoint=pl.lit(""),
        role=pl.lit("none").cast(found.schema["role"]),
        seq=pl.col("seq") + LAST if to_the_end else pl.col("last") + 0.5,
    )  # fmt: skip
    rest = blocks.join(found, on=key, how="anti")
    return pl.concat([part.select(columns) for part in (rest, stay, go)])


def _marked(state: State, rows: pl.DataFrame) -> State:
    """Where marks are explicit, and a call has any: at the ends of tools and of what stays of the system
    prompt, and at the end of what was there; for what moves has none, and there is none to look back to."""
    touched = pl.col("call_no").is_in(rows["call_no"].unique().implode())
    calls = state.calls.filter(touched & EXPLICIT).select("call_no", "life", "policy")
    if calls.is_empty():
        return state
    gone = rows.filter(pl.col("out") >= pl.col("tokens")).select("call_no", "seq")
    blocks = state.blocks.join(calls, on="call_no", how="left", maintain_order="left")
    there = blocks.join(gone, on=["call_no", "seq"], how="anti")
    ends = [
        there.filter(PROMPT & (pl.col("content") != 0) & which)
        .group_by("call_no")
        .agg(pl.col("seq").max())
        for which in (
            pl.col("kind").cast(pl.String) == "tool_schema",
            pl.col("role").cast(pl.String) == "system",
            pl.lit(value=True),
        )
    ]
    spots = pl.concat(ends).unique().with_columns(spot=pl.lit(value=True))
    blocks = blocks.join(spots, on=["call_no", "seq"], how="left", maintain_order="left")
    mark = pl.when(pl.col("spot") & pl.col("life").is_not_null() & ~MARKED).then("life")
    blocks = blocks.with_columns(breakpoint=mark.otherwise("breakpoint"))
    policy = pl.when(touched & EXPLICIT).then(pl.lit(LOGGED)).otherwise("policy")
    return replace(
        state, blocks=blocks.select(state.blocks.columns), calls=state.calls.with_columns(policy=policy)
    )  # fmt: skip


def _led(state: State, rows: pl.DataFrame) -> pl.DataFrame:
    """The blocks as they are; where a provider caches by itself, it reads up to the first varying span."""
    modes = state.calls.filter(pl.col("mode") == "implicit").select("call_no")
    rows = rows.join(modes, on="call_no", how="semi").with_columns(
        lead_tokens=pl.col("tokens") * pl.col("leads") // pl.col("whole")
    )
    rows = rows.filter((pl.col("goes") > 0) & (pl.col("lead_tokens") > 0))
    key = ["call_no", "seq"]
    found = state.blocks.join(rows.select(*key, "lead", "lead_tokens"), on=key)
    lead = found.with_columns(content="lead", tokens="lead_tokens", breakpoint=pl.lit(""))
    rest = found.with_columns(
        content=pl.col("content") ^ pl.col("lead") | pl.lit(1, pl.UInt64),
        tokens=pl.col("tokens") - pl.col("lead_tokens"),
        seq=pl.col("seq").cast(pl.Float64) + 0.5,
    )
    others = state.blocks.join(found, on=key, how="anti")
    parts = [part.with_columns(pl.col("seq").cast(pl.Float64)) for part in (others, lead, rest)]
    return relaid(pl.concat([part.select(state.blocks.columns) for part in parts]))


def _about(rows: pl.DataFrame) -> dict[int, About]:
    """Of each group: where the first varying stretch lies, and two calls that differ there."""
    first = rows.sort("group", "place", "call_no").with_columns(
        at=pl.col("end") - pl.col("tokens") + pl.col("tokens") * pl.col("leads") // pl.col("whole")
    )
    found = {}
    for (group,), part in first.group_by(["group"], maintain_order=True):
        here = part.filter(pl.col("place") == pl.col("place").first())
        pair = here.unique("content", keep="first", maintain_order=True).head(2)
        where = f"system block {here['place'][0] + 1}"
        line = here["first"].drop_nulls().mode().sort()
        if here["whole"].sum() > here["goes"].sum() and len(line):
            where += f", span {line[0] + 1}"
        at = here["at"].mean()
        where += f", at token {round(at) if isinstance(at, float) else 0:,}"
        pairs = tuple(pair.select("call_no", "content").iter_rows())
        found[int(str(group))] = About(where, pairs)
    return found
