"""Marks and lifetimes chosen for calls on which caching is in force, feature by feature, on the log as it
was, and then applied to whatever what-if of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import places, taken
from costscope.levers._cache.calls import NAMED, ruled, with_place
from costscope.levers._cache.heads import heads_of, read
from costscope.levers._cache.in_force import (
    Calibration,
    at_longest,
    calibrate,
    governed,
    losses_of,
)
from costscope.levers._cache.policy import Best, Way, grouped, laid, preferred, totals, tried_on
from costscope.levers._cache.rows import (
    CHOSEN,
    CONVERSATION,
    LOGGED,
    PREFIX,
    RENEWED,
    UNLIMITED,
    Facts,
    Flags,
    Ints,
    facts,
)
from costscope.levers._cache.search import places as spelt
from costscope.levers._cache.search import searched
from costscope.levers._cache.trial import Billed, Ground, billed, facts_on, ground, lessened
from costscope.levers._cache.whole import looked, reading
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
    calls = with_place(charged(log, calibration))
    if calls.is_empty():
        return None
    on = ground(tried_on(log.parts, calls), calls)
    group, tries = grouped(calls), trier(log, calibration, on)
    ways = list(as_marked(log, calls, lifetimes=lifetimes))
    tried = [tries(way.calls) for way in ways]
    shown = ~blind(on, group, tried[0].billed)
    if marks and shown.any():
        seen = calls if shown.all() else calls.filter(pl.Series(shown))
        more = list(remarked(log, seen, lifetimes=lifetimes))
        ways, tried = ways + more, tried + [tries(way.calls) for way in more]
    return Choice(told(calls, group, ways, weighed(on, group, tried)), ways)


def charged(workload: Workload, calibration: Calibration) -> pl.DataFrame:
    """The calls in force on which writes are charged, sorted, with what they lose."""
    calls = governed(workload, calibration).filter(CHARGED).sort("call_no")
    lost, most = losses_of(calls, calibration.losses)
    return calls.with_columns(pl.Series("lost", lost), pl.Series("most", most))


class Tried(NamedTuple):
    """One way under which some calls were simulated."""

    about: Facts
    billed: Billed


def trier(log: Workload, calibration: Calibration, on: Ground) -> Callable[[pl.DataFrame], Tried]:
    """What simulates calls in force under whatever policy and life: with the heads that nobody logged, and
    less what bills of the log show to be lost."""
    floors: dict[tuple[bytes, bytes], Ints | None] = {}

    def tried(calls: pl.DataFrame) -> Tried:
        about = facts_on(on, calls)
        key = about.mode.tobytes(), about.life.tobytes()
        if key not in floors:
            floors[key] = floor(log.parts, calibration, calls, on.about.call_no)
        return Tried(about, billed(on, about, floors[key]))

    return tried


def floor(
    parts: pl.DataFrame, calibration: Calibration, calls: pl.DataFrame, numbers: Ints
) -> Ints | None:
    """Tokens that each call with one of these numbers reads of a head that nobody logged; None: no call does."""
    if calibration.heads.is_empty():
        return None
    known = heads_of(parts, calls)
    told = taken(calls, places(known.call_no, calls["call_no"].to_numpy()))
    found = np.zeros(len(numbers), np.int64)
    found[places(known.call_no, numbers)] = read(known, told, calibration.heads)
    return found


def blind(on: Ground, group: Ints, now: Billed) -> Flags:
    """The calls of each GROUP in which something is read that no logged text shows, so that nobody can
    tell what other marks would read of it."""
    hidden = (on.prompts >= 0) & (now.read > now.plain)
    found: Flags = np.isin(group, group[hidden])
    return found


def as_marked(log: Workload, calls: pl.DataFrame, *, lifetimes: bool) -> Iterator[Way]:
    """As it is first; then the same marks with either lifetime, if that may be chosen."""
    kept = calls.with_columns(long=pl.lit(None, pl.Boolean), spots=pl.lit(0, pl.Int64))
    yield Way(AS_IS, kept)
    for long in LIVES if lifetimes else ():
        yield Way(AS_MARKED, renewed(relived(log, kept, long=long)))


def remarked(log: Workload, calls: pl.DataFrame, *, lifetimes: bool) -> Iterator[Way]:
    """Every other policy, with either lifetime, if that may be chosen."""
    kept = calls.with_columns(long=pl.lit(None, pl.Boolean), spots=pl.lit(0, pl.Int64))
    for one in [relived(log, kept, long=long) for long in LIVES] if lifetimes else [kept]:
        for name in (CONVERSATION, PREFIX):
            yield Way(name, one.with_columns(policy=pl.lit(name)))
        spots = pl.Series(searched(log.parts, one), dtype=pl.Int64)
        yield Way(OPTIMISED, one.with_columns(policy=pl.lit(CHOSEN), spots=spots))


def renewed(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with their marks where they are, of the lifetime that the calls have."""
    there = (pl.col("policy") == LOGGED) & (pl.col("mode") == "explicit")
    return calls.with_columns(policy=pl.when(there).then(pl.lit(RENEWED)).otherwise("policy"))


def relived(workload: Workload, calls: pl.DataFrame, *, long: bool) -> pl.DataFrame:
    """The calls with other lifetimes, as far as their providers offer them."""
    return calls.with_columns(*lives(workload, calls, long=long), long=pl.lit(long))


