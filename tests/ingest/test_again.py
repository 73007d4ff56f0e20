"""A log that is read again: unchanged, grown, torn, rewritten."""

import gzip
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costscope import sources
from costscope.ingest import worker
from tests.ingest.logs import (
    account,
    all_calls,
    call,
    held,
    ids,
    lines,
    numbers,
    places,
    read,
    row,
    write,
)

CALLS = [call(n) for n in range(12)]
SAMPLES = Path(__file__).parent.parent / "readers" / "samples"


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """(start, line) of every record that was read."""
    seen: list[tuple[int, int]] = []

    def watched(source: Any, start: int = 0, *rest: Any) -> Any:
        for record in sources.records(source, start, *rest):
            seen.append((start, record.line))
            yield record

    class Watched:
        records = staticmethod(watched)

    monkeypatch.setattr(worker, "sources", Watched)
    return seen


def test_the_same_file_twice(store: Path, log: Path, reads: list[Any]) -> None:
    write(log, CALLS)
    first = read(store, log)
    assert (first.added.new, first.unchanged, first.files, first.lines) == (12, 0, 1, 12)
    assert len(reads) == 12
    again = read(store, log)
    assert (again.added.new, again.unchanged, again.files, again.lines) == (0, 1, 1, 0)
    assert len(reads) == 12
    assert again.readers == first.readers == {"openai_chat": 1}
    assert again.source_nos == first.source_nos


def test_a_grown_file_costs_its_new_lines(store: Path, log: Path, reads: list[Any]) -> None:
    write(log, CALLS[:7])
    read(store, log)
    reads.clear()
    start = log.stat().st_size
    write(log, CALLS)
    assert numbers(read(store, log)) == (5, 0, 0)
    assert reads == [(start, n) for n in range(1, 6)]
    assert places(store)[CALLS[9]["response"]["id"]][2] == 10
    assert ids(store) == all_calls(CALLS)


def test_a_torn_last_line_waits_for_its_rest(store: Path, log: Path) -> None:
    write(log, CALLS[:3])
    whole = log.read_bytes()
    log.write_bytes(whole[:-30])
    first = read(store, log)
    assert numbers(first) == (2, 0, 1)
    assert [(s.line, Path(s.source)) for s in first.examples] == [(3, log)]
    assert read(store, log).unchanged == 1
    log.write_bytes(whole + lines(CALLS[3:5]))
    again = read(store, log)
    assert numbers(again) == (3, 0, 0)
    assert account(first)
    assert account(again)
    assert {i: p[2] for i, p in places(store).items()} == {
        c["response"]["id"]: n + 1 for n, c in enumerate(CALLS[:5])
    }


def test_a_whole_last_line_without_its_end_is_read_now(store: Path, log: Path) -> None:
    log.parent.mkdir()
    log.write_bytes(lines(CALLS[:2])[:-1])
    assert numbers(read(store, log)) == (2, 0, 0)
    log.write_bytes(lines(CALLS[:3]))
    assert numbers(read(store, log)) == (1, 0, 0)
    assert places(store)[CALLS[2]["response"]["id"]][2] == 3


ODD_LINES = ["", "   ", "{not json}", '{"a": 1}', "\ufeff", "[]"]
MIXED = st.lists(
    st.one_of(st.integers(0, 30).map(call), st.sampled_from(ODD_LINES), st.integers(0, 9).map(row)), max_size=8
)  # fmt: skip


