"""History that is cut off or summarised, so that a prompt no longer extends the one before it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import replace
from typing import ClassVar, NamedTuple

import polars as pl

from costscope.misses._state import PROMPT, State, billed, relaid, simulated
from costscope.misses.interface import About, Cause, Repair
from costscope.misses.model_switch import TALK

NEARLY = 0.95


class Compaction(Cause):
    """Nothing is ever cut off: each prompt is the one before it, and what is new."""

    order: ClassVar[int] = 80
    title: ClassVar[str] = "History cut or rewritten"
    fix: ClassVar[str] = (
        "Cut history seldom and much at once, not a little with every call; what is sent again should "
        "begin as it did."
    )

    in_vain: ClassVar[str] = (
        "Leave it: sending all of the history would cost more than what is read anew after each cut."
    )

    def repaired(self, state: State) -> Repair | None:
        """With conversations that kept on growing; free: as if what was cut off cost nothing."""
        talks = _cut(state)
        if talks.is_empty():
            return None
        rows = state.blocks.join(talks, on="call_no").sort(
            "talk", "scope", "sent", "call_no", "seq"
        )
        made = _grown(rows).select(*state.blocks.columns, "old")
        others = state.blocks.join(talks, on="call_no", how="anti")
        real = replace(state, blocks=relaid(pl.concat([others, made], how="diagonal")))
        return Repair(
            state,
            replace(real, blocks=real.blocks.drop("old")),
            reads=_own(state, real),
            about={g: About("history") for g in talks["group"].unique()},
        )


def _own(state: State, real: State) -> pl.DataFrame:
    """What each call would read of that which it sends: of the longer prompt's part that is read, all
    but what was cut off. Compared without losses, which are of the end of a prompt however long."""
    ideal = simulated(replace(real, blocks=real.blocks.drop("old"))).select("call_no", "ideal")
    rows = real.blocks.filter(PROMPT & pl.col("old").eq(other=False)).join(ideal, on="call_no")
    start = pl.col("end") - pl.col("tokens")
    within = pl.min_horizontal("tokens", (pl.col("ideal") - start).clip(0))
    grown = rows.group_by("call_no").agg(grown=within.sum())
    now = billed(state).join(simulated(state).select("call_no", "ideal"), on="call_no")
    more = (pl.col("grown").fill_null(0) - pl.col("ideal")).clip(0)
    return now.join(grown, on="call_no", how="left").select("call_no", read=pl.col("read") + more)


def _cut(state: State) -> pl.DataFrame:
    """call_no, group, talk and sent of the calls of conversations in which some prompt does not extend
    the one before, though it sends some of it again."""
    calls = state.calls.select("call_no", "group", "scope", "sent", talk=TALK)
    calls = calls.filter(pl.col("talk").is_not_null()).sort("talk", "scope", "sent", "call_no")
    calls = calls.with_columns(former=pl.col("call_no").shift(1).over("talk", "scope"))
    told = state.blocks.filter(pl.col("content") != 0).select(
        "call_no", "content", "prefix", PROMPT.alias("asked")
    )
    later = told.filter("asked").join(calls.select("call_no", "former").drop_nulls(), on="call_no")
    former = told.rename({"call_no": "former"})
    both = later.join(
        former.filter("asked").unique(["former", "content"]).select("former", "content", again=pl.lit(value=True)),
        on=["former", "content"], how="left",
    ).join(
        former.unique(["former", "prefix"]).select("former", "prefix", same=pl.lit(value=True)),
        on=["former", "prefix"], how="left",
    )  # fmt: skip
    again = pl.col("again").fill_null(value=False) & pl.col("same").is_null()
    moved = both.group_by("call_no").agg(
        moved=again.any(), began=pl.col("same").fill_null(value=False).any()
    )
    bad = moved.filter(pl.col("moved") & pl.col("began")).join(calls, on="call_no")
    bad = bad.join(_read(state), on="call_no", how="anti")
    return calls.join(bad.select("talk", "scope").unique(), on=["talk", "scope"], how="semi").drop(
        "former"
    )


def _read(state: State) -> pl.DataFrame:
    """The calls that were billed as read almost throughout, so that nothing of them was missed."""
    length = state.blocks.filter(PROMPT).group_by("call_no").agg(length=pl.col("tokens").sum())
    calls = state.calls.filter("in_force").join(length, on="call_no")
    return calls.filter(pl.col("billed") >= NEARLY * pl.col("length")).select("call_no")


def _grown(rows: pl.DataFrame) -> pl.DataFrame:
    """The blocks of conversations, had each call begun with all that was ever sent in it. `old`: cut off
    by now. `rows`: in the order of conversation, time and place."""
    found = rows.with_columns(asked=PROMPT, at=pl.int_range(pl.len()))
    talk = ["talk", "scope"]
    calls = found.group_by(*talk, "call_no", maintain_order=True).agg("content", "asked", "at")
    made: list[_Laid] = []
    for _, part in calls.group_by(talk, maintain_order=True):
        made += _talk(part)
    sizes = [len(laid.at) for laid in made]
    at = [i for laid in made for i in laid.at]
    old = [i for laid in made for i in laid.old]
    numbers = pl.Series([laid.call_no for laid in made], dtype=pl.Int64)
    number = pl.select(numbers.repeat_by(pl.Series(sizes)).explode()).to_series()
    return (
        rows[at]
        .with_columns(call_no=number, old=pl.Series(old, dtype=pl.Boolean))
        .with_columns(seq=pl.int_range(pl.len()).over("call_no").cast(rows.schema["seq"]))
    )


class _Laid(NamedTuple):
    """The rows that make up a call's prompt and reply, and whether each is one that it does not send."""

    call_no: int
    at: list[int]
    old: list[bool]


def _talk(calls: pl.DataFrame) -> Iterator[_Laid]:
    """One conversation. What has no text stays in front, as in each call."""
    kept: list[tuple[int, int]] = []
    for number, contents, asked, at in calls.select(
        "call_no", "content", "asked", "at"
    ).iter_rows():
        rows = list(zip(contents, at, strict=True))
        prompt = [row for row, ask in zip(rows, asked, strict=True) if ask]
        front = [i for content, i in prompt if not content]
        waiting: dict[int, deque[int]] = defaultdict(deque)
        for content, i in prompt:
            waiting[content].append(i)
        again = [(waiting[c].popleft(), False) if waiting[c] else (i, True) for c, i in kept]
        new = [(c, i) for c, i in prompt if c and waiting[c] and i >= waiting[c][0]]
        replies = [i for (_, i), ask in zip(rows, asked, strict=True) if not ask]
        old = [False] * len(front) + [o for _, o in again] + [False] * (len(new) + len(replies))
        yield _Laid(number, [*front, *(i for i, _ in again), *(i for _, i in new), *replies], old)
        kept += new
