"""Usage objects of every source in billing.md's table, and whether their convention was a guess."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.model import Usage
from costscope.readers import _columns, _units, _usage, _usage_types, _usage_words
from costscope.readers._counts import Normalised

AUDIO = {"modality": "AUDIO", "tokenCount": 40}

ROWS: dict[str, tuple[dict[str, Any], str, Usage]] = {
    "anthropic": (
        {"input_tokens": 5, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 130,
         "cache_creation": {"ephemeral_5m_input_tokens": 30, "ephemeral_1h_input_tokens": 100},
         "output_tokens": 40, "output_tokens_details": {"thinking_tokens": 25}},
        "anthropic",
        Usage(fresh=5, cache_read=900, cache_write_5m=30, cache_write_1h=100, output=40, reasoning=25),
    ),
    "anthropic iterations": (
        {"input_tokens": 5, "output_tokens": 4, "iterations": [
            {"type": "compaction", "input_tokens": 1000, "output_tokens": 50},
            {"type": "message", "input_tokens": 5, "output_tokens": 4},
            {"type": "advisor", "model": "claude-opus-5", "input_tokens": 7, "output_tokens": 7}]},
        "anthropic", Usage(fresh=1005, output=54),
    ),
    "anthropic words, input with cache": (
        {"input_tokens": 1000, "cache_read_input_tokens": 900, "output_tokens": 10,
         "total_tokens": 1010}, "anthropic", Usage(fresh=100, cache_read=900, output=10),
    ),
    "responses, writes by lifetime": (
        {"input_tokens": 1000, "output_tokens": 60, "total_tokens": 1060,
         "input_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 300,
             "cache_write_tokens_details": {"ttl_30m_tokens": 200, "ttl_12h_tokens": 100}},
         "output_tokens_details": {"reasoning_tokens": 50}}, "openai",
        Usage(fresh=100, cache_read=600, cache_write_30m=200, cache_write_12h=100, output=60, reasoning=50),
    ),
    "realtime": (
        {"total_tokens": 150, "input_tokens": 100, "output_tokens": 50,
         "input_token_details": {"text_tokens": 20, "audio_tokens": 80, "cached_tokens": 70,
             "cached_tokens_details": {"text_tokens": 10, "audio_tokens": 60}},
         "output_token_details": {"text_tokens": 20, "audio_tokens": 30}}, "openai",
        Usage(fresh=30, cache_read=70, output=50),
    ),
    "langchain": (
        {"input_tokens": 350, "output_tokens": 240, "total_tokens": 590,
         "input_token_details": {"cache_creation": 200, "cache_read": 100},
         "output_token_details": {"reasoning": 200}}, "anthropic",
        Usage(fresh=50, cache_read=100, cache_write_5m=200, output=240, reasoning=200),
    ),
    "openai admin": (
        {"input_tokens": 1000, "input_uncached_tokens": 300, "input_cached_tokens": 600,
         "input_cache_write_tokens": 100, "output_tokens": 50, "num_model_requests": 5}, "openai",
        Usage(fresh=300, cache_read=600, cache_write_30m=100, output=50),
    ),
    "codex": (
        {"input_tokens": 1000, "cached_input_tokens": 600, "cache_write_input_tokens": 100,
         "output_tokens": 50, "reasoning_output_tokens": 30, "total_tokens": 1050}, "openai",
        Usage(fresh=300, cache_read=600, cache_write_30m=100, output=50, reasoning=30),
    ),
    "gemini": (
        {"promptTokenCount": 1000, "cachedContentTokenCount": 600, "candidatesTokenCount": 30,
         "thoughtsTokenCount": 100, "toolUsePromptTokenCount": 20, "totalTokenCount": 1150}, "google",
        Usage(fresh=420, cache_read=600, output=130, reasoning=100),
    ),
    "gemini, thoughts already in the candidates": (
        {"promptTokenCount": 1000, "candidatesTokenCount": 130, "thoughtsTokenCount": 100,
         "totalTokenCount": 1130}, "google", Usage(fresh=1000, output=130, reasoning=100),
    ),
    "gemini, all spent on thought": (
        {"promptTokenCount": 7, "thoughtsTokenCount": 100, "totalTokenCount": 107}, "google",
        Usage(fresh=7, output=100, reasoning=100),
    ),
    "gemini, python": (
        {"prompt_token_count": 10, "cached_content_token_count": None, "candidates_token_count": 5,
         "total_token_count": 15}, "google", Usage(fresh=10, output=5),
    ),
    "interactions": (
        {"total_input_tokens": 1000, "total_cached_tokens": 600, "total_output_tokens": 30,
         "total_thought_tokens": 100, "total_tool_use_tokens": 20, "total_tokens": 1150}, "google",
        Usage(fresh=420, cache_read=600, output=130, reasoning=100),
    ),
    "converse": (
        {"inputTokens": 5, "cacheReadInputTokens": 900, "cacheWriteInputTokens": 130,
         "outputTokens": 40, "totalTokens": 1075, "cacheDetails": [
             {"ttl": "1h", "inputTokens": 100}, {"ttl": "5m", "inputTokens": 30}]}, "anthropic",
        Usage(fresh=5, cache_read=900, cache_write_5m=30, cache_write_1h=100, output=40),
    ),
    "converse, whose total leaves the cached tokens out": (
        {"inputTokens": 500, "cacheReadInputTokens": 90, "outputTokens": 40, "totalTokens": 540},
        "anthropic", Usage(fresh=500, cache_read=90, output=40),
    ),
    "bedrock invocation metrics": (
        {"inputTokenCount": 5, "outputTokenCount": 40, "cacheReadInputTokenCount": 900,
         "cacheWriteInputTokenCount": 130}, "anthropic",
        Usage(fresh=5, cache_read=900, cache_write_5m=130, output=40),
    ),
    "bedrock invocation log": (
        {"input": {"inputTokenCount": 5, "cacheReadInputTokenCount": 900},
         "output": {"outputTokenCount": 40}}, "anthropic",
        Usage(fresh=5, cache_read=900, output=40),
    ),
    "llama on bedrock": (
        {"prompt_token_count": 5, "generation_token_count": 4}, "meta", Usage(fresh=5, output=4)),
    "deepseek": (
        {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050,
         "prompt_cache_hit_tokens": 640, "prompt_cache_miss_tokens": 360,
         "prompt_tokens_details": {"cached_tokens": 640},
         "completion_tokens_details": {"reasoning_tokens": 30}}, "deepseek",
        Usage(fresh=360, cache_read=640, output=50, reasoning=30),
    ),
    "xai": (
        {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 160,
         "prompt_tokens_details": {"text_tokens": 100, "cached_tokens": 64},
         "completion_tokens_details": {"reasoning_tokens": 50}}, "xai",
        Usage(fresh=36, cache_read=64, output=60, reasoning=50),
    ),
    "xai grpc": (
        {"prompt_tokens": 100, "completion_tokens": 10, "reasoning_tokens": 50, "total_tokens": 160,
         "cached_prompt_text_tokens": 64}, "xai",
        Usage(fresh=36, cache_read=64, output=60, reasoning=50),
    ),
    "perplexity": (
        {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "reasoning_tokens": 50},
        "perplexity", Usage(fresh=100, output=60, reasoning=50),
    ),
    "groq": (
        {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110, "queue_time": 0.1,
         "prompt_tokens_details": {"cached_tokens": 64}}, "groq",
        Usage(fresh=36, cache_read=64, output=10),
    ),
    "mistral": (
        {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110,
         "prompt_token_details": {"cached_tokens": 64}}, "mistral",
        Usage(fresh=36, cache_read=64, output=10),
    ),
    "openrouter, a write upstream": (
        {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010, "cost": 0.01,
         "prompt_tokens_details": {"cached_tokens": 600, "cache_write_tokens": 300}}, "anthropic",
        Usage(fresh=100, cache_read=600, cache_write_5m=300, output=10),
    ),
    "litellm": (
        {"prompt_tokens": 1000, "completion_tokens": 10, "total_tokens": 1010,
         "cache_read_input_tokens": 600, "cache_creation_input_tokens": 300,
         "prompt_tokens_details": {"cached_tokens": 600, "cache_creation_tokens": 300,
             "cache_creation_token_details": {"ephemeral_5m_input_tokens": 100,
                                              "ephemeral_1h_input_tokens": 200}}}, "anthropic",
        Usage(fresh=100, cache_read=600, cache_write_5m=100, cache_write_1h=200, output=10),
    ),
    "langfuse, split by its handler": (
        {"input": 100, "input_cached_tokens": 600, "output": 20, "output_reasoning_tokens": 30,
         "total": 750}, "openai", Usage(fresh=100, cache_read=600, output=50, reasoning=30),
    ),
    "langfuse, passed on": (
        {"input": 700, "input_cached_tokens": 600, "output": 50, "output_reasoning_tokens": 30,
         "total": 750}, "openai", Usage(fresh=100, cache_read=600, output=50, reasoning=30),
    ),
    "langfuse, anthropic": (
        {"input": 5, "cache_read_input_tokens": 900, "cache_creation_input_tokens": 130,
         "cache_creation_ephemeral_5m_input_tokens": 30,
         "cache_creation_ephemeral_1h_input_tokens": 100, "output": 40}, "anthropic",
        Usage(fresh=5, cache_read=900, cache_write_5m=30, cache_write_1h=100, output=40),
    ),
    "otel": (
        {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 600,
         "gen_ai.usage.cache_creation.input_tokens": 300, "gen_ai.usage.output_tokens": 50,
         "gen_ai.usage.reasoning.output_tokens": 30}, "anthropic",
        Usage(fresh=100, cache_read=600, cache_write_5m=300, output=50, reasoning=30),
    ),
    "otel, old names, sentry's cache": (
        {"gen_ai.usage.prompt_tokens": 1000, "gen_ai.usage.completion_tokens": 50,
         "gen_ai.usage.input_tokens.cached": 600}, "openai",
        Usage(fresh=400, cache_read=600, output=50),
    ),
    "openinference": (
        {"llm.token_count.prompt": 1000, "llm.token_count.prompt_details.cache_read": 600,
         "llm.token_count.prompt_details.cache_write": 300, "llm.token_count.completion": 50,
         "llm.token_count.completion_details.reasoning": 30, "llm.token_count.total": 1050},
        "anthropic", Usage(fresh=100, cache_read=600, cache_write_5m=300, output=50, reasoning=30),
    ),
    "openinference, cache beside the prompt": (
        {"llm.token_count.prompt": 100, "llm.token_count.prompt_details.cache_input": 60,
         "llm.token_count.completion": 50, "llm.token_count.total": 210}, "anthropic",
        Usage(fresh=100, cache_read=60, output=50),
    ),
    "ai sdk": (
        {"inputTokens": 100, "outputTokens": 50, "totalTokens": 150, "cachedInputTokens": 60,
         "reasoningTokens": 30}, "openai",
        Usage(fresh=40, cache_read=60, output=50, reasoning=30),
    ),
    "cohere": (
        {"billed_units": {"input_tokens": 100, "output_tokens": 50},
         "tokens": {"input_tokens": 590, "output_tokens": 52}}, "cohere", Usage(fresh=100, output=50),
    ),
    "ollama": ({"prompt_eval_count": 30, "eval_count": 20, "done": True}, "", Usage(fresh=30, output=20)),
    "embeddings": ({"prompt_tokens": 8, "total_tokens": 8}, "openai", Usage(fresh=8)),
    "embeddings of voyage": ({"total_tokens": 8}, "voyageai", Usage(fresh=8)),
}  # fmt: skip


@pytest.mark.parametrize("source", ROWS)
def test_each_source_in_its_own_words(source: str) -> None:
    found, maker, expected = ROWS[source]
    assert read(source, found, maker).usage == expected


def read(source: str, found: dict[str, Any], maker: str) -> Normalised:
    """Langfuse's details go by any names and are read by their own normaliser."""
    by = _usage_types.read if source.startswith("langfuse") else _usage.read
    return by(found, maker)


