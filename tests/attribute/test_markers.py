"""Retrieved context found by its marks: the templates people use, and questions that only look alike."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.attribute.markers import Cut, cut

FACT = "The warranty lasts two years from the day of purchase. "
DOCS = FACT * 6
ASK = "How long does it last?"


def spans(text: str, role: str = "user") -> list[tuple[str, str]]:
    return [(c.segment, text[c.start : c.stop].strip()) for c in cut(text, role)]


def found(text: str, role: str = "user") -> dict[str, str]:
    """Segment → its text, in one piece."""
    pairs = spans(text, role)
    return {s: " ".join(t for name, t in pairs if name == s) for s, _ in pairs}


TEMPLATES = {
    "xml": f"<documents>\n<document index='1'>\n{DOCS}</document>\n</documents>\n\nQuestion: {ASK}",
    "xml on one line": f"Use this. <context>{DOCS}</context>\nQuestion: {ASK}",
    "xml in capitals": f"<Context>\n{DOCS}\n</Context>\nUser question: {ASK}",
    "labels": f"Answer from this.\n\nContext:\n{DOCS}\n\nQuestion: {ASK}\nAnswer:",
    "question first": f"Answer.\nQuestion: {ASK}\nContext: {DOCS}\nAnswer:",
    "headings": f"Be exact.\n## Context\n{DOCS}\n\n## Question\n{ASK}",
    "bold": f"**Context:** {DOCS}\n\n**Question:** {ASK}",
    "documents": f"Given these, answer.\nDocuments:\n{DOCS}\nQuestion: {ASK}\nAnswer:",
    "llama index": (
        f"Context information is below.\n---------------------\n{DOCS}\n---------------------\n"
        f"Given the context information and not prior knowledge, answer the query.\n"
        f"Query: {ASK}\nAnswer: "
    ),
    "langchain": (
        "Use the following pieces of context to answer the question at the end. If you don't know "
        f"the answer, say so.\n\n{DOCS}\n\nQuestion: {ASK}\nHelpful Answer:"
    ),
    "numbered": f"Sources:\n[1] {DOCS}\n[2] {DOCS}\n\nQuestion: {ASK}",
    "faq as context": (
        f"Context:\nQuestion: Is it long?\nAnswer: {DOCS}\n\nQuestion: Sure?\nAnswer: {DOCS}\n\n"
        f"Question: {ASK}\nAnswer:"
    ),
    "windows line ends": f"Context:\r\n{DOCS}\r\n\r\nQuestion: {ASK}\r\nAnswer:",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_that_name_the_question(name: str) -> None:
    segments = found(TEMPLATES[name])
    assert FACT.strip() in segments["context"]
    assert ASK not in segments["context"]
    assert segments["query"] == ASK
    assert FACT.strip() not in segments.get("system", "")


PLAIN = {
    "xml before": f"<context>\n{DOCS}\n</context>\n\n{ASK}",
    "xml after": f"{ASK}\n\n<search_results>\n{DOCS}\n</search_results>",
    "numbered": f"[1] {DOCS}\n[2] {DOCS}\n\n{ASK}",
    "numbered, no blank line": f"[1] {DOCS}\n[2] {DOCS}\n{ASK}",
    "numbered after": f"{ASK}\n[1] {DOCS}\n[2] {DOCS}",
    "numbered words": f"Source 1: {DOCS}\nSource 2: {DOCS}\n\n{ASK}",
    "fences": f"Use the context below.\n-----\n{DOCS}\n-----\n{ASK}",
}


@pytest.mark.parametrize("name", PLAIN)
def test_templates_that_do_not_leave_the_rest_to_its_place(name: str) -> None:
    segments = found(PLAIN[name])
    assert segments["context"].count(FACT.strip()) >= 6
    assert ASK not in segments["context"]
    assert segments[""] == ASK
    assert set(segments) - {"system"} == {"context", ""}


SYSTEM = {
    "xml": f"Answer from <context> only.\n<context>\n{DOCS}\n</context>\nBe kind.",
    "fence to the end": f"Use the following pieces of context.\nBe kind.\n----------------\n{DOCS}",
    "fences": f"Use the context information below.\n-------\n{DOCS}\n-------\nBe kind.",
    "numbered to the end": f"Be kind. Answer from these.\n[1] {DOCS}\n[2] {DOCS}",
}


@pytest.mark.parametrize("name", SYSTEM)
def test_system_messages(name: str) -> None:
    segments = found(SYSTEM[name], "system")
    assert segments["context"].count(FACT.strip()) >= 6
    assert "Be kind." in segments[""]
    assert set(segments) == {"context", ""}


QUESTIONS = (
    "What does the word context: mean in a YAML file, and what does documents: mean in it?",
    "context: prod\nnamespace: shop\nWhy does kubectl not use this context and what do I do?",
    "Use the <context> tag for background and never the </context> tag to close it. Right?",
    "Should I write `<context>` and then a lot of text and then `</context>` in my prompt?",
    "Why does <source src='a.mp4' type='video/mp4'> not play?\n<source src='b.mp4'> neither "
    "</source> helps, it seems.",
    "<div>\n<p>Why is this paragraph of mine so far to the left, and not in the middle?</p>\n</div>",
    "```xml\n<documents>\n some long pasted thing in code, in a language \n</documents>\n```\nWhat is it?",
    "My list:\n[1] milk\n[2] eggs\nWhat is missing?",
    "[12] first error in a longer log that I have\n[13] second error\n" + "[13] again " * 30,
    "----------\nWhy do these lines show up in my file?\n----------\nAnd how do I remove them?",
    "Answer: yes or no?\nQuestion: is it long?",
    "References\nare what I do not understand in C++. Explain them to me.\nAnswer: in two lines.",
    "a\n\nb\n" * 10,
    "",
)


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_that_only_looks_like_it_is_left_whole(text: str) -> None:
    assert cut(text, "user") == [Cut("", 0, len(text))]


def test_nested_and_neighbouring_tags_are_one_span() -> None:
    inner = f"<document>\n{FACT}</document>\n"
    assert found(f"<documents>{inner * 3}</documents>\n{ASK}")["context"].count("<document>") == 3
    assert [s for s, _ in spans(f"{inner * 3}\n{ASK}")] == ["context", ""]


def test_a_tag_that_is_never_closed_hides_no_other() -> None:
    text = f"<sources> are below.\n<context>\n{FACT}\n</context>\n{ASK}"
    assert [s for s, _ in spans(text)] == ["system", "context", "system", ""]


def test_a_message_of_nothing_but_context() -> None:
    assert [s for s, _ in spans(f"<context>\n{DOCS}</context>\n")] == ["context"]


PIECES = st.sampled_from([
    "<context>", "</context>", "<documents>", "</documents>", "\n", "Context:", "Question:", "-----", "x" * 25,
    "[1] ", "[2] ", "\n\n", "Answer:", "```", "`", "# ", "**", " is below", "following context", "Source 1:",
    FACT, "é", "Task:", "Chat history:", "User:", "AI:", "Example:", "[FACTS]", "[END FACTS]", '"""', "the query 'a'.",
    "<question>", "</question>", "<example>", "</example>", "Answer from the sources below.", '{"context": "', '"}',
])  # fmt: skip


