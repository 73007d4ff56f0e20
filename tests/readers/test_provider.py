"""Who served a call and through which door."""

from typing import Any

import pytest

from costscope.readers import _provider


@pytest.mark.parametrize(
    ("declared", "model", "expected"),
    [
        ("", "gpt-4o", ("openai", "direct")),
        ("OpenAI", "gpt-4o", ("openai", "direct")),
        ("azure", "my-deployment", ("", "azure")),
        ("", "azure/gpt-4o", ("openai", "azure")),
        ("aws", "us.anthropic.claude-3-haiku", ("anthropic", "bedrock")),
        ("", "amazon.nova-pro-v1:0", ("amazon", "bedrock")),
        ("", "bedrock/meta.llama3", ("", "bedrock")),
        ("vertex_ai", "gemini-2.5-pro", ("google", "vertex")),
        ("", "publishers/google/models/gemini-2.5-pro", ("google", "vertex")),
        ("", "openrouter/mistralai/mistral-large", ("mistral", "openrouter")),
        ("openrouter", "deepseek/deepseek-chat", ("deepseek", "openrouter")),
        ("vllm", "llama", ("", "self-hosted")),
        ("x-ai", "unknown", ("xai", "direct")),
        ("house", "unknown", ("house", "direct")),
        ("", "anthropic/claude-sonnet-4", ("anthropic", "direct")),
        ("", "o3-mini", ("openai", "direct")),
        ("", "gpt-oss-120b", ("", "direct")),
        ("groq", "llama-3.3-70b", ("groq", "direct")),
        ("together_ai", "deepseek-ai/DeepSeek-V3", ("together_ai", "direct")),
        ("", "", ("", "direct")),
    ],
)
def test_maker_and_door(declared: str, model: str, expected: tuple[str, str]) -> None:
    assert _provider.identify(declared, model) == expected


@pytest.mark.parametrize(
    ("served", "tier"),
    [("default", "standard"), ("Flex", "flex"), ("priority", "priority"), ("scale", "scale"),
     ("ultrafast", "ultrafast"), ("ON_DEMAND_FLEX", "flex"), ("reserved", "provisioned"),
     ("PROVISIONED_THROUGHPUT", "provisioned"), ("batch", "batch"), ("standard", "standard"),
     ("", "standard"), (None, "standard"), (3, "standard")],
)  # fmt: skip
def test_served_tiers(served: Any, tier: str) -> None:
    assert _provider.tier(served) == tier


def test_the_model_that_was_asked_for_names_the_door_that_the_answer_leaves_out() -> None:
    asked = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    found = _provider.identify("anthropic", "claude-sonnet-4-5-20250929", asked)
    assert found == ("anthropic", "bedrock")
    assert _provider.region("claude-sonnet-4-5-20250929", asked) == "us"
    assert _provider.region("claude-sonnet-4-5-20250929", "") is None
