"""Where output goes, and when a progress bar is drawn."""

import io
import json
from pathlib import Path

import pytest

from costscope.cli import _progress
from costscope.cli._output import Output, is_terminal
from costscope.cli._progress import Bar
from costscope.model import Column, Report, Table

ONE, TWO = Report("one", "One", {"a": 1}), Report("two", "Two", {"b": 2})


class Tty(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("env", "terminal", "pipe"),
    [
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, True, False),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm"}, True, False),
        ({"FORCE_COLOR": "1"}, True, True),
        ({"FORCE_COLOR": ""}, True, False),
        ({"FORCE_COLOR": "0"}, True, False),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False, False),
    ],
)
def test_a_terminal(env: dict[str, str], terminal: bool, pipe: bool) -> None:
    assert is_terminal(Tty(), env) is terminal
    assert is_terminal(io.StringIO(), env) is pipe


def test_several_reports_follow_one_another_or_make_one_object(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    Output.of(None, False, [tmp_path / "x.json"]).show(ONE, TWO)
    assert capfd.readouterr().out == "One\n\nTwo\n"
    written = json.loads((tmp_path / "x.json").read_text())
    assert written == {"schema_version": 1, "one": {"a": 1}, "two": {"b": 2}}


def test_the_width_of_a_terminal_is_kept(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = Table("T", (Column("name"),), (("word " * 30,),))
    monkeypatch.setenv("FORCE_COLOR", "1")
    for width in (40, 70):
        monkeypatch.setenv("COLUMNS", str(width))
        Output().show(Report("x", "X", {}, tables=(table,)))
        assert max(map(len, capfd.readouterr().out.splitlines()[3:])) in range(width - 8, width + 9)


@pytest.fixture
def patch(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Outside of CI, without patience."""
    for name in ("CI", "NO_COLOR", "TERM", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(_progress, "PATIENCE_S", 0.0)
    return monkeypatch


def drawn(stream: io.StringIO, *, quiet: bool = False) -> str:
    """What a bar leaves on stderr; set here because pytest has its own stream until a test begins."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sys.stderr", stream)
        bar = Bar(quiet=quiet)
        bar.start(100)
        bar.advance(40)
        bar.advance(60)
        bar.done()
    return stream.getvalue()


@pytest.mark.usefixtures("patch")
def test_a_bar_is_drawn_on_a_terminal() -> None:
    assert "reading" in drawn(Tty())


def test_a_bar_waits_for_a_second(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_progress, "PATIENCE_S", 60.0)
    assert drawn(Tty()) == ""


@pytest.mark.parametrize(("name", "value"), [("CI", "true"), ("TERM", "dumb")])
def test_a_bar_is_not_drawn_in_ci_or_on_a_dumb_terminal(
    patch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    patch.setenv(name, value)
    assert drawn(Tty()) == ""


@pytest.mark.usefixtures("patch")
def test_a_bar_is_not_drawn_when_asked_for_quiet() -> None:
    assert drawn(Tty(), quiet=True) == ""


def test_a_bar_is_not_drawn_into_a_pipe(patch: pytest.MonkeyPatch) -> None:
    patch.setenv("FORCE_COLOR", "1")
    assert drawn(io.StringIO()) == ""
