"""What several levers do to a workload's rows: measure calls, drop them, add some. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import polars as pl

from costscope.model import INPUT_CLASSES, Workload

FIRST_ADDED = 2**40
"""Numbers of added calls begin here, so that none is that of a call which another lever dropped."""

IS_OUTPUT = pl.col("billing_class") == "output"
IS_CACHED = pl.col("billing_class").is_in([n for n in INPUT_CLASSES if n != "fresh"])


def sizes(parts: pl.DataFrame) -> pl.DataFrame:
    """A row a call that has parts: call_no, input_tokens, history_tokens (of those), query_tokens,
    output_tokens."""
    tokens = pl.col("tokens")
    return parts.group_by("call_no").agg(
        tokens.filter(~IS_OUTPUT).sum().alias("input_tokens"),
        tokens.filter(pl.col("segment") == "history").sum().alias("history_tokens"),
        tokens.filter(pl.col("segment") == "query").sum().alias("query_tokens"),
        tokens.filter(IS_OUTPUT).sum().alias("output_tokens"),
    )


def conversation() -> pl.Expr:
    """What a call belongs to: its session, else its trace, else nothing but itself."""
    alone = pl.format("call {}", pl.col("call_no"))
    return pl.coalesce(pl.col("session"), pl.col("trace"), alone)


def without(workload: Workload, gone: pl.Series) -> Workload:
    """The workload less the calls with these numbers, and less their parts."""
    keep = ~pl.col("call_no").is_in(gone.implode())
    return workload.with_(calls=workload.calls.filter(keep), parts=workload.parts.filter(keep))


def to_fresh(parts: pl.DataFrame, where: pl.Expr) -> pl.DataFrame:
    """The parts with cached input billed as fresh wherever `where` holds."""
    fresh = pl.when(where & IS_CACHED).then(pl.lit("fresh").cast(parts.schema["billing_class"]))
    return parts.with_columns(fresh.otherwise("billing_class").alias("billing_class"))


def added(workload: Workload, rows: pl.DataFrame, lever: str) -> Workload:
    """The workload with a new call for each row of `rows` (call_no of the call that it belongs to,
    model, input_tokens, output_tokens; provider and other columns of calls where they are not that
    call's), marked as added by `lever`.

    A new call shares the call_id of the one that it belongs to, so that they are priced together.
    Its tokens are unattributed and fresh: nothing is known of their text, so none of it is cached.
    """
    rows = rows.filter(pl.col("input_tokens") + pl.col("output_tokens") > 0)
    if rows.is_empty():
        return workload
    calls = _added_calls(workload.calls, rows, lever)
    parts = _added_parts(workload.parts, calls)
    calls = calls.select(workload.calls.columns).cast(workload.calls.schema)
    return workload.with_(
        calls=pl.concat([workload.calls, calls]), parts=pl.concat([workload.parts, parts])
    )


_ITS_OWN = ("latency_us", "finish_reason", "reported_pd", "units", "retry_of")
"""What a call does not have in common with the one that it belongs to."""


def _added_calls(calls: pl.DataFrame, rows: pl.DataFrame, lever: str) -> pl.DataFrame:
    first = max(int(calls.select(pl.col("call_no").max()).item()) + 1, FIRST_ADDED)
    belongs = calls.drop(set(rows.columns) - {"call_no"}, strict=False)
    return rows.join(belongs, on="call_no", how="left", maintain_order="left").with_columns(
        pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias("call_no"),
        pl.lit(0).alias("request_hash"),
        pl.lit(0).alias("traits"),
        pl.lit(True).alias("estimated"),
        pl.lit(True).alias("added"),
        pl.lit(lever).alias("lever"),
        *(pl.lit(None).alias(c) for c in _ITS_OWN),
    )


def _added_parts(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    sides = [
        calls.select(
            "call_no",
            pl.lit(seq).alias("seq"),
            pl.lit(segment).alias("segment"),
            pl.lit(billing_class).alias("billing_class"),
            pl.col(column).alias("tokens"),
        )
        for seq, segment, billing_class, column in (
            (0, "unattributed", "fresh", "input_tokens"),
            (1, "output", "output", "output_tokens"),
        )
    ]
    constant = {
        "role": "none", "kind": "hidden", "rule": "usage", "turn": 0,
        "content": 0, "prefix": 0, "breakpoint": "",
    }  # fmt: skip
    rows = pl.concat(sides).filter(pl.col("tokens") > 0).sort("call_no", "seq")
    rows = rows.with_columns(pl.lit(value).alias(name) for name, value in constant.items())
    return rows.select(parts.columns).cast(parts.schema)


def matches(name: str | None, patterns: Sequence[str]) -> str | None:
    """The first of these globs that a name matches, or None."""
    return next((p for p in patterns if name is not None and fnmatchcase(name, p)), None)
