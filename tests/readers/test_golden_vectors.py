"""The golden vectors of billing.md, section 8, that are usage objects: 2, 3, 8, 9 and 10."""

import pytest

from costscope.model import Usage
from costscope.readers import _usage
from costscope.readers._counts import Normalised


def responses(given: int, cached: int, written: int) -> Normalised:
    detail = {"cached_tokens": cached, "cache_write_tokens": written}
    found = {"input_tokens": given, "output_tokens": 9, "total_tokens": given + 9}
    return _usage.read({**found, "input_tokens_details": detail}, "openai")


def test_golden_1_usage_of_openai_56_before_and_after() -> None:
    assert responses(12_000, 0, 12_000).usage == Usage(cache_write_30m=12_000, output=9)
    assert responses(15_000, 12_000, 3_000).usage == Usage(
        cache_read=12_000, cache_write_30m=3_000, output=9
    )


def test_golden_2_three_tokens_are_neither_read_nor_written() -> None:
    assert responses(18_014, 0, 18_011).usage == Usage(fresh=3, cache_write_30m=18_011, output=9)
    assert responses(18_014, 18_011, 0).usage == Usage(fresh=3, cache_read=18_011, output=9)


def test_golden_2_the_same_in_chat_completions() -> None:
    found = {"prompt_tokens": 9_657, "completion_tokens": 1, "total_tokens": 9_658,
             "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 9_654}}  # fmt: skip
    assert _usage.of(found, "openai") == Usage(fresh=3, cache_write_30m=9_654, output=1)


@pytest.mark.parametrize(("given", "cached"), [(2_006, 1_920), (12_033, 11_904), (1_566, 1_408)])
def test_golden_3_older_models_report_multiples_of_128(given: int, cached: int) -> None:
    found = {"prompt_tokens": given, "completion_tokens": 300, "total_tokens": given + 300,
             "prompt_tokens_details": {"cached_tokens": cached}}  # fmt: skip
    assert cached % 128 == 0
    assert _usage.of(found, "openai") == Usage(fresh=given - cached, cache_read=cached, output=300)


def test_golden_8_geminis_thoughts_stand_beside_its_candidates() -> None:
    found = {"promptTokenCount": 3, "candidatesTokenCount": 900, "thoughtsTokenCount": 1_054,
             "totalTokenCount": 1_957}  # fmt: skip
    assert _usage.read(found, "google") == Normalised(Usage(fresh=3, output=1_954, reasoning=1_054))


def test_golden_9_xai_counts_cached_tokens_as_prompt() -> None:
    found = {"prompt_tokens": 125, "completion_tokens": 48, "total_tokens": 173,
             "prompt_tokens_details": {"cached_tokens": 98}}  # fmt: skip
    assert _usage.read(found, "xai") == Normalised(Usage(fresh=27, cache_read=98, output=48))


def test_golden_10_openrouter_counts_reads_and_writes_as_prompt() -> None:
    found = {"prompt_tokens": 10_339, "completion_tokens": 60, "total_tokens": 10_399,
             "prompt_tokens_details": {"cached_tokens": 10_318, "cache_write_tokens": 0}}  # fmt: skip
    assert _usage.read(found, "anthropic") == Normalised(
        Usage(fresh=21, cache_read=10_318, output=60)
    )
