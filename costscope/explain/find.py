"""Which call a word means: an id, the beginning of one, or a place in a log."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from costscope.errors import InputError
from costscope.store import Store

SHOWN = 5
_PLACE = re.compile(r"(.+):(\d+)", re.DOTALL)


def find(store: Store, wanted: str) -> int:
    """The number of the one call of the store's scope that is meant by an id, by its beginning, or by
    FILE:LINE. Raises InputError where there is none, or more than one."""
    found = _matching(store, wanted)
    if len(found) == 1:
        return int(found[0]["call_no"])
    if found:
        raise InputError(_ambiguous(wanted, found))
    if _told_again(store, wanted):
        raise InputError(f"{wanted}: that record tells of a call again which is counted elsewhere")
    raise InputError(f"{wanted}: no call has this id, and none stands at such a place")


def _matching(store: Store, wanted: str) -> list[dict[str, Any]]:
    path, line = _place(wanted)
    values = {"call": wanted, "path": path, "line": line}
    rows: list[dict[str, Any]] = store.table("explain_find", values).to_pylist()
    whole = [row for row in rows if row["path"] == os.path.abspath(path)]
    # A path as it was typed means the file that lies there, before one elsewhere with that ending.
    return whole if line >= 0 and whole else rows


def _place(wanted: str) -> tuple[str, int]:
    """(path, line) of FILE:LINE, with forward slashes; a line of -1 for what is no place."""
    match = _PLACE.fullmatch(wanted)
    if match is None or len(match[2]) > 18:
        return "", -1
    return match[1].removeprefix("./").replace("\\", "/"), int(match[2])


def _told_again(store: Store, wanted: str) -> bool:
    path, line = _place(wanted)
    (row,) = store.table("explain_again", {"path": path, "line": line}).to_pylist()
    return bool(row["records"])


def _ambiguous(wanted: str, found: Sequence[dict[str, Any]]) -> str:
    """The calls that are meant, by id where their ids differ, else by place."""
    ids = [row["call_id"] for row in found]
    places = [f"{row['path']}:{row['line']}" for row in found]
    names = ids if len(set(ids)) == len(ids) else places
    if len(set(names)) < len(names):
        names = [f"{i or 'no id'} at {place}" for i, place in zip(ids, places, strict=True)]
    more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{wanted} means {len(names)} calls: {', '.join(names[:SHOWN])}{more}"
