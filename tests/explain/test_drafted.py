"""Rules that are drafted from labelled texts say the same, and nothing of texts of another form."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.attribute.markers import Cut
from costscope.attribute.spans import spans
from costscope.attribute.stated import Ruled, Stated
from costscope.config.regexes import compiled
from costscope.explain.drafted import Labelled, draft, escaped

LEAD = "You are asked by somebody who rents a flat of ours. What the archive says:"
MIDDLE = "What the tenant wants to know, in the words that he or she used:"
END = "Answer in one sentence, and promise nothing."
DOCUMENTS = [
    f"Paper {i} is about lift {i} in house {i + 7}, which has {i + 2} doors." for i in range(9)
]


def labelled(*stretches: tuple[str, str]) -> Labelled:
    """A text of stretches (segment, text), each of whole spans."""
    text, owner = "", []
    for segment, part in stretches:
        text += part
        owner += [segment] * len(part)
    return Labelled(text, [owner[span.start] for span in spans(text)])


def papers(n: int) -> str:
    return "\n".join(random.Random(n).sample(DOCUMENTS, 3))


def asked(n: int) -> str:
    return f"Why does lift {n} stop, and who mends it?"


def framed(n: int) -> Labelled:
    return labelled(("system", f"{LEAD}\n"), ("context", f"{papers(n)}\n"), ("system", f"{MIDDLE}\n"),
                    ("query", f"{asked(n)}\n"), ("system", END))  # fmt: skip


def query_last(n: int) -> Labelled:
    return labelled(("context", f"{papers(n)}\n\n"), ("query", asked(n)))


def query_first(n: int) -> Labelled:
    return labelled(("query", f"{asked(n)}\n\n"), ("context", papers(n)))


def both_framed(n: int) -> Labelled:
    return labelled(("system", f"{LEAD}\n"), ("context", f"{papers(n)}\n\n"),
                    ("query", f"{asked(n)}\n"), ("system", END))  # fmt: skip


@pytest.mark.parametrize("form", [framed, query_last, query_first, both_framed])
def test_drafts_say_what_was_learned(form) -> None:
    found, agreement = draft([form(n) for n in range(12)], "lifts", "user")
    assert agreement > 0.99
    assert {one.rule.segment for one in found} >= {"query", "context"}
    assert all(
        (one.texts, one.rule.role, one.rule.feature) == (12, "user", "lifts") for one in found
    )
    (query,) = (one for one in found if one.rule.segment == "query")
    assert query.example == asked(0)
    for one in found:
        compiled(one.rule.regex)


@pytest.mark.parametrize("form", [framed, query_last, query_first, both_framed])
def test_they_hold_for_texts_that_were_not_looked_at(form) -> None:
    rules = [one.rule for one in draft([form(n) for n in range(12)], "lifts", "user")[0]]
    text, names = form(99)
    assert segments(rules, text, "user", "query") == of_letters(text, names)


@pytest.mark.parametrize("form", [framed, query_last, query_first, both_framed])
def test_a_plain_question_stays_whole(form) -> None:
    rules = [one.rule for one in draft([form(n) for n in range(12)], "lifts", "user")[0]]
    assert set(segments(rules, "Is it mended by now?", "user", "query")) == {"query"}


def segments(rules: Sequence, text: str, role: str, rest: str) -> list[str]:
    """The segment of each letter that is no white space, which may go with either neighbour."""
    held = Stated(rules).of("lifts")
    assert held is not None
    found = held.cuts(text, role, "message", [Ruled(Cut("", 0, len(text)), "turn")])
    return [c.segment or rest for c, _ in found for i in range(c.start, c.stop) if text[i].strip()]


def of_letters(text: str, names: Sequence[str]) -> list[str]:
    pairs = zip(names, spans(text), strict=True)
    return [n for n, span in pairs for i in range(span.start, span.stop) if text[i].strip()]


def test_context_in_a_system_message_is_named_alone() -> None:
    texts = [
        labelled(("system", f"{LEAD}\n"), ("context", f"{papers(n)}\n"), ("system", END))
        for n in range(12)
    ]
    (one,), agreement = draft(texts, "lifts", "system")
    assert (one.rule.segment, one.rule.role) == ("context", "system")
    assert agreement > 0.95


def test_a_long_template_is_named_by_its_ends() -> None:
    lead = f"{LEAD}\n" + "".join(
        f"Rule {i} says that paper {i} is not to be named.\n" for i in range(9)
    )
    texts = [labelled(("system", lead), ("query", asked(n))) for n in range(12)]
    found, agreement = draft(texts, "lifts", "user")
    (template,) = (one.rule for one in found if one.rule.segment == "system")
    assert ".*?" in template.regex
    assert len(template.regex) < 160
    assert agreement > 0.99


def test_where_a_query_has_many_places_the_template_is_named() -> None:
    steps = [
        f"Step {i}: do what the tenant asks of you, and then say what you did." for i in range(5)
    ]
    texts = [
        labelled(*(one for i, step in enumerate(steps)
                   for one in (("system", f"{step}\n"), ("query", f"Lift {n} in house {i}, please.\n"))))
        for n in range(12)
    ]  # fmt: skip
    found, agreement = draft(texts, "lifts", "user")
    assert [one.rule.segment for one in found] == ["system"] * 5
    assert agreement > 0.98


def test_what_is_small_or_rare_has_no_rule() -> None:
    texts = [framed(n) for n in range(39)] + [query_last(1)]
    found, _ = draft(texts, "lifts", "user")
    assert not any(r"\A" in one.rule.regex for one in found)
    lines = "".join(f"Line {i} of what is always said here.\n" for i in range(40))
    many = [
        labelled(
            ("system", lines), ("query", f"{asked(n)}\n"), ("system", "OK.\n"), ("query", "Yes?")
        )
        for n in range(12)
    ]
    assert not any(one.rule.regex == r"OK\." for one in draft(many, "lifts", "user")[0])


def test_a_feature_whose_name_has_globs_is_meant_itself() -> None:
    found, agreement = draft([framed(n) for n in range(12)], "a[1]*?", "user")
    assert agreement > 0.99
    assert found[0].rule.feature == "a[[]1][*][?]"
    assert Stated([found[0].rule]).of("a[1]xy") is None


@pytest.mark.parametrize("texts", [[], [framed(1)], [labelled(("query", asked(1)))] * 9])
def test_little_gives_nothing(texts: list[Labelled]) -> None:
    assert draft(texts, "lifts", "user") == ([], 0.0)


@given(st.text(max_size=60))
def test_an_escaped_text_is_found_and_can_be_written_anywhere(text: str) -> None:
    pattern = escaped(text)
    assert pattern.isprintable()
    if text:
        assert compiled(pattern).fullmatch(text)
