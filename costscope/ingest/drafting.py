"""A map for a log of a house format, drafted from its first records."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

from costscope import sources
from costscope.errors import InputError
from costscope.ingest.find import find_reader, no_records
from costscope.readers import _draft, _json


def draft_map(log: str, name: str) -> tuple[str, str]:
    """A drafted map of a log's format, and the reader that knows it without one, or "". Raises
    InputError where there is no such file, or nothing in it looks like calls."""
    source = sources.identify(sources.expand([log])[0])
    decoded = map(_decoded, islice(sources.records(source), _draft.MAX_RECORDS))
    records = [r for r in decoded if isinstance(r, dict)]
    if not records:
        raise no_records(source)
    text = _draft.draft(records, Path(source.shown).name, name)
    try:
        return text, find_reader(source, "").name
    except InputError:
        return text, ""


def _decoded(record: sources.Record | sources.Oversized) -> Any:
    """What a record holds; None where it is broken."""
    try:
        return None if isinstance(record, sources.Oversized) else _json.loads(record.raw)
    except (ValueError, RecursionError):
        return None
