"""Where records lie: paths, compression and containers. Knows bytes and places, not log formats."""

from __future__ import annotations

from collections.abc import Iterator

from costscope.errors import InputError
from costscope.sources import archives, documents, parquet
from costscope.sources.containers import HEAD_BYTES
from costscope.sources.files import STDIN, Source, identify
from costscope.sources.heads import Head, head, head_records
from costscope.sources.lines import Oversized, Record, line_starts, read_lines
from costscope.sources.packing import BROKEN
from costscope.sources.paths import SUFFIXES, expand

__all__ = (
    "HEAD_BYTES", "STDIN", "SUFFIXES", "Head", "Oversized", "Record", "Source", "expand",
    "head", "head_records", "identify", "line_starts", "records",
)  # fmt: skip


def records(
    source: Source, start: int = 0, end: int | None = None, buffer: bytearray | None = None
) -> Iterator[Record | Oversized]:
    """Every record of a file, or of a byte range of a seekable one that begins and ends at lines.

    Lines are counted from the start of the range. With `buffer`, which is read into and may be used
    again for the next file, a record's bytes are valid only until the next one is asked for; without
    it they stay. Raises InputError where the file breaks off, after the records before the break.
    """
    try:
        if source.container == "parquet":
            yield from parquet.rows(source)
        elif source.container == "json":
            yield from documents.records(source)
        elif source.container == "zip":
            yield from archives.records(source)
        else:
            with source.open() as file:
                if start:
                    file.seek(start)
                yield from read_lines(file, start, None if end is None else end - start, buffer)
    except BROKEN as error:
        raise InputError(f"{source.shown}: cannot be read to its end ({error})") from error
