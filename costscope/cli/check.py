"""`costscope check`: the gate."""

from typing import Annotated

import typer

from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run
from costscope.errors import ExitCode

RULE = "[SEGMENT/]METRIC:LIMIT"


@with_run(SETTINGS, FILTERS, READING)
def command(
    run: Run,
    logs: Sources = None,
    baseline: Annotated[
        str | None, typer.Option(metavar="REF", help="A baseline file, or logs.")
    ] = None,
    fail: Annotated[
        list[str] | None, typer.Option(metavar=RULE, help="Fail beyond it. Repeatable.")
    ] = None,
    warn: Annotated[
        list[str] | None, typer.Option(metavar=RULE, help="Warn beyond it. Repeatable.")
    ] = None,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="End with 0 whatever the verdict.")
    ] = False,
) -> int:
    """Fail if cost got worse than a baseline. Ends with 1 if a rule failed."""
    from costscope import pipeline

    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        report, code = pipeline.check(
            store,
            run.config,
            run.filters,
            baseline=baseline,
            fail=fail or (),
            warn=warn or (),
            reading=run.reading,
        )
    run.output.show(report)
    return ExitCode.OK if exit_zero else code
