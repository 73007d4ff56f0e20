"""Retrieved context inside a message, found by the marks that prompt templates put around it.

One pass for tags and one for marked lines, both linear in the text, whatever it holds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

MIN_CONTEXT = 20
"""Shorter finds are more likely words of a question than documents."""
MIN_NUMBERED = 200
"""The same for numbered sources: people number their own short lists, too."""
MAX_FENCES = 10

_TAGS = (
    "context", "contexts", "retrieved_context", "documents", "document", "docs", "search_results",
    "search_result", "passages", "passage", "sources", "source", "knowledge", "knowledge_base",
    "references", "reference", "excerpts", "snippets", "retrieved_documents", "retrieved",
)  # fmt: skip
_TAG = re.compile(rf"```|<(/?)({'|'.join(_TAGS)})(?=[\s>])([^<>]*)>", re.IGNORECASE)
_HTML = re.compile(r"\b(src|srcset|media|type)\s*=", re.IGNORECASE)
_QUOTES = "`'\"“”‘’"

_THINGS = (
    r"(?:retrieved[ ]|relevant[ ])?(?:context(?:[ ]information)?|documents|sources|search[ ]results|"
    r"passages|excerpts|knowledge[ ]base|references)"
)
_LINE = re.compile(
    rf"""\n[ \t]*+(?:
        (?P<fence>-{{5,}}+|={{5,}}+|\*{{5,}}+)[ \t]*+\r?(?=\n|\Z)
      | (?P<number>\[\d{{1,3}}\]|(?:source|document|doc|passage)[ ]?\#?\d{{1,3}}[ ]?:)
      | (?P<heading>\#*+[ \t]*+\*{{0,2}}+)
        (?: (?P<label>{_THINGS})
          | (?P<question>(?:user(?:'s)?[ ])?(?:question|query)|user[ ](?:input|message))
          | (?P<aside>instructions?|task|chat[ ]history)
          | (?P<answer>(?:helpful[ ])?answer|response) )
        (?: \*{{0,2}}+[ \t]*+(?P<colon>:)\*{{0,2}}+
          | (?P<below>[ ]is[ ]below)[.:]?
          | \*{{0,2}}+[ \t]*+\r?(?=\n|\Z) )
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_LABELS = ("label", "question", "aside", "answer")
_MENTION = re.compile(_THINGS.replace("[ ]", " "), re.IGNORECASE)
_INTRO = re.compile(rf"\b(?:following|below)\b.{{0,80}}{_MENTION.pattern}|{_MENTION.pattern}.{{0,80}}\bbelow\b",
                    re.IGNORECASE)  # fmt: skip
_DIGITS = re.compile(r"\d+")


class Cut(NamedTuple):
    """A span of a message: "context", "query", "system" or "" (its place in the prompt decides)."""

    segment: str
    start: int
    stop: int


class Mark(NamedTuple):
    """A line, or the start of one, that a template puts before something."""

    kind: str
    start: int
    stop: int


Span = tuple[int, int]


def cut(text: str, role: str) -> list[Cut]:
    """A user or system message cut at the borders of its retrieved context; whole where none is marked.

    In a user message that names its question ("Question: …"), what stands outside context and question
    is the template's text, so it is system. The cuts cover the text once, in order.
    """
    marks = list(_marks(text))
    spans = _merge(text, _tagged(text) or _by_lines(text, marks, role))
    if not spans:
        return [Cut("", 0, len(text))]
    question = _question(text, marks, spans) if role == "user" else None
    named = [Cut("context", a, b) for a, b in spans]
    if question is not None:
        named.append(Cut("query", *question))
    rest = "" if question is None else "system"
    return _fill(text, sorted(named, key=lambda c: c.start), rest)


def _tagged(text: str) -> list[Span]:
    """Spans from an opening tag to its closing tag. Tags that are quoted, stand in a code block, or
    only in the middle of a sentence are spoken of, not used."""
    if "</" not in text:
        return []
    found: list[Span] = []
    opened: list[tuple[str, re.Match[str]]] = []
    waiting: dict[str, int] = {}
    code = False
    for tag in _TAG.finditer(text):
        name = (tag[2] or "").lower()
        if not name:
            code = not code if not opened else code
        elif code or _spoken_of(text, tag):
            continue
        elif not tag[1]:
            opened.append((name, tag))
            waiting[name] = waiting.get(name, 0) + 1
        elif waiting.get(name):
            start = _closed(opened, waiting, name)
            if tag.start() - start.end() >= MIN_CONTEXT and _is_block(text, start, tag):
                found.append((start.start(), tag.end()))
    return found


def _closed(
    opened: list[tuple[str, re.Match[str]]], waiting: dict[str, int], name: str
) -> re.Match[str]:
    """The newest open tag of a name; those that were opened after it and never closed are forgotten."""
    while True:
        other, start = opened.pop()
        waiting[other] -= 1
        if other == name:
            return start


def _spoken_of(text: str, tag: re.Match[str]) -> bool:
    quoted = text[max(0, tag.start() - 1)] in _QUOTES and text[tag.end() : tag.end() + 1] in _QUOTES
    return (quoted and tag.end() < len(text)) or bool(tag[3] and _HTML.search(tag[3]))


def _is_block(text: str, start: re.Match[str], stop: re.Match[str]) -> bool:
    """Whether a pair of tags begins a line, ends one, or has what it holds on lines of its own."""
    floor = max(0, start.start() - 200)
    line = max(text.rfind("\n", floor, start.start()), floor - 1) + 1
    if not text[line : start.start()].strip() or text[start.end()] in "\r\n":
        return True
    end = text.find("\n", stop.end(), stop.end() + 200)
    return not text[stop.end() : end if end >= 0 else stop.end() + 200].strip()


def _marks(text: str) -> Iterator[Mark]:
    """Marked lines, in order. Words count with a colon, or as a heading."""
    # The break before the first line lets the pattern begin with a literal, which is searched fast.
    for found in _LINE.finditer("\n" + text):
        kind = found.lastgroup or ""
        if kind not in ("fence", "number"):
            if kind not in ("colon", "below") and not found["heading"].strip():
                continue
            kind = next(k for k in _LABELS if found[k])
        yield Mark(kind, found.start(), found.end() - 1)


def _by_lines(text: str, marks: Sequence[Mark], role: str) -> list[Span]:
    if not marks:
        return []
    for find in (_labelled, _fenced, _introduced, _numbered):
        span = find(text, marks, role)
        if span is not None and len(text[slice(*span)].strip()) >= MIN_CONTEXT:
            return [span]
    return []


def _labelled(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """From "Context:" to what the template says next. A label that nothing ends may be a plain word
    before a colon, so it proves nothing."""
    at = next((i for i, m in enumerate(marks) if m.kind == "label"), None)
    if at is None:
        return None
    after = marks[at + 1 :]
    if after and after[0].kind == "fence" and not text[marks[at].stop : after[0].start].strip():
        return _to_fence(text, after, role)
    # Documents may hold questions and answers themselves: the last ones are the template's.
    questions = [m.start for m in after if m.kind == "question"]
    answers = [m.start for m in after if m.kind == "answer"]
    asides = [m.start for m in after if m.kind == "aside"]
    last = questions[-1:] or answers[-1:]
    stops = last + [a for a in asides[:1] if not last or a < last[0]]
    return (marks[at].stop, min(stops)) if stops else None


def _to_fence(text: str, after: Sequence[Mark], role: str) -> Span | None:
    """From an opening fence to the next one that is like it; in a system message, else to its end."""
    like = text[after[0].start : after[0].stop].strip()
    for mark in after[1:]:
        if mark.kind == "fence" and text[mark.start : mark.stop].strip() == like:
            return after[0].stop, mark.start
    return (after[0].stop, len(text)) if role == "system" else None


def _fenced(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """Between two fences, where the line before the first (in a system message, what is before it)
    speaks of context."""
    for at in [i for i, m in enumerate(marks) if m.kind == "fence"][:MAX_FENCES]:
        before = text[max(0, marks[at].start - 300) : marks[at].start].rstrip()
        start = 0 if role == "system" else before.rfind("\n") + 1
        if _MENTION.search(before, start):
            return _to_fence(text, marks[at:], role)
    return None


def _introduced(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """ "Use the following pieces of context …", a blank line, the context, and a named question."""
    head = text[:500].lstrip()
    start = text.find("\n\n", len(text[:500]) - len(head))
    last = next((m.start for m in reversed(marks) if m.kind == "question"), -1)
    if 0 <= start < min(500, last) and _INTRO.search(text, 0, start):
        return start + 2, last
    return None


def _numbered(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """Sources numbered from 0 or 1 without a gap, at least two, up to what the template says next, else
    to the blank line after the last. In a user message something must be left to be the question."""
    run = _run(text, [m for m in marks if m.kind == "number"])
    if len(run) < 2:
        return None
    start, last = run[0].start, run[-1].stop
    labels = ("question", "aside", "answer")
    blank = text.find("\n\n", last)
    line = text.find("\n", last) if role == "user" else -1
    named = next((m.start for m in marks if m.start >= last and m.kind in labels), -1)
    stop = next((end for end in (named, blank, line) if end >= 0), len(text))
    alone = role == "user" and not (text[:start].strip() or text[stop:].strip())
    return None if alone or stop - start < MIN_NUMBERED else (start, stop)


def _run(text: str, numbers: Sequence[Mark]) -> list[Mark]:
    """The first run of at least two marks that count up by one from 0 or 1."""
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
    return run


def _question(text: str, marks: Sequence[Mark], spans: Sequence[Span]) -> Span | None:
    """The span of the first named question outside the context, up to the template's next words."""
    starts = [a for a, _ in spans]
    begins = set(starts)
    for i, mark in enumerate(marks):
        at = bisect_right(starts, mark.start)
        if mark.kind == "question" and not (at and mark.start < spans[at - 1][1]):
            ends = (
                m.start for m in marks[i + 1 :] if m.kind in ("answer", "aside") or m.stop in begins
            )
            return mark.stop, min([*starts[at : at + 1], *islice(ends, 1)], default=len(text))
    return None


def _merge(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans in order, those that touch, overlap or have only white space between them as one."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and (start <= merged[-1][1] or not text[merged[-1][1] : start].strip()):
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _fill(text: str, named: Sequence[Cut], rest: str) -> list[Cut]:
    """The named spans and what lies between them; white space alone goes with the span before it."""
    found: list[Cut] = []
    at = 0
    for span in [*named, Cut(rest, len(text), len(text))]:
        if found and not text[at : span.start].strip():
            found[-1] = found[-1]._replace(stop=span.start)
        elif span.start > at:
            found.append(Cut(rest, at, span.start))
        if span.stop > span.start:
            found.append(span)
        at = span.stop
    return found
