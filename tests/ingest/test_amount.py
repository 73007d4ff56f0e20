"""How much there is to read, and that loading begins early only where this process will count."""

import os
from pathlib import Path

import pytest

from costscope import tokens
from costscope.ingest import amount
from tests.ingest.logs import call, write


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The vocabularies of which loading was begun."""
    found: list[str] = []
    monkeypatch.setenv("POLARS_MAX_THREADS", "")  # so that it is as before afterwards
    monkeypatch.delenv("POLARS_MAX_THREADS")
    monkeypatch.setattr(tokens, "preload", lambda encoding="o200k_base": found.append(encoding))
    return found


def test_packed_logs_count_for_more(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.jsonl", tmp_path / "b.jsonl.gz"
    for path in (plain, packed):
        path.write_bytes(b"x" * 100)
    assert amount.new_bytes((), [str(plain)]) == 100
    assert amount.new_bytes((), [str(packed)]) == 100 * amount.PACKED_FACTOR
    assert amount.new_bytes((), [str(tmp_path / "gone")]) == 0


def test_small_logs_begin_to_load_what_counts(tmp_path: Path, begun: list[str]) -> None:
    write(tmp_path / "logs" / "a.jsonl", [call(1)])
    amount.begin([str(tmp_path / "logs")])
    assert begun == ["o200k_base"]
    assert os.environ["POLARS_MAX_THREADS"] == "1"


def test_of_large_logs_other_processes_count(
    tmp_path: Path, begun: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    log = str(write(tmp_path / "a.jsonl", [call(1)]))
    monkeypatch.setattr(amount, "INLINE_BYTES", 10)
    amount.begin([log])
    assert begun == []
    assert "POLARS_MAX_THREADS" not in os.environ


def test_nobody_knows_how_much_comes_through_a_pipe(tmp_path: Path, begun: list[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    amount.begin([str(tmp_path / "pipe")])
    amount.begin(["-"])
    assert begun == []


def test_what_is_not_there_is_told_by_who_reads(tmp_path: Path, begun: list[str]) -> None:
    amount.begin([str(tmp_path / "gone.jsonl")])
    amount.begin([])
    assert begun == []
