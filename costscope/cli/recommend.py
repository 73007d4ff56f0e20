"""`costscope recommend`: all levers, tuned, composed and ranked."""

from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal

import typer

from costscope import config, plugins
from costscope.cli._run import FILTERS, READING, SETTINGS, Run, Sources, begin_what_ifs, with_run
from costscope.cli.simulate import Sets
from costscope.errors import SettingsError

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

Level = Literal["low", "medium", "high"]


@with_run(SETTINGS, FILTERS, READING)
def command(
    run: Run,
    logs: Sources = None,
    top: Annotated[int | None, typer.Option(min=1, help="Only so many.")] = None,
    effort: Annotated[Level, typer.Option(help="At most this much work.")] = "high",
    risk: Annotated[
        Level,
        typer.Option(help="At most this much: low keeps answers the same, medium may change them."),
    ] = "high",
    max_delay: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Answers may come this much later: 0, 90s, 30m, 6h, 1d."),
    ] = None,
    min_savings: Annotated[
        str, typer.Option(metavar="USD", help="Only what saves as much over the log.")
    ] = "0",
    sets: Sets = None,
) -> None:
    """What to change first, with what it saves and what it takes."""
    begin_what_ifs()
    from costscope import pipeline
    from costscope.advise import Limits

    delay = None if max_delay is None else seconds(max_delay)
    limits = Limits(effort, risk, delay, top, picodollars(min_savings))
    config.check_sets(sets or (), plugins.names("levers"))
    with pipeline.opened(run.config.db, logs or [], run.reading, progress=run.progress) as store:
        run.output.show(
            pipeline.recommend(store, run.config, run.filters, limits, sets or (), run.reading)
        )


def seconds(text: str) -> int:
    """A length of time ("0", "90s", "30m", "6h", "1d") in seconds. Raises SettingsError."""
    number, unit = text[:-1], text[-1:]
    if text == "0":
        return 0
    if unit not in UNITS or not number.isdecimal():
        raise SettingsError(f"--max-delay {text}: write 0, 90s, 30m, 6h or 1d")
    return int(number) * UNITS[unit]


def picodollars(text: str) -> int:
    """An amount of dollars ("5", "$0.50") as picodollars. Raises SettingsError."""
    try:
        amount = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite():
        raise SettingsError(f"--min-savings {text}: write dollars, such as 5 or 0.50")
    return round(amount.scaleb(12))
