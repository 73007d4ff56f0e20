"""A house format's map: a TOML file that says where in their records our fields stand."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from difflib import get_close_matches
from hashlib import blake2b
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from costscope.errors import InputError, SettingsError
from costscope.readers import _places
from costscope.readers._places import Place

TEXT_FIELDS = (
    "call_id", "request_id", "session", "trace", "task", "provider", "channel", "region", "model",
    "tier", "status", "error", "code", "finish_reason", "feature", "team", "user", "tenant",
    "template", "template_version", "retry_of", "tags", "temperature",
)  # fmt: skip
TIMES = ("sent_at", "ended_at")
CALL = (*TEXT_FIELDS, *TIMES, "latency", "cost")
COUNTS = (
    "input", "fresh", "cache_read", "cache_write", "cache_write_5m", "cache_write_30m",
    "cache_write_1h", "cache_write_12h", "output", "reasoning", "total",
)  # fmt: skip
TEXTS = ("messages", "system", "prompt", "reply", "tools")
UNITS: Mapping[str, Mapping[str, int]] = {
    "latency": {"us": 1, "ms": 1000, "s": 10**6, "min": 60 * 10**6},
    "cost": {"usd": 10**12, "cents": 10**10, "millidollars": 10**9, "microdollars": 10**6,
             "nanodollars": 10**3, "picodollars": 1},
    "usage": {"tokens": 1, "thousands": 1000},
}  # fmt: skip
"""Unit → how many of ours (microseconds, picodollars, tokens) it is."""
EPOCHS = {"epoch_s": 10**6, "epoch_ms": 10**3, "epoch_us": 1}
TIME_FORMATS = ("iso", *EPOCHS)
"""A format with a % in it is one of strptime. Without any: ISO, or epoch seconds to nanoseconds by size."""
DIALECTS = ("chat", "anthropic")
_FLAGS = ("input_includes_cached", "output_includes_reasoning")
_FIELD_KEYS = ("path", "default", "value")
_MARK = "@"
_LINE = re.compile(r"\(at line (\d+)")
_SECTION = re.compile(r"\s*\[+\s*([^\]]*?)\s*\]+\s*(?:#.*)?")


@dataclass(frozen=True)
class Field:
    """Where one of our fields is: the first of the places that has it, else the default. `factor` makes
    its unit ours; `formats` are those of a time, in `zone` where they name none."""

    places: tuple[Place, ...] = ()
    default: Any = None
    factor: int = 1
    formats: tuple[str, ...] = ()
    zone: str = "UTC"


@dataclass(frozen=True)
class HouseMap:
    """A checked map. `id` names it and what it says, so that another version of it is another reader."""

    id: str
    records: Place | None
    when: tuple[tuple[Place, tuple[Any, ...] | bool], ...]
    """Place → the values it may have; True: any but null, False: none."""
    call: Mapping[str, Field]
    usage: Mapping[str, Field]
    cached_inside: bool | None
    """Whether the input count holds the cached tokens; None: the billing rule decides."""
    reasoning_inside: bool | None
    text: Mapping[str, Field]
    dialect: str
    role: str
    content: str
    roles: Mapping[str, str]
    tags: Mapping[str, Field]


def is_map(reader: str) -> bool:
    """Whether a reader's name is the id of a map."""
    return _MARK in reader


def load(path: str) -> HouseMap:
    """A map from its file. Raises InputError where it cannot be read, SettingsError with the line where
    it is no map."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path}: the map cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the map is no UTF-8 text") from error
    return parsed(text, path)


def parsed(text: str, path: str = "map") -> HouseMap:
    """A map from its text; `path` names it in messages. Raises SettingsError."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = f":{found[1]}" if (found := _LINE.search(str(error))) else ""
        raise SettingsError(f"{path}{line}: not valid TOML ({error})") from error
    return _Parser(text, path).map(document)


