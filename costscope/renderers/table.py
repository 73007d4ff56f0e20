"""The report for people: coloured tables in a terminal, plain aligned text in a pipe or a file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import ClassVar

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as Grid
from rich.text import Text

from costscope.model import Report, Table
from costscope.renderers._cells import NUMERIC, cell
from costscope.renderers.interface import Renderer
from costscope.text import safe

FOLDED = 12
"""Names are folded to this many columns of a terminal, not to fewer."""


class TableText(Renderer):
    """Plain by default: no colour, no box art, no line broken or cut, whatever its length.

    With `terminal`, colours and rules, folded to `width` columns.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".txt",)

    def __init__(self, *, terminal: bool = False, width: int = 100) -> None:
        self.terminal = terminal
        self.width = width

    def render(self, report: Report) -> str:
        """Title, summary, tables, notes and a newline."""
        return self._coloured(report) if self.terminal else _plain(report)

    def _coloured(self, report: Report) -> str:
        buffer = io.StringIO()
        console = _console(buffer, self.width)
        console.print(Text(safe(report.title), style="bold"))
        _print_lines(console, report.summary, "")
        for table in report.tables:
            console.print()
            console.print(Text(safe(table.title), style="bold cyan"))
            grid = _grid(table)
            # Where not even the numbers fit, the terminal breaks the line: no digit is dropped.
            _console(buffer, max(self.width, _narrowest(grid))).print(grid)
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
    rows = _texts(table)
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


def _texts(table: Table) -> list[list[str]]:
    return [
        [cell(value, column.kind) for value, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]


def _plain(report: Report) -> str:
    blocks = ["\n".join(map(safe, [report.title, *report.summary]))]
    blocks += ["\n".join(_plain_table(table)) for table in report.tables]
    if report.notes:
        blocks.append("\n".join(map(safe, report.notes)))
    return "\n\n".join(blocks) + "\n"


def _plain_table(table: Table) -> Iterator[str]:
    if table.title:
        yield safe(table.title)
    right = [column.kind in NUMERIC for column in table.columns]
    rows = [[safe(column.name) for column in table.columns], *_texts(table)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = map(_aligned, row, widths, right)
        yield "  ".join(cells).rstrip()
    if table.note:
        yield safe(table.note)


def _aligned(text: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
