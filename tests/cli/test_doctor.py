"""`doctor` on real logs: what the store finds, and that it ends with 0 whatever that is."""

import json
from pathlib import Path
from typing import Any

import pytest

from .conftest import Cli, Done

ROWS: list[Any] = [
    {"model": "gpt-4o", "prompt_tokens": 100, "completion_tokens": 5, "timestamp": "2026-11-01T00:00:00Z",
     "cost": 0.0004, "session_id": "s", "feature": "a", "id": "r1"},
    {"model": "gpt-4o", "prompt_tokens": 0, "completion_tokens": 0, "timestamp": "2026-10-31T20:00:00Z",
     "session_id": "s", "feature": "a", "id": "r2"},
    {"model": "gpt-9x", "prompt_tokens": 50, "completion_tokens": 0, "timestamp": "2014-11-01T00:00:01Z",
     "session_id": "s", "feature": "a", "id": "r3"},
    {"model": "gpt-4o", "prompt_tokens": 10, "completion_tokens": 2, "timestamp": "2100-01-01T00:00:00Z",
     "status": "failed", "id": "r4", "feature": "b"},
    {"model": "gpt-4o", "prompt": "Well, what?", "completion": "Yes."},
    "no JSON {",
    {"model": "gpt-4o", "prompt_tokens": "many", "completion_tokens": 5},
]  # fmt: skip


@pytest.fixture
def odd(tmp_path: Path) -> str:
    lines = [r if isinstance(r, str) else json.dumps(r) for r in [*ROWS, ROWS[0]]]
    (tmp_path / "odd.jsonl").write_text("\n".join(lines) + "\n")
    return "odd.jsonl"


def found(done: Done) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return {f["id"]: f for f in json.loads(done.stdout)["findings"]}


def test_every_oddity_is_found_with_its_place(inside: Cli, odd: str) -> None:
    by_id = found(inside("doctor", odd, "--json"))
    counts = {name: f["count"] for name, f in by_id.items()}
    assert counts == {
        "unreadable": 2, "duplicates": 1, "unpriced": 50, "unattributed": 160, "estimated": 1,
        "no_time": 1, "no_session": 2, "no_feature": 1, "early": 1, "future": 1, "out_of_order": 2,
        "failed_billed": 1, "zero_usage": 1, "residual": 1,
    }  # fmt: skip
    assert by_id["zero_usage"]["examples"][0]["place"].endswith("odd.jsonl:2")
    assert by_id["duplicates"]["examples"][0]["place"].endswith("odd.jsonl:8")
    places = {e["place"].rpartition(":")[2] for e in by_id["unreadable"]["examples"]}
    assert places == {"6", "7"}


def test_a_store_remembers_what_it_could_not_read(inside: Cli, odd: str, tmp_path: Path) -> None:
    assert inside("ingest", odd).returncode == 0
    assert found(inside("doctor", "--json"))["unreadable"]["count"] == 2
    # Read anew and mended: neither the old skips nor its own calls as duplicates remain.
    mended = [
        json.dumps(r) for r in ROWS if isinstance(r, dict) and r.get("prompt_tokens") != "many"
    ]
    (tmp_path / odd).write_text("\n".join(mended) + "\n")
    assert inside("ingest", odd).returncode == 0
    again = found(inside("doctor", "--json"))
    assert "unreadable" not in again
    assert "duplicates" not in again


def test_a_log_that_grows_is_told_of_once(inside: Cli, tmp_path: Path) -> None:
    log = tmp_path / "grows.jsonl"
    log.write_text(json.dumps(ROWS[0]) + "\nbroken\n" + json.dumps(ROWS[1])[:40])
    assert inside("ingest", "grows.jsonl").returncode == 0
    assert found(inside("doctor", "--json"))["unreadable"]["count"] == 2
    log.write_text(json.dumps(ROWS[0]) + "\nbroken\n" + json.dumps(ROWS[1]) + "\n")
    assert inside("ingest", "grows.jsonl").returncode == 0
    assert found(inside("doctor", "--json"))["unreadable"]["count"] == 1


def test_a_log_of_nothing_but_broken_lines_is_a_finding_too(inside: Cli, tmp_path: Path) -> None:
    row = json.dumps({"model": "gpt-4o", "prompt_tokens": "many", "completion_tokens": 5})
    (tmp_path / "broken.jsonl").write_text(f"{row}\n" * 3)
    by_id = found(inside("doctor", "broken.jsonl", "--json"))
    assert {name: f["share"] for name, f in by_id.items()} == {"unreadable": 1.0}


def test_it_ends_with_2_only_where_it_cannot_run(inside: Cli, log: str) -> None:
    assert inside("doctor", log).returncode == 0
    assert inside("doctor").returncode == 2
    assert inside("doctor", "gone.jsonl").returncode == 2
    assert inside("doctor", log, "--feature", "nobody").returncode == 2


def test_people_see_findings_and_places(inside: Cli, odd: str) -> None:
    shown = inside("doctor", odd, "--feature", "a").stdout
    assert "what to do" in shown
    assert "whatever the filters" in shown
    assert "odd.jsonl:2" in shown


def test_a_long_silence_is_told_with_its_ends(inside: Cli, tmp_path: Path) -> None:
    days = [f"2026-10-{d:02}T{h:02}:00:00Z" for d in (1, 2, 3, 20, 21) for h in range(24)]
    rows = [{**ROWS[0], "id": f"g{i}", "timestamp": at} for i, at in enumerate(days)]
    (tmp_path / "gap.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    gaps = found(inside("doctor", "gap.jsonl", "--json"))["gaps"]
    assert gaps["count"] == 1
    assert gaps["examples"] == [{"place": "2026-10-03 23:00", "note": "to 2026-10-20 00:00"}]
