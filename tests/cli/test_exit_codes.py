"""What a process ends with, and that an error is one line on stderr."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from costscope import cli

from .conftest import Cli, environment, rows

Failing = Callable[[str], dict[str, str]]


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2 and one line that says these things."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("costscope: ")
    for part in parts:
        assert part in line


@pytest.mark.parametrize("args", [("--help",), ("--version",), (), ("report", "--help")])
def test_help_is_data_and_no_error(inside: Cli, args: tuple[str, ...]) -> None:
    done = inside(*args)
    assert (done.returncode, done.stderr) == (0, "")
    assert "costscope" in done.stdout


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        (("reprot",), ("No such command 'reprot'", "(see costscope --help)")),
        (("report", "--fromat", "json"), ("No such option: --fromat", "costscope report --help")),
        (("ingest",), ("Missing argument", "costscope ingest --help")),
        (("prices",), ("Missing command", "costscope prices --help")),
        (("report", "--unit", "hour"), ("--unit", "hour")),
        (("report", "--json", "-f", "md"), ("exclude each other",)),
        (("report", "-f", "xml"), ("no renderer is called 'xml'", "json, md, table")),
        (("report", "-o", "out.xml"), ("-o out.xml", ".json, .markdown, .md, .txt")),
        (("report", "--since", "soon"), ("'soon' is no time",)),
        (("report", "-z", "Mars/Base"), ("no time zone is called 'Mars/Base'",)),
        (("report", "--tag", "env"), ("'env' is no tag",)),
        (("report",), ("store.duckdb: no store here", "costscope ingest")),
        (("report", "gone.jsonl"), ("gone.jsonl: no such file or folder",)),
        (("simulate", "log.jsonl"), ("no lever is chosen", "--route")),
        (("simulate", "--all", "--set", "rooting.x=1", "log.jsonl"), ("--set", "levers.routing")),
        (
            ("simulate", "--cache", "--set", "routing.retry_share=0.5", "log.jsonl"),
            ("--set routing.retry_share=0.5", "not switched on", "--route"),
        ),
        (("recommend", "--min-savings", "lots", "log.jsonl"), ("--min-savings lots",)),
        (("prices", "show", "gpt-4o", "--at", "soon"), ("--at soon",)),
        (("sql", "select 1"), ("no store here",)),
        (("check", "log.jsonl", "--fail", "cost:+1%"), ("no metric is called 'cost'",)),
        (("report", "log.jsonl", "--feature", "nobody"), ("no calls pass the filters, of 80",)),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("log")
def test_what_cannot_run_ends_with_2(inside: Cli, args: tuple[str, ...], parts: tuple[str]) -> None:
    refused(inside(*args), *parts)


@pytest.mark.parametrize("args", [("reprot",), ("report", "gone.jsonl")])
def test_a_real_process_ends_with_2(cli: Cli, args: tuple[str, ...]) -> None:
    refused(cli(*args))


def test_a_wrong_setting_ends_with_2_and_names_its_place(inside: Cli, tmp_path: Path) -> None:
    refused(inside("report", env={"COSTSCOPE_DBB": "x"}), "COSTSCOPE_DBB", "the nearest is 'db'")
    (tmp_path / "costscope.toml").write_text("[levers.routing]\nturns = 1")
    refused(inside("config", "show"), "costscope.toml", "levers.routing.turns")


def test_a_file_that_cannot_be_written_ends_with_2(inside: Cli, log: str) -> None:
    refused(
        inside("report", log, "-o", "gone/x.json"), "gone/x.json: cannot be written (No such file"
    )


def test_an_unreadable_log_ends_with_2(inside: Cli, tmp_path: Path) -> None:
    (tmp_path / "junk.jsonl").write_text('{"a": 1}\n' * 3)
    assert inside("report", "junk.jsonl").returncode == 2
    (tmp_path / "empty.jsonl").write_text("")
    refused(inside("report", "empty.jsonl"), "empty.jsonl: the file is empty")


def test_a_log_without_a_call_ends_with_2(inside: Cli, tmp_path: Path) -> None:
    asked = {"type": "user", "sessionId": "s", "uuid": "u", "timestamp": "2026-11-02T09:00:00Z"}
    line = json.dumps(asked | {"message": {"role": "user", "content": "Hello"}})
    (tmp_path / "asked.jsonl").write_text(f"{line}\n")
    refused(inside("report", "asked.jsonl"), "no calls found in what was read")


@pytest.mark.parametrize("base", ["Exception", "BaseException"])
def test_any_other_error_ends_with_2_and_hides_its_traceback(
    inside: Cli, log: str, failing: Failing, base: str
) -> None:
    env = failing(f"raise type('Panic', ({base},), {{}})('a\\nb')")
    refused(
        inside("report", log, "-f", "boom", env=env),
        "internal error:",
        "a\\nb (run again with --debug)",
    )
    done = inside("report", log, "-f", "boom", "--debug", env=env)
    assert done.returncode == 2
    assert "Traceback" in done.stderr
    assert "run again" not in done.stderr


def test_debug_shows_where_a_users_error_came_from(inside: Cli) -> None:
    for done in (inside("report", "--debug"), inside("report", env={"COSTSCOPE_DEBUG": "1"})):
        assert done.returncode == 2
        assert "Traceback" in done.stderr
        assert done.stderr.splitlines()[-1].startswith("costscope: ")


def test_ctrl_c_ends_with_130(cli: Cli, log: str, failing: Failing) -> None:
    done = cli("report", log, "-f", "boom", env=failing("os.kill(os.getpid(), signal.SIGINT)"))
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "costscope: interrupted\n")


def checked(cli: Cli, tmp_path: Path, prompt: int, *args: str) -> subprocess.CompletedProcess[str]:
    """`check` of calls with a prompt of so many tokens against a baseline of 1000."""
    (tmp_path / "before.jsonl").write_text(rows(60, 1000))
    (tmp_path / "after.jsonl").write_text(rows(60, prompt))
    assert cli("baseline", "write", "before.jsonl", "-o", "base.json").returncode == 0
    return cli("check", "after.jsonl", "--baseline", "base.json", *args)


def test_a_gate_that_holds_ends_with_0(inside: Cli, tmp_path: Path) -> None:
    done = checked(inside, tmp_path, 1001, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["verdict"] == "pass"


def test_a_gate_that_fails_ends_with_1_and_its_report_is_written(
    inside: Cli, tmp_path: Path
) -> None:
    done = checked(inside, tmp_path, 2000, "--json", "-o", "verdict.md")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["verdict"] == "fail"
    assert (tmp_path / "verdict.md").read_text().startswith("## ")
    assert inside("check", "after.jsonl", "--baseline", "base.json", "--exit-zero").returncode == 0


def test_a_reader_that_leaves_changes_no_verdict_and_makes_no_noise(
    inside: Cli, tmp_path: Path
) -> None:
    assert checked(inside, tmp_path, 2000).returncode == 1
    for args, code in ((["check", "after.jsonl", "--baseline", "base.json"], 1), (["--help"], 0)):
        process = subprocess.Popen(
            [sys.executable, "-m", "costscope", *args],
            cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert process.stderr.read() == b""
        process.stderr.close()
        assert process.wait(60) == code


LEAVING = """
import atexit, sys, threading
from costscope import cli

def command(arguments):
    atexit.register(print, "handler")
    threading.Timer(0.2, print, ["thread"]).start()
    print("x" * 100_000)
    return 3

cli.code_of = command
cli.main()
"""


def test_an_exit_waits_for_threads_and_handlers_and_loses_no_output() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LEAVING],
        env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.split() == ["x" * 100_000, "thread", "handler"]


def test_an_exit_needs_no_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr(sys, "stdout", None)
    cli._leave([3])
    assert codes == [3]