@pytest.mark.parametrize(
    "source", [s for s in ROWS if s not in ("otel", "otel, old names, sentry's cache")]
)
def test_where_words_or_totals_tell_nothing_is_guessed(source: str) -> None:
    found, maker, _ = ROWS[source]
    assert not read(source, found, maker).ambiguous or source == "langfuse, anthropic"


@pytest.mark.parametrize(
    ("found", "maker", "fresh"),
    [
        # A span with an input above its cached tokens and no total may be of either convention.
        ({"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.cache_read.input_tokens": 600,
          "gen_ai.usage.output_tokens": 5}, "openai", 400),
        ({"llm.token_count.prompt": 1000, "llm.token_count.prompt_details.cache_read": 600}, "openai", 400),
        ({"prompt_tokens": 1000, "completion_tokens": 5, "cache_read_input_tokens": 600}, "anthropic", 400),
        ({"input_tokens": 1000, "cached_tokens": 600, "output_tokens": 5}, "openai", 400),
        ({"input_tokens": 1000, "cache_read_tokens": 600, "output_tokens": 5}, "anthropic", 1000),
    ],
)  # fmt: skip
def test_habit_is_a_guess(found: dict[str, Any], maker: str, fresh: int) -> None:
    counted = _usage.read(found, maker)
    assert (counted.usage and counted.usage.fresh, counted.ambiguous) == (fresh, True)


