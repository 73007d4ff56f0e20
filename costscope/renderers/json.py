"""The report's data as JSON: the public contract, for scripts. Tables and sentences are not in it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, ClassVar

from costscope.model import Report
from costscope.renderers.interface import Renderer

SCHEMA_VERSION = 1
"""Raised when a key goes or changes its meaning; a new key does not raise it."""

_BEYOND_ASCII = re.compile(r"[^\x00-\x7e]")


class Json(Renderer):
    """Indented, in ASCII, keys in the order in which the report gives them, `schema_version` first.

    Raises ValueError for a number that JSON does not have (NaN, infinity).
    """

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def render(self, report: Report) -> str:
        """The whole document and a newline."""
        document = {"schema_version": SCHEMA_VERSION, **report.data}
        text = json.dumps(document, indent=2, allow_nan=False, default=_plain, ensure_ascii=False)
        # Half a surrogate pair is no character, and strict parsers refuse a document that has one.
        whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return _BEYOND_ASCII.sub(_escape, whole) + "\n"


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in a report's data: {value!r}")
