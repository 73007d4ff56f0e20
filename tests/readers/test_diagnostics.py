"""Why a prompt was not read from the cache, as the provider's own response says it."""

import json
from typing import Any

import pytest

from costscope.model import Call
from tests.readers.reading import call, every
from tests.readers.test_claude_code import reply, text, user

NEVER: Any = "never"


def anthropic(diagnostics: Any = NEVER, stream: bool = False, **more: Any) -> dict[str, Any]:
    """An exchange whose response, or `message_start`, has these diagnostics."""
    message: dict[str, Any] = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-opus-5",
        "content": [{"type": "text", "text": "No."}], "usage": {"input_tokens": 9, "output_tokens": 1},
    }  # fmt: skip
    if diagnostics is not NEVER:
        message["diagnostics"] = diagnostics
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": {**message, "content": []}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": "No."}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    ]  # fmt: skip
    said = "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
    request = {"model": "claude-opus-5", "messages": [{"role": "user", "content": "Rain?"}]}
    return {"request": request, "response": said if stream else message, **more}


def openai(diagnostics: Any, stream: bool = False) -> dict[str, Any]:
    response = {
        "id": "resp_1", "object": "response", "model": "gpt-5.6", "status": "completed", "output": [],
        "usage": {"input_tokens": 9, "output_tokens": 1}, "prompt_cache_diagnostics": diagnostics,
    }  # fmt: skip
    begun: dict[str, Any] = {
        "id": "resp_1",
        "object": "response",
        "model": "gpt-5.6",
        "output": [],
        "usage": None,
    }
    events = [
        {"type": "response.created", "response": begun},
        {"type": "response.completed", "response": response},
    ]
    request = {"model": "gpt-5.6", "input": "Rain?"}
    return {"request": request, "response": events if stream else response}


def miss(kind: Any) -> dict[str, Any]:
    return {"cache_miss_reason": {"type": kind, "cache_missed_input_tokens": 812}}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", ["tools_changed", "previous_message_not_found", "unavailable"])
def test_anthropics_reason_is_a_tag(kind: str, stream: bool) -> None:
    found = call("anthropic_messages", anthropic(miss(kind), stream))
    assert found.tags == {"cache_miss_reason": kind}
    assert found.usage is not None
    assert found.usage.fresh == 9


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "diagnostics",
    [NEVER, None, {}, {"cache_miss_reason": None}, {"cache_miss_reason": {}}, {"previous_message_id": "m"},
     "tools_changed", 7, miss(None), miss({"a": 1}), miss("")],
)  # fmt: skip
def test_no_reason_is_no_tag(diagnostics: Any, stream: bool) -> None:
    assert call("anthropic_messages", anthropic(diagnostics, stream)).tags == {}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "reason", ["reasoning_effort_changed", "context_compacted", "tools_changed"]
)
def test_openais_reason_is_a_tag(reason: str, stream: bool) -> None:
    told = {"type": "cache_miss", "reason": reason, "cache_missed_tokens": 1_280}
    found = call("openai_responses", openai(told, stream))
    assert found.tags == {"cache_miss_reason": reason}


@pytest.mark.parametrize("kind", ["cache_hit", "comparison_response_not_found", "unavailable"])
def test_what_is_no_miss_of_openais_has_no_reason(kind: str) -> None:
    assert call("openai_responses", openai({"type": kind})).tags == {}
    assert call("openai_responses", openai(None)).tags == {}


def test_the_callers_own_tags_stay() -> None:
    found = call("anthropic_messages", anthropic(miss("model_changed"), metadata={"shop": "north"}))
    assert found.tags == {"shop": "north", "cache_miss_reason": "model_changed"}


def transcript(*diagnostics: Any) -> Call:
    """A reply that was streamed over as many lines of a transcript."""
    records = [user("u1", None, 1, "Rain?")]
    for n, told in enumerate(diagnostics):
        line = reply(
            f"a{n}", f"a{n - 1}" if n else "u1", 2 + n, "m1", text(f"no {n}"), output=n + 1
        )
        line["message"]["diagnostics"] = told
        records.append(line)
    (found,) = (item for item in every("claude_code", records) if isinstance(item, Call))
    return found


def test_any_line_of_a_transcripts_reply_may_have_the_reason() -> None:
    for told in ((miss("system_changed"), None), (None, miss("system_changed"))):
        assert transcript(*told).tags["cache_miss_reason"] == "system_changed"
    assert "cache_miss_reason" not in transcript(None, {"cache_miss_reason": None}).tags
