"""Marks and lifetimes chosen for calls on which caching is in force, feature by feature, on the log as it
was, and then applied to whatever what-if of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import polars as pl

from costscope.levers._cache.calls import NAMED, ruled, with_place
from costscope.levers._cache.in_force import (
    Calibration,
    at_longest,
    biller,
    calibrate,
    governed,
    with_loss,
)
from costscope.levers._cache.policy import ENOUGH as TRIED_ON
from costscope.levers._cache.policy import GROUP, Way, billing, preferred, stretch, under
from costscope.levers._cache.rows import CHOSEN, CONVERSATION, LOGGED, PREFIX, RENEWED
from costscope.levers._cache.search import places, searched
from costscope.levers._prefix import blocks
from costscope.model import Workload

AS_IS, AS_MARKED, OPTIMISED = "as it is", "marks as they are", "optimised"
CHARGED = pl.col("mode") != "implicit"
LIVES = {False: ("5m", ""), True: ("1h", "12h")}
"""What is asked for, of explicit marks and elsewhere, for the short and for the long lifetime."""


class Choice(NamedTuple):
    """What is best for each feature."""

    groups: pl.DataFrame
    """NAMED, `model`, `marks` (a Way's name), `long`, `life`, `spots`, `total` (units that it saves against no
    caching), `now` (the same as it is), `calls`, and `changes`: whether it is another than now."""
    ways: list[Way]


def chosen(log: Workload, *, marks: bool, lifetimes: bool) -> Choice | None:
    """The best way for each feature that is cached by marks; None where there is none.

    A feature whose marks save nothing under any policy gets none.
    """
    calibration = calibrate(log)
    calls = with_place(governed(log, calibration).filter(CHARGED))
    if calls.is_empty():
        return None
    billed, all_blocks = biller(log, calibration), only(blocks(log.parts), calls)
    some = stretch(all_blocks, calls, TRIED_ON)
    seen = calls.join(blind(log, calibration, some, calls), on=GROUP, how="anti", nulls_equal=True)
    tried = list(as_marked(log, calls, lifetimes=lifetimes))
    if marks and seen.height:
        seen = seen.join(with_loss(seen, calibration.losses), on="call_no", maintain_order="left")
        tried += remarked(log, seen, all_blocks, lifetimes=lifetimes)
    groups = calls.select("call_no", *GROUP)
    units = pl.concat([under(n, some, way.calls, billed) for n, way in enumerate(tried)])
    units = units.join(groups, on="call_no")
    now = units.filter(pl.col("way") == 0).group_by(GROUP).agg(now=pl.col("units").sum())
    kept = preferred(units).join(now, on=GROUP, nulls_equal=True, maintain_order="left")
    return Choice(told(kept, tried), tried)


def only(all_blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The blocks of these calls."""
    return all_blocks.join(calls.select("call_no"), on="call_no", how="semi", maintain_order="left")


def blind(
    log: Workload, calibration: Calibration, some: pl.DataFrame, calls: pl.DataFrame
) -> pl.DataFrame:
    """Each GROUP in which something is read that no logged text shows, so that nobody can tell what
    other marks would read of it."""
    if calibration.heads.is_empty():
        return calls.clear().select(GROUP)
    without = replace(calibration, heads=calibration.heads.clear())
    plain = biller(log, without)(some, calls).select("call_no", plain="cache_read")
    both = biller(log, calibration)(some, calls).join(plain, on="call_no")
    seen = both.join(calls.select("call_no", *GROUP), on="call_no")
    return seen.filter(pl.col("cache_read") > pl.col("plain")).select(GROUP).unique()


def as_marked(log: Workload, calls: pl.DataFrame, *, lifetimes: bool) -> Iterator[Way]:
    """As it is first; then the same marks with either lifetime, if that may be chosen."""
    kept = calls.with_columns(long=pl.lit(None, pl.Boolean), spots=pl.lit(0, pl.Int64))
    yield Way(AS_IS, kept)
    for long in LIVES if lifetimes else ():
        yield Way(AS_MARKED, renewed(relived(log, kept, long=long)))


def remarked(
    log: Workload, calls: pl.DataFrame, all_blocks: pl.DataFrame, *, lifetimes: bool
) -> Iterator[Way]:
    """Every other policy, with either lifetime, if that may be chosen."""
    kept = calls.with_columns(long=pl.lit(None, pl.Boolean), spots=pl.lit(0, pl.Int64))
    for one in [relived(log, kept, long=long) for long in LIVES] if lifetimes else [kept]:
        for name in (CONVERSATION, PREFIX):
            yield Way(name, one.with_columns(policy=pl.lit(name)))
        spots = searched(all_blocks, one, billing)
        found = one.drop("spots").join(
            spots, on=GROUP, how="left", nulls_equal=True, maintain_order="left"
        )
        yield Way(OPTIMISED, found.with_columns(policy=pl.lit(CHOSEN)))


