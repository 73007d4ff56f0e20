"""Texts cut into spans: covered once, in order, and bounded."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from costscope.attribute.spans import LINE, MAX_SPANS, MIN_TEXT, PARAGRAPH, SENTENCE, spans

LONG = "All of this is one line of prose. It goes on for a while, so that it is cut. Does it? " * 3


def shown(text: str) -> list[tuple[str, int]]:
    return [(text[s.start : s.stop].strip(), s.opens) for s in spans(text)]


def test_lines_paragraphs_and_the_sentences_of_long_lines() -> None:
    text = f"One.\nTwo.\n\nThree.\n{LONG}"
    found = shown(text)
    assert found[:4] == [
        ("One.", PARAGRAPH), ("Two.", LINE), ("Three.", PARAGRAPH),
        ("All of this is one line of prose.", LINE),
    ]  # fmt: skip
    assert {opens for _, opens in found[4:]} == {SENTENCE}


def test_a_question_ends_as_one() -> None:
    asks = {text for (text, _), s in zip(shown(LONG), spans(LONG), strict=True) if s.asks}
    assert asks == {"Does it?"}


def test_a_short_text_is_one_span() -> None:
    assert len(spans("a\n\nb\n\nc?")) == 1
    assert len("a\n\nb\n\nc?") < MIN_TEXT


def test_of_a_very_long_text_the_ends_are_told_apart() -> None:
    text = "\n".join(f"line {i}" for i in range(5 * MAX_SPANS))
    found = shown(text)
    assert len(found) == MAX_SPANS
    assert found[0][0] == "line 0"
    assert found[-1][0] == f"line {5 * MAX_SPANS - 1}"


@given(st.text(alphabet="ab .?!\n\t。", max_size=600))
def test_spans_cover_the_text_once_and_in_order(text: str) -> None:
    found = spans(text)
    assert "".join(text[s.start : s.stop] for s in found) == text
    assert all(a.stop == b.start for a, b in pairwise(found))
    assert len(found) <= MAX_SPANS
