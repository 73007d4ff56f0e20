"""Context, question and history under labels: "Context: … Question: …", headings, DSPy's fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from costscope.attribute.markers.cuts import Span
from costscope.attribute.markers.lines import Mark, points, points_back
from costscope.attribute.markers.words import tells_retrieval

MAX_TAIL = 1000
"""Characters between context and question that can be the template's words."""
MAX_CLOSING = 8
"""Paragraphs behind the context that may be the template's."""
MIN_OPEN = 200
"""Context that no other label ends is at least so long."""
_REQUEST = re.compile(
    r"""\s+(?:please[ ])?(?:respond|answer|reply|cite|return|use[ ]only|
    write[ ](?:the|your|an?)[ ](?:answer|reply|response)|
    if[ ](?:they|it|these|none|the[ ](?:context|documents|answer))[ ](?:\w+[ ]){0,3}(?:help|contain|answer|tell|found)|
    antworte|beantworte|réponds|répondez|responde|responda|rispondi|beantwoord|antwoord|odpowiedz|ответь|请)\b""",
    re.VERBOSE | re.IGNORECASE,
)
_ORDERS = re.compile(
    r"instru|task|rule|guideline|format|anweis|aufgabe|regel|vorgab|consigne|tâche|règle|tarea|regla|"
    r"tarefa|regra|istru|compito|regol|taak|zadani|zasad|polecen|инстру|задан|правил|任务|要求|指令|规则|指示|ルール|지시|규칙",
    re.IGNORECASE,
)
"""Words of labels that are orders, rather than notes."""
_NOTHING = re.compile(r"[\s\"'`<]*+\Z")
_QUESTION = re.compile(
    r"question|query|request|frage|demande|pregunta|consulta|pergunta|domanda|vraag|pytani|вопрос|问题|質問|질문",
    re.IGNORECASE,
)


def labelled(text: str, marks: Sequence[Mark], role: str) -> Span | None:
    """From a label to what the template says next. A label that nothing ends may be a plain word
    before a colon, so it proves nothing."""
    at = next((i for i, m in enumerate(marks) if m.kind == "context"), None)
    if at is None:
        return None
    while at + 1 < len(marks) and _is_headed(text, marks[at], marks[at + 1]):
        at += 1
    label, after = marks[at], marks[at + 1 :]
    asked = _asked_before(text, marks[: at + 1])
    if role == "system" and _is_form(text, label, after):
        return None
    last = _questions(text, label, () if asked else after, role)[-1:]
    if after and after[0].kind == "fence" and not text[label.stop : after[0].start].strip():
        return to_fence(text, after, role, last[0].start if last else len(text))
    stop = _stop(text, label, after, last, alone=role == "user" and not asked)
    if stop is None:
        stop = len(text) if asked or _may_be_open(text, label, role) else None
    return stop if stop is None else (label.stop, _without_tail(text, marks, label.stop, stop))


def last_cycle(text: str, marks: Sequence[Mark], role: str) -> Sequence[Mark]:
    """The marks without those of examples: rounds of context, question and filled answer."""
    firsts = [i for i, m in enumerate(marks) if m.kind == "context"]
    alike = [i for i in firsts if marks[i].label == marks[firsts[0]].label]
    if len(alike) < 2 or not _answered(text, marks[alike[0] : alike[1]]):
        first = next((m for m in marks if m.kind == "example" and m.stop - m.start < 80), None)
        shown = first is not None and bool(firsts) and first.start < marks[firsts[0]].start
        return [] if shown and role == "system" and _answered(text, marks[firsts[0] :]) else marks
    if role == "system" and _answered(text, marks[alike[-1] :]):
        return []
    start = alike[-1]
    if start and marks[start - 1].kind == "question" and marks[alike[0] - 1].kind == "question":
        start -= 1
    return marks[start:]


def _is_headed(text: str, mark: Mark, after: Mark) -> bool:
    """Whether two labels of context stand right below each other, such as a heading and its sentence."""
    return after.kind == "context" and not text[mark.stop : after.start].strip()


