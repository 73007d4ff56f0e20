from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call, reader, reason, spoken

USAGE = {
    "prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
    "prompt_tokens_details": {"cached_tokens": 600, "cache_creation_tokens": 300},
    "cache_creation_input_tokens": 300, "cache_read_input_tokens": 600,
}  # fmt: skip
ANSWER = {
    "id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hi"}}],
    "usage": {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050},
}  # fmt: skip
FULL: dict[str, Any] = {
    "id": "chatcmpl-1", "trace_id": "t1", "call_type": "acompletion", "cache_hit": None, "stream": False,
    "status": "success", "custom_llm_provider": "openai", "saved_cache_cost": 0.0,
    "startTime": 1793612400.5, "endTime": 1793612402.0, "completionStartTime": 1793612401.0,
    "model": "gpt-4o", "metadata": {"usage_object": None}, "response_cost": 0.0045, "total_tokens": 1050,
    "prompt_tokens": 1000, "completion_tokens": 50, "request_tags": ["env:prod", "blue"],
    "end_user": "", "api_base": "https://api.openai.com", "model_group": "gpt-4o",
    "messages": [{"role": "user", "content": "Hello"}], "response": ANSWER, "error_str": None,
    "model_parameters": {"temperature": 0.5, "max_tokens": 9}, "hidden_params": {},
    "model_map_information": {"model_map_key": "gpt-4o"}, "error_information": None,
}  # fmt: skip


def made(**more: Any) -> dict[str, Any]:
    return {**FULL, **more}


def test_a_payload_is_a_call_with_its_facts() -> None:
    found = call("litellm", FULL)
    assert (found.call_id, found.trace, found.model) == ("chatcmpl-1", "t1", "gpt-4o-2024-08-06")
    assert (found.provider, found.channel, found.status) == ("openai", "direct", "ok")
    assert (found.sent_at, found.latency_us) == (1793612400500000, 1500000)
    assert found.reported_pd == 4_500_000_000
    assert found.tags == {"blue": "true", "env": "prod"}
    assert (found.temperature, found.params, found.finish_reason) == (0.5, "max_tokens=9", "stop")
    assert spoken(found) == [("user", "text", "Hello"), ("assistant", "text", "Hi")]


def test_times_may_be_texts() -> None:
    found = call("litellm", made(startTime="2026-11-01 10:00:00", endTime="2026-11-01 10:00:02"))
    assert (found.sent_at, found.latency_us) == (1793527200000000, 2000000)


def test_the_input_holds_the_cached_tokens_whatever_the_provider() -> None:
    found = call("litellm", made(custom_llm_provider="anthropic", model="claude-sonnet-4-5",
                                 response={}, metadata={"usage_object": USAGE}))  # fmt: skip
    assert found.usage == Usage(fresh=100, cache_read=600, cache_write_5m=300, output=50)
    assert not found.ambiguous


def test_but_where_its_total_leaves_them_out() -> None:
    early = {**USAGE, "prompt_tokens": 10, "total_tokens": 60}
    found = call("litellm", made(custom_llm_provider="anthropic", model="claude-3-5-sonnet", response={},
                                 metadata={"usage_object": early}))  # fmt: skip
    assert found.usage == Usage(fresh=10, cache_read=600, cache_write_5m=300, output=50)


def test_writes_have_the_lifetime_that_is_told() -> None:
    detail = {
        "cached_tokens": 600,
        "cache_creation_token_details": {"ephemeral_1h_input_tokens": 300},
    }
    usage = {**USAGE, "prompt_tokens_details": detail}
    found = call("litellm", made(custom_llm_provider="anthropic", metadata={"usage_object": usage}))
    assert found.usage == Usage(fresh=100, cache_read=600, cache_write_1h=300, output=50)


@pytest.mark.parametrize("hit", [True, "True"])
def test_what_the_proxys_cache_answered_was_not_billed(hit: object) -> None:
    found = call("litellm", made(cache_hit=hit, response_cost=0.0))
    assert found.usage == Usage()
    assert found.tags["cache_hit"] == "true"
    assert (found.reported_pd, found.status) == (0, "ok")
    assert spoken(found)[1] == ("assistant", "text", "Hi")
    assert (found.call_id, found.request_id) != ("chatcmpl-1", "")


@pytest.mark.parametrize("hit", [None, False, "False", "None"])
def test_and_what_it_did_not_answer_was(hit: object) -> None:
    assert call("litellm", made(cache_hit=hit)).usage == Usage(fresh=1000, output=50)


def test_a_failure_is_a_call_that_cost_nothing() -> None:
    error = {"error_code": "429", "error_class": "RateLimitError", "error_message": "no"}
    found = call("litellm", made(status="failure", response={}, error_str="no", error_information=error,
                                 prompt_tokens=0, completion_tokens=0, total_tokens=0))  # fmt: skip
    assert (found.status, found.usage) == ("error", Usage())
    assert (found.tags["error"], found.tags["error_code"]) == ("RateLimitError", "429")


