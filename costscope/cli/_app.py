"""The commands and how they hang together. What a command does is in its own file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from inspect import Parameter
from typing import Annotated, Any, NamedTuple

import typer

from costscope import __version__
from costscope.cli import (
    attribute,
    baseline,
    check,
    config,
    demo,
    doctor,
    explain,
    ingest,
    maps,
    prices,
    recommend,
    report,
    simulate,
    sql,
)  # fmt: skip
from costscope.cli._output import is_terminal
from costscope.cli._run import Command, with_more
from costscope.errors import ExitCode, SettingsError


class Entry(NamedTuple):
    """A command by the words that call it. `more` gives options that are worth an import only where
    this command runs."""

    words: str
    command: Command
    more: Callable[[], Sequence[Parameter]] | None = None


COMMANDS = (
    Entry("demo", demo.command),
    Entry("ingest", ingest.command),
    Entry("report", report.command),
    Entry("simulate", simulate.command, simulate.lever_flags),
    Entry("recommend", recommend.command),
    Entry("explain", explain.command),
    Entry("attribute", attribute.command),
    Entry("baseline write", baseline.write),
    Entry("check", check.command),
    Entry("doctor", doctor.command),
    Entry("prices show", prices.show),
    Entry("prices check", prices.check),
    Entry("map init", maps.init),
    Entry("sql", sql.command),
    Entry("config show", config.show),
)
GROUPS = {
    "baseline": "What `check` compares with.",
    "prices": "Which rate, from where, since when; and what has none.",
    "map": "How a house format is to be read.",
    "config": "Settings and where each came from.",
}
COMPLETION = "_COSTSCOPE_COMPLETE"


def run(arguments: Sequence[str]) -> int:
    """Runs one command; its exit code. Raises SettingsError for wrong usage and whatever the command
    raises."""
    app = typer.main.get_command(_built(arguments))
    if COMPLETION in os.environ:
        return _complete(app)
    # Not app.main: it ends the process with 1 when a pipe breaks, which means a failed gate here.
    try:
        with app.make_context("costscope", list(arguments)) as context:
            return int(app.invoke(context) or 0)
    except typer.Exit as end:
        return end.exit_code
    except typer.Abort as end:
        raise KeyboardInterrupt from end
    except typer.TyperException as error:
        raise SettingsError(_usage(error)) from error


def _complete(app: Any) -> int:
    """Answers a shell that asks what may come next; typer ends the process itself after that."""
    try:
        app.main([], prog_name="costscope")
    except SystemExit as end:
        return int(end.code or 0)
    return ExitCode.OK


def _usage(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "costscope"
    return f"{' '.join(error.format_message().split())} (see {path} --help)"


def _built(arguments: Sequence[str]) -> typer.Typer:
    rich = is_terminal(sys.stdout, os.environ)
    app = _group("Where LLM tokens go, what would have saved some, and whether it got worse.", rich)
    app.callback(invoke_without_command=True)(_root)
    groups = {name: _group(about, rich) for name, about in GROUPS.items()}
    for entry in COMMANDS:
        group, _, name = entry.words.rpartition(" ")
        groups.get(group, app).command(name)(_full(entry, arguments))
    for name, inner in groups.items():
        inner.callback()(_nothing)
        app.add_typer(inner, name=name, help=GROUPS[name])
    return app


def _group(about: str, rich: bool) -> typer.Typer:
    return typer.Typer(
        help=about, rich_markup_mode="rich" if rich else None, pretty_exceptions_enable=False
    )


def _full(entry: Entry, arguments: Sequence[str]) -> Command:
    wanted = COMPLETION in os.environ or list(arguments[:1]) == [entry.words]
    return with_more(entry.command, entry.more()) if entry.more and wanted else entry.command


def _nothing() -> None:
    """A group of commands does nothing by itself."""


def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version.")] = False,
) -> None:
    if version:
        print(f"costscope {__version__}")
    elif context.invoked_subcommand is None:
        print(context.get_help())
