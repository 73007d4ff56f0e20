from datetime import date
from decimal import Decimal

import pytest

from costscope.prices import BatchRule, CachingRule, batch_rule, caching_rule, facts
from costscope.prices.quotes import _LIFETIMES

NOW = date(2026, 11, 2)


def caching(provider: str, channel: str, model: str, on: date = NOW) -> CachingRule:
    rule = caching_rule(provider, channel, model, on)
    assert rule is not None
    return rule


def batch(provider: str, channel: str, model: str) -> BatchRule:
    rule = batch_rule(provider, channel, model, NOW)
    assert rule is not None
    return rule


@pytest.mark.parametrize(
    ("model", "minimum"),
    [("claude-haiku-5-5", 512), ("claude-opus-5", 512), ("claude-opus-4-8", 1024), ("claude-sonnet-5", 1024),
     ("claude-sonnet-4-5-20250929", 1024), ("claude-opus-4-7", 2048), ("claude-3-5-haiku-20241022", 2048),
     ("claude-opus-4-6", 4096), ("claude-haiku-4-5", 4096)],
)  # fmt: skip
def test_the_minimum_depends_on_the_claude(model: str, minimum: int) -> None:
    assert caching("anthropic", "direct", model).minimum == minimum


def test_bedrock_has_minimums_of_its_own() -> None:
    assert caching("anthropic", "bedrock", "us.anthropic.claude-opus-4-7").minimum == 4096
    assert caching("anthropic", "bedrock", "anthropic.claude-sonnet-4-6").minimum == 1024


def test_minimums_were_lowered_over_time() -> None:
    before, after = date(2026, 4, 1), date(2026, 7, 1)
    assert caching("anthropic", "direct", "claude-sonnet-4-6", before).minimum == 2048
    assert caching("anthropic", "direct", "claude-sonnet-4-6", after).minimum == 1024


def test_claude_caches_at_marks_from_the_start_of_the_request() -> None:
    rule = caching("anthropic", "direct", "claude-opus-5-5")
    assert (rule.mode, rule.ttls, rule.default_ttl, rule.lookback) == (
        "explicit",
        (300, 3600),
        300,
        20,
    )
    assert (rule.write_charged, rule.write_class, rule.clock) == (
        True,
        "cache_write_5m",
        "request_start",
    )
    assert rule.max_breakpoints == 4


def test_openai_has_three_generations() -> None:
    new, middle, old = (
        caching("openai", "direct", m) for m in ("gpt-5.6-sol", "gpt-5.5", "gpt-4o-2024-08-06")
    )
    assert (new.mode, new.granularity, new.ttls, new.write_class) == (
        "breakpoint", 1, (1800, 43200), "cache_write_30m",
    )  # fmt: skip
    assert (middle.mode, middle.granularity, middle.boundary) == ("implicit", 128, 2048)
    assert (old.mode, old.granularity, old.boundary, old.write_charged) == (
        "implicit",
        128,
        None,
        False,
    )
    assert {rule.minimum for rule in (new, middle, old)} == {1024}


def test_retention_became_longer_at_openai_but_not_on_azure() -> None:
    before, after = date(2026, 5, 28), date(2026, 5, 29)
    assert caching("openai", "direct", "gpt-4o", before).default_ttl == 450
    assert caching("openai", "direct", "gpt-4o", after).default_ttl == 1800
    assert caching("openai", "azure", "gpt-4o", after).default_ttl == 450


@pytest.mark.parametrize(
    ("provider", "channel", "model", "granularity", "ttl"),
    [("deepseek", "direct", "deepseek-flash", 64, 3600), ("xai", "direct", "grok-4.6", 128, 300),
     ("mistral", "direct", "mistral-large-latest", 64, 300),
     ("groq", "direct", "openai/gpt-oss-20b", 128, 7200),
     ("google", "direct", "gemini-2.5-flash", 1, 300)],
)  # fmt: skip
def test_implicit_caches(
    provider: str, channel: str, model: str, granularity: int, ttl: int
) -> None:
    rule = caching(provider, channel, model)
    assert (rule.mode, rule.granularity, rule.default_ttl) == ("implicit", granularity, ttl)
    assert (rule.write_charged, rule.write_class) == (False, "")


