"""`costscope simulate`: what-ifs, chosen by their levers' flags."""

from collections.abc import Sequence
from inspect import Parameter
from itertools import groupby
from typing import Annotated

import typer

from costscope import config, plugins
from costscope.cli._run import (
    FILTERS,
    READING,
    SETTINGS,
    Run,
    Sources,
    begin_what_ifs,
    option,
    with_run,
)
from costscope.errors import SettingsError

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="LEVER.FIELD=VALUE", help="A lever's setting. Repeatable."),
]


def lever_flags() -> Sequence[Parameter]:
    """An option for each flag of levers, which may be that of several."""
    levers = sorted(plugins.all_of("levers").values(), key=lambda cls: (cls.flag, cls.name))
    return [
        option(
            chosen_by(flag), bool, f"--{flag}", default=False,
            help=" ".join(f"{cls.title}." for cls in alike),
        )
        for flag, alike in groupby(levers, key=lambda cls: cls.flag)
    ]  # fmt: skip


def chosen_by(flag: str) -> str:
    """The parameter that says whether a flag was given."""
    return f"with_{flag.replace('-', '_')}"


def refuse_idle(sets: Sequence[str], chosen: Sequence[str]) -> None:
    """Raises SettingsError for a setting of a lever that is not switched on: it would do nothing."""
    for text in sets:
        name = text.removeprefix("levers.").partition(".")[0]
        if name in plugins.names("levers") and name not in chosen:
            flag = plugins.all_of("levers")[name].flag
            raise SettingsError(f"--set {text}: {name} is not switched on; add --{flag}")


@with_run(SETTINGS, FILTERS, READING)
def command(
    run: Run,
    logs: Sources = None,
    every: Annotated[
        bool, typer.Option("--all", help="All levers but those that are projects of their own.")
    ] = False,
    sets: Sets = None,
    **chosen: bool,
) -> None:
    """What some levers would have saved, alone and together."""
    classes = plugins.all_of("levers").values()
    if every or sum(chosen.get(chosen_by(cls.flag), False) for cls in classes) > 1:
        begin_what_ifs()
    from costscope import pipeline

    known = sorted({cls.flag for cls in classes})
    flags = [flag for flag in known if chosen.get(chosen_by(flag))]
    if not flags and not every:
        options = ", ".join(f"--{flag}" for flag in known)
        raise SettingsError(f"no lever is chosen; take {options} or --all")
    config.check_sets(sets or (), plugins.names("levers"))
    levers = pipeline.levers(run.config, [*flags, *["all"] * every], sets or ())
    refuse_idle(sets or (), [lever.name for lever in levers])
    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(pipeline.simulate(store, run.config, run.filters, levers, run.reading))
