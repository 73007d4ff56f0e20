"""Which calls a command speaks of, as SQL: filters and group keys by name, never by a user's SQL."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from costscope.errors import SettingsError
from costscope.filters import Filters

COLUMNS = {
    "feature": "feature", "team": "team", "user": "user_id", "tenant": "tenant", "model": "model",
    "provider": "provider", "channel": "channel", "region": "region", "tier": "tier",
    "status": "status", "template": "template", "template_version": "template_version",
    "session": "session", "trace": "trace", "task": "task", "finish_reason": "finish_reason",
}  # fmt: skip
"""Group key → column of calls."""
PERIODS = ("hour", "day", "week", "month")
"""Group keys that are times, in the time zone asked for; a week is named by its Monday."""
_TAG = re.compile(r"tag[.:](.+)")


def where(filters: Filters) -> tuple[str, list[Any]]:
    """The condition on calls and its values. Globs know * ? and [...]."""
    parts, values = ["true"], list[Any]()
    for sql, moment in (("sent_at >= ?", filters.since), ("sent_at < ?", filters.until)):
        if moment is not None:
            parts.append(sql)
            values.append(moment.astimezone(UTC).replace(tzinfo=None))
    for column in ("feature", "model", "team"):
        globs: Sequence[str] = getattr(filters, column)
        if globs:
            parts.append("(" + " or ".join(f"coalesce({column}, '') glob ?" for _ in globs) + ")")
            values += globs
    for name in dict.fromkeys(name for name, _ in filters.tags):
        globs = [glob for n, glob in filters.tags if n == name]
        parts.append(
            "("
            + " or ".join("coalesce(json_extract_string(tags, ?), '') glob ?" for _ in globs)
            + ")"
        )
        for glob in globs:
            values += [_path(name), glob]
    return " and ".join(parts), values


def keys(group_by: Sequence[str], timezone: str) -> dict[str, str]:
    """Group key → SQL over calls. Raises SettingsError for a key that does not exist."""
    return {name: _key(name, timezone) for name in group_by}


def _key(name: str, timezone: str) -> str:
    if name in COLUMNS:
        return COLUMNS[name]
    if name in PERIODS:
        local = f"(sent_at at time zone 'UTC') at time zone {_quoted(timezone)}"
        shown = "%Y-%m-%dT%H:00" if name == "hour" else "%Y-%m" if name == "month" else "%Y-%m-%d"
        return f"strftime(date_trunc('{name}', {local}), '{shown}')"
    if tag := _TAG.fullmatch(name):
        return f"json_extract_string(tags, {_quoted(_path(tag[1]))})"
    known = ", ".join([*COLUMNS, *PERIODS, "tag.NAME"])
    raise SettingsError(f"cannot group by {name!r}; there are: {known}")


def _path(tag: str) -> str:
    return '$."' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
