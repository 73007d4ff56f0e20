"""Text that must not steer a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.text import many, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x9b2J", "\\x9b2J"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\u2028\u202e\u200b\ufeff", "\\u2028\\u202e\\u200b\\ufeff"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("a\u00a0b", "a b"),
        ("naïve 漢字 😀 👩\u200d👧", "naïve 漢字 😀 👩\u200d👧"),
    ],
)
def test_safe(text: str, shown: str) -> None:
    assert safe(text) == shown


@given(st.text(st.characters(), max_size=40))
def test_safe_text_prints_and_encodes(text: str) -> None:
    shown = safe(text)
    assert shown.replace("\u200c", "").replace("\u200d", "").isprintable()
    assert shown.encode("utf-8").decode("utf-8") == shown


@pytest.mark.parametrize(("count", "told"), [(0, "0 files"), (1, "1 file"), (1200, "1,200 files")])
def test_one_thing_is_not_told_in_the_plural(count: int, told: str) -> None:
    assert many(count, "file") == told
