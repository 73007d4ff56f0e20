"""Rules on segments: from a file to values, and errors that name file, rule and key."""

from pathlib import Path
from typing import Any

import pytest

from costscope import config
from costscope.config.segment_rules import parsed
from costscope.errors import SettingsError
from costscope.filters import SegmentRule, digest

RULE = {"segment": "context", "regex": "<kb>(.*)</kb>"}


def test_a_rule_says_of_every_feature_and_role_what_it_does_not_restrict() -> None:
    assert parsed([RULE], "x") == (SegmentRule("*", "context", regex="<kb>(.*)</kb>"),)


def test_all_keys() -> None:
    row = {"feature": "a-*", "role": "user", "slot": "message", "segment": "query",
           "json": 'input.docs[*]."a.b"[-1]'}  # fmt: skip
    (rule,) = parsed([row], "x")
    assert (rule.feature, rule.role, rule.slot, rule.segment) == ("a-*", "user", "message", "query")
    assert rule.path == ("input", "docs", -(2**31), "a.b", -1)
    assert rule.regex == ""


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**RULE, "segment": "answer"}, "segment: should be one of system, context, history"),
        ({"regex": "a"}, "segment: should be one of system, context, history, query, tools; it is"),
        ({**RULE, "role": "tool"}, "role: should be one of user, system; it is 'tool'"),
        ({**RULE, "slot": "reply"}, "slot: should be one of message, system; it is 'reply'"),
        ({**RULE, "regex": "(a*)*"}, "regex: has a repeat inside a repeat"),
        ({**RULE, "regex": 7}, "regex: should be text, it is 7"),
        ({**RULE, "feature": ["a"]}, "feature: should be text, it is ['a']"),
        ({**RULE, "json": "a"}, "regex, json: both say where; give one of them"),
        ({"segment": "query"}, "regex, json: neither says where; give one of them"),
        ({"segment": "query", "json": "a..b"}, "json: should be a path such as"),
        ({"segment": ["query"], "json": "a"}, "segment: should be one of"),
    ],
)
def test_what_is_wrong_is_named_by_place(row: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as error:
        parsed([RULE, row], "costscope.toml")
    assert str(error.value).startswith(f"costscope.toml: attribute.rules, rule 2: {told}")


@pytest.mark.parametrize(
    ("name", "table"), [("costscope.toml", ""), ("pyproject.toml", "tool.costscope.")]
)
def test_rules_come_from_the_project_in_order(tmp_path: Path, name: str, table: str) -> None:
    rules = "".join(
        f"[[{table}attribute.rules]]\nsegment = '{segment}'\nregex = 'a'\n"
        for segment in ("query", "context")
    )
    (tmp_path / name).write_text(rules)
    found = config.load(tmp_path, {})
    assert [rule.segment for rule in found.segment_rules] == ["query", "context"]
    assert [s.key for s in found.shown() if s.origin == name] == ["attribute.rules"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[attribute.rules]]\npattern = 'a'", "'attribute.rules.pattern'; the nearest is"),
        ("[attribute]\nrule = 1", "no setting is called 'attribute.rule'"),
        ("attribute = 1", "attribute should be a table"),
        ("[attribute]\nrules = 'a'", "attribute.rules should be written [[attribute.rules]]"),
    ],
)
def test_unknown_keys_are_named(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "costscope.toml").write_text(text)
    with pytest.raises(SettingsError) as error:
        config.load(tmp_path, {})
    assert str(error.value).startswith("costscope.toml: ")
    assert told in str(error.value)


def test_without_rules_there_are_none(tmp_path: Path) -> None:
    assert config.load(tmp_path, {}).segment_rules == ()


def test_the_digest_knows_rules_and_their_order() -> None:
    one, two = parsed([RULE, {**RULE, "role": "user"}], "x")
    marks = {digest(rules) for rules in ((), (one,), (two,), (one, two), (two, one))}
    assert len(marks) == 5
    assert digest(()) == ""
    assert digest(parsed([RULE], "y")) == digest((one,))


def test_too_many_rules_are_refused() -> None:
    with pytest.raises(SettingsError, match="has 1001 rules"):
        parsed([RULE] * 1001, "x")
