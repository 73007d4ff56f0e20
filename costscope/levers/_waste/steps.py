"""The steps of agents: which tools a call asked for, and what they told it. Hashes only, no texts."""

from __future__ import annotations

import polars as pl

from costscope.levers._rows import IS_OUTPUT
from costscope.model import Trait, Workload
from costscope.once import once

CONVERSATION = pl.coalesce("session", "trace").alias("conversation")


def steps(workload: Workload, times: int) -> pl.DataFrame:
    """A row for each call of the conversations in which some call for tools was made `times` times or
    more: conversation, rank (its place in time there), call_no, `asked` (the tool calls of its reply,
    arguments included) and `told` (what they brought).

    `asked` and `told` are hashes of contents as text, null where there is none or the log has not all
    of it. What a call's tools told stands in the first later prompt, if that is longer, whose newest
    tool calls are its own. Of calls that made the same request only the last is a step.
    """
    often = _often(workload, times)
    if often.is_empty():
        schema = {"conversation": pl.String, "rank": pl.Int64, "call_no": pl.Int64}
        return pl.DataFrame(schema=schema | {"asked": pl.String, "told": pl.String})
    there = _ranked(workload, often)
    mine = pl.col("call_no").is_in(there["call_no"].implode())
    replies = workload.parts.filter(mine & IS_OUTPUT, pl.col("kind") == "tool_call")
    asked = _joined(replies, "asked")
    there = there.join(asked, on="call_no", how="left", maintain_order="left")
    return _told(there, _newest(workload.parts, there))


def _often(workload: Workload, times: int) -> pl.DataFrame:
    """The conversations in which some tool call is in `times` replies or more."""
    able = ((pl.col("traits") & Trait.TOOL_CALLED) != 0) & CONVERSATION.is_not_null()
    calls = workload.calls.filter(able, ~pl.col("added")).select("call_no", CONVERSATION)
    calls = calls.filter(pl.len().over("conversation") >= times) if calls.height else calls
    if calls.is_empty():
        return calls.select("conversation")
    replies = _replies(workload.parts)
    replies = replies.filter(pl.len().over("content") >= times).join(calls, on="call_no")
    found = replies.filter(pl.len().over("conversation", "content") >= times)
    return found.select("conversation").unique()


@once
def _replies(parts: pl.DataFrame) -> pl.DataFrame:
    """call_no and content of the tool calls in replies."""
    rows = parts.filter(IS_OUTPUT, pl.col("kind") == "tool_call", pl.col("content") != 0)
    return rows.select("call_no", "content").unique()


def _joined(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """call_no and, as `name`, the contents of these rows, in any order; none where one is not known."""
    blocks = rows.select("call_no", "seq", "content").unique().sort("call_no", "content")
    known = blocks.group_by("call_no", maintain_order=True).agg(
        pl.col("content").cast(pl.String).str.join(" ").alias(name), (pl.col("content") != 0).all()
    )
    return known.filter("content").drop("content")


def _ranked(workload: Workload, where: pl.DataFrame) -> pl.DataFrame:
    """The calls of these conversations in order: by time, without times by the length of their
    prompts, which grow; with the number of their blocks as `_long`."""
    calls = workload.calls.filter(~pl.col("added")).with_columns(CONVERSATION)
    calls = calls.join(where, on="conversation", how="semi")
    mine = pl.col("call_no").is_in(calls["call_no"].implode()) & ~IS_OUTPUT
    long = (
        workload.parts.filter(mine).group_by("call_no").agg(pl.col("seq").n_unique().alias("_long"))
    )
    calls = calls.join(long, on="call_no", how="left").sort(
        "conversation", "sent_at", "_long", "call_id", nulls_last=True
    )
    # One request made twice in a conversation is one step: the later one counts.
    request = pl.struct("conversation", "request_hash")
    calls = calls.filter(request.is_last_distinct() | (pl.col("request_hash") == 0))
    rank = pl.int_range(pl.len(), dtype=pl.Int64).over("conversation")
    return calls.select("conversation", rank.alias("rank"), "call_no", pl.col("_long").fill_null(0))


def _newest(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Of each of these calls' prompts the newest tool calls, `asked`, and their results, `told`."""
    mine = pl.col("call_no").is_in(calls["call_no"].implode()) & ~IS_OUTPUT
    result = pl.col("kind") == "tool_result"
    rows = parts.filter(mine, result | (pl.col("kind") == "tool_call")).select(
        "call_no", "seq", "content", "kind", newest=pl.col("segment") == "context"
    )
    rows = rows.with_columns(
        pl.col("seq")
        .filter(result & ~pl.col("newest"))
        .max()
        .over("call_no")
        .fill_null(-1)
        .alias("_from"),
        pl.col("seq").filter(result & pl.col("newest")).max().over("call_no").alias("_upto"),
    )
    between = (pl.col("seq") > pl.col("_from")) & (pl.col("seq") < pl.col("_upto"))
    told = _joined(rows.filter(result & pl.col("newest")), "told")
    return _joined(rows.filter(~result & between), "asked").join(told, on="call_no")


def _told(calls: pl.DataFrame, newest: pl.DataFrame) -> pl.DataFrame:
    by = ["conversation", "asked"]
    later = calls.drop("asked").join(newest, on="call_no")
    later = later.select(*by, "rank", "told", next="rank", next_long="_long")
    asked = calls.filter(pl.col("asked").is_not_null()).sort("rank")
    found = asked.join_asof(
        later.sort("rank"), on="rank", by=by, strategy="forward", allow_exact_matches=False,
        check_sortedness=False,
    )  # fmt: skip
    found = found.filter(pl.col("next_long") > pl.col("_long")).sort("rank")
    found = found.unique(["conversation", "next"], keep="last").select("call_no", "told")
    calls = calls.drop("_long").join(found, on="call_no", how="left")
    return calls.sort("conversation", "rank")
