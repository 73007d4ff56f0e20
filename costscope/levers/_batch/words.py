"""What batching finds out about a log, as tables: who can wait and why, for how long, what a batch may
hold, and where flex would do better. Not a lever; no money.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from costscope.levers._batch.flex_rule import flex_rule
from costscope.levers._batch.jobs import listed
from costscope.levers._batch.limits import BYTES_A_TOKEN, MB, limits
from costscope.levers._rows import IS_OUTPUT
from costscope.levers._words import count
from costscope.model import Column, Table
from costscope.prices.rules import batch_rule

HOUR_US = 3_600_000_000
FLUSHES = (1, 6, 24)
"""Hours between flushes that are shown beside the one that is set."""
MOST_JOBS = 20
_PLACE = ("provider", "channel", "model")


def flush(hours: int) -> pl.Expr:
    """The number of the flush that a call waits for; they come every so many hours from 00:00 UTC. A
    call at the very moment of a flush goes with it."""
    step = hours * HOUR_US
    return (pl.col("sent_at").dt.timestamp("us") + step - 1) // step


def _wait(hours: int) -> pl.Expr:
    """Hours until the flush."""
    step = hours * HOUR_US
    return (flush(hours) * step - pl.col("sent_at").dt.timestamp("us")) / HOUR_US


def jobs(chosen: pl.DataFrame) -> Table:
    """Which jobs' calls are moved, and why. `chosen`: JOB and WHY of each call."""
    rows = [[job, why, calls] for job, why, calls in listed(chosen)]
    note = f"and {count(len(rows) - MOST_JOBS, 'more job')}" if len(rows) > MOST_JOBS else ""
    columns = [Column("job"), Column("why it can wait"), Column("calls", "count")]
    return Table("What can wait", columns, rows[:MOST_JOBS], note)


def delays(chosen: pl.DataFrame, flush_hours: int) -> Table:
    """How long answers would wait if calls were collected for so many hours, in hours. `chosen`:
    sent_at and `hours` (the provider's window) of each call."""
    window = int(chosen["hours"].max())  # type: ignore[arg-type]
    rows = [_delay(chosen, hours, window) for hours in sorted({*FLUSHES, flush_hours})]
    return Table(
        "How long answers would wait",
        [
            Column("flushed every", "number"), Column("half wait at most", "number"),
            Column("9 of 10 at most", "number"), Column("the longest", "number"),
            Column("with the batch, at most", "number"), Column("calls a flush (median)", "count"),
            Column("at most", "count"),
        ],
        rows,
        note=f"In hours, until the flush; the batch itself may take {count(window, 'hour')} more. "
        f"Calls are collected for {count(flush_hours, 'hour')} (flush_hours).",
    )  # fmt: skip


def _delay(chosen: pl.DataFrame, hours: int, window: int) -> list[Any]:
    wait = chosen.select(_wait(hours)).to_series()
    sizes = chosen.group_by(flush(hours).alias("flush")).len()["len"].cast(pl.Int64)
    ends = [wait.quantile(share, "nearest") for share in (0.5, 0.9, 1.0)]
    shown = [round(float(end or 0), 2) for end in ends]
    middle, most = (sizes.quantile(share, "nearest") for share in (0.5, 1.0))
    return [hours, *shown, round(shown[-1] + window, 2), int(middle or 0), int(most or 0)]


def sizes(chosen: pl.DataFrame, parts: pl.DataFrame, flush_hours: int) -> Table:
    """What the largest flush of each model holds, beside what one batch may. `chosen`: call_no,
    provider, channel, model, sent_at."""
    prompts = parts.filter(~IS_OUTPUT).join(chosen.select("call_no"), on="call_no", how="semi")
    tokens = prompts.group_by("call_no").agg(pl.col("tokens").sum())
    flushes = (
        chosen.join(tokens, on="call_no", how="left")
        .group_by(*_PLACE, flush(flush_hours).alias("flush"))
        .agg(pl.len().cast(pl.Int64).alias("calls"), pl.col("tokens").sum() * BYTES_A_TOKEN)
    )
    largest = flushes.group_by(_PLACE).agg(
        pl.col("calls").sum().alias("all"), pl.col("calls").max(), pl.col("tokens").max()
    )
    rows = [_size(row) for row in largest.sort(-pl.col("all"), *_PLACE).rows()]
    return Table(
        "What the batches would hold",
        [
            Column("provider"), Column("model"), Column("calls", "count"),
            Column("largest flush", "count"), Column("a batch takes", "count"),
            Column("its MB", "number"), Column("a batch takes MB", "number"),
            Column("files then", "count"),
        ],
        rows,
        note=f"A batch is of one model. MB at {BYTES_A_TOKEN} bytes a token; an account's own limits "
        "on queued tokens are not known here.",
    )  # fmt: skip


