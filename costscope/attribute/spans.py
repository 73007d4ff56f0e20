"""A text cut into spans that can recur by themselves: lines, and the sentences of long lines."""

from __future__ import annotations

import re
from typing import NamedTuple

MIN_TEXT = 160
"""Characters. A shorter text is a question or an instruction as a whole."""
MAX_SPANS = 512
"""Of a text of more spans only so many at its beginning and its end are told apart."""
LONG_LINE = 160
"""A longer line is prose, and is cut into sentences."""
SENTENCE, LINE, PARAGRAPH = range(3)
_BREAK = re.compile(r"\n\s*+")
# One set of characters begins every border, so that what is between borders is passed over fast.
_SENTENCE_END = re.compile(
    r"[.!?:;。！？；：](?:(?<=[.!?:;])[^\S\n]++(?=\S)|(?<=[。！？；：])(?=\S))"
)
ASKS = ("?", "？", "؟")
"""A question ends with one of these."""


class Span(NamedTuple):
    """Where a span lies in its text, white space after it included; whether a SENTENCE, a LINE or a
    PARAGRAPH begins with it; and whether it ends as a question does."""

    start: int
    stop: int
    opens: int
    asks: bool


def spans(text: str) -> list[Span]:
    """The text in spans that cover it once, in order; a short text is one."""
    starts, opens = borders(text)
    asks, stops = any(mark in text for mark in ASKS), [*starts[1:], len(text)]
    return [
        Span(start, stop, begins, asks and text[start:stop].rstrip().endswith(ASKS))
        for start, stop, begins in zip(starts, stops, opens, strict=True)
    ]


def borders(text: str) -> tuple[list[int], list[int]]:
    """Where the spans of a text begin, and what begins with each."""
    if len(text) < MIN_TEXT:
        return [0], [PARAGRAPH]
    starts, opens = _borders(text)
    if len(starts) > MAX_SPANS:
        # Templates and questions stand at the ends; what is between them is one span.
        half = MAX_SPANS // 2
        return starts[:half] + starts[-half:], opens[:half] + opens[-half:]
    return starts, opens


def _borders(text: str) -> tuple[list[int], list[int]]:
    """The same for any text, however many there are."""
    starts, opens, line, size = [0], [PARAGRAPH], 0, len(text)
    first = size - len(text.lstrip())
    for border in _BREAK.finditer(text, first):
        end, at = border.span()
        if at == size:
            break
        if at - line > LONG_LINE:
            starts += _sentences(text, line, end)
            opens += [SENTENCE] * (len(starts) - len(opens))
        starts.append(at)
        opens.append(PARAGRAPH if at - end > 1 and text.count("\n", end, at) > 1 else LINE)
        line = at
    if size - line > LONG_LINE:
        starts += _sentences(text, line, size)
    return starts, opens + [SENTENCE] * (len(starts) - len(opens))


def _sentences(text: str, start: int, stop: int) -> list[int]:
    """Where sentences begin inside a line."""
    return [border.end() for border in _SENTENCE_END.finditer(text, start, stop)]
