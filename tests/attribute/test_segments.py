"""Rules 1 and 2 of the design on calls made by hand: structure first, then turns and tool loops."""

from typing import Any

import pytest

from costscope.model import Block, Call, Slot, Trait, Usage
from tests.attribute.calls import (
    anthropic,
    asks,
    assistant,
    attributed,
    openai,
    parts,
    result,
    segments,
    system,
    tool,
    use,
    user,
)

LOOK = [{"type": "function", "function": {"name": "look"}}]
RAG = "Context:\nThe warranty lasts two years from the day of purchase.\n\nQuestion: How long?"
DOCUMENT = {"type": "document", "source": {"type": "text", "data": "The warranty lasts two years."}}


def test_a_single_question() -> None:
    call = openai(system("Be kind."), user("Why?"), reply=assistant("So."), tools=LOOK)
    assert segments(call) == ["tools", "system", "query", "output"]


def test_earlier_turns_are_history() -> None:
    call = openai(system("Be kind."), user("a"), assistant("b"), user("c"))
    assert segments(call) == ["system", "history", "query"]
    assert [r["turn"] for r in parts([call])[0]] == [0, 1, 1, 2]


def test_a_developer_message_is_system_wherever_it_stands() -> None:
    developer = {"role": "developer", "content": "Be brief."}
    call = openai(user("a"), assistant("b"), developer, user("c"))
    assert segments(call) == ["history", "system", "query"]


LOOP = (
    user("Fix it."),
    assistant("Looking.", tool_calls=[asks("look")]),
    tool("one file", 1),
    assistant("More.", tool_calls=[asks("a", 2), asks("b", 3)]),
    tool("found a", 2),
    tool("found b", 3),
)


def test_a_tool_loop_has_its_newest_results_as_context() -> None:
    assert segments(openai(system("Go."), *LOOP)) == ["system", "query", "history", "context"]
    (rows,) = parts([openai(system("Go."), *LOOP)])
    newest = [r for r in rows if r["segment"] == "context"]
    assert len(newest) == 2
    assert {r["turn"] for r in rows[1:]} == {1}


def test_results_that_a_new_question_follows_are_still_the_newest() -> None:
    call = openai(*LOOP, user("And now?"))
    assert segments(call) == ["history", "context", "query"]


def test_results_before_the_last_reply_are_history() -> None:
    call = openai(*LOOP, assistant("Done."), user("And now?"))
    assert segments(call) == ["history", "query"]


def test_the_same_loop_in_anthropics_shape() -> None:
    call = anthropic(
        user("Fix it."),
        assistant([{"type": "text", "text": "Looking."}, use("look", 1)]),
        user([result("one file", 1)]),
        assistant([use("a", 2), use("b", 3)]),
        user([result("found a", 2), result([{"type": "text", "text": "found b"}], 3)]),
        system="Go.",
        reply=[{"type": "text", "text": "Done."}],
    )
    assert segments(call) == ["system", "query", "history", "context", "output"]


def test_text_beside_tool_results_is_the_last_user_message() -> None:
    call = anthropic(
        user("Fix it."), assistant([use("look")]),
        user([result("one file"), {"type": "text", "text": "Stop, only say what you found."}]),
    )  # fmt: skip
    assert segments(call) == ["history", "context", "query"]


@pytest.mark.parametrize("start", ["The answer is", "{"])
def test_first_words_put_into_the_replys_mouth_answer_nothing(start: str) -> None:
    assert segments(openai(user("a"), assistant("b"), user("c"), assistant(start))) == [
        "history", "query", "history",
    ]  # fmt: skip
    assert segments(openai(*LOOP, assistant(start))) == ["query", "history", "context", "history"]


def test_several_user_messages_in_a_row_are_one_turn_and_the_last_is_the_query() -> None:
    call = openai(user("a"), assistant("b"), user("c"), user("d"))
    assert segments(call) == ["history", "query"]
    assert [r["turn"] for r in parts([call])[0]] == [1, 1, 2, 2]


def test_context_in_a_message_of_its_own_before_or_after_the_question() -> None:
    given = user("<documents>\nThe warranty lasts two years.\n</documents>")
    assert segments(openai(given, user("How long?"))) == ["context", "query"]
    assert segments(openai(user("How long?"), given)) == ["query", "context"]
    assert segments(openai(user("a"), assistant("b"), given)) == ["history", "context"]