class _Parser:
    """Reads a document into a map; knows the text, so that messages can name lines."""

    def __init__(self, text: str, path: str) -> None:
        self._text, self._path = text, path

    def map(self, document: Mapping[str, Any]) -> HouseMap:
        self._known("", document, ("name", "records", "when", "call", "usage", "text", "tags"))
        sections = {n: self._table(document, n) for n in ("when", "call", "usage", "text", "tags")}
        call = self._fields("call", sections["call"], CALL)
        self._known("usage", sections["usage"], (*COUNTS, *_FLAGS, "unit"))
        text = self._fields(
            "text", sections["text"], TEXTS, ("dialect", "role", "content", "roles")
        )
        usage = self._counts(sections["usage"])
        if "model" not in call:
            raise self._error("call", "", '[call] needs a model: `model = "PATH"` or a value')
        if not usage and not text:
            raise self._error("", "", "neither [usage] nor [text] says where anything is")
        if "latency" in call and "unit" not in self._spec(sections["call"]["latency"]):
            raise self._error("call", "latency", "latency needs a unit: us, ms, s or min")
        return HouseMap(
            id=self._id(document),
            records=self._place("", "records", document["records"]) if "records" in document else None,
            when=tuple(self._condition(k, v) for k, v in sections["when"].items()),
            call=call,
            usage=usage,
            cached_inside=self._flag(sections["usage"], _FLAGS[0]),
            reasoning_inside=self._flag(sections["usage"], _FLAGS[1]),
            text=text,
            dialect=self._one_of("text", "dialect", sections["text"].get("dialect", "chat"), DIALECTS),
            role=self._string("text", "role", sections["text"].get("role", "role")),
            content=self._string("text", "content", sections["text"].get("content", "content")),
            roles={k: str(v) for k, v in self._table(sections["text"], "roles").items()},
            tags={n: self._field("tags", n, v) for n, v in sections["tags"].items()},
        )  # fmt: skip

    def _id(self, document: Mapping[str, Any]) -> str:
        name = self._string("", "name", document.get("name", "map"))
        if not re.fullmatch(r"[\w.-]{1,60}", name):
            raise self._error("", "name", f"{name!r} is no name: letters, digits, - and _ only")
        said = json.dumps(document, sort_keys=True, default=str)
        return f"{name}{_MARK}{blake2b(said.encode('utf-8', 'replace'), digest_size=4).hexdigest()}"

    def _fields(
        self, section: str, table: Mapping[str, Any], known: Sequence[str], more: Sequence[str] = ()
    ) -> dict[str, Field]:
        self._known(section, table, (*known, *more))
        return {n: self._field(section, n, v) for n, v in table.items() if n in known}

    def _counts(self, table: Mapping[str, Any]) -> dict[str, Field]:
        """Counts in the unit of the section, unless they have one of their own."""
        unit = self._one_of("usage", "unit", table.get("unit", "tokens"), tuple(UNITS["usage"]))
        given = {n: {"unit": unit, **self._spec(v)} for n, v in table.items() if n in COUNTS}
        return {n: self._field("usage", n, v) for n, v in given.items()}

    def _field(self, section: str, name: str, value: Any) -> Field:
        spec = self._spec(value)
        kind = section if section == "usage" else name
        own = ("format", "timezone") if kind in TIMES else ("unit",) if kind in UNITS else ()
        self._known(section, spec, (*_FIELD_KEYS, *own), name)
        paths = spec.get("path", [])
        paths = paths if isinstance(paths, list) else [paths]
        if not paths and "value" not in spec:
            raise self._error(section, name, f"{name} needs a path or a value")
        formats = spec.get("format", [])
        return Field(
            places=tuple(self._place(section, name, p) for p in paths),
            default=spec.get("value", spec.get("default")),
            factor=self._factor(section, name, kind, spec),
            formats=tuple(
                self._format(section, name, f)
                for f in (formats if isinstance(formats, list) else [formats])
            ),
            zone=self._zone(section, name, spec.get("timezone", "UTC")),
        )

    def _spec(self, value: Any) -> Mapping[str, Any]:
        return value if isinstance(value, dict) else {"path": value}

    def _factor(self, section: str, name: str, kind: str, spec: Mapping[str, Any]) -> int:
        if kind not in UNITS or "unit" not in spec:
            return UNITS["cost"]["usd"] if kind == "cost" else 1
        return UNITS[kind][self._one_of(section, name, spec["unit"], tuple(UNITS[kind]))]

    def _format(self, section: str, name: str, value: Any) -> str:
        if isinstance(value, str) and "%" in value:
            try:
                datetime.strptime(datetime(2026, 11, 21, tzinfo=UTC).strftime(value), value)
            except ValueError as error:
                raise self._error(section, name, f"{value!r}: {error}") from None
            return value
        return self._one_of(section, name, value, TIME_FORMATS)

    def _zone(self, section: str, name: str, value: Any) -> str:
        try:
            zone_of(self._string(section, name, value))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise self._error(section, name, f"no time zone is called {value!r}") from None
        return str(value)

    def _condition(self, key: str, value: Any) -> tuple[Place, tuple[Any, ...] | bool]:
        place = self._place("when", key, key)
        if isinstance(value, dict):
            self._known("when", value, ("exists",), key)
            return place, bool(value.get("exists", True))
        return place, tuple(value) if isinstance(value, list) else (value,)

    def _place(self, section: str, name: str, value: Any) -> Place:
        try:
            return _places.parse(self._string(section, name, value))
        except ValueError as error:
            raise self._error(section, name, str(error)) from None

    def _string(self, section: str, name: str, value: Any) -> str:
        if not isinstance(value, str):
            raise self._error(section, name, f"{name} should be text, not {value!r}")
        return value

    def _flag(self, table: Mapping[str, Any], name: str) -> bool | None:
        value = table.get(name)
        if value is not None and not isinstance(value, bool):
            raise self._error("usage", name, f"{name} should be true or false, not {value!r}")
        return value

    def _table(self, document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
        value = document.get(name, {})
        if not isinstance(value, dict):
            raise self._error("", name, f"{name} should be a table: [{name}]")
        return value

    def _one_of(self, section: str, name: str, value: Any, known: Sequence[str]) -> str:
        if value not in known:
            told = ", ".join(known)
            raise self._error(section, name, f"{value!r} is none of {told}")
        return str(value)

    def _known(
        self, section: str, table: Mapping[str, Any], known: Sequence[str], inside: str = ""
    ) -> None:
        for key in table:
            if key not in known:
                (near,) = get_close_matches(key, known, 1, cutoff=0.0)
                told = f"no key is called {key!r}; the nearest is {near!r}"
                raise self._error(section, inside or key, told)

    def _error(self, section: str, key: str, told: str) -> SettingsError:
        line = _line_of(self._text, section, key)
        where = f"[{section}] " if section and not told.startswith("[") else ""
        return SettingsError(f"{self._path}{f':{line}' if line else ''}: {where}{told}")


def _line_of(text: str, section: str, key: str) -> int:
    """The line of a key in its section, else that of the section; 0 where neither is found."""
    here, found = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _SECTION.fullmatch(line):
            here = header[1].replace('"', "").replace("'", "")
            if here == section or (here == key and not section):
                found = found or number
            if key and here == f"{section}.{key}":
                return number
        elif key and here == section:
            name = line.partition("=")[0].strip().strip("\"'").replace('\\"', '"')
            if name == key or name.startswith(f"{key}."):
                return number
    return found


def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name. Raises ZoneInfoNotFoundError, ValueError or OSError."""
    return UTC if name == "UTC" else ZoneInfo(name)
