"""The report as Markdown that GitHub and GitLab show: for pull requests and step summaries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

from costscope.model import Column, Report, Table
from costscope.renderers._cells import NUMERIC, cell
from costscope.renderers.interface import Renderer
from costscope.text import safe

_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_SPECIAL = re.compile(r"[\\`*\[\]|~&<>]|(?<!\w)_|_(?!\w)|\$(?!\d)|:(?=//)|(?<=www)\.")
_OPENING = re.compile(r"^(\s*)([#+=-]|\d+(?=[.)]))")
_MENTION = re.compile(r"@(?=\w)")


class Markdown(Renderer):
    """A heading, the summary as a list, tables in GitHub's form. Every text is shown as it is
    written: nothing in a log becomes markup, a link or a mention."""

    suffixes: ClassVar[tuple[str, ...]] = (".md", ".markdown")

    def render(self, report: Report) -> str:
        """The whole page and a newline."""
        blocks = [f"## {escaped(report.title)}", _list(report.summary)]
        blocks += [block for table in report.tables for block in _table(table)]
        blocks.append(_list(report.notes))
        return "\n\n".join(filter(None, blocks)) + "\n"


def escaped(text: str) -> str:
    """Text that Markdown shows unchanged, also at the start of a line or in a table."""
    shown = _SPECIAL.sub(_escape, safe(text))
    shown = _OPENING.sub(_escape_opening, shown)
    return _MENTION.sub("@&#8203;", shown)


def _escape(match: re.Match[str]) -> str:
    return _HTML.get(match[0], "\\" + match[0])


def _escape_opening(match: re.Match[str]) -> str:
    # "1." would begin a list: there it is the dot that is escaped.
    return f"{match[1]}{match[2]}\\" if match[2].isdigit() else f"{match[1]}\\{match[2]}"


def _list(lines: Any) -> str:
    return "\n".join(f"- {escaped(line)}" for line in lines)


def _table(table: Table) -> Iterator[str]:
    yield f"### {escaped(table.title)}" if table.title else ""
    header = _row(escaped(column.name) for column in table.columns)
    rules = _row("---:" if column.kind in NUMERIC else "---" for column in table.columns)
    yield "\n".join([header, rules, *(_cells(table.columns, row) for row in table.rows)])
    yield escaped(table.note)


def _cells(columns: Any, row: Any) -> str:
    return _row(_shown(value, column) for value, column in zip(row, columns, strict=True))


def _shown(value: Any, column: Column) -> str:
    text = cell(value, column.kind)
    return escaped(text) if column.kind == "text" else _SPECIAL.sub(_escape, text)


def _row(cells: Iterator[str]) -> str:
    return f"| {' | '.join(cells)} |"
