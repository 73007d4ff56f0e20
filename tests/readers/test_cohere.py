"""Cohere: chat of both versions, generate, embed and rerank, billed by billed units."""

import json
from typing import Any

import pytest

from costscope.model import Usage
from costscope.readers import _cohere
from tests.readers.reading import blocks, call, reader, spoken


def billed(**units: int) -> dict[str, Any]:
    return {"billed_units": units, "tokens": {"input_tokens": 500, "output_tokens": 90}}


def chat(messages: list[Any], usage: dict[str, Any], **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": [{"type": "text", "text": "Up."}]}
    request = {"model": "command-a-03-2025", "messages": messages, **more}
    response = {"id": "c-1", "finish_reason": "COMPLETE", "message": message, "usage": usage}
    return {"request": request, "response": response}


ASKED = {"role": "user", "content": "Where is north?"}


def test_billed_units_are_the_bill_and_tokens_are_not() -> None:
    usage = {**billed(input_tokens=12, output_tokens=3), "cached_tokens": 480}
    found = call("cohere", chat([ASKED], usage))
    assert found.usage == Usage(fresh=12, output=3)
    assert (found.provider, found.call_id, found.finish_reason) == ("cohere", "c-1", "COMPLETE")


def test_v2_documents_stand_before_the_question() -> None:
    documents = [{"id": "d", "data": {"title": "Maps", "text": "North is up."}}, "South is down."]
    found = call("cohere", chat([ASKED], billed(input_tokens=1), documents=documents))
    assert [(b.kind, b.text, b.segment) for b in blocks(found)] == [
        ("document", "Maps\nNorth is up.", "context"), ("document", "South is down.", "context"),
        ("text", "Where is north?", ""), ("text", "Up.", ""),
    ]  # fmt: skip


def test_v2_tools() -> None:
    messages = [
        ASKED,
        {"role": "assistant", "tool_plan": "I look.", "tool_calls": [
            {"id": "t", "type": "function", "function": {"name": "look", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t", "content": [
            {"type": "document", "document": {"data": "up"}}, {"type": "text", "text": "!"}]},
    ]  # fmt: skip
    found = call("cohere", chat(messages, billed(input_tokens=1), tools=[{"type": "function"}]))
    assert spoken(found) == [
        ("system", "tool_schema", '{"type":"function"}'), ("user", "text", "Where is north?"),
        ("assistant", "thinking", "I look."), ("assistant", "tool_call", "look\n{}"),
        ("tool", "tool_result", "up"), ("tool", "tool_result", "!"), ("assistant", "text", "Up."),
    ]  # fmt: skip


def test_v1_chat() -> None:
    request = {
        "model": "command-r", "message": "And south?", "preamble": "Be brief.",
        "chat_history": [{"role": "USER", "message": "North?"}, {"role": "CHATBOT", "message": "Up."}],
        "documents": [{"id": "d", "title": "Maps", "snippet": "South is down."}],
        "tool_results": [{"call": {"name": "look"}, "outputs": [{"way": "down"}]}],
    }  # fmt: skip
    response = {
        "response_id": "r-1", "generation_id": "g-1", "text": "Down.", "finish_reason": "COMPLETE",
        "tool_calls": [{"name": "turn", "parameters": {"by": 180}}],
        "meta": billed(input_tokens=9, output_tokens=2),
    }  # fmt: skip
    found = call("cohere", {"request": request, "response": response})
    assert spoken(found) == [
        ("system", "text", "Be brief."), ("user", "text", "North?"), ("assistant", "text", "Up."),
        ("user", "document", "Maps\nSouth is down."), ("user", "text", "And south?"),
        ("tool", "tool_result", '[{"way":"down"}]'), ("assistant", "text", "Down."),
        ("assistant", "tool_call", 'turn\n{"by":180}'),
    ]  # fmt: skip
    assert (found.call_id, found.usage) == ("r-1", Usage(fresh=9, output=2))


def test_streams_of_both_versions() -> None:
    response = {"response_id": "r-1", "text": "Up.", "finish_reason": "COMPLETE",
                "meta": billed(input_tokens=4, output_tokens=3)}  # fmt: skip
    lines = [{"event_type": "text-generation", "text": "Up."},
             {"event_type": "stream-end", "response": response}]  # fmt: skip
    request = {"model": "command-r", "message": "Where is north?"}
    first = call("cohere", {"request": request, "response": "\n".join(map(json.dumps, lines))})
    assert (first.usage, spoken(first)[-1][2]) == (Usage(fresh=4, output=3), "Up.")
    delta = {"message": {"content": {"text": "Up."}}}
    end = {"finish_reason": "COMPLETE", "usage": billed(input_tokens=4, output_tokens=3)}
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": "c-2", "delta": {"message": {"role": "assistant"}}},
        {"type": "content-start", "index": 0,
         "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": delta}, {"type": "message-end", "delta": end},
    ]  # fmt: skip
    text = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    second = call("cohere", {**chat([ASKED], {}), "response": text})
    assert (second.usage, spoken(second)[-1][2]) == (Usage(fresh=4, output=3), "Up.")


def test_a_rerank_is_billed_in_searches() -> None:
    request = {"model": "rerank-v3.5", "query": "north", "documents": ["up", {"text": "down"}]}
    response = {"id": "k-1", "results": [], "meta": {"billed_units": {"search_units": 2}}}
    found = call("cohere", {"request": request, "response": response})
    assert (found.usage, found.units) == (Usage(), {"rerank_search": 2})
    assert [b.text for b in blocks(found)] == ["up", "down", "north"]


def test_embeddings_have_no_output() -> None:
    request = {"model": "embed-v4.0", "texts": ["up", "down"], "input_type": "search_document"}
    response = {"id": "e-1", "embeddings": [[0.1]], "meta": {"billed_units": {"input_tokens": 5}}}
    found = call("cohere", {"request": request, "response": response})
    assert (found.usage, [b.text for b in blocks(found)]) == (Usage(fresh=5), ["up", "down"])


def test_pictures_of_an_embedding_are_counted_beside_its_text() -> None:
    request = {"model": "embed-v4.0", "texts": ["up"], "input_type": "search_document"}
    meta = {"billed_units": {"input_tokens": 5, "image_tokens": 300}}
    found = call("cohere", {"request": request, "response": {"id": "e-2", "meta": meta}})
    assert (found.usage, found.units) == (Usage(fresh=305), {"input_image": 300})


def test_generate() -> None:
    response = {"id": "n-1", "generations": [{"text": " Up.", "finish_reason": "COMPLETE"}],
                "meta": {"billed_units": {"input_tokens": 4, "output_tokens": 2}}}  # fmt: skip
    request = {"model": "command", "prompt": "North is"}
    found = call("cohere", {"request": request, "response": response})
    assert spoken(found) == [("user", "text", "North is"), ("assistant", "text", " Up.")]
    assert (found.finish_reason, found.usage) == ("COMPLETE", Usage(fresh=4, output=2))


def test_a_refused_call_is_an_error() -> None:
    record = {"url": "https://api.cohere.com/v1/chat", "status_code": 404,
              "request": {"model": "command-light", "message": "Hi"},
              "response": {"message": "model 'command-light' was removed"}}  # fmt: skip
    found = call("cohere", record)
    assert (found.status, found.usage) == ("error", Usage())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"type": "image_url", "image_url": {"url": "x"}}, "image"),
        ({"type": "thinking", "thinking": "hm"}, "thinking"),
        ({"type": "text", "text": "a"}, "text"),
    ],
)
def test_parts(value: dict[str, Any], shown: str) -> None:
    (block,) = _cohere.blocks("message", json.dumps({"role": "user", "content": [value]}).encode())
    assert block.kind == shown


@pytest.mark.parametrize(
    "record",
    [{"message": "hello", "documents": []}, {"query": "x", "documents": ["a"]}, {"text": "a"}],
)
def test_other_data_is_not_claimed(record: dict[str, Any]) -> None:
    assert reader("cohere").score(record) == 0
