"""Plain text for pipes, coloured tables for terminals: the same cells in both."""

import re
import subprocess
import sys
from collections.abc import Callable

import pytest
from rich.cells import cell_len

from costscope.model import Column, Report, Table
from costscope.renderers._cells import NUMERIC, cell
from costscope.renderers.table import TableText
from tests.hard_report import MONEY, REPORT

ANSI = re.compile(r"\x1b\[[\d;]*m")


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("report.txt", TableText().render(REPORT))


def test_plain_columns_are_aligned_whatever_the_script() -> None:
    rows = (("漢字", 1), ("a", 1234), ("é", 55))
    table = Table("", (Column("name"), Column("calls", "count")), rows)
    lines = TableText().render(Report("x", "X", {}, tables=(table,))).splitlines()[2:]
    assert lines == ["name  calls", "漢字      1", "a     1,234", "é        55"]
    assert {cell_len(line) for line in lines} == {11}


def test_plain_has_no_box_no_colour_and_cuts_nothing() -> None:
    long = "x" * 500
    table = Table("T", (Column("name"),), ((long,),))
    output = TableText().render(Report("x", "X", {}, tables=(table,)))
    assert output == f"X\n\nT\nname\n{long}\n"


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_terminal_shows_every_number_whole(width: int) -> None:
    output = ANSI.sub("", TableText(terminal=True, width=width).render(REPORT))
    for row in MONEY.rows:
        for value, column in zip(row, MONEY.columns, strict=True):
            if column.kind in NUMERIC:
                assert cell(value, column.kind) in output


def test_a_terminal_folds_names_to_its_width() -> None:
    rows = (("a very long name of a feature that goes on and on", 5),)
    table = Table("T", (Column("name"), Column("calls", "count")), rows)
    output = TableText(terminal=True, width=40).render(Report("x", "X", {}, tables=(table,)))
    lines = ANSI.sub("", output).splitlines()
    assert max(map(cell_len, lines)) <= 40
    assert "goes on and on" in " ".join(" ".join(lines).replace("5", "").split())


def test_a_terminal_gets_no_sequence_from_the_log_and_no_markup() -> None:
    output = TableText(terminal=True, width=300).render(REPORT)
    assert output != ANSI.sub("", output)
    assert "\x1b" not in ANSI.sub("", output)
    assert "\x1b[31m" not in output
    assert "[bold red]x[/]" in output


def test_what_draws_in_a_terminal_is_loaded_for_one_only() -> None:
    program = (
        "import sys\nfrom costscope.model import Report\n"
        "from costscope.renderers.table import TableText\n"
        "for terminal in (False, True):\n"
        "    TableText(terminal=terminal).render(Report('x', 'X', {}))\n"
        "    print('rich.console' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["False", "True"]
