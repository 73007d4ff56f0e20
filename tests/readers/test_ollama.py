"""Ollama's own API, call by call."""

from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call, reason, spoken, told

COUNTS = {"done": True, "done_reason": "stop", "total_duration": 2_100_000_000, "prompt_eval_count": 31,
          "eval_count": 12}  # fmt: skip


def test_a_chat() -> None:
    sent = {
        "model": "qwen3",
        "options": {"temperature": 0.3},
        "messages": [{"role": "user", "content": "hi"}],
    }
    message = {"role": "assistant", "content": "ho", "thinking": "hm",
               "tool_calls": [{"function": {"name": "get", "arguments": {"a": 1}}}]}  # fmt: skip
    found = call(
        "ollama", {"request": sent, "response": {"model": "qwen3", "message": message, **COUNTS}}
    )
    assert told(found) == {
        "channel": "self-hosted", "model": "qwen3", "finish_reason": "stop", "latency_us": 2_100_000,
        "temperature": 0.3, "usage": {"fresh": 31, "output": 12},
    }  # fmt: skip
    assert spoken(found) == [
        ("user", "text", "hi"), ("assistant", "thinking", "hm"), ("assistant", "text", "ho"),
        ("assistant", "tool_call", 'get\n{"a":1}'),
    ]  # fmt: skip


def test_a_prompt() -> None:
    sent = {"model": "llama3.2", "system": "Be brief.", "prompt": "hi"}
    found = call("ollama", {"request": sent, "response": {"response": "ho", **COUNTS}})
    assert spoken(found) == [
        ("system", "text", "Be brief."), ("user", "text", "hi"), ("assistant", "text", "ho"),
    ]  # fmt: skip


def test_what_was_embedded_has_no_output() -> None:
    record = {"url": "http://localhost:11434/api/embed", "request_body": {"model": "m", "input": ["a", "b"]},
              "response_body": {"model": "m", "embeddings": [[0.1]], "prompt_eval_count": 4}}  # fmt: skip
    found = call("ollama", record)
    assert found.usage == Usage(fresh=4)
    assert [text for _, _, text in spoken(found)][:2] == ["a", "b"]


def test_a_stream_ends_with_its_counts() -> None:
    pieces: list[dict[str, Any]] = [{"message": {"role": "assistant", "content": "h"}, "done": False},
                                    {"message": {"content": "o"}, **COUNTS}]  # fmt: skip
    sent = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    found = call("ollama", {"request": sent, "response": pieces})
    assert (found.usage, spoken(found)[-1]) == (
        Usage(fresh=31, output=12),
        ("assistant", "text", "ho"),
    )
    cut = call("ollama", {"request": sent, "response": [pieces[0], {**pieces[1], "done": False} | {
        "eval_count": None, "prompt_eval_count": None}]})  # fmt: skip
    assert (cut.usage, cut.status) == (None, "incomplete")


@pytest.mark.parametrize("got", [{"done": True}, {"message": {}}, {"choices": [{"message": {}}]}])
def test_other_answers_are_not_its_own(got: dict[str, Any]) -> None:
    record = {"request": {"model": "m", "messages": []}, "response": got}
    assert reason("ollama", record).startswith("not a record of")
