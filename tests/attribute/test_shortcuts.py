"""What is looked for before a pattern is tried, and patterns that were made fast, find what the plain
pattern finds."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.attribute import interner, spans
from costscope.attribute.markers import lines, tags

BORDER = re.compile(r"\n\s*|(?<=[.!?:;])[^\S\n]+(?=\S)|(?<=[。！？；：])(?=\S)")
COLON = re.compile(
    r"[:：][ \t]*+\r?\n|\.[ \t]*+\r?\n(?=[ \t]*+(?:-{3}|={4}|\*{4}|~{3}|\"{3}|`{3}))"
)
CODE = re.compile(
    r"```|^[ \t]*+(?:def|class|import|function|public|const|#include)\b|[;{}][ \t\r]*+$",
    re.MULTILINE,
)
pieces = st.sampled_from([
    "a", "Word", " ", "\t", "\n", "\r\n", ".", ":", "：", "。", "?", ";", "}", "---", "```", "~~~~",
    "def", "import x", "</context>", "[END FACTS]", "</p>", "[/", "question", "the query: 'what is it?'",
    "QUEſTION", "Now answer the question of a visitor:", "Вопрос", "prove", "ﬁne", "İ",
])  # fmt: skip
texts = st.lists(pieces, max_size=40).map("".join)
few = settings(max_examples=60, deadline=None)


def all_borders(text: str, long: int) -> list[tuple[int, int]]:
    """Every border that there is, and then without the sentences of short lines."""
    found, line, start = [(0, spans.PARAGRAPH)], 1, 0
    first = len(text) - len(text.lstrip())
    for border in BORDER.finditer(text):
        at, breaks = border.end(), border[0].count("\n")
        if first <= border.start() and at < len(text) and not breaks:
            found.append((at, spans.SENTENCE))
        elif first <= border.start() and at < len(text):
            kept = found if at - start > long else found[:line]
            found = [*kept, (at, spans.PARAGRAPH if breaks > 1 else spans.LINE)]
            line, start = len(found), at
    return found if len(text) - start > long else found[:line]


@few
@given(texts)
def test_borders_of_spans(text: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(spans, "LONG_LINE", 12)
        assert [*zip(*spans._borders(text), strict=True)] == all_borders(text, 12)


@few
@given(texts)
def test_lines_that_introduce_something(text: str) -> None:
    assert lines._introductions(text) == [colon.start() for colon in COLON.finditer(text)]


@few
@given(texts)
def test_questions_in_sentences(text: str) -> None:
    found = list(lines._asked(text))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "_QUOTED_WORD", re.compile(""))
        assert found == list(lines._asked(text))


@few
@given(texts)
def test_tags(text: str) -> None:
    found = tags.tagged(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tags, "_closing", lambda _: {"context"})
        assert found == tags.tagged(text)


@few
@given(texts)
def test_traits_of_a_query(text: str) -> None:
    assert interner._is_code(text) == bool(CODE.search(text))
    assert interner._reasons(text) == bool(interner._REASONING.search(text))


def test_letters_that_are_the_same_in_no_case_but_to_a_pattern() -> None:
    assert re.search("question", "QUEſTION", re.IGNORECASE)
    assert lines._ASKED.search("\nAnswer this queſtion:")
    assert [mark.kind for mark in lines._asked("Answer this queſtion: why?")] == ["question"]
    assert interner._reasons("ſtep by ſtep")
