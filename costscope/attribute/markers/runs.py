"""Context without a label: between fences, numbered sources, or after "Use the following context"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from costscope.attribute.markers.cuts import Span
from costscope.attribute.markers.lines import Mark, points, points_on
from costscope.attribute.markers.sections import to_fence, waits

MIN_NUMBERED = 200
"""Numbered sources are at least so long: people number their own short lists, too."""
MIN_SINGLE = 400
"""One numbered source alone, which no question's label follows, is at least so long."""
MIN_INTRODUCED = 80
MAX_FENCES = 10
MAX_HEAD = 700
_DIGITS = re.compile(r"\d+")


def fenced(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """Between two fences, where the line before the first (in a system message, what is before it)
    speaks of context, or a question stands before and an answer's label after."""
    last = next((m.start for m in reversed(marks) if m.kind == "question"), len(text))
    fences = [i for i, m in enumerate(marks) if m.kind == "fence" and m.style[0] not in "`\"'"]
    for at in fences[:MAX_FENCES]:
        span = _asked_and_answered(marks, at)
        if span is None and _is_spoken_of(text, marks[at].start, role):
            span = to_fence(text, marks[at:], role, last)
        if span is not None:
            return span
    return None


def _is_spoken_of(text: str, fence: int, role: str) -> bool:
    before = text[max(0, fence - 300) : fence].rstrip()
    return points(before[0 if role == "system" else before.rfind("\n") + 1 :])


def _asked_and_answered(marks: Sequence[Mark], at: int) -> Span | None:
    """Between a fence right after a named question and the last one like it, if an answer follows."""
    if not at or marks[at - 1].kind != "question":
        return None
    for mark, after in pairwise(reversed(marks[at + 1 :])):
        if mark.kind == "answer" and after.kind == "fence" and after.style == marks[at].style:
            return marks[at].stop, after.start
    return None


def introduced(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """ "Use the following pieces of context …", a blank line, the context, and a named question, an
    answer's label that waits for it, or the end of a system message."""
    head = text[:MAX_HEAD].lstrip()
    start = text.find("\n\n", len(text[:MAX_HEAD]) - len(head))
    last = named_end(text, marks, start)
    if start < 0 or any(_is_next(text, start, m) or _is_before(start, m) for m in marks):
        return None
    if last - start >= MIN_INTRODUCED and points(text[:start]):
        return start + 2, last
    long = len(text) - start >= MIN_NUMBERED
    return (start + 2, len(text)) if role == "system" and long and points_on(text[:start]) else None


def named_end(text: str, marks: Sequence[Mark], start: int) -> int:
    """Where the last question's label after a place begins, or that of the answer that is waited for; -1
    where there is none."""
    after = [m for m in marks if m.start >= start]
    asked = [m.start for m in after if m.kind == "question"][-1:]
    return (asked or [m.start for m in after if waits(text, m)] or [-1])[0]


def _is_next(text: str, start: int, mark: Mark) -> bool:
    """Whether a mark stands right after a place, and says itself what follows."""
    return start <= mark.start < start + 20 and not text[start : mark.start].strip()


def _is_before(start: int, mark: Mark) -> bool:
    """Whether what is marked begins above a place already."""
    return mark.start < start and mark.kind in ("context", "fence", "question", "number")


def numbered(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """Sources numbered from 0 or 1 without a gap, up to what the template says next, else
    to the last paragraph if that can be the question. Something must be left to be the question."""
    run = _run(text, [m for m in marks if m.kind == "number"])
    if not run:
        return None
    start, last = run[0].start, run[-1].stop
    named = named_end(text, marks, last)
    before = text[:start].strip()
    stop = named if named >= 0 else _rest(text, last, to_end=_asks(before) or role == "system")
    if len(run) < 2 and before and named < 0:
        return None
    alone = role == "user" and not (before or text[stop:].strip())
    short = stop - start < (MIN_NUMBERED if len(run) > 1 or named >= 0 else MIN_SINGLE)
    return None if alone or short else (start, stop)


def _asks(before: str) -> bool:
    return before.endswith(("?", "？", "。"))


def _rest(text: str, last: int, *, to_end: bool) -> int:
    """Where the last source ends: at the last blank line after it, else at its line's end."""
    end = last + len(text[last:].rstrip())
    if to_end:
        return len(text)
    blank = text.rfind("\n\n", last, end)
    line = text.rfind("\n", last, end)
    return next((at for at in (blank, line) if at >= 0), len(text))


def _run(text: str, numbers: Sequence[Mark]) -> list[Mark]:
    """The first run of marks that count up by one from 0 or 1, of one if there is no longer one."""
    run: list[Mark] = []
    last = -1
    for mark in numbers:
        digits = _DIGITS.search(text, mark.start, mark.stop)
        number = int(digits[0]) if digits else -1
        if run and number == last + 1:
            run.append(mark)
        elif len(run) > 1:
            break
        else:
            run = [mark] if number in (0, 1) else []
        last = number
    return run or [m for m in numbers[:1] if _DIGITS.search(m.style) and m.style.strip("[]") == "1"]
