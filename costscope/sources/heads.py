"""The beginning of a log, decoded as far as it goes, for recognising its format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from costscope.sources import documents, loose, parquet
from costscope.sources.containers import BOM, HEAD_BYTES
from costscope.sources.files import Source

MAX_RECORDS = 12
"""More records of a log make a guess no surer."""
FAR = 240
"""So many are looked at where the first ones are of no known format: logs begin with other lines, too."""


@dataclass(frozen=True)
class Head:
    """The beginning of a log: the records in its first 64 KiB, decoded. A record that is cut off there
    is closed as well as can be if there are no others, so that a single huge line is recognised."""

    source: str
    records: Sequence[dict[str, Any]]


def head(source: Source, most: int = MAX_RECORDS) -> Head:
    """The records in the first 64 KiB of a file, no more than `most`. Raises InputError where it cannot
    be read."""
    if source.container == "parquet":
        rows = (loose.parsed(bytes(r.raw)) for r in parquet.rows(source, most))
        return Head(source.path, [row for row in rows if isinstance(row, dict)])
    if source.container == "zip":
        from costscope.sources import archives  # it reads the heads of its members with this module

        return Head(source.path, archives.first(source, most))
    start = source.start(HEAD_BYTES).removeprefix(BOM)
    return Head(source.path, head_records(start, source.container, most))


def head_records(
    start: bytes, container: str = "jsonl", most: int = MAX_RECORDS
) -> list[dict[str, Any]]:
    """The decoded records at the start of a file, no more than `most`."""
    whole, rest = _document(start) if container == "json" else _lines(start, most)
    records = [r for document in whole for r in _objects(document)]
    if len(records) < 2:
        records += _objects(loose.closed(rest))
    return records[:most]


def _objects(document: Any) -> list[dict[str, Any]]:
    found = document if isinstance(document, list) else documents.items(document)
    return [r for r in found if isinstance(r, dict)]


def _lines(start: bytes, most: int) -> tuple[list[Any], bytes]:
    """The values of whole lines, and what stands after them."""
    lines = [line for line in start.split(b"\n") if line.strip()][:most]
    values = [loose.parsed(line) for line in lines]
    rest = lines[-1] if lines and values[-1] is loose.NOTHING else b""
    return [v for v in values if v is not loose.NOTHING], rest


def _document(start: bytes) -> tuple[list[Any], str]:
    text, found, at = start.decode("utf-8", "replace"), [], 0
    try:
        for value, at in loose.values(text):  # noqa: B007 (the last place is where the rest begins)
            found.append(value)
    except (ValueError, RecursionError):
        pass
    return found, text[at:].lstrip(" \t\r\n,")
