"""The texts of spans, however they are written down."""

import json
from typing import Any

from tests.readers.otlp import calls, chat, one, pairs, request
from tests.readers.reading import spoken


def test_parts_of_messages() -> None:
    parts: list[dict[str, Any]] = [
        {"type": "text", "content": "See"}, {"type": "blob", "modality": "image", "content": "iVBO"},
        {"type": "reasoning", "content": "hm"}, {"type": "tool_call", "name": "f", "arguments": "{}"},
        {"type": "tool_call_response", "id": "1", "response": {"ok": True}},
    ]  # fmt: skip
    found = one(gen_ai__input__messages=json.dumps([{"role": "user", "parts": parts}]))
    kinds = [(role, kind) for role, kind, _ in spoken(found)]
    assert kinds == [("user", "text"), ("user", "image"), ("user", "thinking"),
                     ("assistant", "tool_call"), ("tool", "tool_result")]  # fmt: skip


def test_structured_messages_are_read_like_json_text() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": "Hello"}]}]
    plain = one(gen_ai__input__messages=messages)
    text = one(gen_ai__input__messages=json.dumps(messages))
    assert spoken(plain) == spoken(text) == [("user", "text", "Hello")]


def test_events_of_a_span() -> None:
    events = [
        ("gen_ai.user.message", {"gen_ai.event.content": '{"content": "Hi", "role": "user"}'}),
        ("gen_ai.choice", {"finish_reason": "stop", "message": '{"content": "Ho"}'}),
    ]
    found = one(events=events)
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]


def test_events_in_one_attribute() -> None:
    events = [{"event.name": "gen_ai.system.message", "content": "Be kind", "role": "system"},
              {"event.name": "gen_ai.choice", "index": 0, "message": {"content": "Ho"}}]  # fmt: skip
    fields = chat(1)
    fields["attributes"] += pairs({"events": json.dumps(events)})
    assert spoken(calls(request(fields))[0]) == [
        ("system", "text", "Be kind"), ("assistant", "text", "Ho"),
    ]  # fmt: skip


def test_sentrys_names() -> None:
    found = one(
        gen_ai__request__messages=json.dumps([{"role": "user", "content": "Hi"}]),
        gen_ai__request__available_tools=json.dumps([{"name": "f"}]),
        gen_ai__response__text="Ho", gen_ai__response__tool_calls=json.dumps([{"name": "f"}]),
    )  # fmt: skip
    assert spoken(found) == [
        ("system", "tool_schema", '{"name":"f"}'), ("user", "text", "Hi"),
        ("assistant", "text", "Ho"), ("assistant", "tool_call", "f\n{}"),
    ]  # fmt: skip


def test_contents_of_older_events() -> None:
    events = [("gen_ai.content.prompt", {"gen_ai.prompt": json.dumps([{"role": "user", "content": "Hi"}])}),
              ("gen_ai.content.completion", {"gen_ai.completion": "Ho"})]  # fmt: skip
    assert spoken(one(events=events)) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]


def test_the_sdks_whole_prompt() -> None:
    prompt = {"system": "Be kind", "messages": [{"role": "user", "content": "Hi"}]}
    found = one(ai__prompt=json.dumps(prompt), ai__response__text="Ho",
                ai__response__reasoning="Say Ho.")  # fmt: skip
    assert spoken(found) == [
        ("system", "text", "Be kind"), ("user", "text", "Hi"),
        ("assistant", "thinking", "Say Ho."), ("assistant", "text", "Ho"),
    ]  # fmt: skip


def test_tools_of_a_model_request() -> None:
    settings = {"function_tools": [{"name": "f", "description": "does"}]}
    found = one(model_request_parameters=json.dumps(settings), gen_ai__prompt="Hi")
    assert spoken(found)[0] == ("system", "tool_schema", '{"description":"does","name":"f"}')


def test_messages_that_were_cut_off_are_read_as_far_as_they_go() -> None:
    messages = [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in "ab"]
    for end in (5, 20):
        found = one(gen_ai__input__messages=json.dumps(messages)[:-end])
        assert spoken(found)[0] == ("user", "text", "a")
        assert all("parts" not in text for _, _, text in spoken(found))


def test_the_reason_for_the_end_may_stand_in_the_reply() -> None:
    reply = [{"role": "assistant", "parts": [], "finish_reason": "length"}]
    assert one(gen_ai__output__messages=json.dumps(reply)).finish_reason == "length"
    assert one(gen_ai__output__messages=reply).finish_reason == "length"


def test_numbered_messages_stand_in_the_order_of_their_numbers() -> None:
    said = {f"gen_ai.prompt.{i}.content": f"m{i}" for i in (10, 2, 0)}
    assert [text for _, _, text in spoken(one(**said))] == ["m0", "m2", "m10"]
