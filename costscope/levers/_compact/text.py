"""Texts made shorter without losing what they say, each way a function from text to text.

Nothing is counted here, and nothing is known of prompts. What a way does not understand it leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from html import unescape

_DECODER = json.JSONDecoder()
_STRING_OR_SPACE = re.compile(r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+')
_JSON_START = re.compile(r"^[ \t]*([\[{])", re.MULTILINE)
_MAYBE_JSON = re.compile(r"^[ \t\r]*+[\[{]", re.MULTILINE)
_FENCE = re.compile(
    r"^[ \t]*(```+|~~~+)[^\n]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.MULTILINE | re.DOTALL
)
_CODE_LINE = re.compile(
    r"^\s*+(?:(?:def|class|import|from|return|if|for|while|function|const|let|var|public|private|static|"
    r"#include|package|func|fn|use|SELECT|export)\b|[})\]];?$|//|/\*|@\w+)|[;{]\s*$|\):\s*$"
    r"|^[ \t]{4,}\S.*[(),\[\]]\s*$|^\s*+[\w.\[\]]+ [-+*/|&]?= \S",
)
_DIFF = re.compile(r"^(?:@@ |diff --git |--- a/|\+\+\+ b/|Index: )", re.MULTILINE)
_NUMBERED = re.compile(r"^[ \t]*\d+(?:\t|→|\|)", re.MULTILINE)
_LITERAL = re.compile(r":[ \t]*[|>][+-]?[ \t]*$", re.MULTILINE)
_TRAILING = re.compile(r"(?<=\S)(?:\t|[ \t]{3,}| (?! ))[ \t]*(?=\n)|^[ \t]+(?=\n)", re.MULTILINE)
_BLANKS = re.compile(r"\n{3,}")
_SAMPLE = 20_000
_FEW = 3
_CODE_SHARE = 0.1
"""From this share of its lines on a text counts as code, whose white space may be meant."""

_ROW = r"[ \t]*\|.*\|[ \t]*"
_TABLE = re.compile(
    rf"^{_ROW}\n[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*\n(?:{_ROW}(?:\n|\Z))+", re.MULTILINE
)
_HAS_TABLE = re.compile(r"\|[ \t]*:?-|<table\b", re.IGNORECASE)
_CELL = re.compile(r"(?<!\\)\|")
_HTML = re.compile(
    r"\s*<(?:!doctype html|html|head|body|div|table|section|article|ul|ol|p)\b", re.IGNORECASE
)
_MARKDOWN = re.compile(r"^(?:#{1,6} |[-*+] |\d+\. |```|\|)", re.MULTILINE)
_PREFORMATTED = re.compile(
    r"<(pre|textarea|script|style|code)\b.*?</\1\s*>|<!--.*?-->|<[^<>]*>", re.IGNORECASE | re.DOTALL
)
_HTML_TABLE = re.compile(r"<table\b[^<>]*>(.*?)</table\s*>", re.IGNORECASE | re.DOTALL)
_TABLE_FRAME = re.compile(
    r"\s*</?(?:thead|tbody|tfoot|colgroup|tr|th|td)\b(?![^<>]*span)[^<>]*>", re.IGNORECASE
)
_HTML_ROW = re.compile(r"<tr\b[^<>]*>(.*?)(?=<tr\b|</tr\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_HTML_CELL = re.compile(
    r"<t[hd]\b[^<>]*>(.*?)(?=<t[hd]\b|</t[hd]\s*>|</tr\s*>|\Z)", re.IGNORECASE | re.DOTALL
)
_ENCODED = re.compile(
    r"(?<![A-Za-z0-9+/=_-])(?:(?:[A-Za-z0-9+/]{4}){64,}(?:[A-Za-z0-9+/]{2,3}={0,2})?|[0-9a-fA-F]{128,})"
    r"(?![A-Za-z0-9+/=_-])"
)
_TRIES = 50
"""After so many brackets that begin no JSON value a text is not looked at further."""
_LONG_PARAGRAPH = 400
"""Paragraphs of so many characters, about a hundred tokens, are worth a pointer to their first copy."""
SAME = "[The same text as above.]"
"""What stands where a text is not repeated."""


def json_minified(text: str) -> str:
    """JSON without the white space between its tokens: the whole text, a block fenced as json, or
    values of several lines that begin a line. Numbers, escapes and the order of keys stay as written."""
    if not ("{" in text or "[" in text) or not _MAYBE_JSON.search(text):
        return text
    if (whole := _minified(text)) is not None:
        return whole
    return _outside_code(text, _json_values, _json_fence)


def html_collapsed(text: str) -> str:
    """Runs of white space in a page or piece of HTML as one space, which is how HTML reads them. Not in
    pre, textarea, script, style, code and comments, nor within tags, nor where there is Markdown."""
    if not _HTML.match(text) or not text.rstrip().endswith(">") or _MARKDOWN.search(text):
        return text
    return _outside(_PREFORMATTED, text, lambda words: re.sub(r"[ \t\r\n]+", " ", words))


def tables_lean(text: str) -> str:
    """Markdown and plain HTML tables as tab-separated lines: every cell stays, alignment and classes
    do not. A table with a tab, a span or further markup in a cell stays."""
    if not ("|" in text or "<" in text) or not _HAS_TABLE.search(text) or is_code(text):
        return text
    return _outside_code(text, _tables, str)


def space_trimmed(text: str) -> str:
    """No white space at the ends of lines (but two spaces, Markdown's line break), one blank line for
    several. Fenced blocks, code, diffs, numbered listings and YAML's literal blocks stay, and so does
    the end of the text, which may be a piece of a message."""
    # To look for one character is ten times as fast as for two.
    idle = " \n" in text or ("\t" in text and "\t\n" in text) or "\n\n\n" in text
    if not idle or _LITERAL.search(text) or is_code(text):
        return text
    return _outside_code(text, lambda words: _BLANKS.sub("\n\n", _TRAILING.sub("", words)), str)


def paragraphs_once(text: str) -> str:
    """Of long paragraphs that recur only the first, and a pointer to it for the others; not in code."""
    if len(text) < 2 * _LONG_PARAGRAPH:
        return text
    paragraphs = text.split("\n\n")
    long = [paragraph for paragraph in paragraphs if len(paragraph) >= _LONG_PARAGRAPH]
    if len(set(long)) == len(long) or is_code(text):
        return text
    seen: set[str] = set()
    for at, paragraph in enumerate(paragraphs):
        if len(paragraph) >= _LONG_PARAGRAPH and paragraph in seen:
            paragraphs[at] = SAME
        seen.add(paragraph)
    return "\n\n".join(paragraphs)


def encoded_removed(text: str) -> str:
    """Base64 of 256 characters or more and hexadecimal of 128 or more left out. Not lossless."""
    return _ENCODED.sub(lambda m: f"[{len(m[0])} encoded characters]", text)


WAYS: dict[str, Callable[[str], str]] = {
    "json": json_minified, "tables": tables_lean, "html": html_collapsed, "space": space_trimmed,
    "paragraphs": paragraphs_once, "encoded": encoded_removed,
}  # fmt: skip
"""The ways in the order in which they are tried, by name."""


def is_code(text: str) -> bool:
    """Whether a text is a diff, a listing with line numbers, or has enough lines that look like a
    program; of a long text the beginning is looked at."""
    text = text[:_SAMPLE]
    if _DIFF.search(text) or len(_NUMBERED.findall(text)) >= _FEW:
        return True
    lines = [line for line in text.splitlines() if line.strip()]
    coded = sum(1 for line in lines if _CODE_LINE.search(line))
    return coded >= _FEW and coded >= len(lines) * _CODE_SHARE


def _minified(text: str) -> str | None:
    """A text that is a JSON object or array without the white space in it, or None. What is around it
    stays: the text may be a piece of a message."""
    inner = text.strip(" \t\r\n")
    if not inner or inner[0] not in "{[" or inner[-1] not in "}]":
        return None
    try:
        json.loads(inner)
    except (ValueError, RecursionError):
        return None
    before, _, after = text.partition(inner)
    return before + _squeezed(inner) + after


def _squeezed(value: str) -> str:
    return _STRING_OR_SPACE.sub(lambda m: m[1] or "", value)


def _json_fence(fence: str) -> str:
    """A fenced block, minified if it is of JSON."""
    head, _, rest = fence.partition("\n")
    body, _, tail = rest.rpartition("\n")
    if head.strip(" \t`~").lower() not in ("json", "jsonc", "json5"):
        return fence
    lean = _minified(body)
    return fence if lean is None else f"{head}\n{lean}\n{tail}"


def _json_values(text: str) -> str:
    """Prose with the JSON values of several lines in it minified."""
    return "".join(_json_pieces(text))


def _json_pieces(text: str) -> Iterator[str]:
    done = failed = 0
    while failed < _TRIES and (found := _JSON_START.search(text, done)):
        start = found.start(1)
        end = _value_end(text, start)
        failed += end == start + 1
        yield text[done:start]
        value = text[start:end]
        yield _squeezed(value) if "\n" in value else value
        done = end
    yield text[done:]


def _value_end(text: str, start: int) -> int:
    """Where the JSON value that starts here ends; behind its bracket if there is none."""
    try:
        return _DECODER.raw_decode(text, start)[1]
    except (ValueError, RecursionError):
        return start + 1


def _tables(text: str) -> str:
    lean = _TABLE.sub(lambda m: _tabbed(m[0]), text)
    return _HTML_TABLE.sub(lambda m: _html_tabbed(m[0], m[1]), lean)


def _tabbed(table: str) -> str:
    """A Markdown table as tab-separated lines."""
    lines = table.splitlines()
    rows = [_cells(line) for line in (lines[0], *lines[2:])]
    end = "\n" if table.endswith("\n") else ""
    if any("\t" in cell or "`" in cell for row in rows for cell in row):
        return table
    return "\n".join("\t".join(row) for row in rows) + end


def _cells(line: str) -> list[str]:
    inner = line.strip(" \t")[1:-1]
    return [cell.strip(" \t").replace("\\|", "|") for cell in _CELL.split(inner)]


def _html_tabbed(table: str, inner: str) -> str:
    """An HTML table of plain cells as tab-separated lines, or as it was."""
    left = _TABLE_FRAME.sub(" ", inner)
    rows = [_HTML_CELL.findall(row) for row in _HTML_ROW.findall(inner)]
    cells = " ".join(cell for row in rows for cell in row)
    if "<" in left or ">" in left or not rows or cells.split() != left.split():
        return table
    said = [[" ".join(unescape(cell).split()) for cell in row] for row in rows]
    return "\n" + "\n".join("\t".join(row) for row in said) + "\n"


def _outside_code(text: str, words: Callable[[str], str], fences: Callable[[str], str]) -> str:
    """The text with one function over what is between fenced blocks and another over those."""
    return _outside(_FENCE, text, words, fences)


def _outside(
    pattern: re.Pattern[str], text: str, words: Callable[[str], str],
    matched: Callable[[str], str] = str,
) -> str:  # fmt: skip
    pieces, done = [], 0
    for found in pattern.finditer(text):
        pieces += [words(text[done : found.start()]), matched(found[0])]
        done = found.end()
    return "".join([*pieces, words(text[done:])])
