"""What a user says of segments wins over every mark, covers each text once, and leaves the sums alone."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.attribute import Batch, stated
from costscope.attribute.interner import Interner
from costscope.attribute.markers import Cut, cut
from costscope.attribute.stated import Ruled, Stated
from costscope.filters import SegmentRule
from costscope.model import Usage
from tests.attribute.calls import SECRET, Row, anthropic, openai

KB = SegmentRule("help*", "context", regex="(?s)<<(.*?)>>")
ASKED = SegmentRule("*", "query", regex="Q=(?P<span>.*)", role="user")


def told(rules: list[SegmentRule], text: str, feature: str = "help", role: str = "user",
         slot: str = "message", cuts: Any = None) -> list[tuple[str, str, str]]:  # fmt: skip
    """(text, segment, rule) of each cut."""
    plain = cuts or [Ruled(Cut("", 0, len(text)), "turn")]
    held = Stated(rules).of(feature)
    found = held.cuts(text, role, slot, plain) if held else plain
    return [(text[c.start : c.stop], c.segment, rule) for c, rule in found]


def test_every_match_counts_and_the_rest_stays_as_it_was() -> None:
    assert told([KB], "a <<b>> c <<d>>\ne") == [
        ("a <<", "", "turn"), ("b", "context", "user"), (">> c <<", "", "turn"),
        ("d", "context", "user"), (">>\ne", "", "turn"),
    ]  # fmt: skip


def test_what_the_first_rule_finds_is_lost_to_the_second() -> None:
    rest = SegmentRule("*", "system", regex="(?s).+")
    assert told([ASKED, KB, rest], "x\n<<Q=why\n>> y") == [
        ("x\n<<", "system", "user"), ("Q=", "context", "user"), ("why", "query", "user"),
        ("\n>> y", "system", "user"),
    ]  # fmt: skip
    assert told([KB, ASKED], "<<Q=why\n>>")[1] == ("Q=why", "context", "user")


def test_neighbours_of_one_segment_are_one() -> None:
    each = SegmentRule("*", "context", regex="(?m)^- .*$")
    assert told([each], "Read:\n- a\n\n- b\nWhy?") == [
        ("Read:\n", "", "turn"), ("- a\n\n- b", "context", "user"), ("\nWhy?", "", "turn"),
    ]  # fmt: skip


def test_white_space_at_the_ends_belongs_to_what_stands_there() -> None:
    assert told([SegmentRule("*", "system", regex="(?s).+")], "\n a \n") == [
        ("\n a \n", "system", "user")
    ]


@pytest.mark.parametrize(
    ("regex", "span"),
    [("a(b)(c)", "b"), ("a(b)(?P<x>c)", "c"), ("(?P<y>b)(?P<span>c)", "c"), ("abc", "abc")],
)
def test_the_span_is_the_named_group_else_the_first_else_all(regex: str, span: str) -> None:
    found = told([SegmentRule("*", "query", regex=regex)], "abc")
    assert [text for text, segment, _ in found if segment] == [span]


@pytest.mark.parametrize("regex", ["z", "(z)?a", "x*", "a( )"])
def test_nothing_found_is_nothing_changed(regex: str) -> None:
    assert told([SegmentRule("*", "query", regex=regex)], "a b") == [("a b", "", "turn")]


def test_rules_hold_for_their_features_roles_and_slots() -> None:
    assert told([KB], "<<b>>", feature="chat") == [("<<b>>", "", "turn")]
    assert told([KB], "<<b>>", role="system")[1] == ("b", "context", "user")
    assert told([ASKED], "Q=b", role="system") == [("Q=b", "", "turn")]
    only = SegmentRule("", "query", regex="b", slot="system")
    assert told([only], "b", feature="") == [("b", "", "turn")]
    assert told([only], "b", feature="", slot="system") == [("b", "query", "user")]
    assert told([only], "b", feature="x", slot="system") == [("b", "", "turn")]


def test_a_path_names_values_of_json() -> None:
    rule = SegmentRule("*", "context", path=("kb",))
    assert told([rule], '{"kb": ["a"], "ask": "b"}') == [
        ('{"kb": ', "", "turn"), ('["a"]', "context", "user"), (', "ask": "b"}', "", "turn"),
    ]  # fmt: skip


def test_marks_stay_where_no_rule_speaks() -> None:
    text = "<context>\nThe pump was mended twice in June.\n</context>\nQ=why"
    marked = [Ruled(c, "marker" if c.segment else "turn") for c in cut(text, "user")]
    found = told([ASKED], text, cuts=marked)
    assert ("why", "query", "user") in found
    assert any(segment == "context" and rule == "marker" for _, segment, rule in found)
    assert "".join(part for part, _, _ in found) == text


def test_a_text_that_is_too_long_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stated, "MAX_TEXT", 5)
    assert told([KB], "<<b>>")[1] == ("b", "context", "user")
    assert told([KB], "<<bc>>") == [("<<bc>>", "", "turn")]


def test_a_mark_that_is_never_closed_is_not_searched_for_again_and_again() -> None:
    text = "x>>" + "<<" * 40_000
    assert told([KB], text) == [(text, "", "turn")]
    assert told([KB], "<<a>>" + text)[1] == ("a", "context", "user")


def test_matches_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stated, "MAX_MATCHES", 2)
    assert (
        sum(s == "query" for _, s, _ in told([SegmentRule("*", "query", regex="a")], "a.a.a")) == 2
    )


def test_features_with_the_same_rules_share_what_is_known_of_texts() -> None:
    known = Stated([KB, ASKED])
    assert known.of("help-a") is known.of("help-b") is not known.of("chat")
    assert known.of(None) is known.of("chat")
    assert Stated([KB]).of("chat") is Stated().of("help") is None


def test_many_features_are_not_all_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stated, "MAX_FEATURES", 3)
    known = Stated([KB])
    assert all(known.of(f"help{n}") is known.of("help0") for n in range(10))
    assert len(known._of) <= 3


def batch(rules: list[SegmentRule], *calls: Any) -> list[Row]:
    open_ = Batch(Interner(SECRET), Stated(rules))
    for one in calls:
        open_.add(one)
    rows: list[Row] = open_.finish().parts.to_pylist()
    return rows


def test_one_text_in_two_features_is_cut_by_the_rules_of_each() -> None:
    said = {"role": "user", "content": "<<some words>> why?"}
    rows = batch([KB], openai(said, feature="help"), openai(said, feature="chat"), openai(said))
    assert [r["segment"] for r in rows if r["call"] == 0] == ["query", "context", "query"]
    assert [(r["call"], r["segment"]) for r in rows if r["call"]] == [(1, "query"), (2, "query")]
    assert [r["rule"] for r in rows] == ["turn", "user", "turn", "turn", "turn"]


def test_rules_are_for_what_users_and_operators_say_only() -> None:
    every = SegmentRule("*", "context", regex="(?s).+")
    rows = batch([every], anthropic(
        {"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "3"}]},
        system="Four.", reply=[{"type": "text", "text": "Five."}], tools=[{"name": "six"}],
    ))  # fmt: skip
    assert {r["rule"] for r in rows if r["role"] not in ("user", "system")} == {"structure", "turn"}
    assert [r["segment"] for r in rows if r["rule"] == "user"] == ["context", "context"]


def test_an_earlier_turn_is_history_whatever_rules_say() -> None:
    said = [{"role": "user", "content": "<<a>> b"}, {"role": "assistant", "content": "c"},
            {"role": "user", "content": "<<d>> e"}]  # fmt: skip
    rows = batch([KB], openai(*said, feature="help"))
    user = [(r["segment"], r["rule"]) for r in rows if r["role"] == "user"]
    assert user == [("history", "turn")] * 3 + [
        ("query", "turn"),
        ("context", "user"),
        ("query", "turn"),
    ]


PATTERNS = st.sampled_from(
    [
        "<<(.*?)>>",
        "(?s).+",
        "(?m)^.",
        r"\s+",
        "[a-c]",
        "(b)|c",
        r"(?s)\A.*\n\n(?P<span>\S.*)",
        "z(q)?",
    ]
)
RULES = st.lists(
    st.builds(
        SegmentRule, st.sampled_from(["*", "h*", "x"]),
        st.sampled_from(["system", "context", "history", "query", "tools"]), regex=PATTERNS,
        role=st.sampled_from(["", "user", "system"]), slot=st.sampled_from(["", "message", "system"]),
    ),
    max_size=5,
)  # fmt: skip
TEXT = st.text("abc <>\n.:?", max_size=40) | st.text(max_size=20)


@given(RULES, TEXT, st.sampled_from(["user", "system"]))
def test_cuts_cover_a_text_once_in_order(rules: list[SegmentRule], text: str, role: str) -> None:
    marked = [Ruled(c, "marker") for c in cut(text, role)]
    held = Stated(rules).of("h")
    found = held.cuts(text, role, "message", marked) if held else marked
    assert [c.start for c, _ in found] == [0, *(c.stop for c, _ in found[:-1])]
    assert found[-1].cut.stop == len(text)


@settings(max_examples=60)
@given(RULES, st.lists(TEXT, min_size=1, max_size=4), TEXT, st.integers(0, 99), st.integers(0, 50))
def test_parts_add_up_to_the_bill_whatever_rules_say(
    rules: list[SegmentRule], said: list[str], system: str, fresh: int, cached: int
) -> None:
    usage = Usage(fresh=fresh, cache_read=cached, output=3)
    messages = [
        {"role": "user" if i % 2 == 0 else "assistant", "content": text}
        for i, text in enumerate(said)
    ]
    call = anthropic(*messages, system=system, usage=usage, feature="h")
    rows = batch(rules, call, openai({"role": "system", "content": system}, *messages, usage=usage))
    for number in (0, 1):
        sums = dict.fromkeys(("fresh", "cache_read", "output"), 0)
        for row in (r for r in rows if r["call"] == number):
            sums[row["billing_class"]] += row["tokens"]
        assert sums == {"fresh": fresh, "cache_read": cached, "output": 3}
