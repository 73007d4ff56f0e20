"""Marked lines of a message: labels, headings, fences and numbers that a template puts before things.

Linear in the text, whatever it holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

from costscope.attribute.markers.words import LIMITS, POINTS, THINGS, kind_of

MIN_SENTENCE = 6
MAX_SENTENCE = 240
"""Characters of a line that introduces what follows it, at least and at most."""
MAX_KEPT = 1000
"""Characters of a sentence that is remembered; what is longer may be of any length."""

# Looking ahead for what each of many alternatives begins with passes over most lines at once.
_LINE = re.compile(
    r"""\n[ \t]*+(?:
        (?P<fence>(?=[-=*~+_\"'`])
          (?:-{3,}+|={4,}+|\*{4,}+|~{3,}+|\+{4,}+|_{5,}+|\"{3}|'{3}|`{3,}+\w*+)[ \t]*+\r?(?=\n|\Z))
      | (?P<number>\[(?:doc|source)?\^?[ ]?\d{1,3}\]|【\d{1,3}】
          |(?=[^\W\d]++[ ]?+[\[(\#]?+\d)(?:source|document|doc|passage|excerpt|
            article|result|chunk|context|quelle|dokument|auszug|abschnitt|extrait|fuente|documento|extracto|
            fonte|trecho|bron|źródło|источник|документ|фрагмент|文档|资料|片段|資料|文書|出典|문서|자료)
            [ ]?[\[(\#]?\d{1,3}[\])]?[ ]?[:：])
      | (?P<head>\[\[[ ]\#\#|\#{1,6}+|\*{1,3}+|-{2,4}+|={2,4}+|[\[【<「])?+[ \t]*+
        (?P<words>[^\W\d_][^\n:：*\#\[\]【】」=|<>{}`\"]{0,60}+)
        (?P<end>\*{0,3}+[ \t]*+(?P<colon>[:：])\*{0,3}+
          |[ ]?(?:\#\#[ ]?\]\]|[\#\]】>」*=]{0,6}+)(?P<late>[:：]?)[ \t]*+\r?(?=\n|\Z))
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_COLONS = [(mark, re.compile(rf"{mark}[ \t]*+\r?\n")) for mark in ":："]
_FENCE = re.compile(r"\n[ \t]*+(?=[-=*~\"`])(?:-{3}|={4}|\*{4}|~{3}|\"{3}|`{3})")
_ASIAN = r"(?:以下|上述|下記|上記|根据|基于|已知|아래|다음)[^.!?。！？\n]{0,30}"
_GAP = r"[^.!?。！？\n]{0,60}?(?<!\w)"


@cache
def _pointing(points: str) -> re.Pattern[str]:
    """Sentences that point at context in these words. Made when first asked for: it takes 20 ms."""
    near = rf"(?<!\w){points}(?!\w){_GAP}{THINGS}(?!\w)|{THINGS}(?!\w){_GAP}(?<!\w){points}(?!\w)"
    return re.compile(rf"{near}|{_ASIAN}{THINGS}", re.VERBOSE)


_POINTS_OR_LIMITS = f"(?:{POINTS}|{LIMITS})"
_ASKED = re.compile(
    r"""\n[ \t]*+(?=[pntfb请請arhoо回])(?:(?:please|now|then|finally|bitte|nun|请|請)[ ,]*+)?
    (?:(?:answer|respond[ ]to|reply[ ]to|address|here[ ]is|this[ ]is|the[ ](?:user|original|initial)|
       beantworte|antworte|réponds|
       répondez|responde|responda|rispondi|beantwoord|odpowiedz|ответь|ответьте)(?!\w)[^\n:：]{0,90}?
       (?<!\w)(?:question|query|request|frage|anfrage|pregunta|pergunta|domanda|vraag|pytanie|вопрос)(?!\w)
       |回答[^\n:：]{0,30}问题)[^\n:：]{0,70}[:：]""",
    re.VERBOSE | re.IGNORECASE,
)
_ODD = "İıſKᲀᲂᲃ"
"""Letters that `re` takes for others when it ignores case, and `str.lower` does not."""
_QUOTED_WORD = re.compile(r"qu(?:estion|ery)[ ]?:?[ ]?['\"“‘«`]")
"""What `_QUOTED` finds holds this in small letters; to look for it is many times as fast."""
_QUOTED = re.compile(
    r"""\b(?:the|this|user|following)[ ](?:\w+[ ])?(?:question|query)[ ]?:?[ ]?
    (['"“‘«`])([^\n]{3,800}?)['"”’»`](?=[\s.,;]|\Z)""",
    re.VERBOSE | re.IGNORECASE,
)
MAX_LAST = 1500
"""A question in quotes stands within so many characters of the end."""
_LAST_THING = re.compile(rf"{THINGS}(?!\w)[^\n]{{0,30}}\Z", re.VERBOSE)
# Matching lower case is several times as fast as ignoring case.
_END = re.compile(r"\Aend\b|\bend\Z", re.IGNORECASE)
_SENTENCE_START = re.compile(r"(?<=[.!?])\s+")
_ABOVE = re.compile(
    r"\b(?:above|previous|preceding|oben|obige|ci-dessus|anterior|arriba|acima|sopra|boven|powyż|выше|以上|上述|上記)"
)
_FOLLOWS = re.compile(
    rf"(?<!\w)(?:following|below|folgende\w*|suivante?s?|siguientes?|seguintes?|seguent\w|volgende|poniższ\w+|следующ\w+)"
    rf"{_GAP}(?:contexts?|documents?|passages|excerpts|snippets|search[ ]results|sources|chunks|"
    rf"kontext\w*|dokumente\w*|auszüg\w*|quellen|contexte|extraits|contexto|documentos|fuentes|fragmentos|fontes|trechos|contesto|documenti|"
    rf"fonti|documenten|bronnen|dokument\w+|źród\w+|документ\w+|контекст\w*|источник\w*|отрыв\w+)(?!\w)"
    rf"|以下[^。\n]{{0,12}}(?:上下文|文档|资料|内容|コンテキスト|文脈|資料|文書)|다음[^.\n]{{0,12}}(?:컨텍스트|문맥|문서)",
    re.VERBOSE,
)


class Mark(NamedTuple):
    """A line, or the start of one, that a template puts before something. `stop` is where that
    begins; `style` is how the mark is set off; `alone` whether nothing else is on its line."""

    kind: str
    start: int
    stop: int
    style: str
    alone: bool
    label: str
    until: int = 0
    """Where it ends, if the mark tells."""


def marks(text: str) -> list[Mark]:
    """Marked lines outside code blocks, in order; of two that overlap the first."""
    found: list[Mark] = []
    several = [*labels(text), *_sentences(text), *_asked(text)]
    for mark in sorted(several, key=lambda m: m.start):
        if not found or mark.start >= found[-1].stop:
            found.append(mark)
    return _outside_code(found)


def _outside_code(found: list[Mark]) -> list[Mark]:
    """The marks that are not between a code fence and the next; what is there is quoted."""
    fences = [i for i, m in enumerate(found) if m.kind == "fence" and m.style.startswith("```")]
    if len(fences) < 2:
        return found
    inside: set[int] = set()
    for first, last in zip(fences[::2], fences[1::2], strict=False):
        inside.update(range(first + 1, last))
    return [m for i, m in enumerate(found) if i not in inside]


def points(sentence: str) -> bool:
    """Whether a sentence points at the context which a template adds."""
    return _points_again(sentence) if len(sentence) <= MAX_KEPT else _points(sentence)


def _points(sentence: str) -> bool:
    return bool(_pointing(_POINTS_OR_LIMITS).search(sentence.lower()))


_points_again = lru_cache(1024)(_points)
"""A template's own sentences come again and again."""


def points_back(sentence: str) -> bool:
    """Whether it points at the context that stands above it."""
    return points(sentence) and bool(_ABOVE.search(sentence.lower()))


def points_on(sentence: str) -> bool:
    """Whether it says that retrieved texts follow, and not only that some information does."""
    return bool(_FOLLOWS.search(sentence.lower()))


def labels(text: str) -> Iterator[Mark]:
    """Labels, headings, fences and numbers alone, in order, also within code and in sentences."""
    # The break before the first line lets the pattern begin with a literal, which is searched fast.
    for found in _LINE.finditer("\n" + text):
        start, stop = found.start(), found.end() - 1
        if found["fence"] or found["number"]:
            kind = "fence" if found["fence"] else "number"
            yield Mark(kind, start, stop, found[0].strip(), False, "")
            continue
        label, head, colon = found["words"].strip(" -="), found["head"] or "", found["colon"]
        if not (colon or found["late"] or head) or (head == "<" and " " not in label):
            continue
        kind = "end" if head and _END.search(label) else kind_of(label)
        if kind:
            yield Mark(kind, start, stop, head, _breaks(text, stop), label)


def _breaks(text: str, at: int) -> bool:
    return not text[at : at + 8].split("\n")[0].strip()


def _sentences(text: str) -> Iterator[Mark]:
    """Lines that end in a colon, or stand before a fence, and speak of the context that follows: "Here are
    the passages …:"."""
    for end in _introductions(text):
        if text.find("\n", max(0, end - MIN_SENTENCE), end) >= 0:
            continue
        if not _LAST_THING.search(text[max(0, end - 60) : end].lower()):
            continue
        start = text.rfind("\n", max(0, end - MAX_SENTENCE), end) + 1
        line = _SENTENCE_START.split(text[start:end])[-1].lower()
        short = end - start < MAX_SENTENCE
        if short and _pointing(POINTS).search(line) and not _ABOVE.search(line):
            yield Mark("context", start, end + 1, "sentence", True, line)


def _introductions(text: str) -> list[int]:
    """Where the colons are that end a line, and the full stops that end one before a fence, in order."""
    found = [m.start() for mark, line in _COLONS if mark in text for m in line.finditer(text)]
    for fence in _FENCE.finditer(text):
        at = fence.start() - text.startswith("\r", max(fence.start() - 1, 0))
        while text[at - 1 : at] in (" ", "\t"):
            at -= 1
        if text[at - 1 : at] == ".":
            found.append(at - 1)
    return sorted(found)


def _asked(text: str) -> Iterator[Mark]:
    """Sentences that end in the question: "Now answer this question of a visitor: …"."""
    odd = not text.isascii() and any(letter in text for letter in _ODD)
    tail = max(0, len(text) - MAX_LAST)
    quoted = odd or _QUOTED_WORD.search(text[tail:].lower())
    for found in _QUOTED.finditer(text, tail) if quoted else ():
        start = max(text.rfind("\n", 0, found.start()), 0)
        yield Mark("question", start, found.start(2), "quoted", False, found[0], found.end(2))
    for found in _ASKED.finditer("\n" + text):
        line = found[0].lower()
        if _ABOVE.search(line) or not _LAST_THING.search(line[:-1]):
            yield Mark("question", found.start(), found.end() - 1, "sentence", False, line.strip())
