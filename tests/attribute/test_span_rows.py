"""Rows of spans: what each says, and that what recurs is known again, whoever says it."""

from typing import Any

from xxhash import xxh3_64_intdigest

from costscope import tokens
from costscope.attribute.span_rows import SpanRows
from costscope.attribute.spans import LINE, PARAGRAPH

SEED = 11
LINES = [
    "One line of some words that are here",
    "Is this the second line of this text?",
    "The last.",
]
TEXT = "\n".join([*LINES[:2], "", *LINES[2:]]) + "\n" * 100


def taken(rows: SpanRows) -> list[dict[str, Any]]:
    return list(rows.taken().to_pylist())


def hashed(text: str) -> int:
    return xxh3_64_intdigest(text.encode(), SEED) | 1


def test_a_row_a_span() -> None:
    rows = SpanRows(SEED)
    rows.add(7, TEXT, "o200k_base")
    found = taken(rows)
    assert [row["span"] for row in found] == [hashed(line) for line in LINES]
    assert [row["tokens"] for row in found] == tokens.count(LINES)
    assert [row["opens"] for row in found] == [PARAGRAPH, LINE, PARAGRAPH]
    assert [row["asks"] for row in found] == [False, True, False]
    assert {row["content"] for row in found} == {7}
    assert [row["nth"] for row in found] == [0, 1, 2]


def test_what_recurs_is_the_same_and_counted_in_each_vocabulary() -> None:
    rows = SpanRows(SEED)
    words = "漢字かな交じり文。\n" * 30
    for content, encoding in ((1, "o200k_base"), (2, "cl100k_base"), (3, "o200k_base")):
        rows.add(content, words, encoding)
    found = taken(rows)
    assert {row["span"] for row in found} == {hashed("漢字かな交じり文。")}
    by_text = {row["content"]: row["tokens"] for row in found}
    assert by_text == {1: 8, 2: 10, 3: 8}
    assert [row["content"] for row in found] == [1] * 30 + [2] * 30 + [3] * 30


def test_a_text_of_one_span_has_none_and_rows_are_told_once() -> None:
    rows = SpanRows(SEED)
    rows.add(1, "Short.", "o200k_base")
    assert taken(rows) == []
    rows.add(2, TEXT, "o200k_base")
    assert len(taken(rows)) == 3
    assert rows.taken().num_rows == 0
    assert rows.taken().schema.types == SpanRows(SEED).taken().schema.types


def test_lone_surrogates_are_text_as_well() -> None:
    rows = SpanRows(SEED)
    rows.add(1, "Half of a pair: \ud83d here.\n" * 20, "o200k_base")
    assert len(taken(rows)) == 20
