"""A message cut into spans that cover it once, in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

MIN_CONTEXT = 20
"""Shorter finds are more likely words of a question than documents."""


class Cut(NamedTuple):
    """A span of a message: "context", "history", "query", "system", or "" (its place in the prompt
    decides)."""

    segment: str
    start: int
    stop: int


Span = tuple[int, int]


def stripped(text: str, start: int, stop: int) -> Span:
    """A span without the white space at its ends."""
    inner = text[start:stop]
    return start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())


def merged(text: str, spans: Iterable[Span]) -> list[Span]:
    """Spans in order, those that touch, overlap or have only white space between them as one."""
    found: list[Span] = []
    for start, stop in sorted(spans):
        if found and (start <= found[-1][1] or not text[found[-1][1] : start].strip()):
            found[-1] = (found[-1][0], max(stop, found[-1][1]))
        else:
            found.append((start, stop))
    return found


def filled(text: str, named: Sequence[Cut], rest: str) -> list[Cut]:
    """The named spans and what lies between them; white space alone goes with the span before it."""
    found: list[Cut] = []
    at = 0
    for span in [*sorted(named, key=lambda c: c.start), Cut(rest, len(text), len(text))]:
        if span.start < at:
            continue
        if found and not text[at : span.start].strip():
            found[-1] = found[-1]._replace(stop=span.start)
        elif span.start > at:
            found.append(Cut(rest, at, span.start))
        if span.stop > span.start:
            found.append(span)
        at = span.stop
    return joined(found)


def joined(cuts: Iterable[Cut]) -> list[Cut]:
    """Neighbours of one segment as one."""
    found: list[Cut] = []
    for cut in cuts:
        if found and found[-1].segment == cut.segment:
            found[-1] = found[-1]._replace(stop=cut.stop)
        else:
            found.append(cut)
    return found
