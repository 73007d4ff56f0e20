"""Which calls can wait: those that the user names, else those that a log shows to be a machine's work
that nobody waits for. Not a lever; knows no provider.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial, reduce
from operator import or_
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from costscope.columns import Ints, codes, filled, places
from costscope.errors import SettingsError
from costscope.levers._rows import kinds, matches
from costscope.levers._runs import runs
from costscope.levers._words import count
from costscope.model import ANSWERED, Trait, Workload
from costscope.once import once

JOB, WHY = "job", "why"
"""Columns: what a call belongs to (its feature, else its template, else its model), and why it can
wait."""
NAMED, BURST = "named in the settings", "comes in bursts"

_ABOUT = [
    "call_no", "call_id", "sent_at", "latency_us", "provider", "channel", "model", "session", "trace",
    "feature", "template",
]  # fmt: skip
"""What is told of a call that can wait."""
_JUDGED = [
    "call_no", "call_id", "sent_at", "user_id", "session", "trace", "traits", "tags", "feature",
    "template", "model", "added",
]  # fmt: skip
"""What is asked of a call to know whether it can."""

FOUND = {"call_no": pl.Int64, JOB: pl.String, WHY: pl.String}

BINS = 60
TURNS = 3
"""Calls at the same time of a period are a habit from the third period on."""


class Clock(NamedTuple):
    """A period, and how many of its BINS are "the same time". If calls came at any time, a share of
    `width` in BINS of them would."""

    why: str
    seconds: int
    width: int
    quiet: bool
    """Only where people call less than usual: a service has its hours too."""


CLOCKS = (
    Clock("the same hours of the day, when people are quiet", 86_400, 10, quiet=True),
    Clock("the same minutes of the hour", 3_600, 5, quiet=False),
    Clock("the same minute of every quarter of an hour", 900, 5, quiet=False),
)
"""Four hours of a day (a night's work), and a twelfth of an hour and of its quarter (five minutes, 75
seconds: a scheduler's start and what it sets off)."""


class Waits(NamedTuple):
    """The rules, as the settings of a lever have them."""

    features: tuple[str, ...]
    tags: tuple[str, ...]
    never: tuple[str, ...]
    burst_calls: int
    burst_gap_s: int
    burst_share: float
    busy_share: float

    def check(self) -> None:
        """Raises SettingsError for what cannot be."""
        for name in ("burst_share", "busy_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie from 0 to 1")
        if self.burst_calls < 1:
            raise SettingsError(f"burst_calls is {self.burst_calls}; it must be 1 or more")
        for tag in self.tags:
            if not all(tag.partition("=")[::2]):
                raise SettingsError(f"tags has {tag!r}; each must be a key, = and a value")


USUAL = Waits((), (), (), burst_calls=20, burst_gap_s=60, burst_share=0.8, busy_share=0.25)
"""The rules as they are by default."""
CLEARER = 5
"""The pessimistic end asks for jobs this many times as large."""


@once
def waiting(log: Workload, waits: Waits) -> pl.DataFrame:
    """The calls of a log that can wait: call_no, JOB, WHY.

    If features or tags are named, those calls and no others, whatever the log looks like.
    """
    if waits.features or waits.tags:
        calls = _timed(log)
        found = calls.filter(_named(calls, waits)).with_columns(pl.lit(NAMED).alias(WHY))
    else:
        found = _machine_made(_judged(log), waits)
    stays = [name for name in found["feature"].unique() if matches(name, waits.never)]
    found = found.filter(~pl.col("feature").is_in(stays).fill_null(value=False))
    return found.select(*FOUND).sort("call_no")


def _timed(log: Workload) -> pl.DataFrame:
    """The calls of a log whose time is known: _JUDGED and JOB."""
    job = pl.coalesce("feature", "template", "model").alias(JOB)
    calls = log.calls[_JUDGED].filter(~pl.col("added"), pl.col("sent_at").is_not_null())
    return calls.with_columns(job)


@once
def _judged(log: Workload) -> pl.DataFrame:
    """The same with `_nobody`, and with no more than is asked of them."""
    nobody = _nobody(log.parts).alias("_nobody")
    return _timed(log).select("call_no", "call_id", "sent_at", "feature", JOB, nobody)


def able(found: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The calls of the standard tier that are `waiting`, as far as these are still there: _ABOUT, JOB, WHY
    and `day` (UTC)."""
    at = places(calls["call_no"].to_numpy(), found["call_no"].to_numpy())
    answered = [calls["status"] == status for status in ANSWERED]
    there = (calls["tier"] == "standard") & ~calls["added"] & reduce(or_, answered)
    rows = np.flatnonzero((at >= 0) & filled(there, blank=False))
    mine = calls[_ABOUT][rows]
    return mine.hstack([*found[[JOB, WHY]][at[rows]], mine["sent_at"].dt.date().alias("day")])


def ruled(
    calls: pl.DataFrame, rule: Callable[..., tuple[Any, ...] | None], schema: dict[str, Any]
) -> pl.DataFrame:
    """Those of `able` calls for whose provider, channel, model and day there is a rule, with its
    columns."""
    found = kinds(calls, ("provider", "channel", "model", "day"))
    at, table = found.table([rule(*key) for key in found.keys], schema)
    rows = np.flatnonzero(at >= 0)
    return calls[rows].hstack(table[at[rows]])


def in_tier(workload: Workload, chosen: pl.DataFrame, tier: str) -> pl.DataFrame:
    """The calls of a workload with the chosen ones in another tier."""
    return _mover(chosen, tier)(workload.calls)


@once
def _mover(chosen: pl.DataFrame, tier: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """The same by tables of calls, so that what-ifs that share one share the other."""
    return once(partial(_moved, chosen["call_no"].to_numpy(), tier))


def _moved(numbers: Ints, tier: str, calls: pl.DataFrame) -> pl.DataFrame:
    rows = np.flatnonzero(places(calls["call_no"].to_numpy(), numbers) >= 0)
    return calls.with_columns(calls["tier"].scatter(rows, tier))


def _named(calls: pl.DataFrame, waits: Waits) -> pl.Expr:
    names = calls["feature"].unique().to_list()
    said = [name for name in names if matches(name, waits.features)]
    wanted = [pl.col("feature").is_in(said)]
    for tag in waits.tags:
        key, _, glob = tag.partition("=")
        value = pl.col("tags").str.json_path_match(f'$["{key}"]')
        known = calls.select(value.unique()).to_series().drop_nulls().to_list()
        wanted.append(value.is_in([name for name in known if fnmatchcase(name, glob)]))
    return pl.any_horizontal(wanted).fill_null(value=False)


def _machine_made(calls: pl.DataFrame, waits: Waits) -> pl.DataFrame:
    """Calls that belong to nobody, of jobs that run by themselves."""
    window = calls.select(pl.col("sent_at").max() - pl.col("sent_at").min()).item()
    if not window:
        return calls.clear().with_columns(pl.lit(BURST).alias(WHY))
    jobs = calls.filter(pl.col("_nobody").sum().over(JOB) >= waits.burst_calls)
    if jobs.is_empty():
        return jobs.with_columns(pl.lit(BURST).alias(WHY))
    people = calls.filter(~pl.col("_nobody"))
    bursts = _bursty(jobs, waits, window)
    found = [
        jobs.filter("_nobody", pl.col(JOB).is_in(bursts)).with_columns(pl.lit(BURST).alias(WHY))
    ]
    for clock in CLOCKS:
        jobs = jobs.join(found[-1], on=JOB, how="anti")
        found.append(_punctual(jobs, people, clock, waits))
    return pl.concat(found)


def _nobody(parts: pl.DataFrame) -> pl.Expr:
    """Calls without a user that go on no conversation: alone in theirs, with no earlier turns in the
    prompt, and not asking for a tool where calls of the same job carry on after one."""
    found = runs(parts)
    talked = found.calls[found.any(codes(parts["segment"], ("history",)) == 0)]
    goes_on = pl.col("call_no").is_in(pl.Series(talked).implode())
    asks = (pl.col("traits") & Trait.TOOL_CALLED) != 0
    loop = asks & goes_on.any().over(JOB)
    return pl.col("user_id").is_null() & alone() & ~goes_on & ~loop


def alone() -> pl.Expr:
    """Calls that are a conversation of their own, as `_rows.conversation` has it."""
    named = pl.coalesce("session", "trace")
    return named.is_null() | (pl.len().over(named) == 1)


def _bursty(jobs: pl.DataFrame, waits: Waits, window: timedelta) -> list[str]:
    """Jobs most of whose calls lie in bursts, and that are silent most of the time."""
    busy = pl.col("lasted").filter("burst").sum() <= window * waits.busy_share
    share = pl.col("calls").filter("burst").sum() / pl.col("calls").sum() >= waits.burst_share
    found = _runs(jobs, waits).group_by(JOB).agg((busy & share).alias("fits"))
    return found.filter("fits")[JOB].to_list()


def _runs(jobs: pl.DataFrame, waits: Waits) -> pl.DataFrame:
    """Calls of one job that follow each other closely: JOB, calls, lasted, burst. A run is a burst
    if enough of its calls, in number and share, belong to nobody."""
    jobs = jobs.sort(JOB, "sent_at", "call_id")
    gap = pl.col("sent_at").diff().over(JOB)
    late = gap.is_null() | (gap > pl.duration(seconds=waits.burst_gap_s))
    runs = jobs.with_columns(late.cum_sum().alias("run")).group_by(JOB, "run").agg(
        pl.len().alias("calls"),
        (pl.col("sent_at").max() - pl.col("sent_at").min()).alias("lasted"),
        pl.col("_nobody").sum().alias("ownerless"),
    )  # fmt: skip
    enough = pl.col("ownerless") >= waits.burst_calls
    mostly = pl.col("ownerless") >= pl.col("calls") * waits.burst_share
    return runs.with_columns((enough & mostly).alias("burst"))


def _punctual(jobs: pl.DataFrame, people: pl.DataFrame, clock: Clock, waits: Waits) -> pl.DataFrame:
    """The calls of nobody that come at their job's time of the clock, if most of the job's do, in
    TURNS periods at least."""
    columns = [*jobs.columns, WHY]
    jobs = jobs.with_columns(_bin(clock).alias("_bin"), pl.lit(clock.why).alias(WHY))
    starts = list(_starts(jobs, people, clock))
    schema = {JOB: pl.String, "_start": pl.Int64}
    timed = jobs.join(pl.DataFrame(starts, schema=schema, orient="row"), on=JOB)
    near = (pl.col("_bin") - pl.col("_start")) % BINS < clock.width
    turn = pl.col("sent_at").dt.timestamp("us") // (clock.seconds * 1_000_000)
    ours = near & pl.col("_nobody")
    fits = (
        (ours.sum() >= pl.len() * waits.burst_share)
        & (ours.sum() >= waits.burst_calls)
        & (turn.filter(ours).n_unique() >= TURNS)
    )
    return timed.filter(fits.over(JOB) & ours).select(columns)


def _bin(clock: Clock) -> pl.Expr:
    period = clock.seconds * 1_000_000
    return (pl.col("sent_at").dt.timestamp("us") % period) * BINS // period


def _starts(jobs: pl.DataFrame, people: pl.DataFrame, clock: Clock) -> Iterator[tuple[str, int]]:
    """For each job the bin in which its busiest stretch of the clock begins."""
    crowd = _around(people.select(_bin(clock)).to_series(), clock.width)
    for (job,), rows in jobs.filter("_nobody").group_by(JOB, maintain_order=True):
        own = _around(rows["_bin"], clock.width)
        start = int(own.argmax())
        if not clock.quiet or crowd[start] * BINS <= people.height * clock.width:
            yield str(job), start


def _around(bins: pl.Series, width: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """How many calls lie in the `width` bins from each bin on, past midnight or the full hour too."""
    counts = np.bincount(bins.to_numpy(), minlength=BINS).astype(np.int64)
    twice = np.concatenate(([0], np.cumsum(np.concatenate((counts, counts)))))
    return np.asarray(twice[width : width + BINS] - twice[:BINS], np.int64)


def listed(found: pl.DataFrame) -> Sequence[tuple[str, str, int]]:
    """(job, why, calls), those with most calls first."""
    counts = found.group_by(JOB, WHY).agg(pl.len().cast(pl.Int64).alias("calls"))
    return counts.sort(-pl.col("calls"), JOB).rows()


def owners(calls: pl.DataFrame) -> Sequence[str]:
    """Whose the calls are, those with most calls first: features, else templates, else models."""
    known = [name for name in ("feature", "template", "model") if name in calls.columns]
    job = pl.coalesce(*(pl.col(name).replace("", None) for name in known), pl.lit("no feature"))
    counts = calls.group_by(job.alias(JOB)).agg(pl.len().cast(pl.Int64).alias("calls"))
    return counts.sort(-pl.col("calls"), JOB)[JOB].to_list()


def untimed(log: Workload) -> Iterator[str]:
    """That calls without a time cannot be judged, if there are any."""
    blind = log.calls.filter(~pl.col("added"), pl.col("sent_at").is_null()).height
    if blind:
        yield f"Left as logged, because no time is known to judge them by: {count(blind, 'call')}."
