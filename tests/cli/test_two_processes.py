"""Commands that read small logs begin a second process, which is gone when they end, however they end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from costscope import second
from costscope.second import Second

from .conftest import Cli, environment

FEW = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
needs_cores = pytest.mark.skipif(FEW < 2, reason="no second process is begun on one core")
Failing = Callable[[str], dict[str, str]]
NOTED = "from costscope import second; print(second.begun()._process.pid, flush=True); "


def is_there(pid: int) -> bool:
    """Whether a process runs; one that nobody has asked what became of it does not."""
    stat = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        if stat.exists():
            return stat.read_text().rpartition(")")[2].split()[0] != "Z"
        os.kill(pid, 0)
        return True
    return False


def ended(folder: Path, env: dict[str, str], *args: str) -> tuple[int, int, str]:
    """Runs a command in a process group of its own: its code, the second process, and what it said."""
    env = environment(**env)
    del env["POLARS_MAX_THREADS"]
    done = subprocess.run(
        [sys.executable, "-m", "costscope", *args], cwd=folder, env=env, start_new_session=True,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, int(done.stdout), done.stderr


@needs_cores
@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ("os.kill(0, signal.SIGINT)", 130, "costscope: interrupted\n"),
        ("os.kill(os.getpid(), signal.SIGKILL)", -signal.SIGKILL, ""),
    ],
    ids=["ctrl-c", "killed"],
)
def test_it_is_gone_however_a_command_ends(
    tmp_path: Path, log: str, failing: Failing, body: str, code: int, said: str
) -> None:
    env = failing(NOTED + body)
    found, pid, stderr = ended(tmp_path, env, "report", log, "-q", "--format", "boom")
    assert (found, stderr) == (code, said)
    until = time.monotonic() + 20
    while is_there(pid) and time.monotonic() < until:
        time.sleep(0.02)
    assert not is_there(pid)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """For each second process that would be begun, what it is asked."""
    found: list[list[str]] = []

    class Noted(Second):
        def __init__(self) -> None:
            self.asked: list[str] = []
            found.append(self.asked)

        def end(self) -> None: ...

        def now(self, call: Callable[[], object], patience: float = 0) -> None:
            self.asked.append("now")

        def prepare(self, own: object, make: Callable[[], object]) -> None:
            self.asked.append("prepare")

    monkeypatch.setattr(second, "Second", Noted)
    monkeypatch.setattr(second, "cores", lambda: 2)
    monkeypatch.setattr(second, "_begun", None)
    monkeypatch.setenv("POLARS_MAX_THREADS", "")
    monkeypatch.delenv("POLARS_MAX_THREADS")
    return found


def test_commands_that_read_small_logs_begin_one(
    inside: Cli, log: str, begun: list[list[str]]
) -> None:
    assert inside("ingest", log).returncode == 0
    assert begun == [["now"]]


def test_commands_that_try_levers_have_it_load_them(
    inside: Cli, log: str, begun: list[list[str]]
) -> None:
    assert inside("recommend", log, "--top", "x").returncode == 2
    assert begun == []
    assert inside("recommend", log, "--max-delay", "x").returncode == 2
    assert begun == [["now", "prepare", "prepare"]]


@pytest.mark.parametrize(("flags", "more"), [(["--route"], 0), (["--route", "--batch"], 2)])
def test_one_lever_by_itself_is_not_loaded_there(
    inside: Cli, log: str, begun: list[list[str]], flags: list[str], more: int
) -> None:
    assert inside("simulate", log, *flags, "--set", "x").returncode == 2
    assert begun == [["now", *["prepare"] * more]]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_what_the_user_says_of_threads_holds_for_processes(
    inside: Cli, log: str, begun: list[list[str]], threads: str
) -> None:
    assert inside("report", log, env={"POLARS_MAX_THREADS": threads}).returncode == 0
    assert begun == []


def test_large_logs_and_stores_do_not(
    inside: Cli, log: str, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("costscope.ingest.amount.INLINE_BYTES", 10)
    assert inside("ingest", log).returncode == 0
    assert inside("report").returncode == 0
    assert begun == []
