"""The settings that hold in a folder: a flag, else COSTSCOPE_*, else the project's file, else the
user's, else the default."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from costscope.config import files, kinds, segment_rules
from costscope.errors import SettingsError
from costscope.filters import SegmentRule

T = TypeVar("T")

DEFAULTS: Mapping[str, Any] = {
    "db": ".costscope/store.duckdb",
    "prices": None,
    "timezone": "UTC",
}


@dataclass(frozen=True)
class Setting:
    """A value with its dotted key and its origin: an option, a variable, a file or "default"."""

    key: str
    value: Any
    origin: str


@dataclass(frozen=True)
class Config:
    """What was set, by dotted key. The defaults of levers and of the gate are their own."""

    settings: Mapping[str, Setting] = field(default_factory=dict)

    @property
    def db(self) -> Path:
        """The store's file."""
        return Path(self._value("db"))

    @property
    def prices(self) -> Path | None:
        """The user's own price file."""
        path = self._value("prices")
        return Path(path) if path else None

    @property
    def timezone(self) -> str:
        """What decides where a day begins: an IANA name, which `filters` checks."""
        return str(self._value("timezone"))

    @property
    def baseline(self) -> str | None:
        """[check] baseline: a path, or another reference that the gate understands."""
        found = self.settings.get("check.baseline")
        return found.value if found else None

    @property
    def check(self) -> dict[str, Any]:
        """What was set of [check], without baseline, rules and accept, for the gate to parse."""
        keys = {key: f"check.{key}" for key in kinds.CHECK if key != "baseline"}
        return {key: self.settings[k].value for key, k in keys.items() if k in self.settings}

    @property
    def rules(self) -> list[dict[str, Any]]:
        """[[check.rules]] as they stand, for the gate to parse."""
        return self._tables("check.rules")

    @property
    def accept(self) -> list[dict[str, Any]]:
        """[[check.accept]] as they stand, for the gate to parse."""
        return self._tables("check.accept")

    @property
    def segment_rules(self) -> tuple[SegmentRule, ...]:
        """[[attribute.rules]], checked. Raises SettingsError that names file, rule and key."""
        found = self.settings.get("attribute.rules")
        return segment_rules.parsed(found.value, found.origin) if found else ()

    def lever(self, cls: type[T], sets: Sequence[str] = ()) -> T:
        """A lever as it is configured. `sets` are "LEVER.FIELD=VALUE", of any lever, and win.

        Raises SettingsError for an unknown field or an impossible value, naming where it stands.
        """
        return cls(**{name: setting.value for name, setting in self._of(cls, sets).items()})

    def shown(
        self, levers: Sequence[type[Any]] = (), sets: Sequence[str] = ()
    ) -> Iterator[Setting]:
        """Every setting with its origin, defaults too: for `config show`."""
        for key, default in DEFAULTS.items():
            yield self.settings.get(key, Setting(key, default, "default"))
        yield from (
            s
            for key, s in sorted(self.settings.items())
            if key.startswith(("attribute.", "check."))
        )
        for cls in levers:
            found = self._of(cls, sets)
            for name, item in kinds.settable(cls).items():
                default = Setting(_key(cls, name), kinds.default_of(item), "default")
                yield found.get(name, default)

    def _of(self, cls: type[Any], sets: Sequence[str]) -> dict[str, Setting]:
        """What was set of a lever, by field; what comes later wins."""
        given = [*self.settings.values(), *map(parse_set, sets)]
        known = kinds.settable(cls)
        found = {}
        for setting in given:
            if setting.key.startswith(_key(cls, "")):
                name = setting.key.removeprefix(_key(cls, ""))
                if name not in known:
                    near = kinds.nearest(setting.key, [_key(cls, field) for field in known])
                    raise SettingsError(f"{setting.origin}: {near}")
                found[name] = _typed(setting, kinds.kind_of(known[name]))
        return found

    def _value(self, key: str) -> Any:
        return self.settings[key].value if key in self.settings else DEFAULTS[key]

    def _tables(self, key: str) -> list[dict[str, Any]]:
        return list(self.settings[key].value) if key in self.settings else []


def _key(cls: type[Any], name: str) -> str:
    return f"levers.{cls.name}.{name}"


def load(
    cwd: Path,
    env: Mapping[str, str],
    *,
    levers: Sequence[str] = (),
    flags: Mapping[str, str | None] | None = None,
) -> Config:
    """The settings that hold in a folder. `levers` are the names that [levers.NAME] may have; `flags`
    are options by their key ("db"), None where not given.

    Raises SettingsError for a file that cannot be read, an unknown key or a value of the wrong type;
    fields of levers are checked when the lever is made.
    """
    found: dict[str, Setting] = {}
    for path in (files.user_file(env), files.project_file(cwd, env)):
        if path:
            found.update((s.key, s) for s in _from_file(path, cwd, levers))
    for key, name in files.variables(env, levers):
        found[key] = _checked(Setting(key, env[name], name), levers)
    given = {key: text for key, text in (flags or {}).items() if text is not None}
    found.update((key, Setting(key, text, f"--{key}")) for key, text in given.items())
    return Config(found)


def _from_file(path: Path, cwd: Path, levers: Sequence[str]) -> Iterator[Setting]:
    origin = os.path.relpath(path, cwd) if path.is_relative_to(cwd) else str(path)
    for key, value in files.flat(files.read(path), origin):
        setting = _checked(Setting(key, value, origin), levers)
        if kinds.TOP.get(key) == "path" and path.parent != cwd:
            # A path in a file is relative to that file, wherever the program is started.
            setting = replace(setting, value=os.path.join(path.parent, setting.value))
        yield setting


def parse_set(text: str) -> Setting:
    """A setting from `--set LEVER.FIELD=VALUE`. Raises SettingsError where it has another form."""
    key, equals, value = text.partition("=")
    lever, dot, name = key.strip().partition(".")
    if not (equals and dot and lever and name):
        raise SettingsError(f"--set {text}: write LEVER.FIELD=VALUE, such as history.turns=4")
    return Setting(f"levers.{lever}.{name}", value, f"--set {text}")


def check_sets(sets: Sequence[str], levers: Sequence[str]) -> None:
    """Raises SettingsError if a `--set` names a lever that does not exist or has another form."""
    for setting in map(parse_set, sets):
        _checked(setting, levers)


def _checked(setting: Setting, levers: Sequence[str]) -> Setting:
    """A setting whose key exists, with its value as that key's kind; a lever's is left as it is."""
    known = kinds.known_keys(levers)
    key = ".".join(setting.key.split(".")[:2])
    if key not in known or (key != setting.key and known[key] != "lever"):
        raise SettingsError(f"{setting.origin}: {kinds.nearest(setting.key, list(known))}")
    if known[key] == "lever":
        return setting
    if known[key] == "tables":
        return _checked_tables(setting)
    return _typed(setting, known[key])


def _checked_tables(setting: Setting) -> Setting:
    rows, known = setting.value, kinds.LISTS[setting.key]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise SettingsError(f"{setting.origin}: {setting.key} should be written [[{setting.key}]]")
    for name in (name for row in rows for name in row if name not in known):
        near = kinds.nearest(f"{setting.key}.{name}", [f"{setting.key}.{key}" for key in known])
        raise SettingsError(f"{setting.origin}: {near}")
    return setting


def _typed(setting: Setting, kind: str) -> Setting:
    try:
        return replace(setting, value=kinds.convert(setting.value, kind))
    except ValueError as error:
        raise SettingsError(f"{setting.origin}: {setting.key} {error}") from error
