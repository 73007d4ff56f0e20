"""Retrieved context, pasted history and the question inside one message, found by the marks that prompt
templates put around them. Every rule is linear in the text, whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

from costscope.attribute.markers import lines, runs, sections
from costscope.attribute.markers.cuts import MIN_CONTEXT, Cut, Span, filled, joined, stripped
from costscope.attribute.markers.payload import payload
from costscope.attribute.markers.tags import tagged

__all__ = ["RULES", "Cut", "cut"]

Rule = Callable[[str, Sequence[lines.Mark], str], Span | None]
RULES: tuple[Rule, ...] = (runs.introduced, sections.labelled, runs.fenced, runs.numbered)
"""Text, its marks and its role → where the context is; the first that finds it decides."""
_SENTENCE = re.compile(r"[^.!?。！？\n]+(?:[.!?](?!\s)[^.!?。！？\n]*)*[.!?。！？]*\s*|\s+")
_WORD = re.compile(r"\w")
MAX_REST = 4000
"""Characters outside the context that are looked at for the template's own sentences."""


def cut(text: str, role: str) -> list[Cut]:
    """A user or system message cut at the borders of its retrieved context; whole where none is marked.

    In a user message that names its question ("Question: …"), what stands outside context and question
    is the template's text, so it is system. The cuts cover the text once, in order.
    """
    values = payload(text)
    if values:
        return filled(text, values, "system" if role == "user" else "")
    marks = sections.last_cycle(text, lines.marks(text), role)
    found = tagged(text) or [Cut("context", *span) for span in _by_lines(text, marks, role)]
    if role != "user":
        return _system(text, marks, found)
    return _user(text, marks, found)


def _by_lines(text: str, marks: Sequence[lines.Mark], role: str) -> list[Span]:
    """The context of the first rule that finds more than a few words, without its label's space."""
    for rule in RULES:
        span = rule(text, marks, role)
        if span is not None:
            start, stop = stripped(text, *span)
            if stop - start >= MIN_CONTEXT:
                return [(start, stop)]
    return []


def _system(text: str, marks: Sequence[lines.Mark], found: list[Cut]) -> list[Cut]:
    """A system message, with the history that stands beside its context."""
    named = [c for c in found if c.segment in ("context", "history")]
    if named and all(c.segment == "context" for c in named):
        spans = [(c.start, c.stop) for c in named]
        named += [Cut("history", *s) for s in _inner(text, sections.history(marks, spans, []))]
    return filled(text, named, "") if named else [Cut("", 0, len(text))]


def _user(text: str, marks: Sequence[lines.Mark], found: list[Cut]) -> list[Cut]:
    """A user message, with its question and its pasted history."""
    if not found and not any(m.kind == "history" for m in marks):
        return [Cut("", 0, len(text))]
    context = [(c.start, c.stop) for c in found]
    segments = {c.segment for c in found}
    asked = [] if "query" in segments else _inner(text, sections.questions(text, marks, context))
    said = [] if "history" in segments else _inner(text, sections.history(marks, context, asked))
    if not found and not (asked and said):
        return [Cut("", 0, len(text))]
    found += [Cut("query", *span) for span in asked] + [Cut("history", *span) for span in said]
    if "query" in segments or asked:
        return filled(text, found, "system")
    return _rest(text, filled(text, found, ""))


def _inner(text: str, spans: Iterable[Span]) -> list[Span]:
    inner = (stripped(text, *span) for span in spans)
    return [(start, stop) for start, stop in inner if start < stop]


def _rest(text: str, cuts: list[Cut]) -> list[Cut]:
    """Cuts of which what is left over is looked through for the template's sentences, as long as
    something remains to be the query; a message of nothing but context has no template."""
    left = [c for c in cuts if c.segment == "" and text[c.start : c.stop].strip()]
    if not left:
        return [Cut("context", 0, len(text))]
    parts = {c: _sentences(text, c) for c in left if c.stop - c.start <= MAX_REST}
    asking = [c for c, own in parts.items() if any(s.segment == "" for s in own)]
    if len(left) == len(parts) and asking:
        cuts = [s for c in cuts for s in parts.get(c, [c])]
    return joined(cuts)


def _sentences(text: str, rest: Cut) -> list[Cut]:
    """What is outside the context: sentences that point at it or lead up to it, and fences, are the
    template's."""
    start, stop = _without_fences(text, rest)
    found = [Cut("system", rest.start, start)] if start > rest.start else []
    for match in _SENTENCE.finditer(text, start, stop):
        sentence = match[0].strip()
        leads = match.end() == rest.stop < len(text) and sentence.endswith((":", "："))
        ours = lines.points(sentence) and not sentence.endswith(("?", "？"))
        found.append(Cut("system" if leads or ours else "", *match.span()))
    return joined([*found, Cut("system", stop, rest.stop)] if stop < rest.stop else found)


def _without_fences(text: str, rest: Cut) -> Span:
    """What is left of a stretch without lines of no words next to the context."""
    own = text[rest.start : rest.stop].splitlines(keepends=True)
    first, last = 0, len(own)
    while rest.start and first < last and not _WORD.search(own[first]):
        first += 1
    while rest.stop < len(text) and first < last and not _WORD.search(own[last - 1]):
        last -= 1
    before, after = "".join(own[:first]), "".join(own[last:])
    start = rest.start + (len(before) if before.strip() else 0)
    return start, rest.stop - (len(after) if after.strip() else 0)
