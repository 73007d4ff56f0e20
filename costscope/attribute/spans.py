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
# One set of characters begins every border, so that what is between borders is passed over fast.
_BORDER = re.compile(
    r"[\n.!?:;。！？；：]"
    r"(?:(?<=\n)\s*+|(?<=[.!?:;])[^\S\n]++(?=\S)|(?<=[。！？；：])(?=\S))"
)
_ASKS = ("?", "？", "؟")


class Span(NamedTuple):
    """Where a span lies in its text, white space after it included; whether a SENTENCE, a LINE or a
    PARAGRAPH begins with it; and whether it ends as a question does."""

    start: int
    stop: int
    opens: int
    asks: bool


def spans(text: str) -> list[Span]:
    """The text in spans that cover it once, in order; a short text is one."""
    borders = _borders(text) if len(text) >= MIN_TEXT else [(0, PARAGRAPH)]
    if len(borders) > MAX_SPANS:
        # Templates and questions stand at the ends; what is between them is one span.
        half = MAX_SPANS // 2
        borders = [*borders[:half], *borders[-half:]]
    asks, size = any(mark in text for mark in _ASKS), len(text)
    if len(borders) == 1:
        return [Span(0, size, PARAGRAPH, asks and text.rstrip().endswith(_ASKS))]
    stops = [start for start, _ in borders[1:]] + [size]
    return [
        Span(start, stop, opens, asks and text[start:stop].rstrip().endswith(_ASKS))
        for (start, opens), stop in zip(borders, stops, strict=True)
    ]


def _borders(text: str) -> list[tuple[int, int]]:
    """Where spans begin, and what begins with them."""
    found, line, size = [(0, PARAGRAPH)], 1, len(text)
    start, first = 0, size - len(text.lstrip())
    for border in _BORDER.finditer(text):
        at = border.end()
        if at >= size or border.start() < first:
            continue
        breaks = border[0].count("\n")
        if not breaks:
            found.append((at, SENTENCE))
            continue
        if at - start <= LONG_LINE:
            del found[line:]
        found.append((at, PARAGRAPH if breaks > 1 else LINE))
        line, start = len(found), at
    if size - start <= LONG_LINE:
        del found[line:]
    return found
