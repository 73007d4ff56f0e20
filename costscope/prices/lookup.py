"""Calls to price keys and back, in bulk: which distinct (model, tier, day, hour, length) occur.

Polars thinks here and Python sees only the distinct keys; no price is known to this module.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import filled
from costscope.columns import keys as alike
from costscope.once import once
from costscope.prices.quotes import Moment, tier_of
from costscope.prices.subjects import Subject

NAMES = ("provider", "channel", "region", "model", "tier")
EPOCH = date(1970, 1, 1)
DAY_MINUTES, MINUTE_US = 1440, 60_000_000
NEVER = int(np.iinfo(np.int64).max)
"""A limit that nothing reaches."""
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Key:
    """Calls that cost the same a token: a model, and a moment that stands for all of theirs."""

    subject: Subject
    moment: Moment


class Dated(NamedTuple):
    """What of a price can be told from the calls alone, whatever their length."""

    subjects: Sequence[Subject]
    """Of each kind of calls: those with the same NAMES, which are sorted."""
    tiers: Sequence[str]
    """Of each kind."""
    kind: Ints
    """Of each call, in the order of the calls."""
    time: Ints
    """Of each call, its place in `times`."""
    times: Sequence[tuple[int, int, int]]
    """The kind, a day and the part of the day that stand for all calls that cost the same but for their
    length, ascending."""

    def key(self, time: int, step: int) -> Key:
        """That of the calls of a time that exceed so many of their model's thresholds."""
        kind, day, slot = self.times[time]
        subject = self.subjects[kind]
        day_of = EPOCH + timedelta(days=day)
        return Key(subject, _moment(subject, self.tiers[kind], day_of, slot, step))


def keys(
    calls: pl.DataFrame,
    input_tokens: Ints,
    as_of: date,
    change_days: Callable[[Subject], Ints],
) -> tuple[Ints, list[Key]]:
    """For each call the number of its key, in the order of `calls`, and the keys.

    `calls` has the columns of NAMES and sent_at, `input_tokens` is their length; `change_days` tells
    on which `days` the prices of a model may change. Keys are numbered by names, then time, then
    length.
    """
    found = dated(calls, as_of, change_days)
    step = _passed(input_tokens, [s.thresholds for s in found.subjects], found.kind, at=False)
    steps = int(step.max(initial=0)) + 1
    numbers = found.time * steps + step
    one, of = _distinct(numbers)
    return of, [found.key(*divmod(number, steps)) for number in numbers[one].tolist()]


def days(dates: Collection[date]) -> Ints:
    """Days as `change_days` gives them: since 1970, ascending."""
    return np.array(sorted((day - EPOCH).days for day in dates), np.int64)


def lengths(input_tokens: pl.Series) -> Ints:
    """A column of lengths as `keys` takes them; unknown is 0."""
    return input_tokens.cast(pl.Int64).fill_null(0).to_numpy()


def _sizes(columns: Sequence[Ints]) -> list[int]:
    return [int(column.max(initial=0)) + 1 for column in columns]


@once
def dated(calls: pl.DataFrame, as_of: date, change_days: Callable[[Subject], Ints]) -> Dated:
    """Who served each call under which name, and when, as far as prices differ."""
    subjects, tiers, kind = _named(calls)
    day, minute = _sent(calls["sent_at"], (as_of - EPOCH).days)
    slot = _passed(minute, [subject.minutes for subject in subjects], kind, at=True)
    # One number a row is told from others ten times as fast as three; small ones faster still.
    passed = day - (day.min() if len(day) else 0)
    numbers = (kind, passed, slot)
    one, of = _distinct(np.ravel_multi_index(numbers, _sizes(numbers)))
    distinct = np.stack([column[one] for column in (kind, day, slot)], axis=1)
    place, first = _merged(distinct, subjects, [change_days(subject) for subject in subjects])
    return Dated(subjects, tiers, kind, place[of], [tuple(row) for row in distinct[first].tolist()])


