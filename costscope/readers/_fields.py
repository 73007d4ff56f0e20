"""The small facts that every log has under many names: times, money, who and what for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, NamedTuple

from msgspec import Struct

from costscope.readers import _json, _names
from costscope.readers._usage import short

MAX_TAG = 200
"""A longer value is a text, no label, and is not kept."""
MAX_PLANNED = 256
"""Names of a record whose plan is remembered; a record may have any number of them."""
_UNREADABLE = (ValueError, TypeError, OverflowError)
"""What a value raises that is not of the kind of its name; infinities and huge numbers overflow."""
_EARLIEST_S = 10**8
"""Smaller numbers are spans of time, not points in it (1e8 seconds is March 1973)."""
_LATEST_US = 253_402_300_800 * 10**6
"""The end of the year 9999, past which databases have no dates."""
_MAX_LATENCY_US = 10**12
_MAX_USD = 10**12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FRACTION = re.compile(r"([.,]\d{6})\d+")
_ZONE = re.compile(r"\s*(?:Z|UTC|GMT|([+-]\d\d:?\d\d)(?:\s+[A-Z]{1,5})?)$", re.IGNORECASE)
_DAY = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])")


class Facts(Struct):
    """What the fields beside a request and its response say of the call."""

    dimensions: dict[str, Any]
    """Our names → text."""
    sent_at: int | None
    latency_us: int | None
    reported_pd: int | None
    tags: dict[str, str]
    code: int | None
    model: str | None


def facts(metadata: Mapping[str, Any], outer: Mapping[str, Any], more: Mapping[str, Any]) -> Facts:
    """Facts from a log's metadata, the fields beside the bodies, and what the bodies say. Of several
    names for one fact the surest wins, then the place: metadata first, but for times the outer
    fields. What is no time, cost or code where there should be one is passed over: it loses no call."""
    fields = (more, outer, metadata)
    names = tuple(more), tuple(outer), tuple(metadata)
    plan = (_planned_again if sum(map(len, names)) <= MAX_PLANNED else _planned)(*names)
    tags: dict[str, str] = {}
    for place, name in plan.tags:
        if text := label(fields[place][name]):
            tags[name] = text
    for place, name, _ in plan.found.get("tags", ()):
        tags.update(_tag_field(fields[place][name]))
    sent_at, latency = _times(plan, fields)
    return Facts(
        dimensions={
            name: text for name, read in plan.dimensions if (text := plan.best(name, fields, read))
        },
        sent_at=sent_at,
        latency_us=latency,
        reported_pd=plan.best("cost", fields, picodollars),
        tags=dict(sorted(tags.items())) if len(tags) > 1 else tags,
        code=plan.best("code", fields, _code),
        model=plan.best("model", fields, _string),
    )


_Fields = Sequence[Mapping[str, Any]]
"""What the bodies say, the fields beside them, and the metadata."""
_METADATA_FIRST, _RECORD_FIRST = (2, 1, 0), (1, 2, 0)
"""The places of `_Fields` in the order in which they are tried."""
_TIMES = ("start", "end")


class _Plan(NamedTuple):
    """Where the facts of records with the same names stand: a fact → the places and names in the order in
    which they are tried, with the name's rank; and which names are tags."""

    found: Mapping[str, Sequence[tuple[int, str, int]]]
    tags: Sequence[tuple[int, str]]
    dimensions: Sequence[tuple[str, Callable[[Any], Any]]]

    def best(self, fact: str, fields: _Fields, read: Callable[[Any], Any]) -> Any:
        """The first value that can be read; None where none can."""
        for place, name, _ in self.found.get(fact, ()):
            try:
                if (result := read(fields[place][name])) not in (None, ""):
                    return result
            except _UNREADABLE:
                continue
        return None


def _planned(*names: Sequence[str]) -> _Plan:
    """The plan for records of these names, place by place."""
    found: dict[str, list[tuple[int, str, int]]] = {}
    tags: list[tuple[int, str]] = []
    for place, named in enumerate(names):
        for name in named:
            meaning = _names.meaning(name)
            if meaning is None:
                tags.append((place, name))
            elif meaning[0]:
                found.setdefault(meaning[0], []).append((place, name, meaning[1]))
    for fact, candidates in found.items():
        # Metadata often describes a document or a job, so its times come after those of the record.
        order = _RECORD_FIRST if fact in _TIMES else _METADATA_FIRST
        # Of tags the surest is read last, and overwrites the others.
        candidates.sort(key=lambda c: (c[2], order.index(c[0])), reverse=fact == "tags")
    dimensions = [(n, _NAMED.get(n, _name)) for n in _names.DIMENSIONS if n in found]
    return _Plan(found, tags, dimensions)


_planned_again = lru_cache(256)(_planned)


def _times(plan: _Plan, fields: _Fields) -> tuple[int | None, int | None]:
    """(sent_at, latency) in microseconds."""
    start, end = (plan.best(kind, fields, micros) for kind in _TIMES)
    latency = _latency(plan, fields)
    if latency is None and start is not None and end is not None and end >= start:
        latency = end - start
    if latency is None:
        latency = plan.best("bare_latency", fields, lambda seconds: _span(seconds, 10**6))
    if start is None and end is not None:
        start = end - (latency or 0)
    return start, latency


