import pytest

from costscope.prices import names


@pytest.mark.parametrize(
    ("given", "platform"),
    [
        (("openai", "direct", "gpt-4o"), "openai"),
        (("azure.ai.openai", "", "gpt-4o"), "azure"),
        (("openai", "azure", "gpt-4o"), "azure"),
        (("aws.bedrock", "direct", "anthropic.claude-3-haiku-20240307-v1:0"), "bedrock"),
        (("", "", "us.anthropic.claude-opus-4-8"), "bedrock"),
        (("anthropic", "vertex", "claude-opus-4-5@20251101"), "google"),
        (("vertex_ai-anthropic_models", "", "claude-opus-4-5@20251101"), "google"),
        (("gcp.gemini", "", "gemini-2.5-pro"), "google"),
        (("x-ai", "", "grok-4.6"), "xai"),
        (("groq", "direct", "openai/gpt-oss-20b"), "groq"),
        (("", "", "openrouter/anthropic/claude-sonnet-4.5"), "openrouter"),
        (("openai", "direct", "groq/llama-3.1-8b-instant"), "groq"),
        (("together_ai", "", "meta-llama/Llama-3-70b"), "together"),
        (("huggingface_groq", "", "x"), "huggingface_groq"),
        (("vllm", "", "gpt-4o"), "self-hosted"),
        (("openai", "self-hosted", "gpt-4o"), "self-hosted"),
        (("", "", "bedrock/claude_platform/claude-opus-5"), "anthropic"),
    ],
)
def test_who_bills_a_call(given: tuple[str, str, str], platform: str) -> None:
    assert names.place(*given).platform == platform


def test_an_unknown_provider_of_a_closed_model_bills_as_its_maker() -> None:
    assert names.place("my-gateway", "direct", "gpt-4o").platform == "openai"
    assert names.place("openai", "direct", "claude-opus-5").platform == "anthropic"


def test_an_unknown_host_of_open_weights_is_not_their_maker() -> None:
    assert names.place("deepinfra", "direct", "deepseek-chat").platform == ""
    assert names.place("", "", "deepseek-ai/DeepSeek-V4-Flash").platform == ""
    assert names.place("", "", "deepseek-chat").platform == "deepseek"


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", "claude-haiku-3-5"),
        ("claude-3.5-haiku-latest", "claude-haiku-3-5"),
        ("anthropic/claude-opus-4.5", "claude-opus-4-5"),
        ("claude-3-5-sonnet-v2@20241022", "claude-sonnet-3-5"),
        ("claude-opus-4-0", "claude-opus-4"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-5-2-2025-12-11", "gpt-5.2"),
        ("gpt-5-mini", "gpt-5-mini"),
        ("gemini-2.5-pro-preview-05-06", "gemini-2.5-pro"),
        ("gemini-2.0-flash-001", "gemini-2.0-flash"),
        ("grok-4-0709", "grok-4"),
        ("amazon.nova-lite-v1:0:300k", "nova-lite"),
        ("qwen3.8-27b", "qwen3.8-27b"),
    ],
)
def test_a_name_without_date_version_region_and_vendor(name: str, base: str) -> None:
    assert names.base(name) == base


@pytest.mark.parametrize(
    "rest",
    ["", "-20250929", "-2025-08-07", "@20250929", "-latest", "-preview", "-v1:0", "-001",
     "-preview-05-20", "-0709", "-2508", "-v2@20241022", ":300k"],
)  # fmt: skip
def test_what_may_follow_a_listed_name(rest: str) -> None:
    assert names.is_tail("claude-sonnet-4-5", rest)


@pytest.mark.parametrize(
    "rest",
    ["-foo", "-mini", "-pro", "-thinking", "-20259999", "-9000", "x", "5", ".1", "-5", "-fast",
     "-preview-foo", "-v", ":free", "-"],
)  # fmt: skip
def test_what_makes_a_name_another_model(rest: str) -> None:
    assert not names.is_tail("claude-sonnet-4-5", rest)


def test_a_literal_that_ends_inside_a_word_is_cut_back_to_its_start() -> None:
    assert names.is_tail("gemini-2.0-flash-0", "01")
    assert names.is_tail("claude-sonnet-4-2025", "0514")
    assert not names.is_tail("gemini-2.0-flash-0", "99")


def test_fine_tunes_carry_an_organisation_and_an_id() -> None:
    assert names.is_tail("ft:gpt-3.5-turbo", "-0125:acme::9abc")
    assert names.is_tail("ft:gpt-4o-2024-", "08-06:acme:shop:9abc:ckpt-step-80")
    assert names.is_tail("gpt-4o-mini-2024-07-18.ft-", "0e20a9")
    assert not names.is_tail("gpt-4o", ":acme::9abc")


def test_zones_and_profiles_are_read_from_the_name() -> None:
    assert names.place("", "", "azure/eu/gpt-4o").zone == "eu"
    assert names.place("", "bedrock", "global.anthropic.claude-opus-5").scope == "global"
    assert names.place("", "bedrock", "anthropic.claude-opus-5").scope == "regional"
    assert names.place("", "bedrock", "eu.amazon.nova-lite-v1:0").zone == "eu"


def test_a_litellm_proxy_is_a_door_of_its_own() -> None:
    found = names.place("deepseek", "direct", "litellm_proxy/deepseek-chat")
    assert (found.platform, found.channel, found.name) == (
        "deepseek", "litellm_proxy", "deepseek-chat",
    )  # fmt: skip
