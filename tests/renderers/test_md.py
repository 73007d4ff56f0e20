"""Markdown: GitHub's tables, and nothing of a log that becomes markup."""

from collections.abc import Callable

import pytest
from markdown_it import MarkdownIt

from costscope.renderers.md import Markdown, escaped
from tests.hard_report import HOSTILE, REPORT


def test_golden(golden: Callable[[str, str], None]) -> None:
    golden("report.md", Markdown().render(REPORT))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a|b", r"a\|b"),
        ("<b> & </b>", "&lt;b&gt; &amp; &lt;/b&gt;"),
        ("*a* _b_ `c` ~d~", r"\*a\* \_b\_ \`c\` \~d\~"),
        ("snake_case_name", "snake_case_name"),
        ("[x](y)", r"\[x\](y)"),
        ("@octocat a@b.c", "@&#8203;octocat a@&#8203;b.c"),
        ("https://x.y www.z.y", r"https\://x.y www\.z.y"),
        ("costs $5, $x$", r"costs $5, \$x\$"),
        ("# h", r"\# h"),
        ("- x", r"\- x"),
        ("1. x", r"1\. x"),
        ("2026-11-21", "2026-11-21"),
        ("a\nb", r"a\\nb"),
    ],
)
def test_escaping(text: str, shown: str) -> None:
    assert escaped(text) == shown


@pytest.mark.parametrize("text", HOSTILE)
def test_a_parser_of_markdown_reads_back_the_text_and_no_markup(text: str) -> None:
    html = MarkdownIt("commonmark").enable("table").render(f"| x |\n|---|\n| {escaped(text)} |")
    assert html.count("<") == html.count("</") * 2  # every tag is one of the table's, in pairs
    assert {"<a", "<em", "<strong", "<code", "<script", "<h1", "<ul", "<ol"}.isdisjoint(
        part for part in html.replace(">", " ").split()
    )


def test_a_table_has_one_line_for_each_row() -> None:
    lines = Markdown().render(REPORT).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len(rows) == sum(len(table.rows) + 2 for table in REPORT.tables)
    assert all(line.endswith(" |") for line in rows)
