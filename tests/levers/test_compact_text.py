"""Texts said in fewer characters: what each way does, and what it leaves."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.levers._compact.text import (
    SAME,
    WAYS,
    encoded_removed,
    html_collapsed,
    is_code,
    json_minified,
    paragraphs_once,
    space_trimmed,
    tables_lean,
)

PRETTY = '{\n  "a": 1.0,\n  "b": ["x  y", {"c": null}]\n}'
LEAN = '{"a":1.0,"b":["x  y",{"c":null}]}'
CODE = "def f(x):   \n    return x\n\n\n\nclass A:\n    pass\n\n\nfor x in y:\n    import z\n"


@pytest.mark.parametrize(
    ("text", "lean"),
    [
        (PRETTY, LEAN),
        (f"\n {PRETTY} \n", f"\n {LEAN} \n"),
        (f"See:\n{PRETTY}\nand so on", f"See:\n{LEAN}\nand so on"),
        (f"```json\n{PRETTY}\n```\n", f"```json\n{LEAN}\n```\n"),
        (f"```json\n\r \t{PRETTY}\n```\n", f"```json\n\r \t{LEAN}\n```\n"),
        ('{"n": 12345678901234567890, "n": 1e400}', '{"n":12345678901234567890,"n":1e400}'),
        ('{"quote": "a \\" b"}', '{"quote":"a \\" b"}'),
    ],
)
def test_json(text, lean):
    assert json_minified(text) == lean


@pytest.mark.parametrize(
    "text",
    [
        f"```python\n{PRETTY}\n```", "{not: json,\n}", "{ one line } of prose", "", "[x](y)\n[z](w)",
        'The value {"a": 1} within a line', "{\n" * 200, "[\n" * 5_000,
    ],
)  # fmt: skip
def test_what_is_no_json(text):
    assert json_minified(text) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(
    st.lists(VALUES) | st.dictionaries(st.text(max_size=5), VALUES), st.sampled_from((1, 2, "\t"))
)
def test_minified_json_is_the_same_value(value, indent):
    pretty = json.dumps(value, indent=indent, ensure_ascii=False)
    lean = json_minified(pretty)
    assert json.loads(lean) == value
    assert len(lean) <= len(pretty)


@settings(max_examples=40, deadline=None)
@given(st.text(st.sampled_from("ab \t\n`#-.:"), max_size=80))
def test_text_without_tables_and_json_keeps_all_but_white_space(text):
    for name in ("json", "tables", "html", "paragraphs", "encoded"):
        assert WAYS[name](text) == text
    lean = space_trimmed(text)
    assert lean.split() == text.split()
    assert [line.rstrip() for line in lean.splitlines() if line.strip()] == [
        line.rstrip() for line in text.splitlines() if line.strip()
    ]


def test_space():
    assert space_trimmed("a \nb\t\n\n\n\nc    \n\nd") == "a\nb\n\nc\n\nd"
    assert [space_trimmed(text) for text in ("a \nb", "a\t\nb", "a\n\n\nb")] == [
        "a\nb",
        "a\nb",
        "a\n\nb",
    ]
    assert space_trimmed("a  \nb") == "a  \nb", "Markdown's line break"
    assert space_trimmed("  a\n    b c  d\n ") == "  a\n    b c  d\n ", "indentation and ends stay"


@pytest.mark.parametrize(
    "text",
    [
        CODE, f"```\n{CODE}```\n", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n \n \n\n\n", "Read:\n  9\tx \n 10\t\n 11\ty \n",
        "key: |\n  a \n\n\n\n  b\n", "```\na \n\n\n\nb",
    ],
)  # fmt: skip
def test_space_that_means_something(text):
    assert space_trimmed(text) == text


def test_what_looks_like_code():
    assert is_code(CODE)
    assert not is_code("We thank you for\nyour letter, and\nhope for the best.\nYours")


def test_markdown_tables():
    text = "Prices:\n\n| name | price |\n|:-----|------:|\n| a\\|b |  1  |\n| c    |     |\n\nEnd"
    assert tables_lean(text) == "Prices:\n\nname\tprice\na|b\t1\nc\t\n\nEnd"


CELLS = st.text(st.characters(categories=["L", "N"], include_characters=" |.,"), max_size=9)


@settings(max_examples=20, deadline=None)
@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(CELLS, min_size=n, max_size=n), min_size=2)
    )
)
def test_every_cell_of_a_table_stays(rows):
    def line(cells):
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    rule = "|" + "---|" * len(rows[0])
    table = "\n".join([line(rows[0]), rule, *map(line, rows[1:])])
    found = [row.split("\t") for row in tables_lean(table).split("\n")]
    assert found == [[cell.strip(" ") for cell in row] for row in rows]


@pytest.mark.parametrize(
    "text",
    [
        "| a | b |\n| c | d |\n", "| a\tb |\n|---|\n| c |\n", "| `a|b` |\n|---|\n| c |\n",
        "```\n| a |\n|---|\n| c |\n```", "<table><tr><td colspan=2>a</td></tr></table>",
        "<table><tr><td><a href=x>a</a></td></tr></table>", "<table>lost<tr><td>a</td></tr></table>",
    ],
)  # fmt: skip
def test_tables_that_stay(text):
    assert tables_lean(text) == text


def test_html_tables():
    text = (
        "<table class=x>\n <thead><tr><th>a</th><th>b &amp; c</th></tr></thead>\n"
        " <tr>\n  <td>1\n 2</td>\n  <td></td>\n </tr>\n</table>"
    )
    assert tables_lean(text) == "\na\tb & c\n1 2\t\n"


def test_html():
    text = "<div>\n    <p>a\n   b</p>\n  <pre>\n  c\n</pre></div>"
    assert html_collapsed(text) == "<div> <p>a b</p> <pre>\n  c\n</pre></div>"
    for other in ("a <b>c</b>\n\n\nd", "<p>\n\n# Title\n\n</p>", "<context>\n\n a</context>"):
        assert html_collapsed(other) == other


def test_long_paragraphs_once():
    long, other = "word " * 100, "words" * 100
    text = "\n\n".join([long, "short", other, "short", long])
    assert paragraphs_once(text) == "\n\n".join([long, "short", other, "short", SAME])
    program = "\n\n".join([CODE, long, CODE, long])
    assert paragraphs_once(program) == program


def test_encoded():
    base64, number = "QUJD" * 64, "0123456789abcdef" * 8
    assert encoded_removed(f"x {base64} y") == "x [256 encoded characters] y"
    assert encoded_removed(f"x {number}.") == "x [128 encoded characters]."
    assert encoded_removed("a/b/c " * 99) == "a/b/c " * 99
