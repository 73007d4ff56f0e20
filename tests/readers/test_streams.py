"""Streams put together again: each is the body that the API answers with where it does not stream."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from costscope.model import Usage
from costscope.readers import _streams
from costscope.readers._deltas import merged
from tests.readers.reading import call, spoken, told
from tests.sources.test_documents import JSON

CHAT = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]}
USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
MESSAGES = {
    "model": "claude-haiku-4-5",
    "messages": [{"role": "user", "content": "hi"}],
    "max_tokens": 9,
}
START = {"id": "msg_01", "type": "message", "role": "assistant", "model": "claude-haiku-4-5",
         "content": [], "usage": {"input_tokens": 7, "cache_read_input_tokens": 100,
                                  "output_tokens": 1}}  # fmt: skip


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o-2024-08-06",
            "choices": choices, **more}  # fmt: skip


def sse(events: list[dict[str, Any]]) -> str:
    return "".join(f"data: {json.dumps(e)}\n\n" for e in events) + "data: [DONE]\n\n"


def named(events: list[dict[str, Any]]) -> str:
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)


def body(pieces: Any) -> Any:
    found = _streams.whole(Raw(json.dumps(pieces).encode()))
    return None if found is None else (json.loads(bytes(found.body)), found.complete)


WORDS = [
    chunk({"role": "assistant", "content": ""}), chunk({"content": "h"}), chunk({"content": "o"}),
    chunk({}, "stop"),
]  # fmt: skip
FORMS = {
    "events": sse, "chunks": list, "texts": lambda c: [f"data: {json.dumps(e)}\n\n" for e in c],
    "lines": lambda c: "\n".join(map(json.dumps, c)),
    "events without blank lines": lambda c: sse(c).replace("\n\n", "\n"),
    "with comments and ids": lambda c: ": hi\n\n" + "".join(
        f"id: {i}\nevent: message\ndata: {json.dumps(e)}\r\n\r\n" for i, e in enumerate(c)),
    "recorded events": lambda c: [{"event": "message", "data": json.dumps(e)} for e in c],
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_a_stream_is_its_response_however_it_is_kept(form: str) -> None:
    pieces = FORMS[form]([*WORDS, chunk(usage=USAGE)])
    found = call("openai_chat", {"request": CHAT, "response": pieces})
    assert told(found) == {
        "call_id": "chatcmpl-1", "provider": "openai", "model": "gpt-4o-2024-08-06",
        "finish_reason": "stop", "usage": {"fresh": 9, "output": 2},
    }  # fmt: skip
    assert spoken(found) == [("user", "text", "hi"), ("assistant", "text", "ho")]


def test_the_last_usage_of_many_counts() -> None:
    first = {**USAGE, "completion_tokens": 1, "total_tokens": 10}
    pieces = [chunk({"content": "h"}, usage=first), chunk({"content": "o"}, "stop", usage=USAGE)]
    assert call("openai_chat", {"request": CHAT, "response": pieces}).usage == Usage(
        fresh=9, output=2
    )


def test_usage_beside_a_stream_is_its_usage() -> None:
    record = {"request": CHAT, "response": sse(WORDS), "usage": USAGE}
    found = call("openai_chat", record)
    assert (found.status, found.usage) == ("incomplete", Usage(fresh=9, output=2))
    columns = {"request": CHAT, "response": sse(WORDS), "prompt_tokens": 9, "completion_tokens": 2}
    found = call("openai_chat", columns)
    assert (found.status, found.usage) == ("ok", Usage(fresh=9, output=2))


def test_without_its_usage_a_stream_is_an_incomplete_call_with_its_text() -> None:
    found = call("openai_chat", {"request": CHAT, "response": sse(WORDS)})
    assert (found.status, found.usage) == ("incomplete", None)
    assert spoken(found)[-1] == ("assistant", "text", "ho")


def test_a_stream_that_breaks_off_after_a_usage_is_incomplete_too() -> None:
    found = call(
        "openai_chat", {"request": CHAT, "response": [chunk({"content": "h"}, usage=USAGE)]}
    )
    assert (found.status, found.usage) == ("incomplete", Usage(fresh=9, output=2))


def test_tool_calls_come_in_pieces_by_index() -> None:
    def piece(index: int, **function: str) -> dict[str, Any]:
        more = {"id": f"call_{index}", "type": "function"} if "name" in function else {}
        return chunk({"tool_calls": [{"index": index, "function": function, **more}]})

    pieces = [
        piece(0, name="get", arguments=""), piece(0, arguments='{"a"'), piece(1, name="put", arguments="{}"),
        piece(0, arguments=":1}"), chunk({}, "tool_calls"), chunk(usage=USAGE),
    ]  # fmt: skip
    found = call("openai_chat", {"request": CHAT, "response": pieces})
    assert spoken(found)[1:] == [
        ("assistant", "tool_call", 'get\n{"a":1}'), ("assistant", "tool_call", "put\n{}"),
    ]  # fmt: skip


def test_thoughts_and_several_choices_stay_apart() -> None:
    pieces = [
        chunk({"reasoning_content": "h"}), chunk({"reasoning_content": "m"}), chunk({"content": "a"}, "stop"),
        {"object": "chat.completion.chunk", "choices": [{"index": 1, "delta": {"content": "b"},
                                                         "finish_reason": "stop"}]},
        chunk(usage=USAGE),
    ]  # fmt: skip
    assert spoken(call("openai_chat", {"request": CHAT, "response": pieces}))[1:] == [
        ("assistant", "thinking", "hm"), ("assistant", "text", "a"), ("assistant", "text", "b"),
    ]  # fmt: skip


def test_text_completions_are_streamed_as_texts() -> None:
    pieces = [{"object": "text_completion", "choices": [{"index": 0, "text": t, "finish_reason": f}]}
              for t, f in (("on", None), ("ce", "length"))]  # fmt: skip
    record = {"request": {"model": "davinci-002", "prompt": "Tell"}, "response": sse(pieces)}
    found = call("openai_chat", record)
    assert spoken(found) == [("user", "text", "Tell"), ("assistant", "text", "once")]
    assert (found.finish_reason, found.usage) == ("length", None)


def test_groq_counts_under_its_own_name() -> None:
    pieces = [*WORDS[:-1], chunk({}, "stop", x_groq={"id": "req_1", "usage": USAGE})]
    assert call("openai_chat", {"request": CHAT, "response": pieces}).usage == Usage(
        fresh=9, output=2
    )


def anthropic(*events: dict[str, Any], delta: dict[str, Any] | None) -> str:
    end = [] if delta is None else [{"type": "message_delta", **delta}, {"type": "message_stop"}]
    return named([{"type": "message_start", "message": START}, {"type": "ping"}, *events, *end])


TEXT = (
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "h"}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "o"}},
)  # fmt: skip


def test_the_counts_of_a_message_delta_take_the_place_of_the_first() -> None:
    delta = {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}
    found = call(
        "anthropic_messages", {"request": MESSAGES, "response": anthropic(*TEXT, delta=delta)}
    )
    assert found.usage == Usage(fresh=7, cache_read=100, output=5)
    assert (found.call_id, found.finish_reason, found.status) == ("msg_01", "end_turn", "ok")
    assert spoken(found)[-1] == ("assistant", "text", "ho")
    more = {
        **delta,
        "usage": {"input_tokens": 8, "cache_read_input_tokens": None, "output_tokens": 5},
    }
    found = call(
        "anthropic_messages", {"request": MESSAGES, "response": anthropic(*TEXT, delta=more)}
    )
    assert found.usage == Usage(fresh=8, cache_read=100, output=5)


def test_the_beginning_of_a_message_is_no_bill() -> None:
    found = call(
        "anthropic_messages", {"request": MESSAGES, "response": anthropic(*TEXT, delta=None)}
    )
    assert (found.status, found.usage) == ("incomplete", None)
    assert spoken(found)[-1] == ("assistant", "text", "ho")


def test_an_error_in_the_middle_does_not_make_a_message_free() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    begun = anthropic(*TEXT, error, delta=None)
    found = call("anthropic_messages", {"request": MESSAGES, "response": begun})
    assert (found.status, found.usage) == ("error", None)
    refused = call("anthropic_messages", {"request": MESSAGES, "response": named([error])})
    assert (refused.status, refused.usage) == ("error", Usage())


def test_blocks_of_a_message_keep_their_kinds() -> None:
    events = (
        {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "thinking_delta", "thinking": "hm"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": "x"}},
        {"type": "content_block_start", "index": 1,
         "content_block": {"type": "tool_use", "id": "t", "name": "get", "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"a"'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": ":1}"}},
    )  # fmt: skip
    delta = {"delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 5}}
    found = call(
        "anthropic_messages", {"request": MESSAGES, "response": anthropic(*events, delta=delta)}
    )
    assert spoken(found)[1:] == [
        ("assistant", "thinking", "hm"),
        ("assistant", "tool_call", 'get\n{"a":1}'),
    ]


def responses(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", **more}


RESPONSE = {"id": "resp_1", "object": "response", "model": "gpt-5", "status": "completed",
            "output": [{"type": "message", "content": [{"type": "output_text", "text": "ho"}]}],
            "usage": {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}}  # fmt: skip
BEGUN = {**RESPONSE, "status": "in_progress", "output": [], "usage": None}


@pytest.mark.parametrize("end", ["completed", "incomplete"])
def test_the_last_event_holds_the_response(end: str) -> None:
    events = [
        responses("created", response=BEGUN),
        responses(end, response={**RESPONSE, "status": end}),
    ]
    found = call(
        "openai_responses",
        {"request": {"model": "gpt-5", "input": "hi"}, "response": named(events)},
    )
    assert (found.status, found.usage, found.finish_reason) == ("ok", Usage(fresh=9, output=2), end)
    assert spoken(found) == [("user", "text", "hi"), ("assistant", "text", "ho")]


def test_a_response_that_failed_is_an_error() -> None:
    failed = {**BEGUN, "status": "failed", "error": {"code": "server_error", "message": "no"}}
    events = [responses("created", response=BEGUN), responses("failed", response=failed)]
    found = call(
        "openai_responses",
        {"request": {"model": "gpt-5", "input": "hi"}, "response": named(events)},
    )
    assert (found.status, found.usage) == ("error", Usage())


def test_items_are_gathered_where_the_last_event_is_missing_or_empty() -> None:
    item = {"type": "function_call", "name": "get", "arguments": "{}"}
    events = [
        responses("created", response=BEGUN), responses("output_item.done", output_index=0, item=item),
        responses("output_text.delta", output_index=1, delta="h"),
        responses("output_text.delta", output_index=1, delta="o"),
    ]  # fmt: skip
    record = {"request": {"model": "gpt-5", "input": "hi"}, "response": named(events)}
    found = call("openai_responses", record)
    assert (found.status, found.usage, found.finish_reason) == ("incomplete", None, None)
    said = [("assistant", "tool_call", "get\n{}"), ("assistant", "text", "ho")]
    assert spoken(found)[1:] == said
    end = responses("completed", response={**RESPONSE, "output": []})
    whole = call("openai_responses", {**record, "response": named([*events, end])})
    assert (whole.usage, spoken(whole)[1:]) == (Usage(fresh=9, output=2), said)


def test_the_last_usage_of_gemini_counts_and_texts_of_a_kind_are_one() -> None:
    def part(text: str, tokens: int, **more: Any) -> dict[str, Any]:
        content = {"role": "model", "parts": [{"text": text, **more}]}
        return {"candidates": [{"content": content, "index": 0}],
                "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": tokens}}  # fmt: skip

    last = part("o", 3)
    last["candidates"][0]["finishReason"] = "STOP"
    found, complete = body([part("hm", 1, thought=True), part("h", 2), last])
    assert complete
    assert found["usageMetadata"] == {"promptTokenCount": 4, "candidatesTokenCount": 3}
    parts = found["candidates"][0]["content"]["parts"]
    assert parts == [{"text": "hm", "thought": True}, {"text": "ho"}]
    assert found["candidates"][0]["finishReason"] == "STOP"
    assert not body([part("h", 2)])[1]


def test_events_of_converse_are_its_response() -> None:
    def delta(place: int, **inner: Any) -> dict[str, Any]:
        return {"contentBlockDelta": {"contentBlockIndex": place, "delta": inner}}

    start = {"toolUse": {"toolUseId": "t", "name": "get"}}
    events = [
        {"messageStart": {"role": "assistant"}}, delta(0, text="h"), delta(0, text="o"),
        {"contentBlockStart": {"contentBlockIndex": 1, "start": start}},
        delta(1, toolUse={"input": '{"a"'}), delta(1, toolUse={"input": ":1}"}),
        {"messageStop": {"stopReason": "tool_use"}},
    ]  # fmt: skip
    usage = {"inputTokens": 4, "outputTokens": 3}
    found, complete = body([*events, {"metadata": {"usage": usage, "metrics": {"latencyMs": 5}}}])
    assert (complete, found["usage"], found["stopReason"]) == (True, usage, "tool_use")
    assert found["output"]["message"]["content"] == [
        {"text": "ho"}, {"toolUse": {"toolUseId": "t", "name": "get", "input": {"a": 1}}},
    ]  # fmt: skip
    assert not body(events)[1]


def test_coheres_streams_of_both_versions() -> None:
    end = {"generation_id": "g", "text": "ho", "meta": {"billed_units": {"input_tokens": 4}}}
    said = {"event_type": "text-generation", "text": "h"}
    first = {"event_type": "stream-start", "generation_id": "g"}
    assert body([first, said, {"event_type": "stream-end", "response": end}]) == (end, True)
    assert body([first, said, {**said, "text": "o"}]) == (
        {"generation_id": "g", "text": "ho"},
        False,
    )
    usage = {"billed_units": {"input_tokens": 4, "output_tokens": 2}}
    events = [
        {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant", "content": []}}},
        {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "h"}}}},
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "o"}}}},
        {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
    ]  # fmt: skip
    found, complete = body(named(events))
    assert (complete, found["usage"], found["finish_reason"], found["id"]) == (
        True,
        usage,
        "COMPLETE",
        "m",
    )
    assert found["message"]["content"] == [{"index": 0, "type": "text", "text": "ho"}]
    assert not body(named(events[:-1]))[1]


def test_interactions_end_with_their_usage() -> None:
    events = [
        {"event_type": "interaction.created", "interaction": {"id": "v1_a", "status": "in_progress"}},
        {"event_type": "step.start", "index": 1, "step": {"type": "model_output"}},
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "h"}},
        {"event_type": "step.delta", "index": 1, "delta": {"type": "text", "text": "o"}},
    ]  # fmt: skip
    end = {"id": "v1_a", "status": "completed", "usage": {"total_input_tokens": 4}}
    last = {"event_type": "interaction.completed", "interaction": end}
    steps = [{"type": "model_output", "content": [{"type": "text", "text": "ho"}]}]
    assert body([*events, last]) == ({**end, "steps": steps}, True)
    assert not body(events)[1]


def test_old_completions_of_claude_have_no_usage() -> None:
    events = [{"type": "completion", "completion": t, "stop_reason": s, "model": "claude-2.1"}
              for t, s in ((" h", None), ("o", "stop_sequence"))]  # fmt: skip
    assert body(named(events)) == (
        {
            "type": "completion",
            "completion": " ho",
            "stop_reason": "stop_sequence",
            "model": "claude-2.1",
        },
        False,
    )


@pytest.mark.parametrize("other", [
    [], [{"role": "user", "content": "hi"}], "text", "a: b", "data: no JSON", '{"a": 1}', '{"a": 1}\nb',
    [{"type": "text", "text": "a"}], {"choices": []}, None, 5,
])  # fmt: skip
def test_other_bodies_are_no_streams(other: Any) -> None:
    assert body(other) is None


PIECE = st.dictionaries(
    st.sampled_from(["type", "choices", "delta", "usage", "candidates", "message", "index", "response",
                     "event_type", "done", "content_block", "contentBlockDelta", "metadata", "step",
                     "object", "error", "interaction", "item", "output_index"]),
    st.sampled_from(["message_start", "content_block_delta", "message_delta", "response.completed",
                     "response.output_text.delta", "completion", "thread.run", 0, None])
    | JSON | st.lists(st.dictionaries(st.sampled_from(["index", "delta", "content", "message"]), JSON)),
)  # fmt: skip


@given(st.lists(PIECE, max_size=5), st.booleans())
def test_no_stream_stops_the_reading(pieces: list[dict[str, Any]], listed: bool) -> None:
    found = _streams.whole(Raw(json.dumps(pieces if listed else sse(pieces)).encode()))
    assert found is None or isinstance(json.loads(bytes(found.body)), dict)


def test_what_deltas_add() -> None:
    assert merged({"a": "x", "id": "1"}, {"a": "y", "id": "1", "b": None}) == {
        "a": "xy",
        "id": "1",
        "b": None,
    }
    assert merged([{"index": 0, "t": "a"}], [{"index": 0, "t": "b"}, {"index": 1}, 5]) == [
        {"index": 0, "t": "ab"}, {"index": 1}, 5,
    ]  # fmt: skip
    assert (merged(None, "a"), merged("a", None), merged(1, 2)) == ("a", "a", 2)