_UNITS = tuple(_names.LATENCY.values())


def _latency(plan: _Plan, fields: _Fields) -> int | None:
    """The latency under a name that tells its unit."""
    for place, name, rank in plan.found.get("latency", ()):
        try:
            if (span := _span(fields[place][name], _UNITS[rank])) is not None:
                return span
        except _UNREADABLE:
            continue
    return None


def _span(value: Any, unit: int) -> int | None:
    number = math.nan if isinstance(value, bool) else float(value) * unit
    return round(number) if 0 <= number < _MAX_LATENCY_US else None


def micros(value: Any) -> int | None:
    """A time as UTC microseconds: ISO 8601 (naive is UTC), or epoch seconds, ms, us or ns by size, as
    a number or as text. None for null and empty text; raises ValueError for what is no time."""
    if value is None or value == "":
        return None
    found = _from_number(value) if isinstance(value, (int, float)) else _from_text(value)
    if not 0 <= found < _LATEST_US:
        raise ValueError(f"not a time: {short(value)}")
    return found


def _from_number(value: float | Decimal) -> int:
    if isinstance(value, bool) or not (_EARLIEST_S <= value < 10**20):
        raise ValueError(f"not a time: {short(value)}")
    # 1e11 seconds is the year 5138, 1e11 ms is 1973: each unit has its own range.
    unit = next(
        (u for limit, u in ((10**11, 10**6), (10**14, 10**3), (10**17, 1)) if value < limit), 0
    )
    if isinstance(value, int):
        return value * unit if unit else value // 1000
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    return round(exact * unit) if unit else int(exact // 1000)


def _from_text(value: Any) -> int:
    text = value.strip() if isinstance(value, str) else ""
    if text.replace(".", "", 1).isdecimal() and not _DAY.fullmatch(text):
        return _from_number(Decimal(text) if "." in text else int(text[:25]))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = _from_odd_iso(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    delta = moment - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 10**6 + delta.microseconds


def _from_odd_iso(text: str) -> datetime:
    """ISO with a zone that the standard library does not read: `z`, ` UTC`, ` +0000 UTC`."""
    zone = _ZONE.search(text)
    plain = text[: zone.start()] if zone else text
    offset = (zone[1] or "+00:00") if zone else ""
    try:
        return datetime.fromisoformat(_FRACTION.sub(r"\1", plain) + offset)
    except ValueError:
        raise ValueError(f"not a time: {short(text)}") from None


def picodollars(value: Any) -> int | None:
    """Dollars as picodollars. None for null and empty text; raises ValueError for what is no cost."""
    if value is None or value == "":
        return None
    try:
        amount = (
            Decimal("NaN") if isinstance(value, bool) else Decimal(str(value).strip().lstrip("$"))
        )
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < _MAX_USD:
        raise ValueError(f"not a cost: {short(value)}")
    return round(amount.scaleb(12))


def _code(value: Any) -> int | None:
    """An HTTP status."""
    code = int(value) if isinstance(value, (int, float, str)) else 0
    return code if 100 <= code < 600 else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: Any) -> str:
    """A scalar as text; a whole float as a whole number, which it was before a table made it one."""
    if type(value) is str:
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value) if isinstance(value, (int, float)) else ""


def identifier(fields: Mapping[str, Any]) -> str:
    """A record's own id, where a response brought none; "" where there is none."""
    return next((text for n in _names.IDS if (text := _text(fields.get(n)))), "")


def label(value: Any) -> str:
    """A scalar as a name or tag, "" where it is none: a long one or one of several lines is a text."""
    text = _text(value)
    return text if len(text) <= MAX_TAG and "\n" not in text else ""


def _name(value: Any) -> str:
    """A scalar as a dimension's value, "" where it is none or longer than any name."""
    text = _text(value)
    return text if len(text) <= MAX_TAG else ""


_NAMED: Mapping[str, Callable[[Any], str]] = {"template": label}
"""A template's field may hold the template itself, which has lines."""


def _tag_field(value: Any) -> dict[str, str]:
    """Tags as an object, as a list of `name:value` or bare names, or as either in JSON text."""
    if isinstance(value, str):
        value = _json.inside(value) or value.split(",")
    if isinstance(value, dict):
        return {str(k): text for k, v in value.items() if (text := label(v))}
    if isinstance(value, list):
        pairs = (label(item).partition(":") for item in value)
        return {name.strip(): rest.strip() or "true" for name, _, rest in pairs if name.strip()}
    return {}


def status(word: Any, *, failed: bool) -> str:
    """ok, error, or the log's own word for how a call ended."""
    said = word.strip().lower()[:40] if isinstance(word, str) else ""
    if failed or said in _ERROR_WORDS:
        return "error"
    return "ok" if said in _OK_WORDS or said.isdecimal() else said


_ERROR_WORDS = frozenset(("error", "failed", "failure", "exception", "errored"))
_OK_WORDS = frozenset((
    "", "ok", "success", "succeeded", "successful", "completed", "complete", "incomplete", "done",
    "finished", "200 ok",
))  # fmt: skip
