"""Every record of a file is a call, a skip or ignored; a skip says where it stands and why."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope import sources
from costscope.ingest import worker
from costscope.ingest.account import Account
from costscope.ingest.task import Task
from costscope.ingest.worker import Worker
from costscope.sources import lines as sources_lines
from tests.ingest.logs import account, call, claude, ids, lines, numbers, read, row, write

SAMPLES = Path(__file__).parent.parent / "readers" / "samples"
BAD = (
    "{not json}", "[]", "17", '"text"', "null", "{}", '{"a": 1}', '{"model": null}', "\x00", "[" * 5000,
    '{"model": "gpt-4o", "input_tokens": "many", "output_tokens": 1}',
    '{"model": "gpt-4o", "input_tokens": -1, "output_tokens": 1}',
    '{"model": "gpt-4o", "input_tokens": 1e30, "output_tokens": 1}',
    json.dumps(call(1) | {"timestamp": "yesterday"}), json.dumps(call(2) | {"timestamp": 1e300}),
    json.dumps(call(3) | {"cost_usd": 1e300}), json.dumps(call(4) | {"response": {"usage": {"prompt_tokens": {}}}}),
    json.dumps(call(5) | {"request": 5}), json.dumps({**claude(3), "response": {"usage": {"cache_creation": 5}}}),
)  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_one_bad_line_costs_one_line_at_most(tmp_path: Path, bad: str) -> None:
    log = write(tmp_path / "a.jsonl", [call(10), bad, call(11)])
    found = read(tmp_path / "s.duckdb", log)
    assert account(found)
    assert found.lines == 3
    assert {call(10)["response"]["id"], call(11)["response"]["id"]} <= set(
        ids(tmp_path / "s.duckdb")
    )
    assert [s.line for s in found.examples] == [2] * found.skipped
    assert all(s.reason and "\n" not in s.reason for s in found.examples)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(BAD), st.sampled_from(["", "  ", "\t"]),
            st.integers(0, 20).map(call), st.integers(0, 20).map(claude), st.integers(0, 5).map(row),
        ),
        max_size=15,
    )
)  # fmt: skip
@settings(deadline=None, max_examples=12)
def test_any_mix_is_accounted_for(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any]
) -> None:
    folder = tmp_path_factory.mktemp("mix")
    log = write(folder / "a.jsonl", [call(99), *records])
    found = read(folder / "s.duckdb", log)
    assert account(found)
    blank = sum(isinstance(r, str) and not r.strip() for r in records)
    assert found.lines == len(records) + 1 - blank
    assert len(found.examples) == found.skipped
    for skipped in found.examples:
        assert isinstance(([call(99), *records])[skipped.line - 1], (str, dict))
        assert skipped.source == str(log)


def test_a_call_among_many_lines_that_are_none_is_found(tmp_path: Path) -> None:
    records = [*({"note": str(i)} for i in range(15)), call(1)]
    found = read(tmp_path / "s.duckdb", write(tmp_path / "a.jsonl", records))
    assert (found.added.new, found.skipped) == (1, 15)


def test_a_record_that_tells_several_calls_is_counted_as_one(tmp_path: Path) -> None:
    steps = [{"role": "user", "content": "go"}, {"role": "assistant", "content": "gone"}] * 3
    log = write(
        tmp_path / "a.jsonl", [{"task_id": 1, "traj": steps}, {"task_id": 2, "traj": steps}]
    )
    found = read(tmp_path / "s.duckdb", log)
    assert (found.added.new, found.lines, found.told) == (6, 2, 2)
    assert account(found)


@pytest.mark.parametrize("path", sorted(SAMPLES.iterdir()), ids=lambda path: path.name)
def test_every_record_of_every_sample_is_accounted_for(tmp_path: Path, path: Path) -> None:
    task = Task(source := sources.identify(str(path)), 0, 0, "", 0, source.size)
    (outcome,) = Worker(b"k" * 32, str(tmp_path)).run((task,)).outcomes
    assert outcome.records == outcome.told + outcome.broken + outcome.ignored
    assert 0 < outcome.told <= outcome.calls


def test_a_record_of_calls_and_of_reasons_told_calls() -> None:
    kept = Account()
    for line in (4, 4, 2):
        kept.told(line)
    for line in (4, 3, 3):
        kept.broken(line)
    assert kept.counts() == (2, 1)
    kept.tear()
    assert kept.counts() == (2, 2)


def test_formats_mixed_in_one_file(tmp_path: Path) -> None:
    records = [call(1), claude(2), row(3), call(4), claude(5), {"note": "started"}]
    found = read(tmp_path / "s.duckdb", write(tmp_path / "a.jsonl", records))
    assert numbers(found) == (5, 0, 1)
    assert found.examples[0].line == 6
    assert "not a record of" in found.examples[0].reason


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_lines_are_those_that_an_editor_shows(tmp_path: Path, end: str) -> None:
    log = tmp_path / "a.jsonl"
    log.write_bytes(b"\xef\xbb\xbf" + lines([call(1), "", "", "bad", call(2), " ", "bad"], end))
    found = read(tmp_path / "s.duckdb", log)
    assert [s.line for s in found.examples] == [4, 7]
    log.write_bytes(log.read_bytes() + lines(["", "bad", call(3)], end))
    found = read(tmp_path / "s.duckdb", log)
    assert [s.line for s in found.examples] == [9]


def test_lines_of_a_file_that_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("costscope.ingest.plan.MIN_PIECE_BYTES", 2000)
    records: list[Any] = [call(n) for n in range(30)]
    for at in (3, 11, 12, 25, 29):
        records[at] = "bad"
    records[7] = ""
    found = read(tmp_path / "s.duckdb", write(tmp_path / "a.jsonl", records))
    assert [s.line for s in found.examples] == [4, 12, 13, 26, 30]
    assert found.lines == 29
    assert account(found)


def test_a_line_that_is_too_long_is_one_skip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources_lines, "CHUNK_BYTES", 4096)
    monkeypatch.setattr(sources_lines, "MAX_RECORD_BYTES", 20_000)
    long = json.dumps({"note": "x" * 50_000})
    log = write(tmp_path / "a.jsonl", [call(1), long, call(2)])
    found = read(tmp_path / "s.duckdb", log)
    assert numbers(found) == (2, 0, 1)
    assert (found.examples[0].line, "longer than" in found.examples[0].reason) == (2, True)
    with log.open("ab") as file:
        file.write(b'{"note": "' + b"x" * 50_000)
    assert numbers(read(tmp_path / "s.duckdb", log)) == (0, 0, 1)
    with log.open("ab") as file:
        file.write(b'xx"}\n' + lines([call(3)]))
    assert numbers(read(tmp_path / "s.duckdb", log)) == (1, 0, 1)


def test_many_skips_are_counted_and_some_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_EXAMPLES", 3)
    log = write(tmp_path / "a.jsonl", [call(1), *["bad"] * 10])
    found = read(tmp_path / "s.duckdb", log)
    assert (found.skipped, len(found.examples)) == (10, 3)


def test_a_packed_file_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    import gzip

    whole = gzip.compress(lines([call(n) for n in range(400)]), compresslevel=1)
    log = tmp_path / "a.jsonl.gz"
    log.write_bytes(whole[: len(whole) // 2])
    found = read(tmp_path / "s.duckdb", log)
    assert found.skipped >= 1
    assert "cannot be read to its end" in found.examples[-1].reason
    assert 0 < found.added.new < 400
    assert account(found)
    log.write_bytes(whole)
    assert read(tmp_path / "s.duckdb", log).added.new == 400 - found.added.new
