"""How much there is to read, and that only small logs are worked on in one thread."""

import os
from pathlib import Path

import pytest

from costscope.ingest import amount
from tests.ingest.logs import call, write

THREADS = "POLARS_MAX_THREADS"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "")  # so that it is as before afterwards
    monkeypatch.delenv(THREADS)


def test_packed_logs_count_for_more(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    for path in (plain, packed):
        path.write_bytes(b"x" * 100)
    assert amount.new_bytes((), [str(plain)]) == 100
    assert amount.new_bytes((), [str(packed)]) == 100 * amount.PACKED_FACTOR
    assert amount.new_bytes((), [str(tmp_path / "gone")]) == 0


def test_small_logs_are_worked_on_in_one_thread(tmp_path: Path) -> None:
    write(tmp_path / "logs" / "a.jsonl", [call(1)])
    amount.spare_threads([str(tmp_path / "logs")])
    assert os.environ[THREADS] == "1"


def test_what_the_user_says_of_threads_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(THREADS, "2")
    amount.spare_threads([str(write(tmp_path / "a.jsonl", [call(1)]))])
    assert os.environ[THREADS] == "2"


def test_large_logs_have_all_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = str(write(tmp_path / "a.jsonl", [call(1)]))
    monkeypatch.setattr(amount, "INLINE_BYTES", 10)
    amount.spare_threads([log])
    assert THREADS not in os.environ


def test_nobody_knows_how_much_comes_through_a_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    amount.spare_threads([str(tmp_path / "pipe")])
    amount.spare_threads(["-"])
    assert THREADS not in os.environ


def test_what_is_not_there_is_told_by_who_reads(tmp_path: Path) -> None:
    amount.spare_threads([str(tmp_path / "gone.jsonl")])
    amount.spare_threads([])
    assert THREADS not in os.environ
