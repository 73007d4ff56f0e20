"""Replies that would end sooner: at a cap, where they speak for the user, or as structured text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

import polars as pl

from costscope import tokens
from costscope.attribute.markers.words import kind_of
from costscope.levers._cut.chunks import batches
from costscope.levers._cut.cut import cut, leaving
from costscope.levers._prefix import ordered
from costscope.levers._rows import IS_OUTPUT, added
from costscope.model import ANSWERED, Trait, Workload
from costscope.once import once

_TURN = re.compile(r"\n+[#*\[<|]*[ \t]*([^\W\d_]{1,14}(?: [^\W\d_]{1,14})?)[ \t]*[\]*>|]*[:：]")
_BATCH = 1_000
JOB = ("feature", "template", "model")
UNNAMED = "calls of no feature or model"
_KEPT = Trait.TOOL_CALLED | Trait.JSON_REPLY


class Rules(NamedTuple):
    """What ends a reply; the fields are those of the lever `output`."""

    percentile: float
    least_calls: int
    stop: bool
    ratio: Fraction


@once
def replies(workload: Workload, least_calls: int) -> pl.DataFrame:
    """The answered calls of a log that have a reply: call_no, `job` (the feature, else the template, else the
    model, else UNNAMED), tokens (of the whole output), `prose` (neither a tool's call nor JSON), and whether the
    job has `enough` replies of prose."""
    calls = workload.calls.filter(~pl.col("added"), pl.col("status").is_in(ANSWERED))
    sizes = workload.parts.filter(IS_OUTPUT).group_by("call_no").agg(pl.col("tokens").sum())
    prose = (pl.col("traits") & _KEPT) == 0
    rows = calls.select(
        "call_no",
        prose=prose,
        job=pl.coalesce(*(pl.col(name).replace("", None) for name in JOB), pl.lit(UNNAMED)),
    ).join(sizes.filter(pl.col("tokens") > 0), on="call_no")
    enough = pl.col("prose").sum().over("job") >= least_calls
    return rows.with_columns(enough=enough).sort("call_no")


@once
def cut_short(workload: Workload, rules: Rules) -> pl.DataFrame:
    """A row for each reply that would be shorter: call_no, job, tokens, `left`, and whether it was
    `stopped` and whether `capped` at `cap`; `capped_tokens` are all those beyond the job's cap.

    In this order: stop sequences, structure, cap; the cap is of replies as they are after the others.
    """
    rows = replies(workload, rules.least_calls).with_columns(left=pl.col("tokens"))
    rows = (
        _stopped(workload, rows) if rules.stop else rows.with_columns(stopped=pl.lit(value=False))
    )
    if rules.ratio < 1:
        top, bottom = rules.ratio.as_integer_ratio()
        less = pl.max_horizontal(pl.col("left") * top // bottom, 1)
        rows = rows.with_columns(left=pl.when("prose").then(less).otherwise("left"))
    caps = cap_of(rows.filter("prose", "enough"), "left", rules.percentile)
    rows = rows.join(caps, on="job", how="left", maintain_order="left").with_columns(
        capped=pl.col("prose") & (pl.col("left") > pl.col("cap")).fill_null(value=False)
    )
    beyond = pl.when("capped").then(pl.col("left") - pl.col("cap")).otherwise(0)
    rows = rows.with_columns(capped_tokens=beyond.sum().over("job"), left=pl.col("left") - beyond)
    return rows.filter(pl.col("left") < pl.col("tokens"))


def cap_of(rows: pl.DataFrame, column: str, percentile: float) -> pl.DataFrame:
    """job and `cap`, the least length that the share of its replies does not exceed (the nearest rank), at
    least 1; no row where the share is all of them."""
    top, bottom = Fraction(str(percentile)).as_integer_ratio()
    rank = (pl.len().cast(pl.Int64) * top + bottom - 1) // bottom
    cap = pl.col(column).sort().get((rank - 1).clip(0)).clip(1)
    found = rows.group_by("job", maintain_order=True).agg(cap=cap.cast(pl.Int64))
    return found if percentile < 1 else found.clear()


def shorter(workload: Workload, found: pl.DataFrame) -> Workload:
    """The workload with the replies of `found` ended after `left` tokens; what came last goes first."""
    parts = ordered(workload.parts)
    ends = found.select("call_no", _end="left")
    rows = parts.select("call_no", "tokens", reply=IS_OUTPUT).with_row_index("_row")
    rows = rows.filter("reply").join(ends, on="call_no", maintain_order="left")
    start = pl.col("tokens").cum_sum().over("call_no") - pl.col("tokens")
    rows = rows.with_columns(left=(pl.col("_end") - start).clip(0, pl.col("tokens")))
    left = parts["tokens"].to_numpy().copy()
    at = rows["_row"].to_numpy()
    left[at] = rows["left"].to_numpy()
    gone = (left == 0) & (parts["tokens"].to_numpy() > 0)
    return cut(workload, parts.with_columns(leaving(left, gone)))


def repeated(workload: Workload, found: pl.DataFrame, share: Fraction) -> Workload:
    """With a second attempt at full length for capped answers: each pays its share of one."""
    capped = found.filter("capped")
    if not share or capped.is_empty():
        return workload
    prompts = (
        workload.parts.filter(~IS_OUTPUT).group_by("call_no").agg(asked=pl.col("tokens").sum())
    )
    rows = capped.join(prompts, on="call_no", how="left", maintain_order="left")
    rows = rows.join(workload.calls.select("call_no", "model"), on="call_no", maintain_order="left")
    top, bottom = share.as_integer_ratio()
    part = (
        (pl.col(name).fill_null(0) * top * 2 + bottom) // (2 * bottom)
        for name in ("asked", "tokens")
    )
    sizes = dict(zip(("input_tokens", "output_tokens"), part, strict=True))
    return added(workload, rows.select("call_no", "model", **sizes), "output")


def _stopped(workload: Workload, rows: pl.DataFrame) -> pl.DataFrame:
    """`rows` with what would be `left` of replies that begin to speak for the user, and `stopped`."""
    known = _spoken(workload.log)
    texts = workload.parts.filter(
        IS_OUTPUT, pl.col("kind") == "text", pl.col("call_no").is_in(rows.filter("prose")["call_no"].implode())
    )  # fmt: skip
    lost = (
        texts.join(known, on="content")
        .with_columns(lost=pl.col("tokens") * pl.col("beyond") // pl.col("whole"))
        .group_by("call_no")
        .agg(pl.col("lost").sum())
    )
    rows = rows.join(lost, on="call_no", how="left", maintain_order="left")
    less = pl.col("left") - pl.col("lost").fill_null(0)
    return rows.with_columns(left=less, stopped=less < pl.col("left"))


@once
def _spoken(log: Workload) -> pl.DataFrame:
    """content, `beyond` of `whole` counted tokens: replies that go on as the user."""
    schema = {"content": pl.UInt64, "beyond": pl.Int64, "whole": pl.Int64}
    wanted = log.parts.filter(IS_OUTPUT, pl.col("kind") == "text", pl.col("content") != 0)[
        "content"
    ]
    if log.texts is None:
        return pl.DataFrame(schema=schema)
    rows = [
        row
        for batch in batches(log.texts.read(wanted.unique().to_list()), _BATCH)
        for row in _counted([(c, t, at) for c, t in batch for at in goes_on(t)])
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _counted(found: Sequence[tuple[int, str, int]]) -> list[tuple[int, int, int]]:
    whole = tokens.count([text for _, text, _ in found])
    answer = tokens.count([text[:at] for _, text, at in found])
    sizes = zip(found, whole, answer, strict=True)
    return [(content, max(n - kept, 0), n) for (content, _, _), n, kept in sizes]


def goes_on(text: str) -> list[int]:
    """Where a reply begins to speak for the user, or asks itself the next question; empty if nowhere."""
    turns = (m.start() for m in _TURN.finditer(text) if m.start() and kind_of(m[1]) in _USERS)
    return list(islice(turns, 1))


_USERS = ("user", "question")
