"""The many servers that speak Chat Completions, and what each of them counts in its own way (billing.md,
section 5)."""

from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call, spoken

HOSTS = {
    "mistral": "https://api.mistral.ai/v1/chat/completions",
    "deepseek": "https://api.deepseek.com/chat/completions",
    "groq": "https://api.groq.com/openai/v1/chat/completions",
    "xai": "https://api.x.ai/v1/chat/completions",
    "openrouter": "https://openrouter.ai/api/v1/chat/completions",
}


def served(host: str, model: str, usage: dict[str, Any], **more: Any) -> Any:
    sent = {"model": model, "messages": [{"role": "user", "content": "hi"}]}
    got = {"id": "1", "object": "chat.completion", "model": model, "usage": usage,
           "choices": [{"message": {"content": "ho"}, "finish_reason": "stop"}], **more}  # fmt: skip
    return call("openai_chat", {"url": HOSTS[host], "request_body": sent, "response_body": got})


def test_mistral_counts_the_cached_as_input() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 20, "total_tokens": 1020,
             "prompt_tokens_details": {"cached_tokens": 640}}  # fmt: skip
    found = served("mistral", "mistral-large-latest", usage)
    assert (found.provider, found.usage) == ("mistral", Usage(fresh=360, cache_read=640, output=20))


def test_mistral_says_the_served_tier_in_its_usage() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "service_tier": "priority"}
    assert served("mistral", "mistral-large-latest", usage).tier == "priority"


def test_mistrals_thoughts_are_parts_of_the_content() -> None:
    content = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]},
               {"type": "text", "text": "ho"}]  # fmt: skip
    choices = [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}]
    usage = {"prompt_tokens": 10, "completion_tokens": 2}
    found = served("mistral", "magistral-medium-latest", usage, choices=choices)
    assert spoken(found)[1:] == [("assistant", "thinking", "hm"), ("assistant", "text", "ho")]


@pytest.mark.parametrize("details", [{}, {"prompt_tokens_details": {"cached_tokens": 320}}])
def test_deepseek_counts_hits_and_misses(details: dict[str, Any]) -> None:
    usage = {"prompt_tokens": 500, "completion_tokens": 90, "total_tokens": 590,
             "prompt_cache_hit_tokens": 320, "prompt_cache_miss_tokens": 180,
             "completion_tokens_details": {"reasoning_tokens": 70}, **details}  # fmt: skip
    found = served("deepseek", "deepseek-reasoner", usage)
    assert found.provider == "deepseek"
    assert found.usage == Usage(fresh=180, cache_read=320, output=90, reasoning=70)


def test_groq_counts_like_openai_and_serves_others_models() -> None:
    usage = {"queue_time": 0.01, "prompt_tokens": 300, "prompt_time": 0.002, "completion_tokens": 40,
             "total_tokens": 340, "prompt_tokens_details": {"cached_tokens": 256},
             "completion_tokens_details": {"reasoning_tokens": 9}}  # fmt: skip
    found = served("groq", "openai/gpt-oss-120b", usage, x_groq={"id": "req_1"})
    assert (found.provider, found.channel) == ("groq", "direct")
    assert found.usage == Usage(fresh=44, cache_read=256, output=40, reasoning=9)


def test_xai_counts_reasoning_beside_where_its_total_says_so() -> None:
    usage = {"prompt_tokens": 125, "completion_tokens": 48, "prompt_tokens_details": {"cached_tokens": 98},
             "completion_tokens_details": {"reasoning_tokens": 300}}  # fmt: skip
    beside = served("xai", "grok-4.6", {**usage, "total_tokens": 473})
    assert beside.usage == Usage(fresh=27, cache_read=98, output=348, reasoning=300)
    inside = served("xai", "grok-4.6", {**usage, "completion_tokens": 348, "total_tokens": 473})
    assert inside.usage == beside.usage
    assert beside.provider == "xai"