def test_more_cached_than_input_is_no_guess() -> None:
    counted = _usage.read(
        {"llm.token_count.prompt": 5, "llm.token_count.prompt_details.cache_read": 600}, ""
    )
    assert (counted.usage, counted.ambiguous) == (Usage(fresh=5, cache_read=600), False)


def test_columns_say_whether_they_were_guessed() -> None:
    row = {"input_tokens": 1000, "cache_read_tokens": 600, "output_tokens": 5}
    assert _columns.read(row, "openai").ambiguous
    assert not _columns.read({**row, "total_tokens": 1005}, "openai").ambiguous
    named = {"prompt_tokens": 1000, "prompt_tokens_details_cached_tokens": 600}
    assert not _columns.read(named, "anthropic").ambiguous


def test_what_says_nothing_of_its_input_has_no_usage() -> None:
    for found in (
        {"total_tokens": 8},
        {"output_tokens": 3},
        {"candidatesTokenCount": 3},
        {"a": 1},
        {},
    ):
        assert _usage.read(found, "openai").usage is None


@pytest.mark.parametrize(
    "found",
    [{"promptTokenCount": "many"}, {"inputTokens": -1},
     {"gen_ai.usage.input_tokens": 1.5}, {"llm.token_count.prompt": True}],
)  # fmt: skip
def test_what_is_no_count_is_named(found: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is no token count"):
        _usage.read(found, "")


def test_search_results_that_google_found_are_not_charged() -> None:
    found = {"promptTokenCount": 10, "toolUsePromptTokenCount": 90, "candidatesTokenCount": 5,
             "totalTokenCount": 105}  # fmt: skip
    assert _usage_words.google(found).usage == Usage(fresh=100, output=5)
    assert _usage_words.google(found, grounded=True).usage == Usage(fresh=10, output=5)


@pytest.mark.parametrize(
    ("found", "units"),
    [
        ({"input_tokens": 9, "output_tokens": 9, "server_tool_use": {
            "web_search_requests": 3, "web_fetch_requests": 0, "code_execution_requests": 1}},
         {"web_search": 3, "code_execution": 1}),
        (ROWS["realtime"][0], {"input_audio": 20, "cache_audio": 60, "output_audio": 30}),
        ({"prompt_tokens": 100, "completion_tokens": 50, "prompt_tokens_details": {
            "audio_tokens": 80, "cached_tokens": 70}, "completion_tokens_details": {"audio_tokens": 40}},
         {"input_audio": 30, "cache_audio": 50, "output_audio": 40}),
        ({"prompt_tokens": 100, "completion_tokens": 0, "prompt_tokens_details": {"image_tokens": 90}},
         {"input_image": 90}),
        ({"promptTokenCount": 100, "cachedContentTokenCount": 60, "candidatesTokenCount": 9,
          "totalTokenCount": 109, "promptTokensDetails": [AUDIO, {"modality": "TEXT", "tokenCount": 60}],
          "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 25}],
          "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 9}]},
         {"input_audio": 15, "cache_audio": 25, "output_image": 9}),
        ({"prompt_tokens": 9, "completion_tokens": 9, "server_side_tool_usage_details": {
            "web_search_calls": 2, "x_search_calls": 1}}, {"web_search": 2, "x_search": 1}),
        ({"billed_units": {"input_tokens": 0, "search_units": 2}}, {"rerank_search": 2}),
        ({"llm.token_count.prompt": 50, "llm.token_count.prompt_details.audio": 30}, {"input_audio": 30}),
    ],
)  # fmt: skip
def test_what_is_billed_beside_text(found: dict[str, Any], units: dict[str, int]) -> None:
    assert _usage.read(found, "").units == units


def test_server_tools_among_the_items_of_a_response() -> None:
    items = [
        {"type": "web_search_call", "status": "completed", "action": {"type": "search"}},
        {"type": "web_search_call", "status": "completed", "action": {"type": "open_page"}},
        {"type": "web_search_call", "status": "failed", "action": {"type": "search"}},
        {"type": "file_search_call", "status": "completed"}, {"type": "message"}, "odd",
    ]  # fmt: skip
    assert _units.items(items) == {"web_search": 1, "file_search": 1}


COUNT = st.integers(0, 10**6)


@given(COUNT, COUNT, COUNT, COUNT, st.sampled_from(["inside", "beside"]))
def test_a_total_settles_every_vocabulary_that_leaves_a_doubt(
    fresh: int, cached: int, written: int, output: int, convention: str
) -> None:
    prompt = fresh if convention == "beside" else fresh + cached + written
    total = fresh + cached + written + output
    span = {"llm.token_count.prompt": prompt, "llm.token_count.completion": output,
            "llm.token_count.prompt_details.cache_read": cached, "llm.token_count.total": total,
            "llm.token_count.prompt_details.cache_write": written}  # fmt: skip
    chat = {"prompt_tokens": prompt, "completion_tokens": output, "total_tokens": total,
            "prompt_tokens_details": {"cached_tokens": cached, "cache_write_tokens": written}}  # fmt: skip
    expected = Usage(fresh=fresh, cache_read=cached, cache_write_30m=written, output=output)
    for found in (span, chat):
        assert _usage.read(found, "openai") == Normalised(expected)
