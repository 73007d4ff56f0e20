"""What caches would hold if they were kept warm over gaps, and if parallel calls waited for the first.

Works on prompts as they are billed in a workload, whoever set the marks: an entry ends where the
reading and writing of a call ended.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.levers._cache.calls import NAMED, SECOND, ruled, with_place
from costscope.levers._cache.policy import UNITS
from costscope.levers._cache.rows import CHOSEN, LIVES, UNLIMITED, WRITES, Spot
from costscope.levers._cache.sim import simulate
from costscope.levers._prefix import blocks
from costscope.model import Workload

GROUP = ("scope", "feature")
AHEAD = 60
"""A ping is sent so many seconds before its entry expires (arXiv 2607.19214: about TTL less 60 s)."""
MOST = (1, 2, 3, 4, 6, 8, 12, 24, 48)
"""How many pings in a row are tried. On most models more than eleven cost what a rewrite costs."""
OUTPUT = 500
"""Hundredths of the input rate for the one token that a ping answers: five times input, as on Claude."""
NEEDED = (
    "call_no", "content", "prefix", "tokens", "end", "role", "kind", "billing_class", "breakpoint",
)  # fmt: skip
FOREVER = 1_000
"""Gaps are made so much shorter: of days, a few minutes."""
WRITTEN = {name.removeprefix("cache_write_"): units for name, units in UNITS.items()}


class Warm(NamedTuple):
    """What could be read more. `steps`: a row a call, see `stepped`; `apart`: call_no and `more`,
    tokens that it would read if no two calls were sent at once."""

    steps: pl.DataFrame
    apart: pl.DataFrame


def warmed(workload: Workload) -> Warm | None:
    """What is missed to gaps and to parallel calls; None where nothing is cached."""
    calls = reached(workload)
    if calls.is_empty():
        return None
    all_blocks = blocks(workload.parts).select(NEEDED)
    calls = headed(all_blocks, calls)
    marked = with_marks(all_blocks, calls)
    now = simulate(marked, calls).select("call_no", now="ideal")
    rows = calls.join(now, on="call_no")
    for name, other in (("ever", lasting(calls)), ("beside", spaced(calls))):
        found = simulate(marked, other).select("call_no", pl.col("ideal").alias(name))
        rows = rows.join(found, on="call_no", how="left", maintain_order="left")
    # Heads that nobody logged are read all the same, so that more is read than is simulated here.
    known = pl.max_horizontal("now", "read")
    rows = with_place(rows).with_columns(
        lapsed=(pl.col("ever") - known).clip(0).fill_null(0), more=pl.col("beside") - known
    )  # fmt: skip
    apart = rows.filter(pl.col("more") > 0).select("call_no", "more")
    return Warm(stepped(rows), apart)


def lasting(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with marks, so close together that nothing expires."""
    quick = [pl.col(name) // FOREVER for name in ("sent", "ready")]
    return calls.filter(pl.col("mode") == "explicit").with_columns(quick)


def spaced(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls one after another, what one writes readable for the next; none where none are parallel."""
    rows = calls.sort("scope", "sent", "call_no")
    beside = pl.col("sent") < pl.col("ready").shift(1).over("scope")
    if not rows.select(beside.any()).item():
        return rows.clear()
    later = pl.col("sent") + pl.int_range(pl.len()).over("scope", "sent")
    return rows.with_columns(sent=later, ready=later)


def reached(workload: Workload) -> pl.DataFrame:
    """The calls of models on which anything is cached, with `read` and `reach` (tokens up to the end of
    what is read or written), and the `life` of what they write: if nothing, of what others do."""
    kind = pl.col("billing_class")
    sums = {name: pl.col("tokens").filter(kind == name).sum() for name in UNITS}
    billed = workload.parts.lazy().group_by("call_no").agg(**sums)
    calls = ruled(workload.calls).lazy().join(billed, on="call_no").with_columns(
        read=pl.col("cache_read"), reach=pl.sum_horizontal(list(UNITS)), rule_life=pl.col("life")
    )  # fmt: skip
    cached = pl.col("reach").sum().over("scope") > 0
    lives = [
        pl.when(pl.col(f"cache_write_{n}").sum().over(GROUP) > 0).then(pl.lit(n)) for n in WRITES
    ]
    return calls.filter(cached).with_columns(
        life=pl.coalesce(*lives, "rule_life"),
        mode=pl.when(pl.col("mode") == "implicit").then("mode").otherwise(pl.lit("explicit")),
    ).collect()  # fmt: skip


def headed(all_blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with their `spots`: as marked, and, where the log carries no marks, also the ends of
    tools and of system, if these lie within what is cached."""
    system = (pl.col("role") == "system") | (pl.col("kind") == "tool_schema")
    prompt = pl.col("billing_class") != "output"
    ends = all_blocks.lazy().filter(prompt).group_by("call_no").agg(
        head=pl.col("end").filter(system).max(), told=(pl.col("breakpoint") != "").any()
    )  # fmt: skip
    rows = calls.join(ends.collect(), on="call_no", how="left", maintain_order="left")
    unmarked = ~pl.col("told").any().over(GROUP) & (pl.col("head") <= pl.col("reach"))
    both = Spot.AS_LOGGED | Spot.TOOLS | Spot.SYSTEM
    return rows.with_columns(
        policy=pl.lit(CHOSEN),
        spots=pl.when(unmarked).then(pl.lit(both, pl.Int64)).otherwise(Spot.AS_LOGGED),
    )


def with_marks(all_blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The blocks of these calls, marked also where reading and where writing ended."""
    asked = pl.col("billing_class") != "output"
    end, number, prompt = (
        all_blocks.select(x).to_series().to_numpy() for x in ("end", "call_no", asked)
    )
    calls = calls.sort("call_no")
    place = np.searchsorted(calls["call_no"].to_numpy(), number)
    known = np.append(calls["call_no"].to_numpy(), -1)[place] == number
    last = np.append(number[1:] != number[:-1], True)[: len(number)]
    behind = np.where(last, UNLIMITED, np.append(end[1:], 0)[: len(end)])
    here = np.zeros(len(end), bool)
    for name in ("read", "reach"):
        to = np.append(calls[name].to_numpy(), -1)[place]
        here |= (end <= to) & (behind > to)
    lives = pl.Enum(LIVES)
    own = calls["life"].cast(pl.String).replace("", None).cast(lives, strict=False)
    own = own.extend(pl.Series([None], dtype=lives)).gather(place)
    mark = pl.when(pl.Series(here & known & prompt)).then(own)
    logged = pl.col("breakpoint").cast(pl.String).cast(lives)
    return all_blocks.with_columns(breakpoint=mark.otherwise(logged).fill_null(""))


def stepped(rows: pl.DataFrame) -> pl.DataFrame:
    """The calls in lines, with the `gap` to the next one of the line in microseconds (null: none comes),
    what the next one would read more without it (`gain`), and how long an entry lives (`ttl`).

    A line is a conversation, or, of calls that stand alone, a feature: whose cache is kept warm.
    """
    alone = pl.len().over(*GROUP, "cluster") == 1
    line = pl.when(alone).then(pl.lit("")).otherwise("cluster")
    asked = rows.filter((pl.col("mode") == "explicit") & (pl.col("reach") > 0))
    asked = asked.with_columns(line=line).sort(*GROUP, "line", "sent", "call_no", nulls_last=True)
    of = [*GROUP, "line"]
    seconds = pl.col("life").replace_strict(WRITES, default=None, return_dtype=pl.Int64)
    gain = pl.min_horizontal(pl.col("lapsed").shift(-1).over(of), "reach").fill_null(0)
    return asked.select(
        "call_no", *NAMED, "model", "line", "reach", "life", ttl=seconds,
        gap=(pl.col("sent").shift(-1).over(of) - pl.col("sent")) // SECOND, gain=gain,
        follower=pl.col("call_no").shift(-1).over(of),
    ).filter(pl.col("ttl").is_not_null())  # fmt: skip


def pinged(steps: pl.DataFrame, most: pl.Expr) -> pl.DataFrame:
    """`pings` that each call is followed by, if at most so many are sent without a call between them,
    whether that `saves` the next one its miss, and the `units` it saves in all."""
    every = pl.col("ttl") - AHEAD
    pings = pl.min_horizontal(most, pl.coalesce(pl.col("gap") // every, most))
    saves = (pl.col("gap") > pl.col("ttl")) & (pl.col("gap") <= pl.col("ttl") + most * every)
    write = pl.col("life").replace_strict(WRITTEN, default=100, return_dtype=pl.Int64)
    gain = pl.when(saves.fill_null(value=False)).then("gain").otherwise(0)
    cost = pl.col("pings") * (pl.col("reach") * UNITS["cache_read"] + OUTPUT)
    return steps.with_columns(pings=pings, gained=gain).with_columns(
        units=pl.col("gained") * (write - UNITS["cache_read"]) - cost
    )


def worthwhile(steps: pl.DataFrame) -> pl.DataFrame:
    """Of each feature that pings save anything in, how many in a row save most: NAMED and `most`."""
    tried = [
        pinged(steps, pl.lit(most, pl.Int64))
        .group_by(NAMED)
        .agg(units=pl.col("units").sum(), most=pl.lit(most, pl.Int64))
        for most in MOST
    ]
    found = pl.concat(tried).filter(pl.col("units") > 0)
    found = found.sort(*NAMED, -pl.col("units"), "most", nulls_last=True)
    return found.unique(NAMED, keep="first", maintain_order=True)
