"""The dated facts that ship with costscope: provider rules, multipliers, a few prices, as rows of
`data/*.toml`, one file a provider. Only finds rows; what they mean is for `rules` and `quotes`.

Each row names the models it is about (globs on the model's name without date, region, version),
may begin (`since`) and end (`until`, exclusive), and states source, grade and checked_on. The first
row that fits wins, so a file goes from the special to the general. `[default.<kind>]` holds what
the rows of a file share.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fnmatch import fnmatchcase
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

KINDS = ("caching", "batch", "tier", "fill", "uplift", "long_context", "rate", "alias", "note",
         "unit")  # fmt: skip
GRADES = {
    "P": "primary text", "F": "price feed", "S": "quoted by others", "E": "measured",
    "D": "derived", "U": "unconfirmed",
}  # fmt: skip
_COMMON = ("models", "platforms", "channels", "scope", "since", "until", "source", "grade",
           "checked_on")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Row:
    """One fact. `values` are the keys that are particular to its kind."""

    kind: str
    platforms: tuple[str, ...]
    models: tuple[str, ...]
    channels: tuple[str, ...]
    scope: str
    since: date
    until: date
    source: str
    grade: str
    checked_on: date
    values: Mapping[str, Any]

    def is_on(self, day: date) -> bool:
        """Whether the row holds on a day (UTC)."""
        return self.since <= day < self.until

    def is_about(self, names: Sequence[str], channel: str = "", scope: str = "") -> bool:
        """Whether one of a model's names fits, and channel and scope where the row names any."""
        return (
            (not self.channels or channel in self.channels)
            and self.scope in ("", scope)
            and any(fnmatchcase(name, glob) for name in names for glob in self.models)
        )

    def factor(self, key: str) -> Fraction | None:
        """A multiplier: a number, or a fraction written as text ("5/3"); None without one."""
        value = self.values.get(key)
        return None if value is None else Fraction(str(value))

    def cite(self) -> str:
        """The source with its grade in brackets."""
        return f"{self.source} [{self.grade}]"


@cache
def rows(kind: str, platform: str) -> tuple[Row, ...]:
    """The rows of a kind that are about a platform ("anthropic", "bedrock", …), in file order."""
    return tuple(row for row in _all() if row.kind == kind and platform in row.platforms)


@cache
def alias(platform: str, name: str) -> str:
    """The library's name for a model that the library knows under another one only."""
    fits = (r for r in rows("alias", platform) if r.is_about((name,)))
    return next((str(row.values["as"]) for row in fits), name)


@cache
def change_days() -> tuple[date, ...]:
    """The days on which any fact begins or ends, sorted."""
    days = {day for row in _all() for day in (row.since, row.until)}
    return tuple(sorted(days - {date.min, date.max}))


@cache
def as_of() -> date:
    """The newest day on which a fact was checked: what "now" means to a call without a time."""
    return max(row.checked_on for row in _all())


@cache
def version() -> str:
    """What identifies the facts: the newest check and a hash of all files."""
    digest = hashlib.sha256()
    for stem, text in _texts():
        digest.update(stem.encode() + b"\0" + text.replace("\r\n", "\n").encode())
    return f"{as_of()} ({digest.hexdigest()[:8]})"


@cache
def checked(version: str) -> date | None:
    """The day on which that release of the price library was compared with other sources."""
    found: dict[str, Any] = tomllib.loads(dict(_texts())["library"])["library"]
    day: date = found["checked_on"]
    return day if found["version"] == version else None


def _texts() -> list[tuple[str, str]]:
    folder = files("costscope.prices") / "data"
    found = [(f.name.removesuffix(".toml"), f.read_text("utf-8")) for f in folder.iterdir()
             if f.name.endswith(".toml")]  # fmt: skip
    return sorted(found)


@cache
def _all() -> tuple[Row, ...]:
    return tuple(row for stem, text in _texts() for row in _parse(stem, text))


def _parse(stem: str, text: str) -> Iterator[Row]:
    document = tomllib.loads(text, parse_float=Decimal)
    for kind in KINDS:
        shared = document.get("default", {}).get(kind, {})
        for raw in (shared | own for own in document.get(kind, ())):
            yield Row(
                kind=kind,
                platforms=tuple(raw.get("platforms", (stem,))),
                models=tuple(raw["models"]),
                channels=tuple(raw.get("channels", ())),
                scope=raw.get("scope", ""),
                since=raw.get("since", date.min),
                until=raw.get("until", date.max),
                source=raw["source"],
                grade=raw["grade"],
                checked_on=raw["checked_on"],
                values={key: value for key, value in raw.items() if key not in _COMMON},
            )
