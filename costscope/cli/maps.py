"""`costscope map`: how a house format is to be read."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from costscope.cli._output import to_stdout
from costscope.errors import InputError
from costscope.text import safe


def init(
    log: Annotated[str, typer.Argument(help="A log of the house format.")],
    to: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write it there.")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Draft a map for a log, with the evidence beside each guess. For `--map` of the other commands."""
    from costscope.ingest.drafting import draft_map

    text, reader = draft_map(log, to.stem if to else "house")
    if reader:
        print(f"note: {safe(log)} is read without a map, too (as {reader})", file=sys.stderr)
    if to is None:
        to_stdout(text.encode("utf-8"))
        return
    try:
        with to.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(f"{to}: there is such a file already; write to another") from None
    except OSError as error:
        raise InputError(f"{to}: cannot be written ({error.strerror})") from error
    told = f"{to}: check it, then run `costscope report {log} --map {to}`"
    print(safe(told), file=sys.stderr)
