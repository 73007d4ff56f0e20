"""The single rules that find context, question and history by their marks."""

import json

import pytest

from costscope.attribute.markers import Cut, cut
from costscope.attribute.markers.lines import MAX_KEPT, _points_again, marks, points
from costscope.attribute.markers.payload import payload
from costscope.attribute.markers.words import kind_of, tells_retrieval

FACT = "The warranty lasts two years from the day of purchase. "
DOCS = (FACT * 6).strip()
ASK = "How long does it last?"


def found(text: str, role: str = "user") -> dict[str, str]:
    """Segment → its text, in one piece."""
    cuts = cut(text, role)
    return {
        s: " ".join(text[c.start : c.stop].strip() for c in cuts if c.segment == s)
        for s in {c.segment for c in cuts}
    }


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("Context", "context"),
        ("RETRIEVED DOCUMENTS", "context"),
        ("search_results", "context"),
        ("retrievedContext", "context"),
        ("Documents pertinents", "context"),
        ("Suchergebnisse", "context"),
        ("Wyniki wyszukiwania", "context"),
        ("已知信息", "context"),
        ("参考情報", "context"),
        ("참고 문서", "context"),
        ("Document 3", "context"),
        ("User's question", "question"),
        ("Question de l'utilisateur", "question"),
        ("Pregunta", "question"),
        ("Вопрос пользователя", "question"),
        ("用户问题", "question"),
        ("Chatverlauf", "history"),
        ("Output format", "task"),
        ("Final answer", "answer"),
        ("Standalone question", "answer"),
        ("Few-shot examples", "example"),
        ("Human", "user"),
        ("AI", "assistant"),
        ("One more question", ""),
        ("My question", ""),
        ("Response code", ""),
        ("Namespace", ""),
        ("Where the documents of last year went to", ""),
        ("", ""),
    ],
)
def test_labels_tell_what_follows(label: str, kind: str) -> None:
    assert kind_of(label) == kind


def test_some_labels_are_a_machines() -> None:
    assert tells_retrieval("Search results")
    assert not tells_retrieval("Context")


@pytest.mark.parametrize(
    "sentence",
    [
        "Use the following pieces of retrieved context to answer.",
        "Answer from the sources below.",
        "Nutze nur die folgenden Auszüge.",
        "Réponds à l'aide des extraits ci-dessous.",
        "请根据以下已知信息回答。",
        "以下の参考情報だけを使ってください。",
    ],
)
def test_sentences_that_point_at_context(sentence: str) -> None:
    assert points(sentence)


def test_long_sentences_are_not_remembered() -> None:
    _points_again.cache_clear()
    pointing = "Answer from the sources below."
    assert points(" " * MAX_KEPT + pointing)
    assert _points_again.cache_info().currsize == 0
    assert points(pointing)
    assert _points_again.cache_info().currsize == 1


@pytest.mark.parametrize(
    "sentence",
    [
        "Who keeps the documents?",
        "The context was lost. Below is my question.",
        "Only two of us came.",
    ],
)
def test_sentences_that_do_not(sentence: str) -> None:
    assert not points(sentence)


def test_a_payload_is_cut_at_its_values() -> None:
    text = json.dumps(
        {"task": "answer", "passages": [DOCS, DOCS], "question": ASK, "history": [ASK]}
    )
    segments = found(text)
    assert json.loads(segments["context"]) == [DOCS, DOCS]
    assert json.loads(segments["query"]) == ASK
    assert json.loads(segments["history"]) == [ASK]
    assert '"task": "answer"' in segments["system"]


@pytest.mark.parametrize(
    "around", ["{}", "```json\n{}\n```", "Answer this request:\n{}", '{{"input": {}}}']
)
def test_a_payload_may_be_nested_or_introduced(around: str) -> None:
    segments = found(around.format(json.dumps({"context": DOCS, "user_query": ASK})))
    assert json.loads(segments["context"]) == DOCS
    assert json.loads(segments["query"]) == ASK


