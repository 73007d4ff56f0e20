"""Which calls a report is about (times, features, models, teams and tags), and how its logs are to be
read. Values only, no query."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from hashlib import blake2b
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from costscope.errors import SettingsError

_AGO = re.compile(r"(\d+)([hdw])")
_UNITS = {"h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True)
class Filters:
    """A call passes if its time is in [since, until) and each list that is not empty has a glob that
    matches: several globs of one list are alternatives, several lists must all match. Tags are
    (name, glob) pairs; of one name they are alternatives. Times are aware, in UTC."""

    since: datetime | None = None
    until: datetime | None = None
    feature: tuple[str, ...] = ()
    model: tuple[str, ...] = ()
    team: tuple[str, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    timezone: str = "UTC"
    """Decides what a day is; an IANA name."""

    def __post_init__(self) -> None:
        zone(self.timezone)
        if self.since and self.until and self.since >= self.until:
            raise SettingsError(
                f"--since {self.since:%F %R} is not before --until {self.until:%F %R}"
            )


@dataclass(frozen=True)
class SegmentRule:
    """What a user says that is of one segment in the user and system messages of the features that a glob
    matches: what a regular expression finds, or what stands at a path of a message that is JSON. One of
    the two is given, and both are checked."""

    feature: str
    segment: str
    regex: str = ""
    path: tuple[str | int, ...] = ()
    """Steps, see `places`."""
    role: str = ""
    """Only in messages of this role; "": both."""
    slot: str = ""
    """Only in this slot of a request, see model.SLOTS; "": any."""


def digest(rules: Sequence[SegmentRule]) -> str:
    """A mark of rules and their order; "" for none."""
    told = "\0".join(map(repr, rules)).encode("utf-8", "backslashreplace")
    return blake2b(told, digest_size=8).hexdigest() if rules else ""


@dataclass(frozen=True)
class Reading:
    """How logs are to be read: by the reader of that name, or by a map file; by looking without any."""

    reader: str = ""
    map: str = ""
    rules: tuple[SegmentRule, ...] = ()
    """What a user says of segments: of each call those rules hold whose feature it is, the first first."""

    def __post_init__(self) -> None:
        if self.reader and self.map:
            raise SettingsError("--reader and --map exclude each other: a map is a reader")


def zone(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises SettingsError."""
    if name == "UTC":
        # A machine without a zone database still has this one.
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(
            f"no time zone is called {name!r}; write one such as Europe/Berlin"
        ) from error


def parse_when(text: str, timezone: str, now: datetime, *, end: bool = False) -> datetime:
    """A moment in UTC from a date (2026-11-20 or 20261120), a date and time, or an age (36h, 7d, 2w
    before `now`).

    What has no offset of its own is local to `timezone`. A date is the start of that day, or with
    `end` the start of the next, so that `--until` takes the whole day in. Raises SettingsError.
    """
    try:
        if match := _AGO.fullmatch(text.strip()):
            return now.astimezone(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
        moment = _moment(text.strip(), end=end)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone(timezone))
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise SettingsError(f"{text!r} is outside of the calendar") from error


def _moment(text: str, *, end: bool) -> datetime:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        pass
    else:
        return datetime.combine(day + timedelta(days=end), time())
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise SettingsError(
            f"{text!r} is no time; write 2026-11-20, 2026-11-20T14:30 or 7d"
        ) from None


def parse_tag(text: str) -> tuple[str, str]:
    """(name, glob) from "name=glob". Raises SettingsError."""
    name, equals, glob = text.partition("=")
    if not equals or not name.strip():
        raise SettingsError(f"{text!r} is no tag; write name=value")
    return name.strip(), glob.strip()
