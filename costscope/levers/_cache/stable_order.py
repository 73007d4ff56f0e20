"""How blocks of system prompts and tool lists recur among the calls of a program, and the order in which
a cache would read most of them. Whole blocks only: it knows no text.
"""

from __future__ import annotations

import polars as pl

from costscope.levers._prefix import rehash
from costscope.levers._rows import IS_OUTPUT, to_fresh
from costscope.model import Workload

PROGRAM = ("provider", "channel", "model", "feature", "template")
KEY = ("call_no", "seq")
BEHIND = 1_000_000
"""Added to the place of what goes behind the last message; to that of replies twice as much."""


def placed(workload: Workload, rare: float, least: int) -> pl.DataFrame:
    """The blocks of system prompts and tool lists of calls whose order would change: KEY, `to` (the place
    that it gets), `moved` (behind the last message) and `ends` (the last that most calls share).

    Blocks keep to their run: tools among tools, system text among system text. In it they come in
    the order of how many calls of the program have them. What at most the share `rare` of its calls
    have, and fewer than half the calls of the conversations in which it occurs, goes behind the last
    message, if any system text stays. Programs with fewer than `least` calls show nothing of what varies.
    """
    rows = counted(workload, least)
    if rows.is_empty():
        return rows
    changing = (pl.col("n") <= rare * pl.col("calls")) & (2 * pl.col("n") <= pl.col("around"))
    # Of a system prompt that is one text, only a part can be what changes: nobody sends all of it last.
    stays = (~pl.col("schema") & ~changing).any().over("call_no")
    rows = rows.with_columns(moved=~pl.col("schema") & changing & stays)
    stay, run = rows.filter(~pl.col("moved")), ["call_no", "run"]
    order = stay.sort(*run, -pl.col("n"), "first", "content").select(
        *KEY, "run", "n", slot=pl.int_range(pl.len()).over(run)
    )
    slots = stay.sort(KEY).select(*run, to="seq", slot=pl.int_range(pl.len()).over(run))
    common = pl.col("n") == pl.col("n").max().over(run)
    found = order.join(slots, on=[*run, "slot"]).with_columns(
        ends=common & (pl.col("slot") == pl.col("slot").filter(common).max().over(run))
    )
    gone = rows.filter("moved").select(
        *KEY, "run", to=pl.col("seq") + BEHIND, ends=pl.lit(value=False)
    )
    both = pl.concat([found.select(*KEY, "run", "to", "ends"), gone], how="vertical_relaxed")
    changed = both.filter(pl.col("to") != pl.col("seq"))["call_no"].unique()
    both = both.filter(pl.col("call_no").is_in(changed.implode()))
    return both.with_columns(moved=pl.col("to") >= BEHIND)


def counted(workload: Workload, least: int) -> pl.DataFrame:
    """The blocks of heads of programs in which they differ from call to call: KEY, content, tokens,
    `run` (contiguous blocks of one sort), `schema`, `n` (calls of the program that have it), `calls`
    (of the program), `around` (calls of the conversations that have it) and `first` (its first place)."""
    calls = workload.calls.filter(~pl.col("added")).select("call_no", *PROGRAM, "cluster")
    calls = calls.with_columns(
        program=pl.struct(PROGRAM).rank("dense"), calls=pl.len().over(PROGRAM).cast(pl.Int64),
        talk=pl.len().over(*PROGRAM, "cluster").cast(pl.Int64),
    ).filter(pl.col("calls") >= least)  # fmt: skip
    schema = pl.col("kind") == "tool_schema"
    said = (pl.col("role") == "system") & (pl.col("kind") == "text")
    rows = workload.parts.filter((schema | said) & ~IS_OUTPUT & (pl.col("content") != 0))
    rows = rows.select(*KEY, "content", schema=schema).unique(KEY, maintain_order=True)
    rows = rows.join(calls.drop(PROGRAM), on="call_no", maintain_order="left")
    place = pl.int_range(pl.len()).over("call_no")
    rows = rows.with_columns(place=place)
    varies = pl.col("content").n_unique().over("program", "place") > 1
    rows = rows.filter(varies.any().over("program"))
    of = ["program", "content"]
    new = (pl.col("seq") != pl.col("seq").shift(1) + 1) | (
        pl.col("schema") != pl.col("schema").shift(1)
    )
    talks = rows.unique([*of, "cluster"]).group_by(of).agg(around=pl.col("talk").sum())
    return rows.join(talks, on=of, maintain_order="left").with_columns(
        run=new.fill_null(value=True).cum_sum().over("call_no"),
        n=pl.col("call_no").n_unique().over(of).cast(pl.Int64),
        first=pl.col("place").min().over(of),
    )


def reordered(workload: Workload, order: pl.DataFrame) -> Workload:
    """The workload with blocks where `placed` puts them, prefixes made anew and, behind the first that
    moves, nothing cached until caching is simulated."""
    parts = workload.parts
    schema = parts.schema
    rows = marked(parts.join(order, on=KEY, how="left", maintain_order="left"))
    gaps = (
        order.filter(pl.col("to") != pl.col("seq")).group_by("call_no").agg(gap=pl.col("seq").min())
    )
    rows = rows.join(gaps, on="call_no", how="left", maintain_order="left")
    rows = to_fresh(rows, (pl.col("seq") >= pl.col("gap")).fill_null(value=False))
    gone = pl.col("moved").fill_null(value=False)
    here = pl.col("gap").is_not_null()
    last = pl.when(IS_OUTPUT & here).then(pl.col("seq") + 2 * BEHIND).otherwise("seq")
    role = pl.when(gone).then(pl.lit("none")).otherwise(pl.col("role").cast(pl.String))
    rows = rows.with_columns(
        seq=pl.coalesce("to", last).cast(schema["seq"]), role=role.cast(schema["role"])
    ).select(parts.columns).sort(KEY, maintain_order=True)  # fmt: skip
    number = (pl.col("seq").rank("dense").over("call_no") - 1).cast(schema["seq"])
    touched = pl.col("call_no").is_in(gaps["call_no"].implode())
    rows = rows.with_columns(seq=pl.when(touched).then(number).otherwise("seq"))
    return workload.with_(parts=rehash(rows))


def marked(rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with the cache marks of each run of blocks at its end and at the end of what most share."""
    run = ["call_no", "run"]
    life = pl.col("breakpoint").cast(pl.String).max().over(run)
    stays = pl.col("to").filter(~pl.col("moved")).max().over(run)
    spot = pl.when((pl.col("to") == stays) | pl.col("ends")).then(life).otherwise(pl.lit(""))
    mark = (
        pl.when(pl.col("run").is_null()).then(pl.col("breakpoint").cast(pl.String)).otherwise(spot)
    )
    return rows.with_columns(breakpoint=mark.cast(rows.schema["breakpoint"]))
