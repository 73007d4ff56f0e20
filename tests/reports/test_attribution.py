"""What decided segments, and rules as TOML that means what it shows."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from costscope.config.segment_rules import parsed
from costscope.filters import SegmentRule
from costscope.reports.attribution import Suggested, Suggestion, decided, suggested, toml

ROWS = [
    {"feature": "", "segment": "query", "rule": "turn", "calls": 2, "tokens": 30},
    {"feature": "a", "segment": "system", "rule": "structure", "calls": 3, "tokens": 25},
    {"feature": "a", "segment": "context", "rule": "user", "calls": 1, "tokens": 75},
]
RULE = SegmentRule("a", "context", regex=r"(?s)<it's>\n(.+?)</it>", role="user")


def suggestion(*rules: SegmentRule, example: str = "some words", **changes: Any) -> Suggestion:
    facts = {"feature": "a", "role": "user", "texts": 1200, "looked": 60, "confidence": 0.456,
             "agreement": 0.987, **changes}  # fmt: skip
    return Suggestion(**facts, rules=[Suggested(rule, 59, example) for rule in rules or (RULE,)])


def test_shares_are_of_the_feature() -> None:
    report = decided(ROWS)
    assert [row[-1] for row in report.tables[0].rows] == [1.0, 0.25, 0.75]
    assert report.tables[0].rows[0][0] == "(none)"
    assert report.data["parts"][2] == {**ROWS[2], "share": 0.75}
    assert [note.partition(":")[0] for note in report.notes] == ["structure", "turn", "user"]


def test_toml_is_read_back_as_the_rules_that_it_shows() -> None:
    text = toml("a", [suggestion()])
    assert parsed(tomllib.loads(text)["attribute"]["rules"], "x") == (RULE,)
    assert "# feature 'a', user messages: 1,200 different texts, 60 read again\n" in text
    assert "# confidence 0.46: " in text
    assert "98.7% of the text\n" in text
    assert "# in 59 of 60 texts, such as: some words\n" in text


def test_what_agrees_little_is_to_be_read_with_care() -> None:
    assert "read them with care" in toml("a", [suggestion(agreement=0.6)])
    assert "read them with care" not in toml("a", [suggestion()])


def test_without_context_there_is_no_confidence_in_it() -> None:
    asked = SegmentRule("a", "query", regex="a", role="user")
    assert "confidence" not in toml("a", [suggestion(asked)])


def test_nothing_is_said_as_a_comment() -> None:
    text = toml("a\x1b[1m\n", [])
    assert text.startswith("# nothing was learned of ")
    assert tomllib.loads(text) == {}
    assert "\x1b" not in text
    assert suggested("a", []).data["suggestions"] == []
    assert not suggested("a", []).tables


def test_the_document_has_what_the_toml_has() -> None:
    data = suggested("a", [suggestion()]).data["suggestions"]
    assert data == [
        {"feature": "a", "role": "user", "texts": 1200, "looked_at": 60, "confidence": 0.456,
         "agreement": 0.987, "rules": [
             {"feature": "a", "role": "user", "segment": "context", "regex": RULE.regex,
              "texts": 59, "example": "some words"}]}
    ]  # fmt: skip


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=20))
def test_no_text_breaks_out_of_the_toml(feature: str, example: str, regex: str) -> None:
    rule = SegmentRule(feature, "query", regex=regex, role="user")
    text = toml("*", [suggestion(rule, example=example, feature=feature)])
    (row,) = tomllib.loads(text)["attribute"]["rules"]
    assert row == {"feature": feature, "role": "user", "segment": "query", "regex": regex}
    assert all(line.isprintable() for line in text.split("\n"))
