"""The report for people: coloured tables in a terminal, plain aligned text in a pipe or a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from rich.cells import cell_len

from costscope.model import Report, Table
from costscope.renderers._cells import NUMERIC, texts
from costscope.renderers.interface import Renderer
from costscope.text import safe


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
        if not self.terminal:
            return _plain(report)
        from costscope.renderers._terminal import coloured

        return coloured(report, self.width)


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
    rows = [[safe(column.name) for column in table.columns], *texts(table)]
    widths = [max(map(cell_len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = map(_aligned, row, widths, right)
        yield "  ".join(cells).rstrip()
    if table.note:
        yield safe(table.note)


def _aligned(text: str, width: int, right: bool) -> str:
    space = " " * (width - cell_len(text))
    return space + text if right else text + space
