"""Langfuse's usage details, each in the way that one of its integrations fills them in."""

from typing import Any

import pytest

from costscope.model import Usage
from costscope.readers._usage_types import read

CASES: dict[str, tuple[str, dict[str, Any], Usage]] = {
    "its normaliser of OpenAI's usage": (
        "openai",
        {"input": 276, "input_cached_tokens": 1024, "output": 10, "output_reasoning_tokens": 20, "total": 1330},
        Usage(fresh=276, cache_read=1024, output=30, reasoning=20)),
    "the same before it has a total": (
        "openai", {"input": 276, "input_cached_tokens": 24, "output": 10, "output_reasoning_tokens": 20},
        Usage(fresh=276, cache_read=24, output=30, reasoning=20)),
    "its LangChain handler": (
        "anthropic", {"input": 120, "input_cache_read": 4000, "input_cache_creation": 600, "output": 75,
                      "total": 4795},
        Usage(fresh=120, cache_read=4000, cache_write_5m=600, output=75)),
    "and newer lifetimes": (
        "anthropic", {"input": 10, "input_cache_creation": 0, "input_ephemeral_1h_input_tokens": 700,
                      "output": 5, "total": 715},
        Usage(fresh=10, cache_write_1h=700, output=5)),
    "LiteLLM, whose total shows that the input is whole": (
        "anthropic", {"input": 1300, "output": 8, "total": 1308, "cache_creation_input_tokens": 100,
                      "cache_read_input_tokens": 1000},
        Usage(fresh=200, cache_read=1000, cache_write_5m=100, output=8)),
    "Anthropic's own words": (
        "anthropic", {"input": 5, "output": 8, "total": 1113, "cache_creation_input_tokens": 100,
                      "cache_read_input_tokens": 1000},
        Usage(fresh=5, cache_read=1000, cache_write_5m=100, output=8)),
    "with lifetimes beside their sum, all of it in the total": (
        "anthropic", {"input": 5, "output": 8, "cache_creation_input_tokens": 100,
                      "cache_creation_ephemeral_1h_input_tokens": 100, "total": 213},
        Usage(fresh=5, cache_write_1h=100, output=8)),
    "an older object": ("openai", {"input": 10, "output": 20, "total": 30}, Usage(fresh=10, output=20)),
    "the oldest": ("openai", {"promptTokens": 10, "completionTokens": 20}, Usage(fresh=10, output=20)),
    "OpenAI's own, not yet normalised": (
        "openai", {"prompt_tokens": 100, "completion_tokens": 9, "total_tokens": 109,
                   "prompt_tokens_details": {"cached_tokens": 64}},
        Usage(fresh=36, cache_read=64, output=9)),
    "Gemini through LangChain": (
        "google", {"input": 0, "input_modality_TEXT": 90, "output": 0, "output_modality_TEXT": 20, "total": 110},
        Usage(fresh=90, output=20)),
    "an embedding": ("openai", {"input": 4, "total": 4}, Usage(fresh=4)),
    "an output whose total shows that it is whole": (
        "openai", {"input": 10, "output": 30, "reasoning_tokens": 20, "total": 40},
        Usage(fresh=10, output=30, reasoning=20)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_details_are_disjoint(name: str) -> None:
    maker, details, expected = CASES[name]
    found = read(details, maker)
    assert found.usage == expected
    assert found.ambiguous == (name == "the same before it has a total")


@pytest.mark.parametrize(("maker", "fresh"), [("anthropic", 100), ("openai", 40)])
def test_habit_decides_last_and_says_so(maker: str, fresh: int) -> None:
    found = read({"input": 100, "output": 5, "cache_read_input_tokens": 60}, maker)
    assert (found.usage, found.ambiguous) == (Usage(fresh=fresh, cache_read=60, output=5), True)


def test_more_cached_than_given_stands_beside_it() -> None:
    found = read({"input": 100, "output": 5, "cache_read_input_tokens": 160}, "openai")
    assert (found.usage, found.ambiguous) == (Usage(fresh=100, cache_read=160, output=5), False)


def test_audio_is_counted_and_named() -> None:
    found = read({"input": 20, "input_audio_tokens": 300, "output": 5, "output_audio_tokens": 90,
                  "total": 415}, "openai")  # fmt: skip
    assert found.usage == Usage(fresh=320, output=95)
    assert found.units == {"input_audio": 300, "output_audio": 90}


def test_what_says_nothing_of_the_input_is_no_usage() -> None:
    assert read({}, "openai").usage is None
    assert read({"output": 5}, "openai").usage is None
    assert read({"pages": 3, "unit": "PAGES"}, "").usage is None
    assert read({"output": 5, "total": 25}, "").usage == Usage(fresh=20, output=5)


def test_a_count_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="input is no token count: -3"):
        read({"input": -3, "output": 1}, "openai")
