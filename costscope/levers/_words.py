"""Figures as words for the sentences that levers write. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence

_UNITS = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))


def duration(seconds: int) -> str:
    """Seconds in the largest unit that divides them: 86400 is "1 day", 5400 is "90 minutes"."""
    for unit, size in _UNITS:
        if seconds % size == 0:
            return count(seconds // size, unit)
    return count(seconds, "second")


def count(number: int, noun: str) -> str:
    """A number with its noun in the right form: "1 call", "1,200 calls"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def listing(names: Sequence[str], limit: int = 3) -> str:
    """Names in a sentence: the first few, and how many more there are."""
    shown = list(names[:limit])
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def percent(part: int, whole: int) -> str:
    """A share as a whole percentage, or with one decimal below ten; "0%" of nothing."""
    share = 100 * part / whole if whole else 0.0
    return f"{share:.0f}%" if share == 0 or share >= 10 else f"{share:.1f}%"
