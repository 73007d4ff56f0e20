"""Files, folders and globs as a list of files."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from costscope.errors import InputError
from costscope.sources.files import STDIN

SUFFIXES = (
    ".jsonl", ".ndjson", ".json", ".parquet", ".log", ".eval", ".traj", ".responses", ".har",
)  # fmt: skip
PACKED = (".gz", ".zst")


def expand(patterns: Iterable[str]) -> list[str]:
    """Files, folders and globs as a sorted list of distinct files; "-" is standard input.

    A folder stands for the files below it that are named like logs. Raises InputError where a path
    does not exist or a folder holds no logs.
    """
    found: dict[str, str] = {}
    for pattern in patterns:
        for path in _expand_one(pattern):
            found.setdefault(path if path == STDIN else os.path.abspath(path), path)
    return sorted(found.values())


def _expand_one(pattern: str) -> list[str]:
    if pattern == STDIN:
        return [STDIN]
    if os.path.lexists(pattern):
        return _files(pattern)
    matches = glob.glob(pattern, recursive=True) if glob.has_magic(pattern) else []
    # Somebody's glob takes in whatever lies there; only what they name has to be of use.
    found = [p for m in matches for p in (_logs_in(m) if os.path.isdir(m) else [m]) if _readable(p)]
    if not found:
        raise InputError(f"{pattern}: no such file or folder")
    return found


def _files(path: str) -> list[str]:
    if not os.path.isdir(path):
        if not _readable(path):
            raise InputError(f"{path}: neither a file nor a folder")
        return [path]
    if not (logs := _logs_in(path)):
        raise InputError(f"{path}: no logs in this folder ({', '.join(SUFFIXES)}, .gz, .zst)")
    return logs


def _logs_in(folder: str) -> list[str]:
    return [str(p) for p in sorted(Path(folder).rglob("*")) if _is_log_name(p.name) and p.is_file()]


def _readable(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(mode) or stat.S_ISFIFO(mode)


def _is_log_name(name: str) -> bool:
    lower = name.lower()
    for packed in PACKED:
        lower = lower.removesuffix(packed)
    return lower.endswith(SUFFIXES) and not lower.startswith(".")
