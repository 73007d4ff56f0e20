"""A model as one provider and region sell it: its library entry, its data rows, and where its
prices may change (days, minutes of the day, prompt lengths). Holds no price.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from functools import cached_property

from costscope.prices import facts, library, match, names
from costscope.prices.facts import Row
from costscope.prices.match import Listing
from costscope.prices.names import Place

SATURDAY = 5


@dataclass(frozen=True)
class Subject:
    """What a call's provider, channel, region and model name amount to."""

    provider: str
    channel: str
    region: str
    model: str

    @cached_property
    def place(self) -> Place:
        """Who bills it, and under which names. A log that names Claude plainly tells by the region
        alone that Bedrock served it from the global profile."""
        found = names.place(self.provider, self.channel, self.model)
        plain = found.scope == "regional" and not found.zone and found.name.startswith("claude")
        if plain and self.region.lower() == "global":
            return names.place(self.provider, self.channel, f"global.anthropic.{found.name}")
        return found

    @property
    def where(self) -> str:
        """The region or data zone: as the model's name states it, else as the call does."""
        return self.place.zone or self.region.lower()

    @cached_property
    def listing(self) -> Listing | None:
        """Its entry in the price library."""
        return match.find(self.place)

    @cached_property
    def known(self) -> tuple[str, ...]:
        """The names by which data rows call it."""
        return match.base_of(self.place)

    @cached_property
    def thresholds(self) -> tuple[int, ...]:
        """Prompt lengths above which some price steps, ascending."""
        steps = self.about("long_context")
        found = {int(row.values["above"]) for row in steps if "above" in row.values}
        if self.listing is not None:
            found |= library.thresholds(self.listing.model, inclusive=self.inclusive)
        return tuple(sorted(found))

    @cached_property
    def inclusive(self) -> bool:
        """Whether a prompt of exactly a threshold's length is already long (xAI)."""
        return any(row.values["comparison"] == ">=" for row in self.about("long_context"))

    @cached_property
    def change_days(self) -> tuple[date, ...]:
        """The days on which a price or rule may change, ascending."""
        listed = library.change_days(self.listing.model) if self.listing else set()
        return tuple(sorted(listed | set(facts.change_days())))

    @cached_property
    def minutes(self) -> tuple[int, ...]:
        """The minutes of the day at which prices change, ascending; empty where they do not."""
        found = library.minutes(self.listing.model) if self.listing else set()
        found |= {minute for row in self.about("rate") for span in _spans(row) for minute in span}
        return tuple(sorted(found - {0}))

    def about(self, kind: str) -> tuple[Row, ...]:
        """All data rows of a kind about it, whatever their dates, the first to count first."""
        return match.rows_about(kind, self.place)

    def in_force(self, kind: str, at: datetime) -> Iterator[Row]:
        """The data rows of a kind that hold at a time (naive UTC) and in its region."""
        return (row for row in self.about(kind) if _holds(row, at) and self._is_in(row))

    def is_off(self, day: date) -> bool:
        """Whether a day is a weekend or holiday to any of its prices."""
        return any(_is_off(row, day) for row in self.about("rate"))

    @cached_property
    def rests(self) -> bool:
        """Whether any day is."""
        return any(row.values.get("weekdays_only") for row in self.about("rate"))

    def _is_in(self, row: Row) -> bool:
        if "regions" not in row.values:
            return True
        named = any(fnmatchcase(self.where, glob) for glob in row.values["regions"])
        return named and self.where not in row.values.get("except_regions", ())


def _spans(row: Row) -> list[tuple[int, int]]:
    """A row's hours as minutes of the day: "01:00-04:00" → (60, 240)."""
    return [
        (60 * int(text[0:2]) + int(text[3:5]), 60 * int(text[6:8]) + int(text[9:11]))
        for text in row.values.get("hours", ())
    ]


def _is_off(row: Row, day: date) -> bool:
    if not row.values.get("weekdays_only"):
        return False
    return day.weekday() >= SATURDAY or day in row.values.get("holidays", ())


def _holds(row: Row, at: datetime) -> bool:
    day, minute = at.date(), 60 * at.hour + at.minute
    if not row.is_on(day):
        return False
    if _is_off(row, day):
        return False
    spans = _spans(row)
    return not spans or any(start <= minute < end for start, end in spans)
