"""Which format reads a record of a mixed log: the one that knows it best, whichever the file began with."""

import json
from pathlib import Path
from typing import Any

import pytest

from costscope import plugins
from costscope.ingest.choice import Choice
from costscope.ingest.find import find_reader
from costscope.model import Call, Skipped
from costscope.readers.interface import RecordReader
from costscope.sources import Record, identify
from tests.ingest.logs import call, claude, read, row, write
from tests.readers.reading import told

SAMPLES = Path(__file__).parent.parent / "readers" / "samples"
NAMES = [
    n for n in plugins.names("readers") if issubclass(plugins.load("readers", n), RecordReader)
]
LOGS = [p for p in sorted(SAMPLES.glob("*.jsonl")) if p.name.partition(".")[0] in NAMES]
NOTE = {"level": "info", "msg": "started"}


def choice(name: str) -> Choice:
    return Choice(plugins.load("readers", name)())


def shown(item: Call | Skipped) -> Any:
    """What a record became; that nobody knows it is said in each format's own name."""
    if isinstance(item, Call):
        return told(item)
    return "strange" if item.reason.startswith("not a record of") else item.reason


@pytest.mark.parametrize("name", NAMES)
def test_a_record_is_read_alike_whatever_file_it_stands_in(name: str) -> None:
    for path in LOGS:
        here, there = choice(name), choice(path.name.partition(".")[0])
        for raw in filter(None, path.read_bytes().split(b"\n")):
            record = Record(raw, 0, 1)
            assert shown(here.read(record, "a")) == shown(there.read(record, "a")), (path, raw)


def test_dialects_in_one_envelope_are_told_apart_line_by_line() -> None:
    """A gateway logs all its providers alike; their counts mean different things."""
    reader = choice("openai_chat")
    sent = {"model": "command-r", "messages": [{"role": "user", "content": "hi"}]}
    tokens = {"billed_units": {"input_tokens": 9, "output_tokens": 2}, "cached_tokens": 5}
    got = {"id": "c-1", "message": {"role": "assistant", "content": []}, "usage": tokens}
    cohere = reader.read(Record(json.dumps({"request": sent, "response": got}).encode(), 0, 1), "a")
    assert isinstance(cohere, Call)
    assert cohere.usage is not None
    assert (cohere.usage.fresh, cohere.usage.cache_read, cohere.usage.output) == (9, 0, 2)
    assert isinstance(reader.read(Record(json.dumps(call(1)).encode(), 0, 2), "a"), Call)


def test_the_reason_is_of_the_format_that_knows_the_record() -> None:
    batch = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {
        "model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}}  # fmt: skip
    item = choice("anthropic_messages").read(Record(json.dumps(batch).encode(), 0, 1), "a")
    assert isinstance(item, Skipped)
    assert "batch request without its response" in item.reason


def test_a_log_that_begins_with_many_other_lines_is_known(tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", [*[NOTE] * 200, call(1), claude(2)])
    assert find_reader(identify(str(log)), "").name == "openai_chat"
    found = read(tmp_path / "s.duckdb", log)
    assert (found.added.new, found.skipped) == (2, 200)


def test_beginnings_without_end_are_not_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("costscope.ingest.choice.MAX_SIGHTS", 2)
    reader = choice("rows")
    for n in range(5):
        item = reader.read(Record(json.dumps({f"k{n}": n, **row(n)}).encode(), 0, 1), "a")
        assert isinstance(item, Call)
