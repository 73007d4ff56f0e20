"""JSON as logs really hold it: strict and fast first, lenient where that fails, text in strings too."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
from msgspec import Raw

_fields = msgspec.json.Decoder(dict[str, Raw])
decode = msgspec.json.Decoder().decode
"""Any JSON as Python values. Raises msgspec.DecodeError or UnicodeDecodeError."""
NOT_STRICT = (msgspec.DecodeError, UnicodeDecodeError)
"""What the strict parser raises on what `clean` may mend."""
NONE = Raw(b"")


def clean(raw: bytes | memoryview | Raw) -> bytes:
    """JSON that only a lenient parser takes, as strict JSON: NaN, infinities and numbers out of range
    become null, lone surrogates and broken UTF-8 a replacement. Raises ValueError where it is none."""
    try:
        text = bytes(raw).decode("utf-8", "replace")
        value = json.loads(text, parse_constant=_null, parse_float=_finite, parse_int=_integer)
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    except ValueError as error:
        raise ValueError(f"not valid JSON ({error})") from None


def _null(_: str) -> None:
    return None


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _integer(text: str) -> int | None:
    return int(text) if len(text) < 40 else None


def loads(raw: bytes | memoryview | Raw) -> Any:
    """Any JSON, leniently. Raises ValueError where it is none, RecursionError where it is too deep."""
    try:
        return decode(raw)
    except NOT_STRICT:
        return decode(clean(raw))


def dumps(value: Any) -> bytes:
    """A decoded value as strict JSON again; infinities are null, lone surrogates are replaced."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")


def first(raw: Raw | bytes | memoryview) -> bytes:
    """The first byte, which tells a value's type; b"" where there is none."""
    return b"" if raw is NONE else bytes(memoryview(raw)[:1])


def has(raw: Raw) -> bool:
    """Whether a field is there and not null."""
    return raw is not NONE and bytes(memoryview(raw)[:1]) not in (b"", b"n")


def given(*raws: Raw) -> Raw:
    """The first of these that is there and not null; NONE where none is."""
    for raw in raws:
        if has(raw):
            return raw
    return NONE


def unquoted(raw: Raw) -> Raw:
    """A value, also where it stands as JSON text inside a JSON string; unchanged where that is text."""
    if first(raw) != b'"':
        return raw
    found = inside(loads(raw))
    return raw if found is None else Raw(dumps(found))


def opened(raw: Raw) -> Raw:
    """Content, also where it stands as JSON text inside a string: a list of the objects that the APIs
    speak in. Any other text is text, though it be JSON: models are asked for JSON and given it."""
    if first(raw) != b'"':
        return raw
    found = inside(loads(raw))
    known = isinstance(found, list) and found and all(map(_is_item, found))
    return Raw(dumps(found)) if known else raw


def _is_item(value: Any) -> bool:
    return isinstance(value, dict) and not value.keys().isdisjoint(("type", "role", "message"))


def inside(text: str) -> Any:
    """What JSON text encodes, if that is an object or array; None otherwise."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found = loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, (dict, list)) else None


def mapping(raw: Raw | None) -> dict[str, Any]:
    """A raw object, or one that is JSON text in a string, as a dict; empty where there is none."""
    if raw is None or raw is NONE or first(raw) not in (b"{", b'"'):
        return {}
    value = loads(unquoted(raw))
    return value if isinstance(value, dict) else {}


def raws(raw: Raw | bytes | memoryview) -> dict[str, Raw]:
    """The fields of a raw object, each still raw, leniently. Raises ValueError where it is no object,
    RecursionError where it is too deep."""
    try:
        return _fields.decode(raw)
    except msgspec.ValidationError:
        raise ValueError("the record is no JSON object") from None
    except NOT_STRICT:
        mended = clean(raw)
    try:
        return _fields.decode(mended)
    except msgspec.ValidationError:
        raise ValueError("the record is no JSON object") from None


def members(raw: Raw) -> dict[str, Raw]:
    """The fields of a raw object, each still raw; none where there is something else."""
    return raws(raw) if first(raw) == b"{" else {}


def array(raw: Raw) -> list[Raw]:
    """The raw items of a raw array; none where there is no array."""
    return msgspec.json.decode(raw, type=list[Raw]) if first(raw) == b"[" else []


def objects(raw: Raw) -> list[dict[str, Any]]:
    """The objects of a raw array; none where there is no array."""
    value = loads(raw) if first(raw) == b"[" else []
    return [item for item in value if isinstance(item, dict)]


def text(raw: Raw) -> str | None:
    """A raw JSON string as text; None where it is something else."""
    return str(loads(raw)) if first(raw) == b'"' else None