def test_a_text_that_cost_no_tokens_was_not_counted() -> None:
    zero = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    assert call("litellm", made(response={**ANSWER, "usage": None}, **zero)).usage is None
    image = made(call_type="aimage_generation", response={"data": []}, **zero)
    assert call("litellm", image).usage == Usage()
    assert call("litellm", image).tags["call_type"] == "aimage_generation"


def test_an_embedding_has_an_input_and_no_reply() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}
    answer = {"object": "list", "data": [], "model": "text-embedding-3-small", "usage": usage}
    found = call("litellm", made(call_type="aembedding", messages=["a", "b"], response=answer))
    assert found.usage == Usage(fresh=7)
    assert spoken(found) == [("user", "text", "a"), ("user", "text", "b")]


def test_who_is_behind_a_key() -> None:
    metadata = {
        "user_api_key_alias": "desk", "user_api_key_team_alias": "care", "user_api_key_team_id": "t",
        "user_api_key_org_id": "org", "user_api_key_end_user_id": "c1", "user_api_key_user_id": "own",
        "prompt_management_metadata": {"prompt_id": "p", "prompt_version": 3},
    }  # fmt: skip
    found = call("litellm", made(metadata=metadata))
    assert (found.feature, found.team, found.tenant, found.user_id) == ("desk", "care", "org", "c1")
    assert (found.template, found.template_version) == ("p", "3")
    sent = {"feature": "stock", "session_id": "s", "shop": "north"}
    found = call("litellm", made(metadata={**metadata, "requester_metadata": sent}))
    assert (found.feature, found.session, found.tags["shop"]) == ("stock", "s", "north")


def test_the_proxys_public_name_is_no_model() -> None:
    found = call("litellm", made(model_group="house", response={**ANSWER, "model": "house"}))
    assert (found.model, found.tags["model_group"]) == ("gpt-4o", "house")


AWS = "https://bedrock-runtime.{}.amazonaws.com/model/x/converse"
GCP = "https://us-central1-aiplatform.googleapis.com/v1"
HAIKU = "bedrock/us.anthropic.claude-haiku-4-5-20251001-v1:0"


@pytest.mark.parametrize(
    ("provider", "model", "base", "expected"),
    [
        ("bedrock", HAIKU, AWS.format("us-east-1"), ("anthropic", "bedrock", "us")),
        (
            "bedrock",
            "amazon.nova-lite-v1:0",
            AWS.format("eu-west-1"),
            ("amazon", "bedrock", "eu-west-1"),
        ),
        ("vertex_ai", "gemini-2.5-pro", GCP, ("google", "vertex", "us-central1")),
        ("azure", "gpt-4o", "https://x.openai.azure.com", ("openai", "azure", None)),
    ],
)
def test_where_it_was_served(
    provider: str, model: str, base: str, expected: tuple[Any, ...]
) -> None:
    found = call(
        "litellm", made(custom_llm_provider=provider, model=model, api_base=base, response={})
    )
    assert (found.provider, found.channel, found.region) == expected
    assert "/" not in found.model


def test_the_served_tier_counts_and_a_batch_is_one() -> None:
    asked = made(model_parameters={"service_tier": "priority"})
    assert call("litellm", asked).tier == "standard"
    served = made(response={**ANSWER, "service_tier": "flex"})
    assert call("litellm", served).tier == "flex"
    assert call("litellm", made(call_type="aretrieve_batch")).tier == "batch"


def test_a_payload_inside_a_callbacks_arguments_is_read() -> None:
    record = {"standard_logging_object": FULL, "kwargs": {}}
    assert reader("litellm").score(record) == 1.0
    assert call("litellm", record).call_id == "chatcmpl-1"


def test_tools_and_redacted_texts() -> None:
    tool = {"type": "function", "function": {"name": "f"}}
    found = call(
        "litellm", made(model_parameters={"tools": [tool]}, response="redacted-by-litellm")
    )
    assert [kind for _, kind, _ in spoken(found)] == ["tool_schema", "text", "text"]
    assert spoken(found)[-1] == ("assistant", "text", "redacted-by-litellm")


def test_what_is_broken_is_a_skip_with_a_reason() -> None:
    bad = made(metadata={"usage_object": {**USAGE, "prompt_tokens": "many"}})
    assert reason("litellm", bad) == "prompt_tokens is no token count: 'many'"
    assert "no call of a model" in reason("litellm", made(
        call_type="call_mcp_tool", response_cost=0, total_tokens=0, prompt_tokens=0))  # fmt: skip
    assert reason("litellm", {"a": 1}) == "not a record of the litellm format"


def test_json_that_only_python_writes_is_read() -> None:
    import json

    text = json.dumps(made(saved_cache_cost=float("nan"), end_user="\ud800"))
    assert call("litellm", text.encode()).usage == Usage(fresh=1000, output=50)


def test_a_price_feed_is_no_log() -> None:
    feed = {
        "gpt-4o": {"input_cost_per_token": 2.5e-06, "litellm_provider": "openai", "mode": "chat"}
    }
    assert reader("litellm").score(feed) == 0
    assert reader("litellm_spend").score(feed) == 0
