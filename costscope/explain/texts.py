"""The text of one call, read again from the log that it came from. Nothing of it is kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

from costscope import sources
from costscope.attribute.stated import Stated
from costscope.attribute.texts import texts_of
from costscope.errors import InputError
from costscope.filters import SegmentRule
from costscope.ingest.find import STUMBLES, find_reader, record_readers
from costscope.model import Call
from costscope.readers._house import HouseMap, is_map
from costscope.readers.interface import Reader, RecordReader
from costscope.sources import Record, Source


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
    for call in _calls(source, reader, facts["byte_offset"]):
        for held in dict.fromkeys((stated.of(call.feature), None)):
            found = texts_of(call, secret, held)
            if wanted <= found.keys():
                return found
    raise InputError(
        f"{path}:{facts['line']}: the log has changed since it was read, or is read in another way "
        "now; ingest it again"
    )


def _calls(source: Source, reader: Reader, offset: int) -> Iterator[Call]:
    """The calls of the record at a place, of which there may be several."""
    kept = (r for r in _records(source, reader, offset) if isinstance(r, Record))
    if isinstance(reader, RecordReader):
        record = next((r for r in kept if r.offset == offset), None)
        yield from _each(reader, record, source.shown) if record else ()
    else:
        yield from _at(offset, reader, kept, source.shown)


def calls_at(source: Source, reader: Reader, offsets: Set[int]) -> Iterator[Call]:
    """The calls of the records at several places."""
    if isinstance(reader, RecordReader):
        for offset in sorted(offsets):
            yield from _calls(source, reader, offset)
        return
    kept = (r for r in sources.records(source, 0) if isinstance(r, Record))
    try:
        for item in reader.read(kept, source.shown):
            if isinstance(item, Call) and item.offset in offsets:
                yield item
    except STUMBLES:
        return


def _records(source: Source, reader: Reader, offset: int) -> Iterable[Record | sources.Oversized]:
    """From the place on where the reader needs nothing before it, else all."""
    apart = source.seekable and not reader.whole_file
    return sources.records(source, offset if apart else 0)


def _each(reader: RecordReader, record: Record, shown: str) -> Iterator[Call]:
    """A record by each reader that makes a call of it; logs get mixed."""
    for one in record_readers(reader):
        try:
            item = one.one(record, shown)
        except STUMBLES:
            continue
        if isinstance(item, Call):
            yield item


def _at(offset: int, reader: Reader, records: Iterable[Record], shown: str) -> Iterator[Call]:
    try:
        for item in reader.read(records, shown):
            if isinstance(item, Call) and item.offset == offset:
                yield item
    except STUMBLES:
        return
