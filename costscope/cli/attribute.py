"""`costscope attribute`: what decided the segments of a feature, and rules to say it."""

from dataclasses import replace
from typing import Annotated

import typer

from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run

_FILTERS = tuple(option for option in FILTERS if option.name != "feature")


@with_run(SETTINGS, _FILTERS, READING)
def command(
    run: Run,
    feature: Annotated[
        str, typer.Argument(metavar="FEATURE", help='A name or a glob; "" is calls without any.')
    ],
    logs: Sources = None,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Draft rules of what was learned, as TOML to paste.")
    ] = False,
) -> None:
    """Which rules gave the parts of a feature their segments; or drafts of rules that you can state."""
    from costscope import pipeline

    filters = replace(run.filters, feature=(feature,))
    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        if suggest:
            text, report = pipeline.suggest(store, filters, run.reading)
            run.output.show(report, text=text)
        else:
            run.output.show(pipeline.attribution(store, filters))
