"""`costscope recommend`: all levers, tuned, composed and ranked."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

import typer

from costscope import config, plugins
from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, with_run
from costscope.cli.simulate import Sets
from costscope.errors import SettingsError


@with_run(SETTINGS, FILTERS, READING)
def command(
    run: Run,
    logs: Sources = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only so many.")] = None,
    effort: Annotated[
        Literal["low", "medium", "high"] | None, typer.Option(help="At most this much work.")
    ] = None,
    min_savings: Annotated[
        str, typer.Option(metavar="USD", help="Only what saves as much over the log.")
    ] = "0",
    sets: Sets = None,
) -> None:
    """What to change first, with what it saves and what it takes."""
    from costscope import pipeline

    least = picodollars(min_savings)
    config.check_sets(sets or (), plugins.names("levers"))
    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(
            pipeline.recommend(
                store, run.config, run.filters, sets=sets or (), top=top, effort=effort,
                min_saved=least, reading=run.reading,
            )
        )  # fmt: skip


def picodollars(text: str) -> int:
    """An amount of dollars ("5", "$0.50") as picodollars. Raises SettingsError."""
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise SettingsError(f"--min-savings {text}: write dollars, such as 5 or 0.50")
    return round(amount.scaleb(12))
