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
_PARAGRAPH = re.compile(r"\n[ \t\r]*\n\s*")
_LINE = re.compile(r"\n\s*")
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|(?<=[。！？；：])")
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
    stops = [start for start, _ in borders[1:]] + [len(text)]
    return [
        Span(start, stop, opens, text[start:stop].rstrip().endswith(_ASKS))
        for (start, opens), stop in zip(borders, stops, strict=True)
    ]


def _borders(text: str) -> list[tuple[int, int]]:
    """Where spans begin, and what begins with them."""
    found: list[tuple[int, int]] = []
    for at, end in _pieces(text, 0, len(text), _PARAGRAPH):
        for i, (a, b) in enumerate(_pieces(text, at, end, _LINE)):
            found.append((a, PARAGRAPH if i == 0 else LINE))
            if b - a > LONG_LINE:
                found += [(c, SENTENCE) for c, _ in _pieces(text, a, b, _SENTENCE)[1:]]
    return found


def _pieces(text: str, start: int, stop: int, border: re.Pattern[str]) -> list[tuple[int, int]]:
    """A stretch of text cut behind each border; what is only white space goes with what is before."""
    ends = [m.end() for m in border.finditer(text, start, stop) if start < m.end() < stop]
    pieces: list[tuple[int, int]] = []
    for end in [*ends, stop]:
        if pieces and not text[start:end].strip():
            pieces[-1] = (pieces[-1][0], end)
        elif end > start:
            pieces.append((start, end))
        start = end
    return pieces
