"""Usage objects in every vocabulary, against billing.md's table."""

from typing import Any

import pytest

from costscope.model import Usage
from costscope.readers import _usage


def chat(prompt: int, output: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    found = {"prompt_tokens": prompt, "completion_tokens": output, **more}
    return found if total is None else {**found, "total_tokens": total}


@pytest.mark.parametrize(
    ("found", "maker", "expected"),
    [
        (chat(100, 10, prompt_tokens_details={"cached_tokens": 64}), "openai",
         Usage(fresh=36, cache_read=64, output=10)),
        (chat(100, 10, prompt_tokens_details=None, completion_tokens_details=None), "openai",
         Usage(fresh=100, output=10)),
        (chat(100, 10, prompt_cache_hit_tokens=64, prompt_cache_miss_tokens=36), "deepseek",
         Usage(fresh=36, cache_read=64, output=10)),
        (chat(100, 10, cached_tokens=64), "moonshot", Usage(fresh=36, cache_read=64, output=10)),
        (chat(32, 9, 135, completion_tokens_details={"reasoning_tokens": 94}), "xai",
         Usage(fresh=32, output=103, reasoning=94)),
        (chat(32, 103, 135, completion_tokens_details={"reasoning_tokens": 94}), "openai",
         Usage(fresh=32, output=103, reasoning=94)),
        (chat(100, 10, prompt_tokens_details={"cached_tokens": 50, "cache_write_tokens": 30}), "anthropic",
         Usage(fresh=20, cache_read=50, cache_write_5m=30, output=10)),
        (chat(100, 10, prompt_tokens_details={"cache_write_tokens": 30}), "",
         Usage(fresh=70, cache_write_30m=30, output=10)),
        (chat(100, 10, 110, cache_read_input_tokens=50, cache_creation_input_tokens=30,
              prompt_tokens_details={"cached_tokens": 50, "cache_creation_tokens": 30,
                                     "cache_creation_token_details": {"ephemeral_1h_input_tokens": 10}}),
         "anthropic", Usage(fresh=20, cache_read=50, cache_write_5m=20, cache_write_1h=10, output=10)),
        (chat(20, 10, 110, cache_read_input_tokens=50, cache_creation_input_tokens=30), "anthropic",
         Usage(fresh=20, cache_read=50, cache_write_5m=30, output=10)),
        (chat(8, 0, 8), "openai", Usage(fresh=8)),
        ({"prompt_tokens": 8, "total_tokens": 8}, "openai", Usage(fresh=8)),
        ({"prompt_tokens": 8, "total_tokens": 11}, "openai", Usage(fresh=8, output=3)),
        ({"completion_tokens": 3, "total_tokens": 11}, "openai", Usage(fresh=8, output=3)),
        ({"completion_tokens": 3}, "openai", None),
        (chat(5, 2, completion_tokens_details={"reasoning_tokens": 9}), "openai",
         Usage(fresh=5, output=2, reasoning=2)),
        ({"input_tokens": 5, "output_tokens": 2}, "openai", Usage(fresh=5, output=2)),
        ({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 9}, "anthropic",
         Usage(fresh=5, cache_read=9, output=2)),
        ({"input_tokens": 50, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 40}}, "openai",
         Usage(fresh=10, cache_read=40, output=2)),
        ({"input_tokens": 50, "output_tokens": 2, "input_tokens_details": None}, "openai",
         Usage(fresh=50, output=2)),
        ({"input_tokens": None, "output_tokens": 2}, "anthropic", None),
        ({}, "openai", None),
    ],
)  # fmt: skip
def test_the_words_of_a_usage_tell_its_convention(
    found: dict[str, Any], maker: str, expected: Usage | None
) -> None:
    assert _usage.of(found, maker) == expected
