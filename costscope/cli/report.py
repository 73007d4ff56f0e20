"""`costscope report`: the bill."""

from typing import Annotated, Literal

import typer

from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run


@with_run(SETTINGS, FILTERS, READING)
def command(
    run: Run,
    logs: Sources = None,
    group_by: Annotated[
        str, typer.Option(metavar="KEYS", help="feature, team, user, model, day, ...: a list.")
    ] = "",
    by: Annotated[
        Literal["segment"] | None,
        typer.Option(help="Also show what prompts are made of: shares, growth, templates."),
    ] = None,
    unit: Annotated[
        Literal["request", "conversation", "task", "user"],
        typer.Option(help="What unit costs are divided by."),
    ] = "request",
) -> None:
    """Where the tokens and the money went."""
    from costscope import pipeline

    keys = [key.strip() for key in group_by.split(",") if key.strip()]
    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(
            pipeline.bill(store, run.config, run.filters, keys, unit, by_segment=by == "segment")
        )