def test_gemini_minimums_depend_on_time_and_door() -> None:
    assert caching("google", "direct", "gemini-2.5-flash", date(2026, 5, 1)).minimum == 1024
    assert caching("google", "direct", "gemini-2.5-flash").minimum == 2048
    assert caching("google", "direct", "gemini-3.8-flash").minimum == 4096
    assert caching("google", "vertex", "gemini-3.8-flash").minimum == 6144


def test_an_explicit_gemini_cache_costs_storage() -> None:
    assert caching("google", "direct", "gemini-2.5-pro").storage_usd == Decimal("4.5")
    assert caching("google", "direct", "gemini-3.8-flash").storage_usd == Decimal("0.5")
    assert caching("google", "direct", "gemini-3.8-flash", date(2027, 1, 1)).storage_usd == 1


def test_openrouter_passes_its_upstreams_rule_on() -> None:
    rule = caching("anthropic", "openrouter", "anthropic/claude-opus-4.5")
    assert rule.minimum == caching("anthropic", "direct", "claude-opus-4-5").minimum
    assert "OpenRouter" in rule.scope_note


@pytest.mark.parametrize("model", ["gpt-3.5-turbo", "gpt-5-pro", "gpt-4o-2024-05-13", "foo", ""])
def test_no_rule_where_nothing_is_cached_or_known(model: str) -> None:
    assert caching_rule("openai", "direct", model, NOW) is None


def test_self_hosted_models_have_no_rules() -> None:
    assert caching_rule("vllm", "self-hosted", "gpt-4o", NOW) is None
    assert batch_rule("vllm", "self-hosted", "gpt-4o", NOW) is None


@pytest.mark.parametrize(
    ("provider", "channel", "model", "multiplier", "stacking"),
    [("anthropic", "direct", "claude-opus-5", "0.5", "stacks"),
     ("openai", "direct", "gpt-4o", "0.5", "none"), ("openai", "direct", "gpt-5.1", "0.5", "stacks"),
     ("google", "direct", "gemini-2.5-pro", "0.5", "standard"),
     ("google", "direct", "gemini-3.8-flash", "0.5", "stacks"),
     ("groq", "direct", "openai/gpt-oss-120b", "0.5", "standard"),
     ("anthropic", "bedrock", "us.anthropic.claude-opus-4-8", "0.5", "none"),
     ("xai", "direct", "grok-4.3", "0.8", "stacks"), ("openai", "azure", "gpt-5", "0.5", "stacks")],
)  # fmt: skip
def test_batches(provider: str, channel: str, model: str, multiplier: str, stacking: str) -> None:
    rule = batch(provider, channel, model)
    assert rule.input_multiplier == rule.output_multiplier == Decimal(multiplier)
    assert (rule.caching, rule.window_hours) == (stacking, 24)


@pytest.mark.parametrize(
    ("provider", "model"),
    [("deepseek", "deepseek-flash"), ("xai", "grok-4.5"), ("openai", "gpt-5.3-codex"), ("", "foo")],
)
def test_no_batch_api_is_known(provider: str, model: str) -> None:
    assert batch_rule(provider, "direct", model, NOW) is None


ALL = [row for p in ("anthropic", "openai", "azure", "bedrock", "google", "deepseek", "xai", "mistral",
                     "groq") for row in facts.rows("caching", p) if row.values["mode"] != "none"]  # fmt: skip


@pytest.mark.parametrize(
    "row", ALL, ids=lambda row: f"{row.platforms[0]}:{row.models[0]}:{row.since}"
)
def test_every_caching_row_is_complete(row: facts.Row) -> None:
    values = row.values
    assert values["mode"] in ("explicit", "implicit", "breakpoint")
    assert values["minimum"] >= values["granularity"] >= 1
    assert values["default_ttl"] in values["ttls"]
    assert values["write_charged"] == (values["write_class"] in _LIFETIMES)
    assert (values["mode"] == "implicit") == (
        "lookback" not in values or values["lookback"] is None
    ) or ("lookback" not in values)
    assert values["scope_note"]


def test_rules_are_the_same_object_when_asked_again() -> None:
    again = caching_rule("openai", "direct", "gpt-4o", NOW)
    assert again is caching_rule("openai", "direct", "gpt-4o", NOW)
