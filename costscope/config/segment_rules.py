"""[[attribute.rules]]: what a user says of segments, checked key by key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope import places
from costscope.config.regexes import compiled
from costscope.errors import SettingsError
from costscope.filters import SegmentRule

SEGMENTS = ("system", "context", "history", "query", "tools")
ROLES = ("user", "system")
SLOTS = ("message", "system")
MAX_RULES = 1_000


def parsed(rows: Sequence[Mapping[str, Any]], origin: str) -> tuple[SegmentRule, ...]:
    """The rules in their order. Raises SettingsError with `origin`, the number of the rule (from 1) and
    its key."""
    if len(rows) > MAX_RULES:
        raise SettingsError(f"{origin}: attribute.rules has {len(rows)} rules; {MAX_RULES} may be")
    return tuple(_Row(row, f"{origin}: attribute.rules, rule {n}").rule()
                 for n, row in enumerate(rows, start=1))  # fmt: skip


class _Row:
    """One table of the list."""

    def __init__(self, row: Mapping[str, Any], where: str) -> None:
        self._row, self._where = row, where

    def rule(self) -> SegmentRule:
        given = [key for key in ("regex", "json") if key in self._row]
        if len(given) != 1:
            told = "both say where" if given else "neither says where"
            raise self._error("regex, json", f"{told}; give one of them")
        return SegmentRule(
            feature=self._text("feature", "*"),
            segment=self._one_of("segment", SEGMENTS),
            regex=self._regex() if given == ["regex"] else "",
            path=self._path() if given == ["json"] else (),
            role=self._one_of("role", ROLES, ""),
            slot=self._one_of("slot", SLOTS, ""),
        )

    def _regex(self) -> str:
        pattern = self._text("regex")
        try:
            compiled(pattern)
        except ValueError as error:
            raise self._error("regex", str(error)) from None
        return pattern

    def _path(self) -> tuple[str | int, ...]:
        text = self._text("json")
        try:
            return places.parse(text).steps
        except ValueError as error:
            raise self._error(
                "json", f"should be a path such as input.documents[*] ({error})"
            ) from None

    def _text(self, key: str, default: str | None = None) -> str:
        value = self._row.get(key, default)
        if not isinstance(value, str):
            raise self._error(key, f"should be text, it is {value!r}")
        return value

    def _one_of(self, key: str, known: Sequence[str], default: str | None = None) -> str:
        value = self._row.get(key, default)
        if value is None or value not in (*known, default):
            told = f"it is {value!r}" if key in self._row else "it is missing"
            raise self._error(key, f"should be one of {', '.join(known)}; {told}")
        return str(value)

    def _error(self, key: str, told: str) -> SettingsError:
        return SettingsError(f"{self._where}: {key}: {told}")
