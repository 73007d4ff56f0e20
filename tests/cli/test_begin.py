"""What begins early: only commands that will count the tokens of logs load a vocabulary ahead."""

from pathlib import Path

import pytest

from costscope.ingest import amount

from .conftest import Cli


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """The logs of which reading was prepared."""
    found: list[tuple[str, ...]] = []
    monkeypatch.setattr(amount, "begin", lambda logs: found.append(tuple(logs)))
    return found


def test_commands_that_read_logs_begin_early(
    inside: Cli, log: str, begun: list[tuple[str, ...]]
) -> None:
    assert inside("ingest", log).returncode == 0
    assert inside("report", log).returncode == 0
    assert begun == [(log,), (log,)]


def test_others_do_not(inside: Cli, log: str, begun: list[tuple[str, ...]]) -> None:
    assert inside("ingest", log).returncode == 0
    begun.clear()
    commands = (["report"], ["report", "--help"], ["--help"], ["prices", "show", "gpt-4o"])
    assert [inside(*command).returncode for command in commands] == [0, 0, 0, 0]
    assert begun == []


def test_an_error_does_not_wait_for_what_was_begun(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"no": "log"}\n')
    done = cli("report", "a.jsonl")
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
