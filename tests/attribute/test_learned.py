"""What traffic teaches: templates that never change, context that recurs, and the query."""

import random
from collections import Counter
from itertools import pairwise

import pytest

from costscope.attribute.learned import ENOUGH, Piece, Text, learn
from costscope.attribute.spans import spans

DOCUMENTS = [
    f"Document {i} tells of valve {i}. It opens at {i + 3} bar. Nobody has seen it closed since {1900 + i}."
    for i in range(12)
]
Labelled = list[tuple[str, str]]


def query(i: int) -> str:
    return f"What happened to the {i}th house, and who paid for the {i * 7} panes?"


def some(i: int) -> str:
    picked = random.Random(i).sample(DOCUMENTS, 3)
    return "\n\n".join(picked)


SHAPES = {
    "template around both": lambda i: [
        ("Here is what we found for you. Use nothing else.\n\n", "system"), (some(i), "context"),
        ("\n\nThe customer wants to know this:\n", "system"), (query(i), "query"),
    ],
    "context, then query": lambda i: [(some(i), "context"), ("\n\n", ""), (query(i), "query")],
    "query, then context": lambda i: [(query(i), "query"), ("\n\n", ""), (some(i), "context")],
}  # fmt: skip


def text_of(parts: Labelled) -> tuple[Text, list[str]]:
    """A text as learning sees it, and the true segment of each of its spans."""
    text = "".join(part for part, _ in parts)
    labels = [name for part, name in parts for _ in part]
    found = spans(text)
    pieces = [
        Piece(hash(text[s.start : s.stop].strip()), (s.stop - s.start) // 4, s.opens, s.asks)
        for s in found
    ]
    truth = [Counter(filter(None, labels[s.start : s.stop])).most_common(1)[0][0] for s in found]
    return pieces, truth


@pytest.mark.parametrize("name", SHAPES)
def test_borders_of_unmarked_prompts(name: str) -> None:
    made = [text_of(SHAPES[name](i)) for i in range(40)]
    lesson = learn([text for text, _ in made], "user")
    assert [lesson.segments(text) for text, _ in made] == [truth for _, truth in made]
    assert lesson.confidence > 0.9


def test_context_inside_a_system_prompt() -> None:
    made = [
        text_of([
            ("You are the help of a greenhouse.\nUse what stands here:\n\n", "system"),
            (some(i), "context"),
            ("\n\nAnswer in the language of the question. Be brief and be kind, always.", "system"),
        ])
        for i in range(30)
    ]  # fmt: skip
    lesson = learn([text for text, _ in made], "system")
    assert [lesson.segments(text) for text, _ in made] == [truth for _, truth in made]


def test_the_order_of_texts_does_not_matter() -> None:
    texts = [text_of(SHAPES["context, then query"](i))[0] for i in range(40)]
    other = random.Random(3).sample(texts, len(texts))
    first, second = learn(texts, "user"), learn(other, "user")
    assert [first.segments(t) for t in texts] == [second.segments(t) for t in texts]


def test_little_traffic_teaches_nothing() -> None:
    texts = [text_of(SHAPES["context, then query"](i))[0] for i in range(ENOUGH - 1)]
    assert not learn(texts, "user").shapes


def test_people_who_write_about_one_thing_are_not_quoting_documents() -> None:
    said = [f"The probe in row {i} is dark." for i in range(400)]
    greetings = ["Good morning.", "Thank you for your help.", "It is urgent."]
    texts = []
    for i in range(60):
        pick = random.Random(i)
        words = [*pick.sample(said, 4), *pick.sample(greetings, 2), f"My number is {i * 37}."]
        pick.shuffle(words)
        between = pick.choice(["", "As I told you before, we have two houses. "])
        texts.append(
            text_of([(f"Subject: house {i}\n\n{between}{' '.join(words) * 2}", "query")])[0]
        )
    named = [learn(texts, "user").segments(text) or [] for text in texts]
    assert "context" not in {name for names in named for name in names}


def test_short_questions_stay_queries() -> None:
    texts = [text_of([(query(i), "query")])[0] for i in range(50)]
    assert all(learn(texts, "user").segments(text) is None for text in texts)


def test_a_system_prompt_that_never_changes_teaches_nothing() -> None:
    text = text_of([("You are kind.\n\nYou are brief.\n\n" + DOCUMENTS[0] * 3, "system")])[0]
    assert not learn([text], "system").shapes
    assert all(a.what != b.what for a, b in pairwise(text[:3]))


def test_long_texts_put_into_a_system_prompt_are_context_though_they_never_recur() -> None:
    def prompt(i: int) -> Labelled:
        facts = "\n".join(f"House {i}, row {n}: {i * n + 7} panes, {n} vents." for n in range(40))
        return [
            ("You are the help of a greenhouse.\nUse what stands here:\n\n", "system"),
            (facts, "context"),
            ("\n\nAnswer in the language of the question. Be brief and be kind, always.", "system"),
        ]

    made = [text_of(prompt(i)) for i in range(30)]
    lesson = learn([text for text, _ in made], "system")
    assert [lesson.segments(text) for text, _ in made] == [truth for _, truth in made]


def test_a_name_in_a_system_prompt_is_no_context() -> None:
    rest = "Answer in the language of the question. Be brief and be kind. " * 6
    texts = [
        text_of([(f"You help.\n\nThe user is number {i}.\n\n{rest}", "system")])[0]
        for i in range(30)
    ]
    assert not learn(texts, "system").shapes


def test_a_text_of_the_template_alone_has_no_query() -> None:
    def text(*whats: int) -> Text:
        return [Piece(what, 10, 2, False) for what in whats]

    asked = [text(1, 100 + i % 5, 200 + i // 2 % 5, 1000 + i, 2) for i in range(30)]
    lesson = learn([*asked, text(1, 2)], "user")
    assert lesson.segments(text(1, 2)) is None
