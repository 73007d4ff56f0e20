"""Parquet rows are the records that JSON lines would have held."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.errors import InputError
from costscope.sources import Record, head, identify, parquet, records
from costscope.sources.heads import MAX_RECORDS

MOMENT = datetime(2026, 11, 2, 6, 21, 28, 766_001, tzinfo=UTC)


def rows(path: Path) -> list[Any]:
    return [json.loads(r.raw) for r in records(identify(str(path))) if isinstance(r, Record)]


def written(path: Path, **columns: pa.Array) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def column(path: Path, array: pa.Array) -> list[Any]:
    return [row.get("x") for row in rows(written(path, x=array))]


@pytest.mark.parametrize(
    ("array", "values"),
    [
        (pa.array([MOMENT, None]), ["2026-11-02T06:21:28.766001Z", None]),
        (pa.array([MOMENT.replace(tzinfo=None)], pa.timestamp("us")), ["2026-11-02T06:21:28.766001Z"]),
        (pa.array([1_762_064_488_766_001_999], pa.timestamp("ns")), ["2025-11-02T06:21:28.766001Z"]),
        (pa.array([1_762_064_488], pa.timestamp("s", "Europe/Berlin")), ["2025-11-02T06:21:28Z"]),
        (pa.array([2**60], pa.timestamp("us")), [None]),
        (pa.array([date(2026, 11, 2)]), ["2026-11-02"]),
        (pa.array([timedelta(milliseconds=1500)], pa.duration("ns")), [1.5]),
        (pa.array([Decimal("0.0000987")]), ["0.0000987"]),
        (pa.array([12.0, float("nan"), float("inf"), None]), [12.0, None, None, None]),
        (pa.array([1, None], pa.uint64()), [1, None]),
        (pa.array([b"gr\xc3\xbc\xc3\x9fe", b"\xff"]), ["grüße", "\ufffd"]),
        (pa.array(["a", "a", None]).dictionary_encode(), ["a", "a", None]),
        (pa.array([{"a": 1, "b": None}, None]), [{"a": 1}, None]),
        (pa.array([[{"a": None, "b": [1]}]]), [[{"b": [1]}]]),
        (pa.array([[("k", "v")], []], pa.map_(pa.string(), pa.string())), [{"k": "v"}, {}]),
        (pa.array(['{"label": "spam"}']), ['{"label": "spam"}']),
    ],
    ids=str,
)  # fmt: skip
def test_a_cell_is_what_json_would_hold(tmp_path: Path, array: pa.Array, values: list[Any]) -> None:
    assert column(tmp_path / "x.parquet", array) == values


def test_broken_text_in_one_cell_loses_that_cell(tmp_path: Path) -> None:
    broken = pa.array([b"\xff\xfe", b"fine"]).view(pa.string())
    found = rows(written(tmp_path / "x", x=broken, n=pa.array([1, 2])))
    assert found == [{"n": 1}, {"n": 2, "x": "fine"}]


JSON = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5)
ROWS = st.lists(
    st.fixed_dictionaries({"i": st.none() | st.integers(-(2**53), 2**53), "t": st.text(max_size=9),
                           "f": st.none() | st.floats(allow_nan=False, allow_infinity=False),
                           "l": st.lists(st.integers(0, 9), max_size=3)}),
    min_size=1, max_size=20,
)  # fmt: skip


@given(ROWS, st.integers(1, 7))
@settings(deadline=None)
def test_rows_equal_records(
    tmp_path_factory: pytest.TempPathFactory, values: list[dict[str, Any]], group: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "rows.parquet"
    pq.write_table(pa.Table.from_pylist(values), path, row_group_size=group)
    assert rows(path) == [{k: v for k, v in row.items() if v is not None} for row in values]
    places = [(r.offset, r.line) for r in records(identify(str(path)))]
    assert places == [(i, i + 1) for i in range(len(values))]


def test_large_rows_are_held_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "x", x=pa.array([f"{i:05}" * 200 for i in range(300)]))
    monkeypatch.setattr(parquet, "BATCH_BYTES", 5000)
    with pq.ParquetFile(path) as file:
        assert 1 <= parquet._batch_rows(file) < 30
    assert len(rows(path)) == 300


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_packed_file_is_unpacked(tmp_path: Path, pack: Any) -> None:
    plain = written(tmp_path / "plain", x=pa.array(range(50)))
    packed = tmp_path / "packed"
    packed.write_bytes(pack(plain.read_bytes()))
    assert rows(packed) == rows(plain)
    assert identify(str(packed)).container == "parquet"


def test_the_head_is_the_first_rows(tmp_path: Path) -> None:
    path = written(tmp_path / "x", x=pa.array([None, *range(99)]), y=pa.array(range(100)))
    found = head(identify(str(path))).records
    assert len(found) == MAX_RECORDS
    assert found[:2] == [{"y": 0}, {"x": 0, "y": 1}]


@pytest.mark.parametrize("cut", [4, 100, -1])
def test_a_torn_file_is_refused_in_a_sentence(tmp_path: Path, cut: int) -> None:
    path = written(tmp_path / "x.parquet", x=pa.array(range(1000)))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(InputError, match="not a readable Parquet file") as error:
        rows(path)
    assert "\n" not in str(error.value)


def test_a_table_without_rows_has_no_records(tmp_path: Path) -> None:
    assert rows(written(tmp_path / "x", x=pa.array([], pa.int64()))) == []
