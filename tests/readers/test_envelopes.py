"""The wrappings that people really write: the same exchange gives the same call in each."""

import json
from typing import Any

import pytest

from costscope.model import Usage
from costscope.readers import _bodies
from costscope.readers._shape import Shapes
from tests.readers.reading import call, one, reader, reason, spoken, told

REQUEST: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}],
                           "temperature": 0.5}  # fmt: skip
RESPONSE: dict[str, Any] = {
    "id": "chatcmpl-1", "object": "chat.completion", "created": 1762064488, "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "ho"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11},
}  # fmt: skip
OUTER: dict[str, Any] = {"timestamp": "2026-11-02T06:21:28Z", "latency_ms": 20}
METADATA: dict[str, Any] = {"feature": "chat", "env": "prod"}


def expected() -> dict[str, Any]:
    return {
        "call_id": "chatcmpl-1", "sent_at": 1793600488_000_000, "latency_us": 20_000, "provider": "openai",
        "model": "gpt-4o-2024-08-06", "finish_reason": "stop", "feature": "chat", "temperature": 0.5,
        "tags": {"env": "prod"}, "usage": {"fresh": 9, "output": 2},
    }  # fmt: skip


TEXTS = [("user", "text", "hi"), ("assistant", "text", "ho")]
WRAPPINGS: dict[str, dict[str, Any]] = {
    "request, response": {**OUTER, "request": REQUEST, "response": RESPONSE, "metadata": METADATA},
    "request_body, response_body": {
        "request_body": REQUEST, "response_body": RESPONSE, **OUTER, **METADATA},
    "body, response": {"body": REQUEST, "response": RESPONSE, **OUTER, "extra": METADATA},
    "camel case": {"requestBody": REQUEST, "responseBody": RESPONSE, "latencyMs": 20,
                   "Timestamp": OUTER["timestamp"], "properties": METADATA},
    "one object": {**REQUEST, **RESPONSE, **OUTER, **METADATA},
    "request flattened": {**REQUEST, "response": RESPONSE, **OUTER, **METADATA},
    "response flattened": {"request": REQUEST, **RESPONSE, **OUTER, **METADATA},
    "JSON text": {"request": json.dumps(REQUEST), "response": json.dumps(RESPONSE, indent=1), **OUTER,
                  "metadata": json.dumps(METADATA)},
    "JSON text in a flat row": {
        **REQUEST, **RESPONSE, **OUTER, **METADATA, "messages": json.dumps(REQUEST["messages"]),
        "choices": json.dumps(RESPONSE["choices"]), "usage": json.dumps(RESPONSE["usage"])},
    "HTTP exchange": {"request": {"method": "POST", "headers": {}, "body": REQUEST}, **OUTER, **METADATA,
                      "response": {"status": 200, "headers": {}, "body": RESPONSE}},
    "HTTP exchange with text bodies": {
        "request": {"url": "https://x", "body": json.dumps(REQUEST)}, **OUTER, **METADATA,
        "response": {"status_code": 200, "body": json.dumps(RESPONSE)}},
    "usage beside": {"request": REQUEST, "usage": RESPONSE["usage"], **OUTER, **METADATA,
                     "response": {k: v for k, v in RESPONSE.items() if k != "usage"}},
    "counts beside": {"request": REQUEST, "prompt_tokens": 9, "completion_tokens": 2, **OUTER, **METADATA,
                      "response": {k: v for k, v in RESPONSE.items() if k != "usage"}},
}  # fmt: skip


