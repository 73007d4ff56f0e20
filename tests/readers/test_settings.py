"""Which settings of a request a provider names as making it read the prompt anew."""

from typing import Any

import pytest

from costscope.readers._settings import invalidating
from tests.readers.reading import call

DEFAULTS: list[tuple[str, dict[str, Any]]] = [
    ("anthropic", {}),
    ("anthropic", {"tool_choice": {"type": "auto"}}),
    ("anthropic", {"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}}),
    ("anthropic", {"tool_choice": {"auto": {}}}),
    ("anthropic", {"parallel_tool_calls": False, "verbosity": "low"}),
    ("openai", {"tool_choice": "none"}),
    ("openai", {"tool_choice": {"type": "allowed_tools", "tools": []}}),
    ("openai", {"parallel_tool_calls": True, "text": {"format": {"type": "text"}}}),
    ("openai", {"verbosity": "medium", "reasoning": {"summary": "auto"}}),
    ("openai", {"thinking": {"type": "enabled"}}),
    ("openai", {"text": "prose", "reasoning": "prose", "response_format": "text"}),
    ("deepseek", {"reasoning_effort": "low", "tool_choice": "none"}),
    ("", {"reasoning_effort": "low"}),
]
OTHERS: list[tuple[str, dict[str, Any], str]] = [
    ("anthropic", {"tool_choice": {"type": "any"}}, 'tool_choice={"type":"any"}'),
    ("anthropic", {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
     'tool_choice={"disable_parallel_tool_use":true,"type":"auto"}'),
    ("anthropic", {"tool_choice": "required"}, "tool_choice=required"),
    ("anthropic", {"thinking": {"type": "enabled", "budget_tokens": 2_000, "display": "none"}},
     "thinking=enabled;budget=2000"),
    ("anthropic", {"thinking": {"type": "disabled"}}, "thinking=disabled"),
    ("anthropic", {"output_config": {"effort": "low"}}, "effort=low"),
    ("anthropic", {"reasoning": {"max_tokens": 900}}, "budget=900"),
    ("openai", {"parallel_tool_calls": False}, "one_tool_at_a_time=True"),
    ("openai", {"reasoning": {"effort": "high"}}, "effort=high"),
    ("openai", {"reasoning_effort": "high"}, "effort=high"),
    ("openai", {"text": {"verbosity": "low"}}, "verbosity=low"),
    ("openai", {"response_format": {"type": "json_object"}}, 'format={"type":"json_object"}'),
    ("openai", {"text": {"format": {"type": "json_schema", "name": "a"}}},
     'format={"name":"a","type":"json_schema"}'),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "given"), DEFAULTS)
def test_defaults_and_what_leaves_a_prompt_as_it_is_count_for_nothing(
    provider: str, given: dict[str, Any]
) -> None:
    assert invalidating(provider, given) == ""


@pytest.mark.parametrize(("provider", "given", "text"), OTHERS)
def test_settings_that_count(provider: str, given: dict[str, Any], text: str) -> None:
    assert invalidating(provider, given) == text


def asked(**settings: Any) -> str:
    request = {"model": "gpt-5.6", "messages": [{"role": "user", "content": "Rain?"}], **settings}
    choice = {"message": {"role": "assistant", "content": "No."}}
    usage = {"prompt_tokens": 9, "completion_tokens": 1}
    response = {"id": "c1", "model": "gpt-5.6", "choices": [choice], "usage": usage}
    return call("openai_chat", {"request": request, "response": response}).cache_params


def test_a_requests_settings_are_its_calls() -> None:
    assert asked() == asked(temperature=0.3, max_tokens=9, tool_choice="none", top_p=0.5) == ""
    assert asked(parallel_tool_calls=False, verbosity="low") == (
        "one_tool_at_a_time=True;verbosity=low"
    )
    assert asked(parallel_tool_calls="odd", reasoning_effort="low") == "effort=low"


def test_converse_has_them_in_places_of_its_own() -> None:
    request = {
        "modelId": "anthropic.claude-sonnet-4-5-20250929-v1:0",
        "messages": [{"role": "user", "content": [{"text": "Rain?"}]}],
        "toolConfig": {"tools": [], "toolChoice": {"any": {}}},
        "additionalModelRequestFields": {"thinking": {"type": "enabled", "budget_tokens": 1_024}},
    }
    message = {"role": "assistant", "content": [{"text": "No."}]}
    usage = {"inputTokens": 9, "outputTokens": 1, "totalTokens": 10}
    response = {"output": {"message": message}, "usage": usage, "stopReason": "end_turn"}
    found = call("bedrock_converse", {"request": request, "response": response})
    assert found.cache_params == ('tool_choice={"any":{}};thinking=enabled;budget=1024')
