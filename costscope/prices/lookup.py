"""Calls to price keys and back, in bulk: which distinct (model, tier, day, hour, length) occur.

Polars thinks here and Python sees only the distinct keys; no price is known to this module.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
DAY_US, MINUTE_US = 86_400_000_000, 60_000_000
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Key:
    """Calls that cost the same a token: a model, and a moment that stands for all of theirs."""

    subject: Subject
    moment: Moment


class Named(NamedTuple):
    """What of a price can be told from the calls alone, whatever their length."""

    subjects: Sequence[Subject]
    """Of each kind of calls: those with the same NAMES, which are sorted."""
    tiers: Sequence[str]
    """Of each kind."""
    kind: Ints
    """Of each call, in the order of the calls."""
    day: Ints
    """Days since 1970, before which no price changed."""
    minute: Ints
    """Of the day; -1 without a time."""


def keys(
    calls: pl.DataFrame,
    input_tokens: Ints,
    as_of: date,
    change_days: Callable[[Subject], Sequence[date]],
) -> tuple[Ints, list[Key]]:
    """For each call the number of its key, in the order of `calls`, and the keys.

    `calls` has the columns of NAMES and sent_at, `input_tokens` is their length; `change_days` tells
    on which days the prices of a model may change. Keys are numbered by names, then time, then
    length.
    """
    found = named(calls)
    day = np.where(found.minute < 0, (as_of - EPOCH).days, found.day)
    slot = _passed(found.minute, [s.minutes for s in found.subjects], found.kind, at=True)
    step = _passed(input_tokens, [s.thresholds for s in found.subjects], found.kind, at=False)
    columns = (found.kind, day, slot, step)
    # One number a row is told from others ten times as fast as four; small ones faster still.
    passed = day - (day.min() if len(day) else 0)
    numbers = (found.kind, passed, slot, step)
    one, of = _distinct(np.ravel_multi_index(numbers, _sizes(numbers)))
    changes = [change_days(subject) for subject in found.subjects]
    place, merged = _merged(np.stack([c[one] for c in columns], axis=1), found, changes)
    return place[of], merged


def lengths(input_tokens: pl.Series) -> Ints:
    """A column of lengths as `keys` takes them; unknown is 0."""
    return input_tokens.cast(pl.Int64).fill_null(0).to_numpy()


def _sizes(columns: Sequence[Ints]) -> list[int]:
    return [int(column.max(initial=0)) + 1 for column in columns]


@once
def named(calls: pl.DataFrame) -> Named:
    """Who served each call under which name, and when."""
    _, one, kind = np.unique(alike(calls, NAMES), return_index=True, return_inverse=True)
    names = [calls[name][one].cast(pl.String).to_list() for name in NAMES]
    rows = [tuple(name or "" for name in row) for row in zip(*names, strict=True)]
    order = sorted(range(len(rows)), key=lambda number: "\0".join(rows[number]))
    subjects = [_subject(*rows[number][:4]) for number in order]
    sent = _utc(calls["sent_at"])
    passed = filled(sent, 0)
    minute = passed % DAY_US // MINUTE_US
    if sent.null_count():
        minute = np.where(sent.is_null().to_numpy(), -1, minute)
    day = np.maximum(passed // DAY_US, 0)
    tiers = [rows[number][4] for number in order]
    return Named(subjects, tiers, np.argsort(order)[kind], day, minute)


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
    distinct: Ints, found: Named, changes: Sequence[Sequence[date]]
) -> tuple[Ints, list[Key]]:
    """Days between two changes are one key; where it matters, days off are another."""
    kind, days, slot, step = distinct.T
    epoch = np.zeros(len(kind), np.int64)
    for number, subject in enumerate(found.subjects):
        own = slice(*np.searchsorted(kind, (number, number + 1)).tolist())
        limits = np.array([(day - EPOCH).days for day in changes[number]], np.int64)
        off = [_is_off(subject, day) for day in days[own].tolist()]
        epoch[own] = 2 * np.searchsorted(limits, days[own], "right") + np.array(off, np.int64)
    columns = (kind, epoch, slot, step)
    alike = np.ravel_multi_index(columns, _sizes(columns))
    _, first, of = np.unique(alike, return_index=True, return_inverse=True)
    order = np.argsort(first)
    merged = [
        Key(
            found.subjects[k],
            _moment(found.subjects[k], found.tiers[k], EPOCH + timedelta(days=d), *at),
        )
        for k, d, *at in distinct[first[order]].tolist()
    ]
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return place[of], merged


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


def _utc(sent: pl.Series) -> pl.Series:
    """Times as microseconds since 1970, in UTC."""
    zone = sent.dtype.time_zone if isinstance(sent.dtype, pl.Datetime) else None
    return sent.cast(pl.Datetime("us", zone)).cast(pl.Int64)


def _passed(values: Ints, limits: Sequence[Sequence[int]], kinds: Ints, *, at: bool) -> Ints:
    """How many of its kind's limits each value exceeds (or, with `at`, has reached)."""
    passed = np.zeros(len(values), np.int64)
    for i in range(max(map(len, limits), default=0)):
        never = np.iinfo(np.int64).max
        limit = np.array([own[i] if i < len(own) else never for own in limits])[kinds]
        passed += values >= limit if at else values > limit
    return passed