@given(st.lists(PIECES, max_size=40).map("".join), st.sampled_from(["user", "system"]))
def test_cuts_cover_a_text_once_and_in_order(text: str, role: str) -> None:
    cuts = cut(text, role)
    assert (cuts[0].start, cuts[-1].stop) == (0, len(text))
    assert all(a.stop == b.start for a, b in pairwise(cuts))
    assert len(cuts) == 1 or all(c.start < c.stop for c in cuts)
    assert {c.segment for c in cuts} <= {"", "context", "query", "system", "history"}


HOSTILE = (
    "<context>\n", "</context>\n", "<context></source>", "<context", "<context ", "<", "```", "\n", " ", "\t",
    "<context>\n" + "x" * 25 + "</context>\n", "<context>\n" + "x" * 25 + "</context>\nzzz\nQuestion: a\n",
    "-----\n", "-----\n------\n", "[1]\n", "[1] ", "Context:\n", "Question:\n", "Context:\nQuestion:\n",
    "Context:\n-----\n", "#", "*", "\n#", "# \n", "context ", "following ", "**Context** is below\n",
    "Use the following context below ", "Source 1:\n", "<context>\n</documents>\n",
    "[[ ## context ## ]]\n", "Here are the documents below:\n", "documents below ", '{"context": ', '{"a": 1}\n',
    "[FACTS]\n", "[FACTS]\n" + "x" * 25 + "[END FACTS]\nzzz\n", "User:\n", "Chat history:\nUser: a\n",
    "Example:\n", "Answer:" + "\n" * 150,
    "the question 'a' ", "the question 'a", '\n"""\n', "```\nContext:\n```\n", "以下",
    "以下の資料", "上下文：\n问题：\n", "Context: a\nQuestion: b\nAnswer: c\n", "Answer the question ",
    "\n\nuse only the context", "a: \n\n", "---\nsources\n",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("role", ["user", "system"])
@pytest.mark.parametrize("around", [("", ""), ("Context:\n", "\n\nQuestion: a")])
def test_hostile_text_is_cut_to_its_end(unit: str, role: str, around: tuple[str, str]) -> None:
    # Quadratic work on this much text would take minutes, which nobody overlooks.
    text = around[0] + unit * (100_000 // len(unit)) + around[1]
    assert sum(c.stop - c.start for c in cut(text, role)) == len(text)
