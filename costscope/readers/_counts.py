"""Token counts one by one: what is a count, and how input, output, total and cached tokens of one
usage object hang together (billing.md section 5, decision rule). Knows no API's words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec import Struct, field

from costscope.model import Usage

MAX_TOKENS = 2**31 - 1


class Normalised(Struct, frozen=True):
    """A usage object in our words. `usage` is None where it does not say what was put in; `ambiguous`
    where only habit told whether the input holds the cached tokens; `units` as in Call.units."""

    usage: Usage | None
    ambiguous: bool = False
    units: dict[str, int] = field(default_factory=dict)


def decide(
    given: int, cached: int, output: int, total: int | None, *, inside: bool, sure: bool = False
) -> tuple[int, bool]:
    """(the input that was not cached, whether that is a guess), by billing.md's rule: the log's total
    decides, else its arithmetic, else the source's habit (`inside`: its input holds the cached tokens;
    `sure`: its words leave no doubt). Raises ValueError where the counts contradict each other."""
    if cached == 0:
        return given, False
    if total == given + output:
        if cached > given:
            raise ValueError(f"cached tokens {cached} exceed the input of {given}")
        return given - cached, False
    if total == given + cached + output or cached > given:
        return given, False
    return given - cached if inside else given, not sure


def uncached(given: int, cached: int, output: int, total: int | None, *, inside: bool) -> int:
    """The input that was not cached, as `decide` finds it."""
    return decide(given, cached, output, total, inside=inside)[0]


def from_total(given: int | None, output: int | None, total: int | None) -> tuple[int | None, int]:
    """(input, output), one worked out from the total where only that tells; no output is 0, as an
    embedding has none."""
    if given is None and output is not None and total is not None and total >= output:
        given = total - output
    if output is None:
        output = max(0, total - given) if given is not None and total is not None else 0
    return given, output


def with_reasoning(given: int, output: int, reasoning: int, total: int | None) -> int:
    """All output: reasoning is added where the total shows that it stands beside (xAI, Gemini)."""
    return output + reasoning if reasoning and total == given + output + reasoning else output


def count(value: Any, name: str) -> int:
    """A token count: a whole number of at least 0, also as text or 12.0. Raises ValueError naming it."""
    if type(value) is int and 0 <= value <= MAX_TOKENS:
        return value
    if not isinstance(value, bool) and isinstance(value, (float, str, Decimal)):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and 0 <= number <= MAX_TOKENS and number == int(number):
            return int(number)
    raise ValueError(f"{name} is no token count: {short(value)}")


def short(value: Any) -> str:
    """A value for a message, not too long."""
    text = ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."


def first(found: Mapping[str, Any], *names: str) -> int | None:
    """The first count that is not null; None where there is none."""
    for name in names:
        if (value := found.get(name)) is not None:
            return count(value, name)
    return None


def most(names: Sequence[str], place: Mapping[str, Any]) -> int:
    """The largest count under any of the names: a router that repeats a count says it once more."""
    best = 0
    for name in names:
        value = place.get(name)
        if value:
            best = max(best, count(value, name))
    return best


def known(found: Mapping[str, Any], *names: str) -> int | None:
    """A total as far as it is one: it only helps to read the other counts."""
    try:
        return first(found, *names)
    except ValueError:
        return None


def inner(found: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """The first object that is not null; empty where there is none. Raises ValueError for another type."""
    for name in names:
        value = found.get(name)
        if type(value) is dict:
            return value
        if value is not None:
            raise ValueError(f"{name} is no object: {short(value)}")
    return {}


def flat(found: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested objects as one level, their names joined by dots; nulls left out."""
    level: dict[str, Any] = {}
    for name, value in found.items():
        if isinstance(value, dict):
            level |= flat(value, f"{prefix}{name}.")
        elif value is not None:
            level[prefix + name] = value
    return level
