"""`costscope explain`: one call part by part, or one lever with its evidence."""

from contextlib import nullcontext
from typing import Annotated

import typer

from costscope import config, plugins
from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run
from costscope.cli.simulate import Sets


@with_run(SETTINGS, FILTERS, READING)
def command(
    run: Run,
    what: Annotated[
        str,
        typer.Argument(
            metavar="CALL|LEVER", help="A call's id or its beginning, FILE:LINE, or a lever."
        ),
    ],
    logs: Sources = None,
    every: Annotated[bool, typer.Option("--all", help="Every part in its place.")] = False,
    text: Annotated[
        bool, typer.Option("--text", help="Read the log again, and show how each part begins.")
    ] = False,
    width: Annotated[
        int, typer.Option(min=1, max=10_000, help="So many characters of each text.")
    ] = 80,
    sets: Sets = None,
) -> None:
    """One call: what each part of it cost, and why. Or one lever: what it needs, and its figures."""
    from costscope import pipeline
    from costscope.explain.calls import Showing
    from costscope.explain.levers import lever_named

    config.check_sets(sets or (), plugins.names("levers"))
    opened = pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress)
    if name := lever_named(what):
        lever = run.config.lever(plugins.load("levers", name), sets or ())
        with opened if logs or run.config.db.exists() else nullcontext() as store:
            run.output.show(
                pipeline.explain_lever(lever, store, run.config, run.filters, run.reading)
            )
        return
    showing = Showing(every, width if text else 0)
    with opened as store:
        run.output.show(
            pipeline.explain(store, run.config, run.filters, what, showing, run.reading)
        )
