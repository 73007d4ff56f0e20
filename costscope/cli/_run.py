"""The options that commands share, and what they come to: settings, filters and output.

A command names the groups it takes with `with_run`, and gets one `Run` in their place.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib import import_module
from inspect import Parameter
from pathlib import Path
from typing import Annotated, Any

import typer

from costscope import config, plugins
from costscope.cli._output import Output
from costscope.cli._progress import Bar
from costscope.filters import Filters, Reading, parse_tag, parse_when

Command = Callable[..., int | None]
Sources = Annotated[
    list[str] | None, typer.Argument(metavar="LOGS", help="Work on these, not on the store.")
]


@dataclass(frozen=True)
class Run:
    """What the shared options of one run say."""

    config: config.Config
    filters: Filters
    output: Output
    progress: Bar
    reading: Reading


def option(name: str, kind: Any, *names: str, default: Any = None, **settings: Any) -> Parameter:
    """One option as a parameter of a command's signature."""
    annotation = Annotated[kind, typer.Option(*names, **settings)]
    return Parameter(name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


Text, Texts = str | None, list[str] | None
OUTPUT = (
    option("format", Text, "-f", "--format", help="table, json, md: what goes to stdout."),
    option("json", bool, "--json", default=False, help="Short for --format json."),
    option("output", list[Path] | None, "-o", "--output", metavar="FILE",
           help="Also write a file, in the format of its name. Repeatable."),
    option("quiet", bool, "-q", "--quiet", default=False, help="No progress on stderr."),
    option("debug", bool, "--debug", default=False, help="Show a traceback with an error."),
)  # fmt: skip
SETTINGS = (
    option(
        "db", Text, "--db", metavar="FILE", help="The store, by default .costscope/store.duckdb."
    ),
    option("prices", Text, "--prices", metavar="FILE", help="Prices of your own, over the list."),
    option(
        "timezone", Text, "-z", "--timezone", metavar="ZONE", help="What a day is; default UTC."
    ),
)
READING = (
    option("reader", str, "--reader", metavar="NAME", default="",
           help="The format of LOGS, where looking does not tell."),
    option("map", str, "--map", metavar="FILE", default="",
           help="How LOGS of a house format are to be read; see `costscope map init`."),
)  # fmt: skip
FILTERS = (
    option("since", Text, "--since", metavar="TIME", help="2026-11-20, 2026-11-20T14:30 or 7d."),
    option("until", Text, "--until", metavar="TIME", help="Likewise; a date is taken in whole."),
    option("feature", Texts, "--feature", metavar="GLOB", help="Only these features. Repeatable."),
    option("model", Texts, "--model", metavar="GLOB", help="Only these models. Repeatable."),
    option("team", Texts, "--team", metavar="GLOB", help="Only these teams. Repeatable."),
    option("tag", Texts, "--tag", metavar="NAME=GLOB", help="Only with these tags. Repeatable."),
)


def with_run(
    *groups: Sequence[Parameter], own_output: bool = False
) -> Callable[[Command], Command]:
    """Gives a command the options of some groups, and OUTPUT; it receives a Run as its first argument.
    With `own_output` the command has an --output of its own."""
    shared = [parameter for group in (*groups, OUTPUT) for parameter in group]
    if own_output:
        shared = [parameter for parameter in shared if parameter.name != "output"]

    def decorate(command: Command) -> Command:
        def wrapper(**values: Any) -> int | None:
            options = {parameter.name: values.pop(parameter.name) for parameter in shared}
            if logs := values.get("logs"):
                begin(logs)
            return command(_run(options), **values)

        return _as(wrapper, command, [*_own(command), *shared])

    return decorate


def begin(logs: Sequence[str]) -> None:
    """Work on small logs in one thread, which has to be said before the rest is loaded, and begin with a
    second process, where there is a core for it: it counts tokens, and loads the vocabulary for that while
    this one reads."""
    from costscope.ingest import amount

    if not amount.spare_threads(logs):
        return
    from costscope import second, tokens

    if helper := second.begin():
        helper.now(partial(tokens.count, [""]), patience=0)
        tokens.count_elsewhere(lambda *given: helper.now(partial(tokens.count, *given)))


def begin_what_ifs() -> None:
    """Have the second process, if there is one, load what it needs to try levers."""
    from costscope import second

    if helper := second.begun():
        helper.prepare(None, partial(import_module, "costscope.pipeline"))
        helper.prepare(None, partial(plugins.all_of, "levers"))


def with_more(command: Command, more: Sequence[Parameter]) -> Command:
    """A command with further options, which it receives by name."""

    def wrapper(**values: Any) -> int | None:
        return command(**values)

    return _as(wrapper, command, [*more, *inspect.signature(command).parameters.values()])


def _own(command: Command) -> list[Parameter]:
    """A command's parameters but for the Run, and but for what `with_more` will bring."""
    parameters = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    return [
        parameter.replace(kind=Parameter.KEYWORD_ONLY)
        for parameter in parameters
        if parameter.kind is not Parameter.VAR_KEYWORD
    ]


def _as(wrapper: Command, command: Command, parameters: Sequence[Parameter]) -> Command:
    """The wrapper with the name and help of a command and a signature for typer to read."""
    wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
    wrapper.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return wrapper


def _run(options: Mapping[str, Any]) -> Run:
    flags = {parameter.name: options.get(parameter.name) for parameter in SETTINGS}
    found = config.load(Path.cwd(), os.environ, levers=plugins.names("levers"), flags=flags)
    output = Output.of(options["format"], options["json"], options.get("output") or ())
    filters = _filters(options, found.timezone)
    reading = Reading(options.get("reader") or "", options.get("map") or "", found.segment_rules)
    return Run(found, filters, output, Bar(quiet=options["quiet"]), reading)


def _filters(options: Mapping[str, Any], timezone: str) -> Filters:
    now = datetime.now(UTC)
    since, until = options.get("since"), options.get("until")
    return Filters(
        since=parse_when(since, timezone, now) if since else None,
        until=parse_when(until, timezone, now, end=True) if until else None,
        feature=tuple(options.get("feature") or ()),
        model=tuple(options.get("model") or ()),
        team=tuple(options.get("team") or ()),
        tags=tuple(map(parse_tag, options.get("tag") or ())),
        timezone=timezone,
    )
