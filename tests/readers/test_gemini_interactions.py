"""Gemini's Interactions: turns, steps, and counts of which thoughts are not part of the output."""

from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call, reader, spoken


def counts(given: int, output: int, thoughts: int, **more: int) -> dict[str, int]:
    return {"total_tokens": given + output + thoughts + more.get("total_tool_use_tokens", 0),
            "total_input_tokens": given, "total_output_tokens": output,
            "total_thought_tokens": thoughts, **more}  # fmt: skip


def pair(given: Any, steps: list[Any], usage: dict[str, int]) -> dict[str, Any]:
    request = {"model": "gemini-3.5-flash", "input": given}
    response = {"id": "v1_a", "object": "interaction", "status": "completed", "steps": steps,
                "model": "gemini-3.5-flash", "usage": usage}  # fmt: skip
    return {"request": request, "response": response}


SAID = {"type": "model_output", "content": [{"type": "text", "text": "Up."}]}


def test_thoughts_and_tools_are_added_and_cached_tokens_taken_out() -> None:
    usage = counts(100, 5, 20, total_cached_tokens=60, total_tool_use_tokens=7)
    found = call("gemini_interactions", pair("Where is north?", [SAID], usage))
    assert found.usage == Usage(fresh=47, cache_read=60, output=25, reasoning=20)
    assert (found.call_id, found.provider) == ("v1_a", "google")
    assert spoken(found) == [("user", "text", "Where is north?"), ("assistant", "text", "Up.")]


def test_search_results_are_not_charged_and_queries_are() -> None:
    search = {"type": "google_search_call", "arguments": {"queries": ["a", "b"]}}
    usage = counts(10, 5, 0, total_tool_use_tokens=50)
    found = call("gemini_interactions", pair("?", [search, SAID], usage))
    assert found.usage == Usage(fresh=10, output=5)
    assert found.units == {"web_search": 2}
    code = {"type": "code_execution_call", "arguments": {"code": "1"}}
    both = call("gemini_interactions", pair("?", [search, code, SAID], usage))
    assert both.usage == Usage(fresh=60, output=5)


def test_turns_steps_and_contents() -> None:
    given = [
        {"role": "user", "content": "Turn."}, {"role": "model", "content": [{"text": "Which way?"}]},
        {"type": "function_call", "name": "turn", "arguments": {"by": 90}},
        {"type": "function_result", "name": "turn", "result": {"ok": True}},
        {"type": "image", "data": "aGk=", "mime_type": "image/png"},
    ]  # fmt: skip
    thought = {"type": "thought", "summary": [{"type": "text", "text": "East."}], "signature": "s"}
    found = call("gemini_interactions", pair(given, [thought, SAID], counts(9, 1, 3)))
    assert [(role, kind) for role, kind, _ in spoken(found)] == [
        ("user", "text"), ("assistant", "text"), ("assistant", "tool_call"), ("tool", "tool_result"),
        ("user", "image"), ("assistant", "thinking"), ("assistant", "text"),
    ]  # fmt: skip


def test_an_interaction_in_progress_has_no_bill_yet() -> None:
    record = {"request": {"agent": "deep-research", "input": "Lighthouses."},
              "response": {"id": "v1_b", "object": "interaction", "status": "in_progress"}}  # fmt: skip
    found = call("gemini_interactions", record)
    assert (found.model, found.status, found.usage) == ("deep-research", "in_progress", None)


@pytest.mark.parametrize(
    "record",
    [{"input": "x", "output": "y"}, {"request": {"model": "gpt-5", "input": "x"}},
     {"steps": [{"type": "walk"}], "usage": 3}],
)  # fmt: skip
def test_other_data_is_not_claimed(record: dict[str, Any]) -> None:
    assert reader("gemini_interactions").score(record) == 0
