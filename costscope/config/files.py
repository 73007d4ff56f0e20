"""Where settings stand: files up to the repository's root, the user's own file, the environment."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from costscope.errors import SettingsError

PREFIX = "COSTSCOPE_"
RESERVED = ("COSTSCOPE_CONFIG", "COSTSCOPE_PLUGINS", "COSTSCOPE_DEBUG")
"""Variables that are no settings: which file to read, where plug-ins are, tracebacks."""
SHORT = {"tz": "timezone"}


def user_file(env: Mapping[str, str]) -> Path | None:
    """$XDG_CONFIG_HOME/costscope/config.toml, by default in ~/.config, if it is there."""
    home = env.get("HOME") or env.get("USERPROFILE")
    base = env.get("XDG_CONFIG_HOME") or (os.path.join(home, ".config") if home else "")
    path = Path(base, "costscope", "config.toml")
    return path if base and path.is_file() else None


def project_file(cwd: Path, env: Mapping[str, str]) -> Path | None:
    """The file that COSTSCOPE_CONFIG names, else costscope.toml or a pyproject.toml with a table
    [tool.costscope], in the nearest folder that has one."""
    if chosen := env.get("COSTSCOPE_CONFIG"):
        return Path(chosen)
    for folder in _up_to_root(cwd):
        own, shared = folder / "costscope.toml", folder / "pyproject.toml"
        if own.is_file():
            return own
        if shared.is_file() and read(shared):
            return shared
    return None


def _up_to_root(cwd: Path) -> list[Path]:
    """This folder and those above it to the repository's root; outside of one, only this folder."""
    folders = [cwd, *cwd.parents]
    root = next((i for i, folder in enumerate(folders) if (folder / ".git").exists()), 0)
    return folders[: root + 1]


def read(path: Path) -> dict[str, Any]:
    """A file's settings; of a pyproject.toml only [tool.costscope]. Raises SettingsError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: not valid TOML ({error})") from error
    if path.name == "pyproject.toml":
        content = content.get("tool", {}).get("costscope", {})
    return content


def flat(table: Mapping[str, Any], origin: str) -> Iterator[tuple[str, Any]]:
    """(dotted key, value) of a file: "db", "check.unit", "levers.routing.sticky".

    Raises SettingsError where something else stands in a table's place.
    """
    for key, value in table.items():
        if key in ("check", "attribute"):
            yield from _inner(key, value, origin)
        elif key == "levers":
            for lever, settings in _inner(key, value, origin):
                yield from _inner(lever, settings, origin)
        else:
            yield key, value


def _inner(key: str, value: Any, origin: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        raise SettingsError(f"{origin}: {key} should be a table, it is {value!r}")
    yield from ((f"{key}.{name}", inner) for name, inner in value.items())


def variables(env: Mapping[str, str], levers: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(dotted key, variable) of each COSTSCOPE_* that is set: COSTSCOPE_DB is "db",
    COSTSCOPE_CHECK_UNIT "check.unit", COSTSCOPE_LEVERS_ROUTING_STICKY "levers.routing.sticky"."""
    for name in sorted(env):
        # Empty counts as not set, as with NO_COLOR: a shell cannot always unset.
        if name.startswith(PREFIX) and name not in RESERVED and env[name]:
            yield _dotted(name.removeprefix(PREFIX).lower(), levers), name


def _dotted(name: str, levers: Sequence[str]) -> str:
    if name.startswith("check_"):
        return f"check.{name.removeprefix('check_')}"
    if name.startswith("levers_"):
        rest = name.removeprefix("levers_")
        owners = [lever for lever in levers if rest.startswith(f"{lever}_")]
        # Of "response" and "response_cache" the longer one is meant.
        owner = max(owners, key=len, default="")
        return f"levers.{owner}.{rest[len(owner) + 1 :]}" if owner else f"levers.{rest}"
    return SHORT.get(name, name)
