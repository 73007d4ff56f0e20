"""`costscope prices`: which rate a model has, and what has none."""

from typing import Annotated

import typer

from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run
from costscope.errors import SettingsError


@with_run(SETTINGS)
def show(
    run: Run,
    model: Annotated[str, typer.Argument(help="As a log names it.")],
    at: Annotated[str, typer.Option(metavar="DATE", help="On that day; default the newest.")] = "",
    provider: Annotated[str | None, typer.Option(metavar="NAME", help="Whose price.")] = None,
) -> None:
    """What a model costs, from where and since when."""
    from datetime import date

    from costscope import pipeline

    try:
        day = date.fromisoformat(at) if at else None
    except ValueError:
        raise SettingsError(f"--at {at}: write a date, such as 2026-11-20") from None
    run.output.show(pipeline.prices_show(run.config, model, provider, day))


@with_run(SETTINGS, FILTERS, READING)
def check(run: Run, logs: Sources = None) -> None:
    """What has no price, why, and which known names are nearest to it."""
    from costscope import pipeline

    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(pipeline.prices_check(store, run.config, run.filters))
