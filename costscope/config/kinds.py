"""Which keys there are, and how a value becomes the type that a key wants. Reads no file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any

TOP = {"db": "path", "prices": "path", "timezone": "str"}
CHECK = {
    "baseline": "str", "unit": "str", "confidence": "float", "min_clusters": "int",
    "correction": "str", "max_unpriced_share": "share", "min_coverage": "share",
    "on_inconclusive": "str",
}  # fmt: skip
LISTS = {
    "check.rules": ("id", "metric", "fail", "warn", "floor", "for"),
    "check.accept": ("rule", "for", "up_to", "until", "reason"),
    "attribute.rules": ("feature", "role", "slot", "segment", "regex", "json"),
}
"""Lists of tables and the keys of each. What the values mean is the business of the gate, and of
`segment_rules`."""

_PLAIN = (int, float, bool, str)
TRUE, FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


def known_keys(levers: Sequence[str]) -> dict[str, str]:
    """Dotted key → kind of all that may be set; a lever counts as one key, its fields are its own."""
    return {
        **TOP,
        **{f"check.{key}": kind for key, kind in CHECK.items()},
        **dict.fromkeys(LISTS, "tables"),
        **{f"levers.{name}": "lever" for name in levers},
    }


def nearest(key: str, known: Sequence[str]) -> str:
    """The end of a message on an unknown key: the nearest known one."""
    close = get_close_matches(key, known, 1, cutoff=0.0)
    hint = f"the nearest is {close[0]!r}" if close else "there is none to set here"
    return f"no setting is called {key!r}; {hint}"


def settable(cls: type[Any]) -> dict[str, Field[Any]]:
    """The fields of a lever that a user may set."""
    return {item.name: item for item in fields(cls) if item.init}


def default_of(item: Field[Any]) -> Any:
    """What a field is where nobody sets it."""
    if item.default is not MISSING:
        return item.default
    return item.default_factory() if item.default_factory is not MISSING else None


def kind_of(item: Field[Any]) -> str:
    """A field's annotation as text: "int", "tuple[str, ...]", "float | None"."""
    return str(getattr(item.type, "__name__", "") if item.type in _PLAIN else item.type)


def convert(value: Any, kind: str) -> Any:
    """A value as its kind. Text is read, whatever it comes from; anything else must already fit.

    Raises ValueError with what it should be.
    """
    plain = kind.removesuffix(" | None")
    if plain != kind and (value is None or value in ("", "none")):
        return None
    if plain not in _READERS:
        raise ValueError(f"is of a kind that cannot be set ({kind})")
    what, read, fits = _READERS[plain]
    try:
        if isinstance(value, str):
            return read(value.strip())
        if fits(value):
            return tuple(value) if plain.startswith("tuple") else value
    except ValueError:
        pass
    raise ValueError(f"should be {what}, it is {value!r}")


def _bool(text: str) -> bool:
    if text.lower() not in TRUE + FALSE:
        raise ValueError(text)
    return text.lower() in TRUE


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _texts(text: str) -> tuple[str, ...]:
    return tuple(item.strip() for item in text.split(",") if item.strip())


def _pairs(text: str) -> dict[str, str]:
    pairs = [item.partition("=") for item in _texts(text)]
    if not all(name.strip() and equals for name, equals, _ in pairs):
        raise ValueError(text)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _is_texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value)


def _is_pairs(value: Any) -> bool:
    return isinstance(value, Mapping) and _is_texts(list(value.values()))


def _never(value: Any) -> bool:
    return False


_READERS: dict[str, tuple[str, Callable[[str], Any], Callable[[Any], bool]]] = {
    "int": ("a whole number", int, lambda value: type(value) is int),
    "float": ("a number", _float, _is_number),
    "bool": ("true or false", _bool, lambda value: type(value) is bool),
    "str": ("text", str, _never),
    "path": ("a path", str, _never),
    "share": ('a share such as "1%" or 0.01', str, _is_number),
    "tuple[str, ...]": ("a list of texts (as text: a,b)", _texts, _is_texts),
    "dict[str, str]": ("a table of texts (as text: a=b,c=d)", _pairs, _is_pairs),
}
"""Kind → what to call it, how text is read as it, and which other values are it already."""
