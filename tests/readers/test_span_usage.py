"""The counts of spans, in every convention, as disjoint buckets."""

import json

import pytest

from costscope.model import Usage
from tests.readers.otlp import calls, chat, one, reasons, request, span
from tests.readers.reading import spoken

U = "gen_ai__usage__"


READ, WRITE = U + "cache_read__input_tokens", U + "cache_creation__input_tokens"


def test_a_total_shows_that_the_input_holds_the_cached_tokens() -> None:
    found = one(**{READ: 60, WRITE: 30, U + "total_tokens": 110}, model="claude-opus-4-5")
    assert found.usage == Usage(fresh=10, cache_read=60, cache_write_5m=30, output=10)
    assert not found.ambiguous


def test_a_total_shows_that_the_cached_tokens_stand_beside() -> None:
    found = one(**{READ: 60, WRITE: 30, U + "total_tokens": 200}, model="claude-opus-4-5")
    assert found.usage == Usage(fresh=100, cache_read=60, cache_write_5m=30, output=10)
    assert not found.ambiguous


def test_more_cached_than_input_stands_beside() -> None:
    found = one(**{READ: 5000, U + "total_tokens": 110}, model="claude-opus-4-5")
    assert found.usage == Usage(fresh=100, cache_read=5000, output=10)
    assert not found.ambiguous


def test_without_a_total_the_convention_holds_and_the_call_is_marked() -> None:
    found = one(**{READ: 60})
    assert found.usage == Usage(fresh=40, cache_read=60, output=10)
    assert found.ambiguous


def test_writes_live_as_long_as_their_maker_keeps_them() -> None:
    found = one(**{WRITE: 30, U + "total_tokens": 110}, model="gpt-5.6")
    assert found.usage == Usage(fresh=70, cache_write_30m=30, output=10)


@pytest.mark.parametrize(
    ("scope", "model", "fresh"),
    [
        ("opentelemetry.instrumentation.bedrock", "anthropic.claude-sonnet-4-5", 100),
        ("strands.telemetry.tracer", "us.anthropic.claude-sonnet-4-5", 100),
        ("agno", "claude-sonnet-4-5", 100),
        ("openinference.instrumentation.bedrock", "anthropic.claude-sonnet-4-5", 40),
        ("agno", "gpt-4o", 40),
        ("opentelemetry.instrumentation.anthropic", "claude-sonnet-4-5", 40),
    ],
)
def test_the_habit_of_a_library_decides_last(scope: str, model: str, fresh: int) -> None:
    total = {U + "total_tokens": 110} if fresh == 100 else {}
    (found,) = calls(request(chat(1, model=model, **{READ: 60}, **total), scope=scope))
    assert found.usage == Usage(fresh=fresh, cache_read=60, output=10)
    assert found.ambiguous


def test_anthropics_own_names_from_an_unknown_library_are_its_own_counts() -> None:
    raw = {U + "cache_read_input_tokens": 60}
    (found,) = calls(request(chat(1, model="claude-sonnet-4-5", **raw), scope="my-gateway"))
    assert found.usage == Usage(fresh=100, cache_read=60, output=10)
    assert found.ambiguous


@pytest.mark.parametrize("name", [
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached", "gen_ai.usage.details.cache_read_tokens",
    "ai.usage.cachedInputTokens",
])  # fmt: skip
def test_cached_tokens_under_every_name(name: str) -> None:
    found = one(**{name: 60, U + "total_tokens": 110})
    assert found.usage == Usage(fresh=40, cache_read=60, output=10)


@pytest.mark.parametrize("name", [
    "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens",
    "gen_ai.usage.output_tokens.reasoning", "gen_ai.usage.details.reasoning_tokens",
])  # fmt: skip
def test_reasoning_is_part_of_the_output(name: str) -> None:
    assert one(**{name: 8}).usage == Usage(fresh=100, output=10, reasoning=8)


def test_thoughts_beside_the_output_are_output() -> None:
    found = one(**{U + "reasoning_tokens": 90, U + "total_tokens": 200}, model="gemini-2.5-pro")
    assert found.usage == Usage(fresh=100, output=100, reasoning=90)


def test_thoughts_that_only_the_total_shows_are_output() -> None:
    found = one(**{U + "total_tokens": 200}, model="gemini-2.5-pro")
    assert found.usage == Usage(fresh=100, output=100, reasoning=90)
    assert one(**{U + "total_tokens": 200}).usage == Usage(fresh=100, output=10)


def test_langfuses_own_words_in_a_span() -> None:
    details = {"input": 40, "output": 10, "input_cached_tokens": 60, "total": 110}
    (found,) = calls(request(span(
        1, langfuse__observation__type="generation", langfuse__observation__model__name="gpt-4o",
        langfuse__observation__usage_details=json.dumps(details),
        langfuse__observation__input=json.dumps([{"role": "user", "content": "Hi"}]),
        langfuse__observation__output="Ho", langfuse__session__id="s",
    )))  # fmt: skip
    assert found.usage == Usage(fresh=40, cache_read=60, output=10)
    assert spoken(found) == [("user", "text", "Hi"), ("assistant", "text", "Ho")]
    assert found.session == "s"


def test_counts_that_an_sdk_did_not_know_are_none() -> None:
    assert one(given=None, made=None, ai__usage__promptTokens="NaN").usage is None


def test_a_count_that_is_none_is_a_skip_and_the_others_stay() -> None:
    log = request(chat(1, given=-4), chat(2))
    assert reasons(log) == ["gen_ai.usage.input_tokens is no token count: -4"]
    assert len(calls(log)) == 1


def test_audio_is_counted_apart() -> None:
    found = one(**{U + "details__input_audio_tokens": 30, U + "details__output_audio_tokens": 4})
    assert found.units == {"input_audio": 30, "output_audio": 4}


def test_a_provider_behind_an_sdk_is_asked_first() -> None:
    raw = {"input_tokens": 4, "output_tokens": 1, "cache_creation_input_tokens": 2183,
           "cache_creation": {"ephemeral_1h_input_tokens": 2183}}  # fmt: skip
    inner = span(1, ai__operationId="ai.streamText.doStream", ai__model__id="claude-haiku-4-5",
                 ai__usage__inputTokens=4, ai__usage__outputTokens=104, ai__usage__totalTokens=108,
                 ai__response__providerMetadata=json.dumps({"anthropic": {"usage": raw}}))  # fmt: skip
    (found,) = calls(request(inner, scope="ai"))
    assert found.usage == Usage(fresh=4, cache_write_1h=2183, output=104)
    assert not found.ambiguous
