"""Values of a house format in the units that its map names: numbers, times, texts and replies."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from costscope.readers import _fields, _json, _places, _usage
from costscope.readers._house import EPOCHS, Field, zone_of

_MAX_US = 253_402_300_800 * 10**6
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def opened(value: Any) -> Any:
    """A value, also where it is a list of messages or tools as JSON text."""
    if not isinstance(value, str):
        return value
    found = _json.inside(value)
    return found if isinstance(found, list) and found and isinstance(found[0], dict) else value


def text(value: Any) -> str:
    """A text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _json.dumps(value).decode()


def choices(reply: Any) -> list[Any]:
    """A reply as Chat Completions choices: those it has, its message, or its text."""
    items = reply if isinstance(reply, list) else [reply]
    if all(isinstance(item, dict) and ("message" in item or "text" in item) for item in items):
        return items
    message = reply if isinstance(reply, dict) and "content" in reply else {"content": text(reply)}
    return [{"message": message}]


def number(value: Any, name: str) -> Decimal | None:
    """A number of at least 0, exactly as it is written. Raises ValueError where it is none."""
    if value is None or value == "":
        return None
    try:
        found = Decimal("NaN") if isinstance(value, bool) else Decimal(str(value).strip())
    except InvalidOperation:
        found = Decimal("NaN")
    if not found.is_finite() or not 0 <= found < 10**18:
        raise ValueError(f"{name} is no number: {_usage.short(value)}")
    return found


def time(value: Any, field: Field | None) -> int | None:
    """A time in UTC microseconds, by the first format that fits. Raises ValueError where none does."""
    if field is None or value is None or value == "":
        return None
    for form in field.formats or ("",):
        try:
            found = _timed(value, form, field.zone)
        except (ValueError, TypeError, ArithmeticError):
            continue
        if found is None or 0 <= found < _MAX_US:
            return found
    raise ValueError(f"{_places.shown(field.places[0].steps) if field.places else 'sent_at'}"
                     f" is no time of the map's format: {_usage.short(value)}")  # fmt: skip


def _timed(value: Any, form: str, zone: str) -> int | None:
    if form in EPOCHS:
        return round((number(value, "time") or Decimal(0)) * EPOCHS[form])
    if "%" in form:
        moment = datetime.strptime(str(value).strip(), form)
    elif zone == "UTC" or not isinstance(value, str):
        return _fields.micros(value)
    else:
        moment = datetime.fromisoformat(value.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone_of(zone))
    return (moment - _EPOCH) // timedelta(microseconds=1)
