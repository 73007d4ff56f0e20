"""`costscope sql`: a read-only query on the store."""

from typing import Annotated

import typer

from costscope.cli._run import SETTINGS, Run, with_run


@with_run(SETTINGS)
def command(run: Run, query: Annotated[str, typer.Argument(help="One SELECT.")]) -> None:
    """Ask the store in SQL. Read-only, without access to files or network."""
    from costscope import pipeline

    run.output.show(pipeline.sql(run.config.db, query))