def _answered(text: str, marks: Sequence[Mark]) -> bool:
    """Whether a question is asked under some marks, and something stands after their answer's label."""
    kinds = [m.kind for m in marks]
    if "question" not in kinds or "answer" not in kinds:
        return False
    at = kinds.index("answer")
    stop = marks[at + 1].start if at + 1 < len(marks) else len(text)
    return bool(text[marks[at].stop : stop].strip())


def _asked_before(text: str, before: Sequence[Mark]) -> bool:
    """Whether the template's question stands before its context, the last of the marks."""
    return any(
        mark.kind == "question" and text[mark.stop : after.start].strip()
        for mark, after in pairwise(before)
    )


def _is_form(text: str, label: Mark, after: Sequence[Mark]) -> bool:
    """Whether a system message shows how question and answer will look, with signs in their places."""
    alike = [m for m in after if m.style == label.style]
    asked = next((i for i, m in enumerate(alike) if m.kind == "question"), None)
    return bool(label.style) and asked is not None and _answered(text, alike[asked:])


def _questions(text: str, label: Mark, after: Sequence[Mark], role: str) -> list[Mark]:
    """The marks that may be the template's question: those that look like its label, else all. In a
    system message none that is answered right away."""
    found = [m for m in after if m.kind == "question"]
    if role == "system" and found and _answered(text, after[after.index(found[-1]) :]):
        return []
    alike = [m for m in found if m.style == label.style]
    return alike if alike and label.style not in ("", "sentence") else found


def _stop(
    text: str, label: Mark, after: Sequence[Mark], last: Sequence[Mark], *, alone: bool
) -> int | None:
    """Where the context ends. Documents may hold questions and answers: the last are the template's.
    `alone`: it may be what the user says last, for no question stands before it."""
    if not last:
        last = [m for m in after if m.kind == "end" or waits(text, m)][-1:]
    if not last and alone:
        last = [m for m in after if m.kind == "user"][-1:]
    ends = [last[0].start] if last else []
    style = label.style.replace("sentence", "")
    alike = (m.start for m in after if _may_end(m, style, named=bool(last)))
    ends += islice(alike, 1)
    return min(ends) if ends else None


def _may_end(mark: Mark, style: str, *, named: bool) -> bool:
    """Whether a mark can end a context whose label looks like this, and which a question or an answer is
    `named` to end. Documents have headings and notes of their own."""
    if mark.kind in ("example", "history", "end"):
        return mark.style == style
    return (
        mark.kind == "task"
        and mark.style == style
        and bool((style and not named) or _ORDERS.search(mark.label))
    )


def waits(text: str, mark: Mark) -> bool:
    """Whether a mark is an answer's label at the message's end, with nothing but quotes behind it."""
    return mark.kind == "answer" and _NOTHING.match(text, mark.stop) is not None


def _may_be_open(text: str, label: Mark, role: str) -> bool:
    """Whether context may reach to the message's end: in a system message, or where a label tells of
    retrieval, and stands on a line of its own."""
    long = len(text) - label.stop >= MIN_OPEN
    asked = role == "user" and (not text[: label.start].strip() or not tells_retrieval(label.label))
    return long and label.alone and not asked


def _without_tail(text: str, marks: Sequence[Mark], start: int, stop: int) -> int:
    """The stop without the template's words before it: "… Answer only from the context above."."""
    floor = max(start, stop - MAX_TAIL)
    for mark in reversed(marks):
        if mark.kind == "fence" and mark.style[0] in "-=*_" and floor < mark.start < stop:
            after = text[mark.stop : stop].strip()
            stop = mark.start if _leads_to_question(after) else stop
    for _ in range(MAX_CLOSING):
        begin = _closing_words(text, start, start + len(text[start:stop].rstrip()))
        if begin < 0 or not text[start:begin].strip():
            break
        stop = begin
    return stop


def _leads_to_question(after: str) -> bool:
    """Whether a few words behind a fence point back at the context, or speak of the question."""
    line = after.split("\n")[0]
    return len(after) < MAX_TAIL // 2 and (points_back(line) or bool(_QUESTION.search(line)))


def _is_closing(paragraph: str) -> bool:
    """Whether a paragraph points at the context, or says shortly how to answer."""
    orders = len(paragraph) < MAX_TAIL // 3 and bool(_REQUEST.match(paragraph))
    return orders or points(paragraph.strip().split("\n")[0])


