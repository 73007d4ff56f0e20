"""Parquet files as records: a row is the JSON object that a JSON lines file would have held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from costscope.errors import InputError
from costscope.sources.documents import MAX_DOCUMENT_BYTES
from costscope.sources.lines import Record

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow.parquet import ParquetFile

    from costscope.sources.files import Source

BATCH_ROWS = 4096
BATCH_BYTES = 32 * 1024 * 1024
"""About so much is held at a time, as far as the file's own figures tell."""


def rows(source: Source, first: int | None = None) -> Iterator[Record]:
    """Rows without their nulls, all or the first few. Raises InputError where the file is broken."""
    import pyarrow as pa

    row = 0
    try:
        with _opened(source) as file:
            for batch in file.iter_batches(batch_size=first or _batch_rows(file)):
                for raw in _json_rows(batch):
                    yield Record(raw, row, row + 1)
                    row += 1
                    if row == first:
                        return
    except (pa.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(f"{source.shown}: not a readable Parquet file ({reason})") from error


@contextmanager
def _opened(source: Source) -> Iterator[ParquetFile]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not source.packing:
        with pq.ParquetFile(source.copy or source.path) as file:
            yield file
        return
    # It is read from its end, so what is packed once more has to be held whole.
    with source.open() as packed:
        data = packed.read(MAX_DOCUMENT_BYTES + 1)
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InputError(f"{source.shown}: too large to be unpacked in memory; unpack it first")
    with pq.ParquetFile(pa.BufferReader(data)) as file:
        yield file


def _batch_rows(file: ParquetFile) -> int:
    meta = file.metadata
    stored: int = sum(meta.row_group(i).total_byte_size for i in range(meta.num_row_groups))
    rows: int = meta.num_rows
    return max(1, min(BATCH_ROWS, BATCH_BYTES * rows // max(1, stored)))


def _json_rows(batch: pa.RecordBatch) -> Iterator[bytes]:
    names = batch.schema.names
    columns = [_values(_plain(column)) for column in batch.columns]
    for values in zip(*columns, strict=True):
        row = {n: _cell(v) for n, v in zip(names, values, strict=True) if v is not None}
        yield msgspec.json.encode(row)


def _plain(column: pa.Array) -> pa.Array:
    """Times as UTC microseconds, for Python has no nanoseconds and zones need a database; spans of
    time as seconds."""
    import pyarrow as pa

    if pa.types.is_timestamp(column.type) and column.type != pa.timestamp("us", "UTC"):
        return column.cast(pa.timestamp("us", "UTC"), safe=False)
    if pa.types.is_duration(column.type):
        import pyarrow.compute as pc

        return pc.divide(column.cast(pa.duration("us"), safe=False).cast(pa.int64()), 1e6)
    return column


def _values(column: pa.Array) -> list[Any]:
    try:
        return list(column.to_pylist(maps_as_pydicts="lossy"))
    except (ValueError, OverflowError):
        return [_value(scalar) for scalar in column]


def _value(scalar: Any) -> Any:
    """One value, or None where Python cannot hold it (a date past the year 9999, broken UTF-8)."""
    try:
        return scalar.as_py(maps_as_pydicts="lossy")
    except (ValueError, OverflowError):
        return None


def _cell(value: Any) -> Any:
    """A cell for JSON: no nulls inside structs (Arrow fills them in), bytes as text. The encoder
    makes NaN a null."""
    if isinstance(value, dict):
        return {_key(k): _cell(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_cell(v) for v in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value


def _key(key: Any) -> str:
    return key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