def _size(row: tuple[Any, ...]) -> list[Any]:
    provider, channel, model, calls, largest, size = row
    most = limits(provider, channel, model)
    files = max(_files(largest, most.requests), _files(size, most.bytes), 1)
    known = most.requests is not None or most.bytes is not None
    place = provider if channel == "direct" else channel
    return [
        place, model, calls, largest, most.requests, round(size / MB, 3),
        None if most.bytes is None else most.bytes / MB, files if known else None,
    ]  # fmt: skip


def _files(amount: int, most: int | None) -> int:
    return 1 if most is None else -(-amount // most)


def against_flex(chosen: pl.DataFrame, cached: pl.DataFrame) -> Table:
    """Batch beside flex, by model. `chosen`: call_no, provider, channel, model, day; `cached`: call_no,
    `had` and `kept`, the tokens read from a cache as billed and in a batch."""
    known = chosen.join(cached, on="call_no", how="left").group_by(_PLACE).agg(
        pl.len().cast(pl.Int64).alias("calls"), pl.col("had").sum(), pl.col("kept").sum(),
        pl.col("day").max(),
    )  # fmt: skip
    rows = [_compared(row) for row in known.sort(-pl.col("calls"), *_PLACE).rows()]
    return Table(
        "Batch or flex",
        [
            Column("model"), Column("calls", "count"), Column("batch rate", "share"),
            Column("flex rate", "share"), Column("read from cache", "tokens"),
            Column("still, in a batch", "tokens"), Column("cheaper"),
        ],
        rows,
        note="Flex is answered in minutes, or refused when the provider is busy; it caches as the "
        "standard tier does. Rates are shares of the standard input rate.",
    )  # fmt: skip


def _compared(row: Sequence[Any]) -> list[Any]:
    provider, channel, model, calls, had, kept, day = row
    batch, flex = (
        batch_rule(provider, channel, model, day),
        flex_rule(provider, channel, model, day),
    )
    share = None if batch is None else float(batch.input_multiplier)
    rate = None if flex is None else float(flex.input)
    return [model, calls, share, rate, had, kept, _cheaper(share, rate, had > kept)]


def _cheaper(batch: float | None, flex: float | None, loses: bool) -> str:
    """Which of the two costs less, as far as rates of input and lost caching say."""
    if batch is None or flex is None:
        return "batch: no flex tier is sold" if flex is None else "flex: no batch API is known"
    if batch == flex:
        return "flex: keeps what is cached" if loses else "alike"
    return "batch" if batch < flex and not loses else "flex" if flex < batch else "it depends"


def sold(chosen: pl.DataFrame) -> Table:
    """The flex tier's rates for the models of some calls. `chosen`: provider, channel, model, day."""
    kinds = chosen.group_by(_PLACE).agg(pl.len().cast(pl.Int64).alias("calls"), pl.col("day").max())
    rows = []
    for *place, calls, day in kinds.sort(-pl.col("calls"), *_PLACE).rows():
        rule = flex_rule(*place, day)
        read = None if rule is None or rule.cache_read is None else float(rule.cache_read)
        rows.append([place[-1], calls, None if rule is None else float(rule.input), read])
    return Table(
        "Sold in the flex tier",
        [
            Column("model"), Column("calls", "count"), Column("rate of input", "share"),
            Column("rate of cached tokens", "share"),
        ],
        rows,
        note="As shares of the standard rates.",
    )  # fmt: skip
