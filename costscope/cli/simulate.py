"""`costscope simulate`: what-ifs, chosen by their levers' flags."""

from collections.abc import Sequence
from inspect import Parameter
from typing import Annotated

import typer

from costscope import config, plugins
from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, option, with_run
from costscope.errors import SettingsError

Sets = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="LEVER.FIELD=VALUE", help="A lever's setting. Repeatable."),
]


def lever_flags() -> Sequence[Parameter]:
    """An option for each lever there is, by its flag."""
    levers = sorted(plugins.all_of("levers").values(), key=lambda cls: cls.flag)
    return [
        option(
            f"with_{cls.name}", bool, f"--{cls.flag}", default=False,
            help=f"{cls.title}.",
        )
        for cls in levers
    ]  # fmt: skip


@with_run(SETTINGS, FILTERS, READING)
def command(
    run: Run,
    logs: Sources = None,
    every: Annotated[bool, typer.Option("--all", help="All levers.")] = False,
    sets: Sets = None,
    **chosen: bool,
) -> None:
    """What some levers would have saved, alone and together."""
    from costscope import pipeline

    flags = [
        cls.flag for name, cls in plugins.all_of("levers").items() if chosen.get(f"with_{name}")
    ]
    if not flags and not every:
        known = ", ".join(f"--{cls.flag}" for cls in plugins.all_of("levers").values())
        raise SettingsError(f"no lever is chosen; take {known} or --all")
    config.check_sets(sets or (), plugins.names("levers"))
    levers = pipeline.levers(run.config, ["all"] if every else flags, sets or ())
    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(pipeline.simulate(store, run.config, run.filters, levers))
