"""The same calls give the same calls, whether they are lines of JSON or rows of Parquet."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call
from costscope.sources import identify, records
from tests.readers.reading import spoken, told
from tests.readers.test_anthropic_messages import FULL as MESSAGES
from tests.readers.test_envelopes import OUTER, REQUEST, RESPONSE
from tests.readers.test_openai_chat import FULL as CHAT
from tests.readers.test_openai_responses import FULL as RESPONSES
from tests.readers.test_rows import FULL as ROW

SAMPLES = Path(__file__).parent.parent.parent / "sample_logs"
FLAT = {**REQUEST, **RESPONSE, **OUTER, "feature": "chat", "tags": ["a", "b:c"]}
JSON_REPLY = {
    "model": "m",
    "input_tokens": 3,
    "output_tokens": 2,
    "completion": '{"label": "spam"}',
}
OTHER = {"model": "m", "input_tokens": 4, "output_tokens": None, "feature": None, "latency_ms": 2}
LOGS: dict[str, list[dict[str, Any]]] = {
    "rows": [ROW, JSON_REPLY, OTHER],
    "flat": [FLAT, {**FLAT, "id": "chatcmpl-2", "temperature": None}],
    "chat": [{"timestamp": 1793600488, "request": REQUEST, "response": RESPONSE, "metadata": {"team": "a"}}] * 2,
}  # fmt: skip


def calls(path: Path) -> list[Any]:
    source = identify(str(path))
    found = list(find_reader(source, "").read(records(source), str(path)))  # type: ignore[arg-type]
    assert all(isinstance(c, Call) for c in found), found
    return [(told(c), spoken(c) if c.dialect else []) for c in found if isinstance(c, Call)]


def lines(path: Path, log: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(r) + "\n" for r in log))
    return path


def table(path: Path, log: list[dict[str, Any]]) -> Path:
    names = list({name: None for record in log for name in record})
    pq.write_table(pa.Table.from_pylist([{n: r.get(n) for n in names} for r in log]), path)
    return path


def as_text(record: dict[str, Any]) -> dict[str, Any]:
    """A record as tables hold it whose columns have no nested types."""
    return {k: json.dumps(v) if isinstance(v, (dict, list)) else v for k, v in record.items()}


@pytest.mark.parametrize("name", LOGS)
def test_nested_columns(tmp_path: Path, name: str) -> None:
    log = LOGS[name]
    if name == "rows":  # a column has one type
        log = [{k: str(v) if isinstance(v, float) else v for k, v in r.items()} for r in log]
    assert calls(table(tmp_path / "x.parquet", log)) == calls(lines(tmp_path / "x.jsonl", log))


@pytest.mark.parametrize("log", [[CHAT], [RESPONSES], [MESSAGES], [FLAT], [ROW], LOGS["chat"]])
def test_columns_of_json_text(tmp_path: Path, log: list[dict[str, Any]]) -> None:
    parquet = table(tmp_path / "x.parquet", [as_text(r) for r in log])
    assert calls(parquet) == calls(lines(tmp_path / "x.jsonl", log))


def test_columns_of_a_data_frame(tmp_path: Path) -> None:
    """Counts that became floats, times that became timestamps, ids that became floats."""
    log = [{"model": "m", "prompt_tokens": 3, "completion_tokens": 1, "user_id": 7,
            "timestamp": "2026-11-02T06:21:28.500Z"}] * 2  # fmt: skip
    frame = pa.table({
        "model": ["m", "m"], "prompt_tokens": [3.0, 3.0], "completion_tokens": [1.0, 1.0],
        "user_id": [7.0, 7.0],
        "timestamp": pa.array([1793600488500] * 2, pa.timestamp("ms", "UTC")).cast(pa.timestamp("ns", "UTC")),
    })  # fmt: skip
    pq.write_table(frame, tmp_path / "x.parquet")
    assert calls(tmp_path / "x.parquet") == calls(lines(tmp_path / "x.jsonl", log))


def test_the_samples_of_rows_are_read_alike_in_both_forms(tmp_path: Path) -> None:
    log = [json.loads(line) for line in (SAMPLES / "rows.jsonl").read_text().splitlines()]
    assert calls(table(tmp_path / "x.parquet", log)) == calls(SAMPLES / "rows.jsonl")