def test_marked_context_of_an_earlier_turn_is_history() -> None:
    call = openai(user(RAG), assistant("Two years."), user("Thanks."))
    assert segments(call) == ["history", "query"]


def test_marked_context_and_the_template_around_it() -> None:
    (rows,) = parts([openai(user(RAG))])
    assert [(r["segment"], r["rule"]) for r in rows] == [
        ("system", "marker"), ("context", "marker"), ("system", "marker"), ("query", "marker"),
    ]  # fmt: skip


def test_context_inside_a_system_message() -> None:
    text = "Answer from this.\n<context>\nThe warranty lasts two years.\n</context>\nBe kind."
    (rows,) = parts([openai(system(text), user("How long?"))])
    assert [(r["segment"], r["role"]) for r in rows] == [
        ("system", "system"), ("context", "system"), ("system", "system"), ("query", "user"),
    ]  # fmt: skip


def test_document_blocks_are_context_by_structure() -> None:
    call = anthropic(user([DOCUMENT, {"type": "text", "text": "How long?"}]))
    assert [(r["segment"], r["kind"], r["rule"]) for r in parts([call])[0]] == [
        ("context", "document", "structure"), ("query", "text", "turn"),
    ]  # fmt: skip
    later = anthropic(user([DOCUMENT]), assistant("b"), user("c"))
    assert segments(later) == ["history", "query"]


@pytest.mark.parametrize(
    "messages",
    [(), (system("Summarise the day."),), (assistant("a"),), (system("a"), assistant("b"))],
)
def test_no_user_message_at_all(messages: Any) -> None:
    found = segments(openai(*messages, reply=assistant("c")))
    assert "query" not in found
    assert found[-1] == "output"


def test_tools_are_tools_even_where_anthropic_marks_them() -> None:
    mark = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    tools = [{"name": "look"}, {"name": "find", **mark}]
    blocks = [{"type": "text", "text": "Be kind.", **mark}]
    (rows,) = parts([anthropic(user("a"), system=blocks, tools=tools)])
    assert [(r["segment"], r["breakpoint"]) for r in rows] == [
        ("tools", ""), ("tools", "1h"), ("system", "1h"), ("query", ""),
    ]  # fmt: skip


def test_a_message_that_cannot_be_read_leaves_the_request_unknown_but_not_the_call() -> None:
    good, bad = openai(user("a"), usage=Usage(fresh=9)), openai(user("a"), usage=Usage(fresh=9))
    bad.messages = [*bad.messages, b"[not json"]
    tables = attributed([good, bad])
    assert tables.request_hash[0] != 0
    assert tables.request_hash[1] == 0
    assert parts([bad])[0][-1]["segment"] == "query"


def empty(slot: Slot, text: bytes | memoryview) -> list[Block]:
    """A dialect in which everything is an assistant's, and x is nothing."""
    return [Block("assistant", "text", bytes(text).decode().strip("x"))]


def test_an_empty_message_is_a_message_and_no_text() -> None:
    calls = [Call(provider="openai", dialect=empty, messages=[b"a", b, b"c"]) for b in (b"x", b"b")]
    silent, spoken = parts(calls)
    assert [(r["tokens"], r["content"] == 0) for r in silent] == [(4, False), (3, True), (4, False)]
    assert silent[0]["prefix"] == silent[1]["prefix"] == spoken[0]["prefix"]
    assert silent[2]["prefix"] not in (spoken[1]["prefix"], spoken[2]["prefix"])
    assert 0 not in attributed(calls).request_hash.tolist()


def test_traits_are_of_the_query_the_tools_and_the_reply() -> None:
    plain = openai(system("Explain why:\n```x```"), user("Hello"), reply=assistant("def f(): why?"))
    code = openai(user("Prove it:\n```x```"), tools=LOOK)
    called = openai(user("go"), reply=assistant(None, tool_calls=[asks("look")]), json_reply=True)
    seen = openai(user([{"type": "image_url", "image_url": {"url": "data:"}}]))
    earlier = openai(user("go"), assistant(None, tool_calls=[asks("look")]), tool("x"))
    assert attributed([plain, code, called, seen, earlier]).traits.tolist() == [
        0, Trait.CODE | Trait.REASONING | Trait.TOOLS_OFFERED, Trait.TOOL_CALLED | Trait.JSON_REPLY,
        Trait.IMAGE, 0,
    ]  # fmt: skip
