"""Logs that are rotated, renamed or copied, and calls that are met in two files."""

import gzip
from pathlib import Path
from typing import Any

import pytest
import zstandard

from tests.ingest.logs import all_calls, call, held, ids, lines, numbers, read, row, write

CALLS = [call(n) for n in range(12)]


def test_a_log_that_was_rotated(store: Path, log: Path) -> None:
    """The same names, other contents: nothing is lost, nothing is read twice, even without ids."""
    first, second, third = ([row(n, user=f"u{g}") for n in range(20)] for g in "abc")
    write(log, first)
    read(store, log)
    log.rename(log.with_name("app.jsonl.1"))
    write(log, second)
    found = read(store, log.parent / "app.jsonl*")
    assert numbers(found) == (20, 0, 0)
    assert (found.unchanged, found.lines) == (1, 20)
    log.with_name("app.jsonl.1").rename(log.with_name("app.jsonl.2"))
    log.rename(log.with_name("app.jsonl.1"))
    write(log, third)
    assert numbers(read(store, log.parent / "app.jsonl*")) == (20, 0, 0)
    assert numbers(read(store, log.parent / "app.jsonl*")) == (0, 0, 0)
    assert len(held(store)) == 60


def test_a_log_that_grew_before_it_was_rotated(store: Path, log: Path) -> None:
    write(log, [row(n) for n in range(20)])
    read(store, log)
    write(log.with_name("app.jsonl.1"), [row(n) for n in range(25)])
    write(log, [row(n, user="b") for n in range(20)])
    assert numbers(read(store, log.parent / "app.jsonl*")) == (25, 0, 0)


def test_rows_that_look_alike_are_new_in_a_log_that_begins_anew(store: Path, log: Path) -> None:
    write(log, [row(n, user="a") for n in range(20)])
    read(store, log)
    write(log, [row(0, user="z"), *(row(n, user="a") for n in range(1, 12))])
    assert numbers(read(store, log)) == (12, 0, 0)


def test_a_log_that_was_cut_short(store: Path, log: Path) -> None:
    write(log, [row(n) for n in range(40)])
    read(store, log)
    write(log, [row(n) for n in range(10)])
    assert numbers(read(store, log)) == (0, 10, 0)
    write(log, [*(row(n) for n in range(10)), row(1, user="new")])
    assert numbers(read(store, log)) == (1, 0, 0)


@pytest.mark.parametrize("make", [call, row])
def test_a_renamed_file_is_the_same_file(store: Path, log: Path, make: Any) -> None:
    write(log, [make(n) for n in range(30)])
    read(store, log)
    other = log.rename(log.with_name("other.jsonl"))
    found = read(store, other)
    assert (found.added.new, found.unchanged) == (0, 1)
    with other.open("ab") as file:
        file.write(lines([make(50)]))
    assert numbers(read(store, other)) == (1, 0, 0)


@pytest.mark.parametrize("make", [call, row])
@pytest.mark.parametrize("together", [True, False])
def test_a_copy_is_nothing_new(store: Path, log: Path, make: Any, together: bool) -> None:
    write(log, [make(n) for n in range(30)])
    copy = log.with_name("copy.jsonl")
    if not together:
        read(store, log)
    copy.write_bytes(log.read_bytes())
    found = read(store, log, copy)
    assert found.added.duplicates == 30
    with copy.open("ab") as file:
        file.write(lines([make(50)]))
    assert numbers(read(store, log, copy)) == (1, 0, 0)
    assert len(held(store)) == 31


def test_short_files_of_equal_rows_are_no_copies(store: Path, tmp_path: Path) -> None:
    for n in range(3):
        write(tmp_path / "logs" / f"{n}.json", [row(1)])
    assert numbers(read(store, tmp_path / "logs")) == (3, 0, 0)


def test_equal_rows_of_one_file_are_calls_of_their_own(store: Path, log: Path) -> None:
    write(log, [row(0)] * 5 + [row(0, timestamp="2026-11-01T00:00:00Z")] * 3)
    assert numbers(read(store, log)) == (8, 0, 0)


def test_ids_that_number_rows_are_not_taken_for_one_call(store: Path, tmp_path: Path) -> None:
    for name, user in (("a", "ann"), ("b", "bob")):
        records = [row(n, id=n, user=user, timestamp=f"2026-11-01T00:00:{n:02}Z") for n in range(9)]
        write(tmp_path / "logs" / f"{name}.jsonl", records)
    assert numbers(read(store, tmp_path / "logs")) == (18, 0, 0)


@pytest.mark.parametrize("packed", [False, True])
def test_the_same_calls_in_two_files(store: Path, tmp_path: Path, packed: bool) -> None:
    write(tmp_path / "logs" / "a.jsonl", CALLS[:8])
    content = lines(reversed(CALLS[4:]))
    other = tmp_path / "logs" / ("b.jsonl.gz" if packed else "b.jsonl")
    other.write_bytes(gzip.compress(content) if packed else content)
    found = read(store, tmp_path / "logs")
    assert numbers(found) == (12, 4, 0)
    assert ids(store) == all_calls(CALLS)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_a_log_that_was_packed_when_it_was_rotated(store: Path, log: Path, pack: Any) -> None:
    """Rows without ids are known by their file: packing it makes them no new calls."""
    write(log, [row(n) for n in range(40)])
    read(store, log)
    log.with_name("app.jsonl.1").write_bytes(pack(log.read_bytes()))
    write(log, [row(n, user="b") for n in range(40)])
    assert numbers(read(store, log.parent / "app.jsonl*")) == (40, 40, 0)
    assert numbers(read(store, log.parent / "app.jsonl*")) == (0, 0, 0)


@pytest.mark.parametrize("names", [("a.jsonl", "b.gz"), ("b.jsonl", "a.gz")])
def test_a_log_and_its_packed_copy_are_one(store: Path, tmp_path: Path, names: Any) -> None:
    log = write(tmp_path / "logs" / names[0], [row(n) for n in range(40)])
    (log.parent / names[1]).write_bytes(gzip.compress(log.read_bytes()))
    (log.parent / "c.jsonl").write_bytes(log.read_bytes() + lines([row(77)]))
    assert numbers(read(store, log.parent / "*")) == (41, 80, 0)


def test_a_packed_log_that_breaks_off_is_no_copy(store: Path, tmp_path: Path) -> None:
    log = write(tmp_path / "a.jsonl", [row(n) for n in range(40)])
    (tmp_path / "b.gz").write_bytes(gzip.compress(log.read_bytes())[:-20])
    read(store, log)
    assert len(read(store, tmp_path / "b.gz").examples) == 1