def renewed(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with their marks where they are, of the lifetime that the calls have."""
    there = (pl.col("policy") == LOGGED) & (pl.col("mode") == "explicit")
    return calls.with_columns(policy=pl.when(there).then(pl.lit(RENEWED)).otherwise("policy"))


def relived(workload: Workload, calls: pl.DataFrame, *, long: bool) -> pl.DataFrame:
    """The calls with other lifetimes, as far as their providers offer them."""
    other = at_longest(ruled(workload.calls, *LIVES[long])).select("call_no", "life", "ttl")
    rows = calls.drop("life", "ttl").join(other, on="call_no", maintain_order="left")
    return rows.with_columns(long=pl.lit(long))


def told(kept: pl.DataFrame, tried: list[Way]) -> pl.DataFrame:
    """The choice by name, see `Choice.groups`."""
    rows = [
        way.calls.join(kept.filter(pl.col("way") == n), on=GROUP, nulls_equal=True)
        .group_by(NAMED, maintain_order=True)
        .agg(
            pl.col("long", "life", "spots", "total", "now").first(),
            pl.col("model").cast(pl.String).first(),
            marks=pl.lit(way.marks), calls=pl.len().cast(pl.Int64),
        )
        for n, way in enumerate(tried)
    ]  # fmt: skip
    pays = pl.col("total") > 0
    found = pl.concat(rows, how="diagonal_relaxed").with_columns(
        total=pl.col("total").clip(0), changes=(pl.col("marks") != AS_IS) | ~pays,
        marks=pl.when(pays).then("marks").otherwise(pl.lit(OPTIMISED)),
        spots=pl.when(pays).then("spots").otherwise(0),
    )  # fmt: skip
    return found.with_columns(pl.col("changes") & (pl.col("total") != pl.col("now"))).sort(
        pl.col("now") - pl.col("total"), *NAMED, nulls_last=True
    )


def rebilled(workload: Workload, choice: Choice) -> pl.DataFrame:
    """call_no and the cached classes of the calls that are to be cached in another way."""
    calibration = calibrate(workload.log)
    calls = with_place(governed(workload, calibration).filter(CHARGED))
    known = choice.groups.select(*NAMED, "long", "spots", "marks", "changes")
    calls = calls.join(known, on=NAMED, how="left", nulls_equal=True, maintain_order="left")
    calls = calls.with_columns(pl.col("changes").fill_null(value=False))
    if not calls.select(pl.col("changes").any()).item():
        return calls.clear().select("call_no")
    billed = biller(workload, calibration)(blocks(workload.parts), asked(workload, calls))
    return billed.join(calls.filter("changes").select("call_no"), on="call_no", how="semi")


def asked(workload: Workload, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls under the policies and lifetimes chosen for them."""
    for long in LIVES:
        other = relived(workload, calls, long=long).select("call_no", "life", "ttl")
        calls = calls.join(other, on="call_no", suffix=f"_{long}", maintain_order="left")
    here = pl.col("changes")
    lived = [
        pl.when(here & ~pl.col("long")).then(f"{name}_{False}")
        .when(here & pl.col("long")).then(f"{name}_{True}").otherwise(name).alias(name)
        for name in ("life", "ttl")
    ]  # fmt: skip
    as_marked = (pl.col("policy") == LOGGED) & (pl.col("mode") == "explicit")
    policy = (
        pl.when(here & (pl.col("marks") == OPTIMISED)).then(pl.lit(CHOSEN))
        .when(here & pl.col("marks").is_in([CONVERSATION, PREFIX])).then("marks")
        .when(here & as_marked).then(pl.lit(RENEWED)).otherwise("policy")
    )  # fmt: skip
    return calls.with_columns(*lived, policy=policy, spots=pl.col("spots").fill_null(0))


def described(choice: Choice) -> list[str]:
    """For each feature that gains, the most first: which marks, which lifetime."""
    said = []
    for row in choice.groups.filter("changes").iter_rows(named=True):
        where = f"{row['feature'] or '(no feature)'} on {row['model']}"
        marks = places(row["spots"]) if row["marks"] == OPTIMISED else row["marks"]
        life = f" for {row['life']}" if row["life"] and row["total"] else ""
        said.append(f"{where}: {NAMES.get(marks, f'mark the {marks}')}{life}")
    return said


NAMES = {
    AS_MARKED: "marks as they are",
    CONVERSATION: "mark the ends of tools, of system and of the prompt",
    PREFIX: "mark the ends of tools and of system only",
    "none": "no marks, since none pay",
}