@pytest.mark.parametrize(
    "text",
    [
        '{"context": "short", "question": "who?"}',
        json.dumps({"context": DOCS}),
        json.dumps({"context": DOCS, "question": ASK}) + "\nWhy is this invalid?",
        json.dumps({"context": DOCS, "question": ASK})[:-1],
        "{" * 500 + '"',
        '{"a":' * 5000 + "1" + "}" * 5000,
        "{}",
        '{"question": }',
    ],
)
def test_json_that_is_no_payload(text: str) -> None:
    assert payload(text) == []


def test_examples_stay_the_templates_own() -> None:
    shown = "".join(f"Context: {DOCS}\nQuestion: Sure?\nAnswer: Yes.\n\n" for _ in range(2))
    assert cut(shown, "system") == [Cut("", 0, len(shown))]
    segments = found(f"{shown}Context: {DOCS}\nQuestion: {ASK}\nAnswer:")
    assert segments["context"] == DOCS
    assert segments["query"] == ASK
    assert segments["system"].count("Sure?") == 2


def test_tags_of_examples_are_not_looked_into() -> None:
    text = (
        f"<examples>\n<context>{DOCS}</context>\n</examples>\n<context>\n{DOCS}\n</context>\n{ASK}"
    )
    segments = found(text)
    assert segments["context"] == DOCS
    assert "<examples>" in segments["system"]


def test_history_that_is_pasted_in() -> None:
    text = f"Chat history:\nHuman: hi\nAI: hello\n\nContext:\n{DOCS}\n\nQuestion: {ASK}\nAnswer:"
    segments = found(text)
    assert segments["history"] == "Human: hi\nAI: hello"
    assert (segments["context"], segments["query"]) == (DOCS, ASK)


def test_the_last_turn_of_pasted_history_is_the_query() -> None:
    segments = found(f"Be kind.\n\nCurrent conversation:\nHuman: hi\nAI: hello\nHuman: {ASK}\nAI:")
    assert segments["history"] == "Human: hi\nAI: hello"
    assert segments["query"] == ASK


@pytest.mark.parametrize(
    "ending",
    [
        "Use only the context above, and cite it.",
        "Answer in one sentence.",
        "Respond with the fields `[[ ## answer ## ]]` and `[[ ## completed ## ]]`.",
    ],
)
def test_orders_behind_the_question_are_the_templates(ending: str) -> None:
    segments = found(f"Context:\n{DOCS}\n\nQuestion: {ASK}\n\n{ending}")
    assert segments["query"] == ASK
    assert ending in segments["system"]


def test_a_question_of_two_paragraphs_stays_whole() -> None:
    long = f"{ASK}\n\nI bought it in May. Does that matter?"
    assert found(f"Context:\n{DOCS}\n\nQuestion: {long}")["query"] == long


def test_words_around_tags_are_told_from_the_question() -> None:
    segments = found(f"Use the documents below.\n<documents>\n{DOCS}\n</documents>\n\n{ASK}")
    assert segments[""] == ASK
    assert "Use the documents below." in segments["system"]


def test_labels_in_code_are_quoted() -> None:
    text = f"```\nContext: {DOCS}\nQuestion: {ASK}\n```\nIs this a good prompt?"
    assert cut(text, "user") == [Cut("", 0, len(text))]
    assert [m.kind for m in marks(text)] == ["fence", "fence"]


@pytest.mark.parametrize("left", ["Helpful Answer:", "SUMMARY:", 'Summary:"""'])
def test_an_answers_label_that_waits_ends_the_context(left: str) -> None:
    text = f"Summarise only the information given.\n\n{DOCS}\n\n{left}\n"
    assert found(text)["context"] == DOCS


def test_a_question_in_quotes_ends_with_them() -> None:
    text = f"You are given search results:\n\n[1] {DOCS}\n[2] {DOCS}\n\nAnswer the query '{ASK}' from them."
    assert found(text)["query"] == ASK


def test_context_to_the_end_of_a_system_message() -> None:
    text = f"Use the following pieces of retrieved context. Be kind.\n\n{DOCS}"
    assert found(text, "system") == {
        "": "Use the following pieces of retrieved context. Be kind.",
        "context": DOCS,
    }
    assert cut(text, "user") == [Cut("", 0, len(text))]