@pytest.fixture(autouse=True)
def unlearned(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test knows the shape of another's records."""
    monkeypatch.setattr(_bodies, "_shapes", Shapes(_bodies.Body, _bodies.Answer))


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_the_same_exchange_is_the_same_call(wrapping: str) -> None:
    for _ in range(3):  # the second and third time its shape is known
        found = call("openai_chat", WRAPPINGS[wrapping])
        assert told(found) == expected()
        assert spoken(found) == TEXTS


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_no_wrapping_is_taken_for_another_format(wrapping: str) -> None:
    for name in ("anthropic_messages", "openai_responses", "rows"):
        if (name, wrapping) != ("rows", "counts beside"):
            assert reason(name, WRAPPINGS[wrapping]).startswith("not a record of")


def test_a_line_of_batch_results_is_billed_as_batch() -> None:
    body = {"status_code": 200, "request_id": "req_1", "body": RESPONSE}
    record = {"id": "batch_req_1", "custom_id": "row-1", "response": body, "error": None}
    found = call("openai_chat", record)
    assert (found.call_id, found.tier, found.status) == ("chatcmpl-1", "batch", "ok")
    assert found.usage == Usage(fresh=9, output=2)
    refused = {**record, "response": {"status_code": 400, "body": {"error": {"message": "no"}}}}
    assert reason("openai_chat", refused).startswith("not a record of")
    asked = {"custom_id": "row-1", "method": "POST", "url": "/v1/chat/completions", "body": REQUEST}
    assert call("openai_chat", {**asked, **refused, "id": "b"}).status == "error"


def test_a_service_that_calls_its_requests_custom_is_no_batch() -> None:
    record = {"custom_id": "x", "request": REQUEST, "response": RESPONSE}
    assert call("openai_chat", record).tier == "standard"


@pytest.mark.parametrize(
    ("fields", "usage"),
    [
        ({"response": None}, None),
        ({}, None),
        ({"response": {"error": {"message": "overloaded"}}}, Usage()),
        ({"response": {"error": "overloaded"}, "status_code": 529}, Usage()),
        ({"response": None, "error": {"message": "timeout"}}, Usage()),
        ({"response": None, "status": 429}, Usage()),
        ({"response": None, "http_status": "503"}, Usage()),
        ({"response": {"status_code": 500, "body": "oops"}}, Usage()),
        ({"response": {"type": "error", "error": {"type": "overloaded_error"}}}, Usage()),
        ({"response": {**RESPONSE, "error": {"code": "late"}}}, Usage(fresh=9, output=2)),
    ],
)
def test_what_failed_costs_what_the_log_says_that_it_cost(
    fields: dict[str, Any], usage: Usage | None
) -> None:
    found = call("openai_chat", {"request": REQUEST, **fields})
    assert found.status == ("ok" if usage is None else "error")
    assert found.usage == usage
    assert found.model.startswith("gpt-4o")


@pytest.mark.parametrize("error", [None, False, "", {}, []])
def test_an_empty_error_is_none(error: Any) -> None:
    found = call("openai_chat", {"request": REQUEST, "response": {**RESPONSE, "error": error}})
    assert found.status == "ok"


@pytest.mark.parametrize("usage", [None, {}, {"prompt_tokens": None, "completion_tokens": None}])
def test_an_empty_usage_is_unknown_and_not_nothing(usage: Any) -> None:
    assert (
        call("openai_chat", {"request": REQUEST, "response": {**RESPONSE, "usage": usage}}).usage
        is None
    )


@pytest.mark.parametrize(
    ("usage", "why"),
    [
        (3, "usage is no object: 3"),
        ("many", "usage is no object: 'many'"),
        ([1], "usage is no object: [1]"),
        ({"prompt_tokens": "many"}, "prompt_tokens is no token count: 'many'"),
        ({"prompt_tokens": -1}, "prompt_tokens is no token count: -1"),
        ({"prompt_tokens": True}, "prompt_tokens is no token count: True"),
        ({"prompt_tokens": 1.5}, "prompt_tokens is no token count: 1.5"),
        ({"prompt_tokens": {}}, "prompt_tokens is no token count: {}"),
        ({"prompt_tokens": 5, "completion_tokens": [2]}, "completion_tokens is no token count: [2]"),
        ({"prompt_tokens": 5, "prompt_tokens_details": 7}, "prompt_tokens_details is no object: 7"),
        ({"prompt_tokens": 5, "completion_tokens_details": "x"},
         "completion_tokens_details is no object: 'x'"),
        ({"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6,
          "prompt_tokens_details": {"cached_tokens": 9}}, "cached tokens 9 exceed the input of 5"),
        ({"prompt_tokens": None, "completion_tokens": 3}, "usage does not say how many tokens went in"),
        ({"billed_units": {"in": 5}}, "usage does not say how many tokens went in"),
        ({"input_tokens": 5, "cache_creation": [1]}, "cache_creation is no object: [1]"),
        ({"input_tokens": 5, "cache_creation_input_tokens": "x"},
         "cache_creation_input_tokens is no token count: 'x'"),
    ],
)  # fmt: skip
def test_a_broken_usage_is_a_skip_that_says_what_is_wrong(usage: Any, why: str) -> None:
    record = {"request": REQUEST, "response": {**RESPONSE, "usage": usage}}
    assert reason("openai_chat", record).startswith(why)


@pytest.mark.parametrize(
    ("tokens", "count"), [("9", 9), (" 9 ", 9), ("9.0", 9), (9.0, 9), ("9e0", 9), (0, 0)]
)
def test_a_count_may_be_text_or_a_whole_float(tokens: Any, count: int) -> None:
    usage = {"prompt_tokens": tokens, "completion_tokens": 1}
    found = call("openai_chat", {"request": REQUEST, "response": {**RESPONSE, "usage": usage}})
    assert found.usage == Usage(fresh=count, output=1)


ODD: tuple[Any, ...] = (None, True, -1, 1.5, "x", "", [], [1], {}, {"a": {}}, 10**30, "NaN")


@pytest.mark.parametrize(
    "field",
    ["temperature", "top_p", "seed", "n", "max_tokens", "stop", "tools", "tool_choice", "response_format",
     "user", "metadata", "reasoning_effort", "service_tier", "body", "functions", "system"],
)  # fmt: skip
def test_an_odd_setting_loses_no_call(field: str) -> None:
    for value in ODD:
        found = call("openai_chat", {"request": {**REQUEST, field: value}, "response": RESPONSE})
        assert found.usage == Usage(fresh=9, output=2), value
        assert spoken(found)[-2:] == TEXTS, value


@pytest.mark.parametrize(
    "field",
    ["id", "object", "type", "model", "created", "created_at", "service_tier", "status", "status_code",
     "request_id", "stop_reason", "system_fingerprint", "body"],
)  # fmt: skip
def test_an_odd_word_in_the_answer_loses_no_call(field: str) -> None:
    for value in ODD:
        found = call("openai_chat", {"request": REQUEST, "response": {**RESPONSE, field: value}})
        assert found.usage == Usage(fresh=9, output=2), value


@pytest.mark.parametrize(
    "field", ["timestamp", "metadata", "tags", "latency_ms", "cost", "user", "session_id", "id", "extra",
              "provider", "status_code", "custom_id", "model", "status", "region"],
)  # fmt: skip
def test_an_odd_value_beside_the_bodies_loses_no_call(field: str) -> None:
    for value in ODD:
        found = call("openai_chat", {field: value, "request": REQUEST, "response": RESPONSE})
        assert found.usage == Usage(fresh=9, output=2), value
        assert found.model == "gpt-4o-2024-08-06"


def test_plain_text_is_a_reply() -> None:
    said = {"request": REQUEST, "response": "ho"}
    assert spoken(call("openai_chat", said)) == TEXTS
    assert spoken(call("openai_chat", {**REQUEST, "completion": "ho", "prompt_tokens": 3})) == TEXTS
    written = '{"answer": "ho", "id": 3}'
    told_json = spoken(call("openai_chat", {**REQUEST, "response": written}))
    assert told_json == [TEXTS[0], ("assistant", "text", written)]


@pytest.mark.parametrize("pieces", ["data: {}\n\n", 'event: new\ndata: {"type": "new"}\n\n'])
def test_a_stream_that_nobody_can_read_is_a_call_without_its_end(pieces: Any) -> None:
    found = call("openai_chat", {"request": REQUEST, "response": pieces})
    assert (found.status, found.usage, spoken(found)) == ("incomplete", None, TEXTS[:1])


@pytest.mark.parametrize(
    "written", ['{"prompt": "a"}', '{"candidates": ["Ada"]}', '{"message": "a"}']
)
def test_json_that_a_model_wrote_is_a_reply(written: str) -> None:
    found = call("openai_chat", {"request": REQUEST, "response": written})
    assert spoken(found) == [TEXTS[0], ("assistant", "text", written)]


def test_formats_that_look_at_a_record_in_turn_take_it_apart_once(monkeypatch: Any) -> None:
    seen: list[Any] = []
    real = _bodies.unwrap
    monkeypatch.setattr(_bodies, "unwrap", lambda raw: seen.append(raw) or real(raw))
    log = [json.dumps({"request": REQUEST, "response": RESPONSE, "n": n}).encode() for n in (1, 2)]
    for raw in log:
        assert reader("anthropic_messages").call(raw) is None  # type: ignore[attr-defined]
        assert reader("openai_chat").call(raw).call_id == "chatcmpl-1"  # type: ignore[attr-defined]
    assert seen == log


def test_a_reply_that_looks_like_a_stream_is_a_reply() -> None:
    record = {
        "request": REQUEST,
        "response": "data: none",
        "prompt_tokens": 9,
        "completion_tokens": 2,
    }
    found = call("openai_chat", record)
    assert (found.status, found.usage) == ("ok", Usage(fresh=9, output=2))
    assert spoken(found) == [TEXTS[0], ("assistant", "text", "data: none")]


def test_an_own_id_stands_in_where_the_response_has_none() -> None:
    response = {k: v for k, v in RESPONSE.items() if k != "id"}
    record = {"request": REQUEST, "response": response}
    assert call("openai_chat", {**record, "id": "row-1", "request_id": "web-7"}).call_id == "row-1"
    assert call("openai_chat", {**record, "call_id": 17.0}).call_id == "17"
    assert call("openai_chat", record).call_id == ""


def test_the_model_beside_the_bodies_is_the_last_resort() -> None:
    request = {"messages": REQUEST["messages"]}
    record = {
        "deployment": "my-gpt",
        "request": request,
        "response": {"choices": RESPONSE["choices"]},
    }
    assert call("openai_chat", record).model == "my-gpt"
    assert call("openai_chat", {**record, "request": REQUEST}).model == "gpt-4o"


def test_metadata_wins_over_what_stands_beside_and_both_over_the_request() -> None:
    request = {**REQUEST, "user": "c", "metadata": {"team": "c"}}
    record = {
        "request": request,
        "response": RESPONSE,
        "user_id": "b",
        "metadata": {"user_id": "a"},
    }
    assert call("openai_chat", record).user_id == "a"
    assert call("openai_chat", {**record, "metadata": {"team": "a"}}).user_id == "b"
    assert call("openai_chat", {**record, "metadata": {"team": "a"}}).team == "a"
    assert call("openai_chat", {"request": request, "response": RESPONSE}).user_id == "c"


def test_texts_beside_the_bodies_do_not_become_tags() -> None:
    secret = {"prompt": "my secret", "completion": "yours", "error_message": "of theirs",
              "note": "two\nlines", "long": "x" * 400, "messages_count": 3}  # fmt: skip
    found = call("openai_chat", {"request": REQUEST, "response": RESPONSE, **secret})
    assert found.tags == {"messages_count": "3"}


def test_a_cost_is_taken_from_beside_or_from_the_usage() -> None:
    usage = {**RESPONSE["usage"], "cost": 0.25}
    record = {"request": REQUEST, "response": {**RESPONSE, "usage": usage}}
    assert call("openai_chat", record).reported_pd == 250_000_000_000
    assert call("openai_chat", {**record, "cost_usd": "0.5"}).reported_pd == 500_000_000_000


def test_a_record_of_a_data_set_is_no_call() -> None:
    assert reason("openai_chat", {"messages": REQUEST["messages"]}).startswith("not a record of")
    assert told(call("openai_chat", {"model": "m", "messages": []})) == {"model": "m"}


def test_not_quite_json_is_mended() -> None:
    raw = (
        b'{"request": {"model": "gpt-4o", "temperature": NaN, "messages": [{"role": "user", "content": '
        b'"half \\ud83d pair, value: NaN"}]}, "response": {"usage": {"prompt_tokens": 1e400, '
        b'"completion_tokens": null}}, "metadata": {"feature": "\\udc00", "x": -Infinity}, "y": 1e999}'
    )
    found = call("openai_chat", raw)
    assert found.usage is None
    assert found.feature == "?"
    assert found.temperature is None
    assert spoken(found) == [("user", "text", "half ? pair, value: NaN")]


def test_half_a_surrogate_pair_in_a_message_is_still_text() -> None:
    request = {**REQUEST, "messages": [{"role": "user", "content": "cut \ud83d"}]}
    assert spoken(call("openai_chat", {"request": request, "response": RESPONSE}))[0][2] == "cut ?"


def test_broken_utf8_in_a_message_is_still_text() -> None:
    raw = json.dumps({"request": REQUEST, "response": RESPONSE}).replace("hi", "h@").encode()
    assert spoken(call("openai_chat", raw.replace(b"@", b"\xff")))[0][2] == "h\ufffd"


def test_the_last_of_equal_keys_counts() -> None:
    body = json.dumps(REQUEST)
    raw = f'{{"request": {body}, "response": {{}}, "response": {json.dumps(RESPONSE)}}}'.encode()
    assert call("openai_chat", raw).usage == Usage(fresh=9, output=2)


@pytest.mark.parametrize("where", ["messages", "x", "metadata", "temperature", "usage", "stop"])
def test_deep_nesting_is_a_skip(where: str) -> None:
    deep = '{"a":' * 20_000 + "1" + "}" * 20_000
    raw = f'{{"request": {{"model": "m", "messages": [{{}}], "{where}": {deep}}}}}'.encode()
    assert reason("openai_chat", raw) == "the JSON is nested too deeply"
    assert one("openai_chat", f'{{"request": {{"messages": []}}, "{where}": {deep}}}'.encode())
