"""Only commands that are given logs ask, before they load the rest, how much these hold."""

from pathlib import Path

import pytest

from costscope.ingest import amount

from .conftest import Cli


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The logs that were asked about."""
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(amount, "spare_threads", lambda logs: found.append(tuple(logs)))
    return found


def test_commands_that_read_logs_ask(inside: Cli, log: str, asked: list[tuple[str, ...]]) -> None:
    assert inside("ingest", log).returncode == 0
    assert inside("report", log).returncode == 0
    assert asked == [(log,), (log,)]


def test_others_do_not(inside: Cli, log: str, asked: list[tuple[str, ...]]) -> None:
    assert inside("ingest", log).returncode == 0
    asked.clear()
    commands = (["report"], ["report", "--help"], ["--help"], ["prices", "show", "gpt-4o"])
    assert [inside(*command).returncode for command in commands] == [0, 0, 0, 0]
    assert asked == []


def test_an_error_is_one_line_all_the_same(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"no": "log"}\n')
    done = cli("report", "a.jsonl")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