def _closing_words(text: str, start: int, end: int) -> int:
    """Where a last paragraph or line begins that points back at the context, else -1."""
    begin = text.rfind("\n\n", max(start, end - MAX_TAIL // 2), end)
    if begin >= 0 and _is_closing(text[begin:end]):
        return begin
    begin = text.rfind("\n", max(start, end - MAX_TAIL // 4), end)
    return begin if begin >= 0 and points_back(text[begin:end]) else -1


def to_fence(text: str, after: Sequence[Mark], role: str, last: int) -> Span | None:
    """From an opening fence to the last one like it before `last`, the template's question, else the
    next; in a system message, else to its end."""
    like = (
        after[0].style.rstrip("abcdefghijklmnopqrstuvwxyz")
        if after[0].style[0] == "`"
        else after[0].style
    )
    alike = [m.start for m in after[1:] if m.kind == "fence" and m.style == like]
    before = [start for start in alike if start <= last]
    if before and last < len(text):
        return after[0].stop, before[-1]
    if alike:
        return after[0].stop, alike[0]
    return (after[0].stop, len(text)) if role == "system" else None


def questions(text: str, marks: Sequence[Mark], spans: Sequence[Span]) -> Iterator[Span]:
    """The first named question outside the context, up to the template's next words; without one, what
    the user says last before the reply."""
    free = list(_outside(marks, spans))
    at = next((i for i, m in enumerate(free) if m.kind == "question"), None)
    if at is None:
        said = [i for i, m in enumerate(free) if m.kind == "user"]
        replies = free and free[-1].kind == "assistant" and not text[free[-1].stop :].strip()
        at = said[-1] if said and replies else None
    if at is not None:
        ends = [
            m.start for m in free[at + 1 :] if m.kind not in ("question", "number", "user", "fence")
        ]
        starts = sorted(a for a, _ in spans if a >= free[at].stop)
        ends += [m.start for m in free[at:] if m.kind == "fence" and _leads_to(text, m, starts[:1])]
        stop = min([*ends, *starts], default=len(text))
        stop = free[at].until or stop
        yield free[at].stop, _without_request(text, free[at].stop, stop)


def _leads_to(text: str, mark: Mark, starts: Sequence[int]) -> bool:
    return any(
        mark.stop <= start <= mark.stop + 8 and not text[mark.stop : start].strip()
        for start in starts
    )


def _without_request(text: str, start: int, stop: int) -> int:
    """The stop without a last paragraph or line that says how to answer."""
    end = start + len(text[start:stop].rstrip())
    for border, said in (("\n\n", _REQUEST.match), ("\n", None)):
        begin = text.rfind(border, max(start, end - MAX_TAIL), end)
        last = text[begin:end]
        asks = begin <= start or last.endswith(("?", "？"))
        waits_on = len(last) < 60 and stop == len(text) and last.endswith((":", "："))
        if not asks and (waits_on or (said and said(last)) or points(last)):
            return begin
    return stop


def history(marks: Sequence[Mark], spans: Sequence[Span], asked: Sequence[Span]) -> Iterator[Span]:
    """From "Chat history:" to the template's next label, its question or its context."""
    free = list(_outside(marks, spans))
    for i, mark in enumerate(free):
        if mark.kind == "history":
            kinds = ("context", "task", "history")
            ends = [m.start for m in free[i + 1 :] if m.kind in kinds]
            ends += [a for a, _ in spans if a >= mark.stop]
            ends += [_label_before(free, a) for a, _ in asked if a >= mark.stop]
            if ends:
                yield mark.stop, min(ends)
            return


def _label_before(marks: Sequence[Mark], at: int) -> int:
    """Where the label of a question begins that begins at a place."""
    labels = (m.start for m in reversed(marks) if m.kind in ("question", "user") and m.stop <= at)
    return next(labels, at)


def _outside(marks: Sequence[Mark], spans: Sequence[Span]) -> Iterator[Mark]:
    """The marks outside some spans, both in order."""
    left = iter([*sorted(spans), (1 << 62, 1 << 62)])
    start, stop = next(left)
    for mark in marks:
        while mark.start >= stop:
            start, stop = next(left)
        if mark.start < start:
            yield mark
