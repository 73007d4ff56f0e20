"""What the guards tell apart, and what they let pass."""

import numpy as np
import pytest

from costscope.levers._similar.guards import Guards, marked

APART = [
    ("numbers", "What does plan 3 cost?", "What does plan 4 cost?"),
    ("numbers", "Book a table for two people", "Book a table for three people"),
    ("numbers", "Convert 1,000 to words", "Convert 100 to words"),
    ("numbers", "What changed in version 2.10?", "What changed in version 2.1?"),
    ("units", "How long is it in kilometres?", "How long is it in miles?"),
    ("units", "Is 5 kg too heavy?", "Is 5 lb too heavy?"),
    ("units", "What is 20 € worth?", "What is 20 $ worth?"),
    ("dates", "Are you open on Monday?", "Are you open on Sunday?"),
    ("dates", "What is the plan for today?", "What is the plan for tomorrow?"),
    ("dates", "Sales in June by region", "Sales in July by region"),
    ("dates", "What happened on 2024-01-05?", "What happened on 2024-05-01?"),
    ("negation", "Which foods are safe to eat?", "Which foods are not safe to eat?"),
    ("negation", "Can I fly with a passport?", "Can I fly without a passport?"),
    ("negation", "Why does it start?", "Why doesn't it start?"),
    ("negation", "Kann ich heute kommen?", "Kann ich heute nicht kommen?"),
    ("negation", "Est-ce que je peux venir ?", "Est-ce que je ne peux pas venir ?"),
    ("negation", "¿Puedo viajar con visa?", "¿Puedo viajar sin visa?"),
    ("negation", "我可以退款吗", "我不可以退款吗"),
    ("names", "How do I get from Berlin to the sea?", "How do I get from Lisbon to the sea?"),
    ("names", "Who runs sales at NASA?", "Who runs sales at ESA?"),
    ("code", "What does `read_csv` return?", "What does `read_json` return?"),
    ("code", "What is --verbose good for?", "What is --quiet good for?"),
    ("code", "Explain ```a = b + 1```", "Explain ```a = b - 1```"),
    ("code", "Explain os.path.join to me", "Explain os.path.split to me"),
    ("opposites", "How do I enable alerts?", "How do I disable alerts?"),
    ("opposites", "When was he born?", "Where was he born?"),
    ("one word", "What is the capital of france?", "What is the capital of germany?"),
    ("one word", "can my dog eat grapes", "can my cat eat grapes"),
]  # fmt: skip
ALIKE = [
    ("How do I reset my password?", "please, how can I reset the password"),
    ("How many days are in 3 weeks?", "3 weeks are how many days?"),
    ("What does it cost to fly to Rome in May?", "To fly to Rome in May, what does it cost?"),
    ("Is 1,000 km far?", "Is it far, 1000 kilometers?"),
    ("What does `read_csv` return?", "read_csv returns what?"),
    ("Why isn't it working?", "Why does it not work?"),
    ("We open on the 3rd of June", "On June 3 we open"),
    ("On Monday we meet twelve people", "we meet 12 people on monday"),
]


def agree(one: str, other: str) -> bool:
    guards = Guards([marked(one), marked(other)])
    pair = np.array([0]), np.array([1])
    ways = [bool(guards.agree(*pair)[0]), bool(guards.agree(*pair[::-1])[0])]
    assert ways[0] == ways[1]
    return ways[0]


@pytest.mark.parametrize(("what", "one", "other"), APART)
def test_questions_that_ask_for_something_else_are_told_apart(what, one, other):
    assert not agree(one, other), what


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_the_same_question_in_other_words_passes(one, other):
    assert agree(one, other)


def test_a_text_agrees_with_itself_and_an_empty_one_with_another():
    for text in ("", "?", "What does `f(x)` cost in Rome, not 3 €?", "你好吗", "\ud800 lone"):
        assert agree(text, text)
    assert agree("", "!")


def test_pairs_are_compared_each_for_itself():
    texts = [marked(t) for t in ("red cars of Bonn", "of Bonn red cars", "red cars of Kiel", "")]
    guards = Guards(texts)
    one, other = np.array([0, 0, 1, 3]), np.array([1, 2, 2, 0])
    assert guards.agree(one, other).tolist() == [True, False, False, False]
    assert guards.agree(one[:0], other[:0]).tolist() == []