def _named(calls: pl.DataFrame) -> tuple[list[Subject], list[str], Ints]:
    """The subject and the tier of each kind of calls, and the kind of each call."""
    _, one, kind = np.unique(alike(calls, NAMES), return_index=True, return_inverse=True)
    rows = [tuple(name or "" for name in row) for row in calls[list(NAMES)][one].rows()]
    order = sorted(range(len(rows)), key=lambda number: "\0".join(rows[number]))
    subjects = [_subject(*rows[number][:4]) for number in order]
    return subjects, [rows[number][4] for number in order], np.argsort(order)[kind]


def _sent(times: pl.Series, unknown: int) -> tuple[Ints, Ints]:
    """The day (since 1970, before which no price changed) and the minute of the day of each time in UTC;
    the day `unknown` and -1 where there is none."""
    zone = times.dtype.time_zone if isinstance(times.dtype, pl.Datetime) else None
    sent = times.cast(pl.Datetime("us", zone)).cast(pl.Int64)
    minutes = filled(sent, 0) // MINUTE_US
    day, minute = np.divmod(minutes, DAY_MINUTES)
    day = np.maximum(day, 0)
    if not sent.null_count():
        return day, minute
    blank = sent.is_null().to_numpy()
    return np.where(blank, unknown, day), np.where(blank, -1, minute)


def _distinct(values: Ints) -> tuple[Ints, Ints]:
    """A place of each different value (none below zero), ascending by value, and which of them each is."""
    size = int(values.max(initial=-1)) + 1
    if size > 4 * len(values):
        _, one, which = np.unique(values, return_index=True, return_inverse=True)
        return one, which
    # As numbers this small need no sorting.
    place = np.full(size, -1)
    place[values] = np.arange(len(values))
    found = place >= 0
    return place[found], (np.cumsum(found) - 1)[values]


def _merged(
    distinct: Ints, subjects: Sequence[Subject], changes: Sequence[Ints]
) -> tuple[Ints, Ints]:
    """Days between two changes are one; where it matters, days off are another. For each row the number
    of what it is one with, and the first row of each of these, ascending."""
    kind, day, slot = distinct.T
    epoch = np.zeros(len(kind), np.int64)
    ends = np.searchsorted(kind, np.arange(len(subjects) + 1)).tolist()
    for number, subject in enumerate(subjects):
        own = slice(ends[number], ends[number + 1])
        epoch[own] = 2 * np.searchsorted(changes[number], day[own], "right")
        if subject.rests:
            epoch[own] += [_is_off(subject, one) for one in day[own].tolist()]
    columns = (kind, epoch, slot)
    _, first, of = np.unique(
        np.ravel_multi_index(columns, _sizes(columns)), return_index=True, return_inverse=True
    )
    order = np.argsort(first)
    return np.argsort(order)[of], first[order]


@lru_cache(maxsize=16384)
def _is_off(subject: Subject, days: int) -> bool:
    return subject.is_off(EPOCH + timedelta(days=days))


@lru_cache(maxsize=4096)
def _subject(provider: str, channel: str, region: str, model: str) -> Subject:
    """One for each set of names, since what it knows of itself it has to look up."""
    return Subject(provider, channel, region, model)


def _moment(subject: Subject, tier: str, day: date, slot: int, step: int) -> Moment:
    minute = subject.minutes[slot - 1] if slot else 0
    at = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    return Moment(at, tier_of(tier), subject.thresholds[step - 1] if step else None)


def _passed(values: Ints, limits: Sequence[Sequence[int]], kinds: Ints, *, at: bool) -> Ints:
    """How many of its kind's limits (ascending) each value exceeds (or, with `at`, has reached)."""
    passed = np.zeros(len(values), np.int64)
    least = min((own[0] for own in limits if own), default=NEVER)
    if values.max(initial=0) < least:
        return passed
    for i in range(max(map(len, limits))):
        limit = np.array([own[i] if i < len(own) else NEVER for own in limits])[kinds]
        passed += values >= limit if at else values > limit
    return passed
