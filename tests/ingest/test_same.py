"""How a log is cut, ordered and spread over processes changes nothing of what is stored."""

import random
from pathlib import Path
from typing import Any

import pytest

from costscope.ingest import load, plan, pool, worker
from tests.ingest.logs import account, call, claude, held, read, row, write

RECORDS: list[Any] = [
    *(call(n) for n in range(40)), *(claude(n) for n in range(20)), *(call(n) for n in range(30, 35)),
    *(row(n, timestamp=f"2026-11-01T00:{n % 60:02}:00.25Z", user=f"u{n}") for n in range(25)), "bad", "",
]  # fmt: skip


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    for name, part in (("a", RECORDS[:45]), ("b", RECORDS[40:80]), ("c", RECORDS[70:])):
        write(tmp_path / "logs" / f"{name}.jsonl", part)
    return tmp_path / "logs"


@pytest.fixture
def truth(tmp_path: Path, logs: Path) -> list[Any]:
    found = read(tmp_path / "truth.duckdb", logs)
    assert account(found)
    return held(tmp_path / "truth.duckdb")


SETTINGS = (
    {"processes": 2},
    {"processes": 3},
    {"MIN_PIECE_BYTES": 1500},
    {"MIN_PIECE_BYTES": 1500, "processes": 2},
    {"JOB_BYTES": 1},
    {"BATCH_CALLS": 1},
    {"BATCH_CALLS": 7},
    {"BATCH_MESSAGES": 5},
    {"ROWS": 1},
    {"ROWS": 1, "BATCH_CALLS": 3, "MIN_PIECE_BYTES": 1500},
    {"MAX_MESSAGES": 2},
)


@pytest.mark.parametrize("changes", SETTINGS, ids=str)
def test_sizes_and_processes(
    tmp_path: Path,
    logs: Path,
    truth: list[Any],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, int],
) -> None:
    for name, value in changes.items():
        for module in (plan, worker, load, "costscope.attribute.interner"):
            place = module if isinstance(module, str) else module.__name__
            monkeypatch.setattr(f"{place}.{name}", value, raising=False)
    found = read(tmp_path / "s.duckdb", logs, processes=changes.get("processes", 1))
    assert account(found)
    assert held(tmp_path / "s.duckdb") == truth


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_lines_and_files(tmp_path: Path, truth: list[Any], seed: int) -> None:
    shuffled = RECORDS[1:]
    random.Random(seed).shuffle(shuffled)
    # The first record decides nothing but the format that a file is recognised as.
    write(tmp_path / "other" / "z.jsonl", [RECORDS[0], *shuffled[:50]])
    write(tmp_path / "other" / "y.jsonl", [RECORDS[0], *shuffled[50:]])
    for name in ("z", "y") if seed % 2 else ("y", "z"):
        read(tmp_path / "s.duckdb", tmp_path / "other" / f"{name}.jsonl")
    assert held(tmp_path / "s.duckdb") == truth


def test_the_fuller_of_two_records_stays_in_either_order(tmp_path: Path) -> None:
    full, short = call(1), call(1)
    del short["request"]["messages"]
    stores = []
    for n, order in enumerate([(full, short), (short, full)]):
        stores.append(tmp_path / f"{n}.duckdb")
        for i, record in enumerate(order):
            read(stores[-1], write(tmp_path / f"{n}{i}.jsonl", [record]))
    assert held(stores[0]) == held(stores[1])
    assert len(held(stores[0])[0][-1]) > 3


def test_two_stores_hash_the_same_log_differently(tmp_path: Path, logs: Path) -> None:
    for name in "ab":
        read(tmp_path / f"{name}.duckdb", logs)
    one, other = (held(tmp_path / f"{name}.duckdb", secret=True) for name in "ab")
    assert [c[:-4] for c in one] == [c[:-4] for c in other]
    assert one != other


def test_how_many_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool.processes_for(1000) == 1
    assert 1 <= pool.processes_for(10**12) <= pool.MAX_PROCESSES
