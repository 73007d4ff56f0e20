"""A report with colours and rules, as a terminal shows it."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from costscope.model import Report, Table
from costscope.renderers._cells import NUMERIC, texts
from costscope.text import safe

FOLDED = 12
"""Names are folded to this many columns of a terminal, not to fewer."""


def coloured(report: Report, width: int) -> str:
    """Title, summary, tables, notes and a newline, folded to `width` columns."""
    buffer = io.StringIO()
    console = _console(buffer, width)
    console.print(Text(safe(report.title), style="bold"))
    _print_lines(console, report.summary, "")
    for table in report.tables:
        console.print()
        console.print(Text(safe(table.title), style="bold cyan"))
        grid = _grid(table)
        # Where not even the numbers fit, the terminal breaks the line: no digit is dropped.
        _console(buffer, max(width, _narrowest(grid))).print(grid)
        _print_lines(console, [table.note] if table.note else [], "dim")
    if report.notes:
        console.print()
    _print_lines(console, report.notes, "dim")
    return buffer.getvalue()


def _console(buffer: io.StringIO, width: int) -> Console:
    return Console(
        file=buffer, width=width, force_terminal=True, color_system="standard", no_color=False,
        legacy_windows=False, markup=False, highlight=False, emoji=False,
    )  # fmt: skip


def _narrowest(grid: Grid) -> int:
    wide = _console(io.StringIO(), 10_000)
    return Measurement.get(wide, wide.options, grid).minimum


def _print_lines(console: Console, lines: Sequence[str], style: str) -> None:
    for line in lines:
        console.print(Text(safe(line), style=style))


def _grid(table: Table) -> Grid:
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    rows = texts(table)
    for i, column in enumerate(table.columns):
        right, name = column.kind in NUMERIC, safe(column.name)
        widest = max(cell_len(text) for text in (name, *(row[i] for row in rows)))
        # Numbers stay whole; it is names that are folded where the terminal is narrow.
        grid.add_column(
            Text(name, style="bold"), justify="right" if right else "left", overflow="fold",
            min_width=widest if right else min(widest, FOLDED), no_wrap=right,
        )  # fmt: skip
    for row in rows:
        grid.add_row(*(Text(text, style="dim" if text == "unpriced" else "") for text in row))
    return grid
