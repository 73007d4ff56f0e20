"""`costscope ingest`: logs into the store."""

from typing import Annotated

import typer

from costscope.cli._run import READING, SETTINGS, Run, with_run


@with_run(SETTINGS, READING)
def command(
    run: Run,
    logs: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for stdin.")],
    again: Annotated[
        bool, typer.Option("--again", help="Also what it has: make the calls of LOGS anew.")
    ] = False,
) -> None:
    """Read logs into the store. What it has already is left alone."""
    from costscope import pipeline

    run.output.show(
        pipeline.ingest(logs, run.config, run.reading, again=again, progress=run.progress)
    )
