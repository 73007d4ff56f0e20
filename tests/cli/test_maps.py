"""`map init` and `--map`: drafted, used at once, carried to other processes, and changed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from costscope.ingest import plan, pool

from .conftest import Cli, Done

MAP = """
name = "gate"
[when]
kind = "llm"
[call]
model = "llm.model"
sent_at = { path = "at", format = "epoch_ms" }
call_id = "id"
[usage]
input = "llm.tokens.in"
output = "llm.tokens.out"
"""


def record(n: int) -> dict[str, Any]:
    counts = {"in": 100 + n, "out": 10}
    return {"kind": "llm", "id": f"c{n}", "at": 1_763_100_000_000 + n, "who": f"u{n % 2}",
            "llm": {"model": "gpt-4o", "tokens": counts}}  # fmt: skip


@pytest.fixture
def house(tmp_path: Path) -> str:
    lines = [json.dumps(record(n)) for n in range(6)]
    (tmp_path / "house.jsonl").write_text("\n".join([*lines, '{"kind": "tick"}']) + "\n")
    (tmp_path / "gate.toml").write_text(MAP)
    return "house.jsonl"


def data(done: Done) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_drafted_map_works_at_once(inside: Cli, house: str, tmp_path: Path) -> None:
    drafted = inside("map", "init", house)
    assert (drafted.returncode, drafted.stderr) == (0, "")
    (tmp_path / "drafted.toml").write_text(drafted.stdout)
    totals = data(inside("report", house, "--map", "drafted.toml", "--json"))["totals"]
    assert (totals["calls"], totals["tokens"]["fresh"], totals["tokens"]["output"]) == (6, 615, 60)


def test_a_map_is_written_once(inside: Cli, house: str, tmp_path: Path) -> None:
    done = inside("map", "init", house, "-o", "mine.toml")
    assert (done.returncode, done.stdout) == (0, "")
    assert "costscope report house.jsonl --map mine.toml" in done.stderr
    assert 'name = "mine"' in (tmp_path / "mine.toml").read_text()
    again = inside("map", "init", house, "-o", "mine.toml")
    assert again.returncode == 2
    assert "there is such a file already" in again.stderr


def test_a_log_that_needs_no_map_says_so(inside: Cli, log: str) -> None:
    done = inside("map", "init", log)
    assert done.returncode == 0
    assert done.stderr == "note: log.jsonl is read without a map, too (as rows)\n"


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("report", "house.jsonl", "--map", "gone.toml"), "gone.toml: the map cannot be read"),
        (("report", "house.jsonl", "--map", "bad.toml"), "bad.toml:2: [call] no key is called 'modl'; the nearest is"),
        (("report", "house.jsonl", "--map", "gate.toml", "--reader", "rows"), "exclude each other"),
        (("report", "house.jsonl"), "no known log format"),
        (("map", "init", "gone.jsonl"), "no such file"),
        (("map", "init", "bad.json"), "nothing in its records looks like"),
        (("map",), "Missing command"),
    ],
)  # fmt: skip
def test_what_cannot_run_ends_with_2(
    inside: Cli, house: str, tmp_path: Path, args: tuple[str, ...], told: str
) -> None:
    (tmp_path / "bad.toml").write_text("[call]\nmodl = 'x'\n")
    (tmp_path / "bad.json").write_text('[{"a": 1}]')
    done = inside(*args)
    assert (done.returncode, done.stdout) == (2, "")
    assert told in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_every_command_that_takes_logs_takes_a_map(inside: Cli, house: str) -> None:
    for command in (
        ("recommend",),
        ("simulate", "--all"),
        ("doctor",),
        ("baseline", "write", "-o", "b.json"),
    ):
        assert inside(*command, house, "--map", "gate.toml").returncode == 0, command
    checked = inside("check", house, "--baseline", house, "--map", "gate.toml", "--exit-zero")
    assert checked.returncode == 0, checked.stderr


def test_a_store_keeps_to_its_map_until_there_is_another(
    inside: Cli, house: str, tmp_path: Path
) -> None:
    def ingest(*more: str) -> dict[str, Any]:
        return data(inside("ingest", house, "--json", *more))

    first = ingest("--map", "gate.toml")
    assert (first["new_calls"], first["ignored"], first["skipped"]) == (6, 1, 0)
    (reader,) = first["readers"]
    assert reader.startswith("gate@")
    assert ingest("--map", "gate.toml")["unchanged"] == 1
    assert ingest()["unchanged"] == 1

    # Only the new line is read of a file that grows, and not without its map.
    with (tmp_path / house).open("a") as file:
        file.write(json.dumps(record(6)) + "\n")
    refused = inside("ingest", house)
    assert refused.returncode == 2
    assert f"it was read by a map ({reader}); name that with --map" in refused.stderr
    assert ingest("--map", "gate.toml")["lines"] == 1

    # Another map reads it anew; what the first one made of it is gone.
    (tmp_path / "gate.toml").write_text(MAP.replace("[usage]", 'user = "who"\n[usage]'))
    other = ingest("--map", "gate.toml")
    assert (other["new_calls"], other["calls"], other["duplicates"]) == (7, 7, 0)
    assert list(other["readers"]) != [reader]
    groups = data(inside("report", "--group-by", "user", "--json"))["groups"]
    assert {g["key"]["user"]: g["calls"] for g in groups} == {"u0": 4, "u1": 3}


def test_reading_processes_get_the_map(
    inside: Cli, tmp_path: Path, house: str, monkeypatch: pytest.MonkeyPatch,
    fewer_bytes: Callable[[], None],
) -> None:  # fmt: skip
    (tmp_path / "large.jsonl").write_text(
        "".join(json.dumps(record(n)) + "\n" for n in range(3000))
    )
    fewer_bytes()
    totals = data(inside("report", "large.jsonl", "--map", "gate.toml", "--json"))["totals"]
    assert (totals["calls"], totals["tokens"]["output"]) == (3000, 30_000)


@pytest.fixture
def fewer_bytes(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Makes small logs large enough to be read in pieces by two processes."""

    def patch() -> None:
        monkeypatch.setattr(pool, "processes_for", lambda total: 2)
        monkeypatch.setattr(plan, "MIN_PIECE_BYTES", 64 * 1024)

    return patch


def test_a_table_of_text_is_refused_with_what_to_do(inside: Cli, tmp_path: Path) -> None:
    (tmp_path / "trace.csv").write_text("TIME,IN,OUT\n2026-11-16 18:17:03,480,10\n")
    for args in (("report", "trace.csv"), ("map", "init", "trace.csv")):
        done = inside(*args)
        assert done.returncode == 2
        assert done.stderr == (
            "costscope: trace.csv: no records of JSON objects in it, so no log; "
            "it looks like a CSV table: save that as JSON lines or Parquet\n"
        )
