"""Texts under the hashes of their parts, and where a stretch of a text begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from costscope.attribute.interner import Interner
from costscope.attribute.spans import spans
from costscope.attribute.texts import border, texts_of
from costscope.model import Call
from costscope.readers import _chat

SECRET = b"s" * 32
LONG = "".join(f"Line {i} has some words that stand in it.\n" for i in range(12))


def said(text: str) -> Call:
    message = b'{"role": "user", "content": "%s"}' % text.encode()
    reply = Raw(b'[{"message": {"role": "assistant", "content": "Yes."}}]')
    return Call(dialect=_chat.blocks, messages=[message], reply=reply)


def test_texts_have_the_hashes_that_reading_gave_them() -> None:
    interner = Interner(SECRET)
    interner.ids("message", _chat.blocks, "o200k_base", said("How far?").messages)
    (content,) = interner.tables().content.tolist()
    found = texts_of(said("How far?"), SECRET)
    assert found[content] == "How far?"
    assert sorted(found.values()) == ["How far?", "Yes."]
    assert content not in texts_of(said("How far?"), b"t" * 32)


def test_a_call_without_text_has_none() -> None:
    assert texts_of(Call(), SECRET) == {}


@pytest.mark.parametrize("n", range(13))
def test_a_border_of_equal_spans_is_found_whatever_the_scale(n: int) -> None:
    stop = 0 if n == 0 else spans(LONG)[n - 1].stop
    assert border(LONG, [10] * 12, n * 7, 12 * 7) == stop


@given(upto=st.integers(0, 50), counted=st.lists(st.integers(0, 9), max_size=14))
def test_borders_lie_in_the_text_and_rise(upto: int, counted: list[int]) -> None:
    places = [border(LONG, counted, n, 50) for n in (0, upto, 50)]
    assert places == sorted(places)
    assert (places[0], places[-1]) == (0, len(LONG))
