"""The program as a real process, in an empty folder, offline, with small logs."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from costscope.cli import code_of

ROOT = Path(__file__).parent.parent.parent
OFFLINE = Path(__file__).parent / "offline"
Done = subprocess.CompletedProcess[str]
Cli = Callable[..., Done]


def environment(**more: str) -> dict[str, str]:
    """This process's variables without anybody's settings, and with the network closed."""
    ours = ("COSTSCOPE_", "XDG_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "CI")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    path = os.pathsep.join([str(OFFLINE), str(ROOT)])
    # One thread is what small logs get anyway; said from outside, it also means no second process.
    return {
        **kept, "PYTHONPATH": path, "XDG_CONFIG_HOME": "/nowhere", "POLARS_MAX_THREADS": "1", **more
    }  # fmt: skip


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """Runs `costscope ARGS` in the test's folder; `env` adds variables."""

    def run(*args: str, env: Mapping[str, str] | None = None, stdin: str = "") -> Done:
        return subprocess.run(
            [sys.executable, "-m", "costscope", *args],
            cwd=tmp_path, env=environment(**(env or {})), input=stdin,
            capture_output=True, text=True, encoding="utf-8", timeout=120,
        )  # fmt: skip

    return run


@pytest.fixture
def inside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Cli:
    """The same in this process: no start-up to wait for, where a process of its own proves nothing."""
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TERM", "CI"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    def run(*args: str, env: Mapping[str, str] | None = None) -> Done:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in (env or {}).items():
                patch.setenv(name, value)
            code = code_of(args)
        said = capfd.readouterr()
        return Done(args, code, said.out, said.err)

    return run


def rows(sessions: int, prompt: int, feature: str = "chat") -> str:
    """Two calls for each conversation; their sizes vary a little, the same way each time."""
    lines = [
        {
            "id": f"{feature}-{prompt}-{i}-{turn}",
            "model": "gpt-4o",
            "timestamp": f"2026-11-{10 + i % 5}T{i % 24:02}:0{turn}:00Z",
            "prompt_tokens": prompt + 10 * (i % 7),
            "completion_tokens": 50,
            "feature": feature,
            "session_id": f"s{i}",
        }
        for i in range(sessions)
        for turn in range(2)
    ]
    return "".join(json.dumps(line) + "\n" for line in lines)


@pytest.fixture
def log(tmp_path: Path) -> str:
    """The name of a log of 80 calls of two features."""
    (tmp_path / "log.jsonl").write_text(rows(30, 1000) + rows(10, 300, "search"))
    return "log.jsonl"


PLUGIN = '''"""An output of the test's own."""
import os, signal
from costscope.renderers.interface import Renderer

class Boom(Renderer):
    """Fails."""
    suffixes = (".boom",)
    def render(self, report):
        {body}
'''


@pytest.fixture
def failing(tmp_path: Path) -> Callable[[str], dict[str, str]]:
    """Makes a renderer `boom` that runs a line of code; the variables that bring it in."""

    def make(body: str) -> dict[str, str]:
        folder = tmp_path / "plugins" / "renderers"
        folder.mkdir(parents=True)
        (folder / "boom.py").write_text(PLUGIN.format(body=body))
        return {"COSTSCOPE_PLUGINS": str(folder.parent)}

    return make
