"""The text of one call, read again from the log that it came from. Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from costscope import sources
from costscope.attribute.stated import Stated
from costscope.attribute.texts import texts_of
from costscope.errors import InputError
from costscope.filters import SegmentRule
from costscope.ingest.choice import Choice
from costscope.ingest.find import STUMBLES, find_reader
from costscope.model import Call
from costscope.readers._house import HouseMap, is_map
from costscope.readers.interface import Reader, RecordReader
from costscope.sources import Record, Source

LOOKED_UP = 8
"""For more places than this, a file is read from its beginning."""


def texts_again(
    facts: Mapping[str, Any], wanted: set[int], secret: bytes, house: HouseMap | None = None,
    rules: Sequence[SegmentRule] = (),
) -> dict[int, str]:  # fmt: skip
    """Content hash → text of the parts of a call. `facts` are the call's row in the store with `path`
    and `reader`, `wanted` the hashes that its parts have; `rules` are the user's, by which it may have
    been read. Raises InputError where the log is gone, or
    does not say there any more what it said."""
    if not wanted:
        return {}
    path = facts["path"]
    if not Path(path).is_file():
        raise InputError(f"{path}: the log is not there any more, so its text cannot be shown")
    if is_map(facts["reader"]) and (house is None or house.id != facts["reader"]):
        raise InputError(f"{path}: it was read by the map {facts['reader']}; name that with --map")
    source = sources.identify(path)
    reader = find_reader(source, facts["reader"], house)
    stated = Stated(rules)
    for call in calls_at(source, reader, {facts["byte_offset"]}):
        for held in dict.fromkeys((stated.of(call.feature), None)):
            found = texts_of(call, secret, held)
            if wanted <= found.keys():
                return found
    raise InputError(
        f"{path}:{facts['line']}: the log has changed since it was read, or is read in another way "
        "now; ingest it again"
    )


def calls_at(source: Source, reader: Reader, offsets: Set[int]) -> Iterator[Call]:
    """The calls of the records at several places, in the order of the file."""
    if isinstance(reader, RecordReader):
        choice = Choice(reader)
        for record in _records_at(source, offsets):
            found = choice.read(record, source.shown)
            if isinstance(found, Call):
                yield found
        return
    kept = (r for r in sources.records(source, 0) if isinstance(r, Record))
    try:
        for item in reader.read(kept, source.shown):
            if isinstance(item, Call) and item.offset in offsets:
                yield item
    except STUMBLES:
        return


def _records_at(source: Source, offsets: Set[int]) -> Iterator[Record]:
    """The records at these places: each looked up, or, where that takes longer, out of all."""
    if source.seekable and len(offsets) <= LOOKED_UP:
        for offset in sorted(offsets):
            record = next(iter(sources.records(source, offset)), None)
            if isinstance(record, Record):
                yield record
        return
    for record in sources.records(source, 0):
        if isinstance(record, Record) and record.offset in offsets:
            yield record