def lives(workload: Workload, calls: pl.DataFrame, *, long: bool) -> list[pl.Series]:
    """`life` and `ttl` of these calls, as `relived` gives them."""
    other = at_longest(ruled(workload.calls, *LIVES[long])).select("call_no", "life", "ttl")
    number, *found = other.get_columns()
    place = pl.Series(places(calls["call_no"].to_numpy(), number.to_numpy()))
    return [column.gather(place) for column in found]


class Weighed(NamedTuple):
    """What the ways save."""

    best: Best
    now: Ints
    """Of each group what it saves as it is."""


def weighed(on: Ground, group: Ints, tried: Sequence[Tried]) -> Weighed:
    """The best of the ways for each group."""
    abouts, found = zip(*tried, strict=True)
    return Weighed(
        preferred(on, group, abouts, found), totals(on, group, int(group.max()) + 1, found[0])
    )


def told(calls: pl.DataFrame, group: Ints, ways: Sequence[Way], found: Weighed) -> pl.DataFrame:
    """The choice by name, see `Choice.groups`."""
    best, numbers = found.best, calls["call_no"].to_numpy()
    rows = []
    for n, way in enumerate(ways):
        own = group[places(way.calls["call_no"].to_numpy(), numbers)]
        sums = {"total": best.total[own], "now": found.now[own]}
        here = (best.way[own] == n) & (best.total[own] > -UNLIMITED)
        rows.append(
            way.calls.with_columns(pl.Series(name, x) for name, x in sums.items())
            .filter(pl.Series(here))
            .group_by(NAMED, maintain_order=True)
            .agg(
                pl.col("long", "life", "spots", "total", "now").first(),
                pl.col("model").cast(pl.String).first(),
                marks=pl.lit(way.marks), calls=pl.len().cast(pl.Int64),
            )
        )  # fmt: skip
    pays = pl.col("total") > 0
    every = pl.concat(rows, how="diagonal_relaxed").with_columns(
        total=pl.col("total").clip(0), changes=(pl.col("marks") != AS_IS) | ~pays,
        marks=pl.when(pays).then("marks").otherwise(pl.lit(OPTIMISED)),
        spots=pl.when(pays).then("spots").otherwise(0),
    )  # fmt: skip
    return every.with_columns(pl.col("changes") & (pl.col("total") != pl.col("now"))).sort(
        pl.col("now") - pl.col("total"), *NAMED, nulls_last=True
    )


def rebilled(workload: Workload, choice: Choice) -> pl.DataFrame | None:
    """call_no and the cached classes of the calls that are to be cached in another way; None where there
    are none."""
    calibration = calibrate(workload.log)
    changed = (
        choice.groups.lazy().filter("changes").select(*NAMED, "long", "spots", "marks", "changes")
    )
    calls = with_place(governed(workload, calibration).filter(CHARGED)).lazy()
    calls = calls.join(changed, on=NAMED, how="left", nulls_equal=True, maintain_order="left")
    # Other scopes share no cache with these.
    known = calls.filter(pl.col("changes").any().over("scope")).sort("call_no").collect()
    if known.is_empty():
        return None
    known = asked(workload, known.with_columns(pl.col("changes").fill_null(value=False)))
    about, here = facts(known), known["changes"].to_numpy()
    found = looked(workload.parts, about)
    least = floor(workload.parts, calibration, known, about.call_no)
    under = lessened(
        reading(found, about), found.upto, *losses_of(known, calibration.losses), least
    )
    return laid(about.call_no, under, here & (found.prompts >= 0))


def asked(workload: Workload, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls under the policies and lifetimes chosen for them."""
    for long in LIVES:
        here = pl.col("changes") & (pl.col("long") == long)
        if calls.select(here.any()).item():
            other = lives(workload, calls, long=long)
            calls = calls.with_columns(
                pl.when(here).then(column).otherwise(column.name).alias(column.name)
                for column in other
            )
    here = pl.col("changes")
    as_marked = (pl.col("policy") == LOGGED) & (pl.col("mode") == "explicit")
    policy = (
        pl.when(here & (pl.col("marks") == OPTIMISED)).then(pl.lit(CHOSEN))
        .when(here & pl.col("marks").is_in([CONVERSATION, PREFIX])).then("marks")
        .when(here & as_marked).then(pl.lit(RENEWED)).otherwise("policy")
    )  # fmt: skip
    return calls.with_columns(policy=policy, spots=pl.col("spots").fill_null(0))


def described(choice: Choice) -> list[str]:
    """For each feature that gains, the most first: which marks, which lifetime."""
    said = []
    for row in choice.groups.filter("changes").iter_rows(named=True):
        where = f"{row['feature'] or '(no feature)'} on {row['model']}"
        marks = spelt(row["spots"]) if row["marks"] == OPTIMISED else row["marks"]
        life = f" for {row['life']}" if row["life"] and row["total"] else ""
        said.append(f"{where}: {NAMES.get(marks, f'mark the {marks}')}{life}")
    return said


NAMES = {
    AS_MARKED: "marks as they are",
    CONVERSATION: "mark the ends of tools, of system and of the prompt",
    PREFIX: "mark the ends of tools and of system only",
    "none": "no marks, since none pay",
}
