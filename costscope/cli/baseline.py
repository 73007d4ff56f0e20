"""`costscope baseline`: the committed figures that `check` compares with."""

from pathlib import Path
from typing import Annotated

import typer

from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run


@with_run(SETTINGS, FILTERS, READING, own_output=True)
def write(
    run: Run,
    logs: Sources = None,
    to: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where to write it.")
    ] = Path(".costscope/baseline.json"),
) -> None:
    """Write the baseline: sums without any text, to be committed."""
    from costscope import pipeline

    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(pipeline.baseline_write(store, run.config, run.filters, to))