@given(MIXED, st.lists(st.floats(0, 1), max_size=4), st.sampled_from(["\n", "\r\n"]))
@settings(
    deadline=None, max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_reading_while_it_is_written_is_like_reading_it_once(
    tmp_path_factory: pytest.TempPathFactory, records: list[Any], cuts: list[float], end: str
) -> None:
    folder = tmp_path_factory.mktemp("written")
    log, whole = folder / "app.jsonl", folder / "whole.jsonl"
    content = lines([call(99), *records], end)
    first = len(lines([call(99)], end))
    for at in sorted(first + int(c * (len(content) - first)) for c in cuts):
        log.write_bytes(content[:at])
        assert account(read(folder / "a.duckdb", log))
    log.write_bytes(content)
    whole.write_bytes(content)
    read(folder / "a.duckdb", log)
    read(folder / "b.duckdb", whole)
    assert held(folder / "a.duckdb") == held(folder / "b.duckdb")
    assert sorted(p[1:] for p in places(folder / "a.duckdb").values()) == sorted(
        p[1:] for p in places(folder / "b.duckdb").values()
    )


def test_a_file_of_the_same_size_that_was_rewritten(store: Path, log: Path) -> None:
    filler = [call(n) for n in range(600, 900)]  # more than is looked at on either end
    write(log, [*filler, CALLS[1], *filler])
    read(store, log)
    before = log.stat().st_mtime_ns
    write(log, [*filler, CALLS[4], *filler])
    os.utime(log, ns=(before + 1, before + 1))
    assert numbers(read(store, log)) == (1, 600, 0)


def test_a_file_that_was_only_touched(store: Path, log: Path) -> None:
    write(log, [row(n) for n in range(9)])
    read(store, log)
    os.utime(log, ns=(1, 1))
    assert numbers(read(store, log)) == (0, 9, 0)


def test_a_grown_file_whose_beginning_was_rewritten_is_read_from_its_start(
    store: Path, log: Path
) -> None:
    write(log, CALLS[:5])
    read(store, log)
    write(log, [CALLS[0], call(50), *CALLS[2:]])
    assert numbers(read(store, log)) == (8, 4, 0)
    assert len(ids(store)) == 13


def test_a_grown_file_whose_end_was_rewritten_is_read_from_its_start(
    store: Path, log: Path
) -> None:
    filler = [call(n) for n in range(600, 900)]
    write(log, [*filler, CALLS[1], CALLS[2]])
    read(store, log)
    write(log, [*filler, CALLS[3], CALLS[2], CALLS[4]])
    assert numbers(read(store, log)) == (2, 301, 0)


def test_a_file_that_is_read_anew_has_its_lines_counted_anew(store: Path, log: Path) -> None:
    write(log, [*CALLS[:3], "bad"])
    assert [s.line for s in read(store, log).examples] == [4]
    write(log, [CALLS[0], CALLS[5], *CALLS[1:3], "bad"])
    assert [s.line for s in read(store, log).examples] == [5]
    assert places(store)[CALLS[5]["response"]["id"]][2] == 2
    with log.open("ab") as file:
        file.write(lines(["bad"]))
    assert [s.line for s in read(store, log).examples] == [6]


def test_a_document_that_grew_is_read_whole_and_only_its_new_calls_are_new(
    store: Path, tmp_path: Path
) -> None:
    log = tmp_path / "app.json"
    for n in (3, 5):
        log.write_bytes(b"[" + b",\n".join(lines([row(i)]).strip() for i in range(n)) + b"]")
        found = read(store, log)
    assert numbers(found) == (2, 3, 0)


def test_a_packed_log_that_grew(store: Path, tmp_path: Path) -> None:
    log = tmp_path / "app.jsonl.gz"
    for n in (7, 12):
        log.write_bytes(gzip.compress(lines(CALLS[:n])))
        found = read(store, log)
    assert numbers(found) == (5, 7, 0)


def test_another_reader_reads_a_file_anew(store: Path, log: Path) -> None:
    write(log, CALLS)
    read(store, log)
    found = read(store, log, reader="anthropic_messages")
    assert found.unchanged == 0
    assert account(found)


def test_snapshots_of_a_stream_in_a_transcript_that_grows(store: Path, tmp_path: Path) -> None:
    log = tmp_path / "projects" / "one.jsonl"
    said = [transcript(n) for n in range(6)]
    write(log, said[:3])
    first = read(store, log)
    assert numbers(first) == (1, 0, 0)
    write(log, said)
    again = read(store, log)
    assert (again.added.new, again.added.duplicates) == (0, 1)
    assert account(first)
    assert account(again)
    assert [c[CALL_OUTPUT] for c in held(store)] == [50]
    write(tmp_path / "late" / "one.jsonl", [*said[:2], transcript(2)])
    assert read(store, tmp_path / "late").added.updated == 0
    assert [c[CALL_OUTPUT] for c in held(store)] == [50]


def test_a_transcript_that_is_larger_than_the_reading_buffer(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its records are kept until all are read, and the buffer is used again meanwhile."""
    log = tmp_path / "projects" / "one.jsonl"
    write(log, [transcript(n) for n in range(6)])
    read(tmp_path / "whole.duckdb", log)
    monkeypatch.setattr("costscope.sources.lines.CHUNK_BYTES", 700)
    read(store, log)
    assert held(store) == held(tmp_path / "whole.duckdb")
    assert sum(part[1] == "query" for part in held(store)[0][-1]) == 1


CALL_OUTPUT = -4
"""Where `output` stands in a held call: before reasoning, what was reported and the parts."""


def transcript(n: int) -> dict[str, Any]:
    """Line n of a session: a question, then snapshots of one answer."""
    common = {
        "uuid": f"u{n}", "parentUuid": f"u{n - 1}" if n else None, "sessionId": "s", "requestId": "r1",
        "timestamp": f"2026-11-01T00:00:0{n}.000Z",
    }  # fmt: skip
    if n == 0:
        return {**common, "type": "user", "message": {"role": "user", "content": "Go."}}
    message = {
        "id": "msg_01", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": f"part {n}"}],
        "usage": {"input_tokens": 9, "output_tokens": 10 * n},
    }  # fmt: skip
    return {**common, "type": "assistant", "message": message}


@pytest.mark.parametrize(
    ("name", "cut"), [("codex", 26), ("droid_exec", 5), ("otel_genai", 2), ("claude_code", 4)]
)
def test_what_the_end_of_a_session_seemed_to_mean_goes_when_it_goes_on(
    store: Path, tmp_path: Path, name: str, cut: int
) -> None:
    """An answer without its count is an estimate, until the count comes: then it is no second call."""
    whole = (SAMPLES / f"{name}.jsonl").read_bytes()
    log = tmp_path / "session.jsonl"
    log.write_bytes(b"".join(whole.splitlines(keepends=True)[:cut]))
    first = read(store, log).added
    log.write_bytes(whole)
    found = read(store, log)
    read(tmp_path / "whole.duckdb", log)
    assert held(store) == held(tmp_path / "whole.duckdb")
    assert account(found)
    assert found.added.new == max(0, len(held(store)) - first.new)