@pytest.mark.parametrize(
    ("ticks", "cost"), [(37_756_000, 3_775_600_000), (0, 0), (-5, None), ("x", None)]
)
def test_xai_bills_in_ticks_of_which_1e10_are_a_dollar(ticks: Any, cost: int | None) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "cost_in_usd_ticks": ticks}
    assert served("xai", "grok-4.6", usage).reported_pd == cost


def openrouter(**more: Any) -> Any:
    usage = {"prompt_tokens": 10_339, "completion_tokens": 60, "total_tokens": 10_399, "cost": 0.0117,
             "prompt_tokens_details": {"cached_tokens": 10_318, "cache_write_tokens": 0}, **more}  # fmt: skip
    return served("openrouter", "openai/gpt-5.4", usage)


def test_openrouter_counts_all_as_input_and_says_the_cost() -> None:
    found = openrouter(cost_details={"upstream_inference_cost": None}, is_byok=False)
    assert (found.provider, found.channel) == ("openai", "openrouter")
    assert found.usage == Usage(fresh=21, cache_read=10_318, output=60)
    assert found.reported_pd == 11_700_000_000


def test_with_a_key_of_ones_own_openrouter_takes_a_fee_and_the_provider_the_rest() -> None:
    owed = {"upstream_inference_cost": 0.036}
    assert openrouter(cost=0.0018, cost_details=owed, is_byok=True).reported_pd == 37_800_000_000
    assert openrouter(cost=0, cost_details=owed, is_byok=True).reported_pd == 36_000_000_000
    assert openrouter(cost=0.04, cost_details=owed, is_byok=False).reported_pd == 40_000_000_000
    assert openrouter(cost=0.04, cost_details=None, is_byok=True).reported_pd == 40_000_000_000


def test_perplexity_splits_its_cost() -> None:
    cost = {"input_tokens_cost": 0.001, "request_cost": 0.005, "total_cost": 0.0061}
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "cost": cost}
    assert served("xai", "sonar", usage).reported_pd == 6_100_000_000
    assert served("xai", "sonar", {**usage, "cost": {}}).reported_pd is None


@pytest.mark.parametrize(("model", "bucket"), [
    ("anthropic/claude-sonnet-4.6", "cache_write_5m"), ("openai/gpt-5.6-sol", "cache_write_30m"),
])  # fmt: skip
def test_a_write_at_openrouter_lives_as_long_as_upstream(model: str, bucket: str) -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 1, "total_tokens": 1001,
             "prompt_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 700}}  # fmt: skip
    found = served("openrouter", model, usage).usage
    assert found == Usage(fresh=200, cache_read=100, output=1, **{bucket: 700})


@pytest.mark.parametrize("name", ["openai_chat", "anthropic_messages"])
def test_a_message_of_no_words_is_a_message(name: str) -> None:
    said = [{"role": "user", "content": ""}, {"role": "assistant", "content": "", "tool_calls": []}]
    got: dict[str, Any] = {"choices": [{"message": {"content": ""}}]}
    if name == "anthropic_messages":
        got = {"type": "message", "content": "", "usage": {"input_tokens": 1, "output_tokens": 0}}
    found = call(name, {"request": {"model": "m", "messages": said}, "response": got})
    assert spoken(found)[:2] == [("user", "text", ""), ("assistant", "text", "")]


def test_an_empty_tool_result_is_one_and_no_text_beside_a_tool_call_is_none() -> None:
    calls = [{"function": {"name": "get", "arguments": "{}"}}]
    said = [{"role": "assistant", "content": "", "tool_calls": calls}, {"role": "tool", "content": ""},
            {"role": "user", "content": None}]  # fmt: skip
    record = {
        "request": {"model": "m", "messages": said},
        "response": {"choices": []},
        "model": "m",
    }
    assert spoken(call("openai_chat", record)) == [
        ("assistant", "tool_call", "get\n{}"), ("tool", "tool_result", ""),
    ]  # fmt: skip
