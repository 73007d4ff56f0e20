"""`costscope ingest`: logs into the store."""

from typing import Annotated

import typer

from costscope.cli._run import SETTINGS, Run, with_run


@with_run(SETTINGS)
def command(
    run: Run,
    logs: Annotated[list[str], typer.Argument(help="Files, folders, globs, or - for stdin.")],
    reader: Annotated[
        str, typer.Option(metavar="NAME", help="The format, where looking does not tell.")
    ] = "",
) -> None:
    """Read logs into the store. What it has already is left alone."""
    from costscope import pipeline

    run.output.show(pipeline.ingest(logs, run.config, reader=reader, progress=run.progress))
