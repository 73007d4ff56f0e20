"""OpenRouter's generation rows: native counts are billed, the others are not."""

from typing import Any

import pytest

from costscope.model import Usage
from tests.readers.reading import call, reason, told

ROW: dict[str, Any] = {
    "id": "gen-1", "created_at": "2026-11-02T06:21:28Z", "model": "anthropic/claude-haiku-4.5",
    "provider_name": "Anthropic", "is_byok": False, "total_cost": 0.002, "upstream_inference_cost": 0.0018,
    "latency": 420, "generation_time": 1300, "tokens_prompt": 9000, "tokens_completion": 300,
    "native_tokens_prompt": 10339, "native_tokens_completion": 320, "native_tokens_reasoning": 100,
    "native_tokens_cached": 10318, "native_tokens_cache_creation": 0, "finish_reason": "stop",
}  # fmt: skip


@pytest.mark.parametrize("record", [ROW, {"data": ROW}])
def test_a_whole_row(record: dict[str, Any]) -> None:
    assert told(call("openrouter", record)) == {
        "call_id": "gen-1", "sent_at": 1793600488_000_000, "latency_us": 420_000,
        "provider": "anthropic", "channel": "openrouter", "model": "anthropic/claude-haiku-4.5",
        "finish_reason": "stop", "tags": {"upstream": "Anthropic"}, "reported_pd": 2_000_000_000,
        "usage": {"fresh": 21, "cache_read": 10318, "output": 320, "reasoning": 100},
    }  # fmt: skip


def test_writes_live_as_long_as_the_makers_do() -> None:
    row = {**ROW, "native_tokens_cached": 300, "native_tokens_cache_creation": 39}
    assert call("openrouter", row).usage == Usage(10_000, 300, 39, output=320, reasoning=100)
    other = call("openrouter", {**row, "model": "openai/gpt-5.6-sol"}).usage
    assert other == Usage(10_000, 300, 0, 39, output=320, reasoning=100)


def test_counts_of_another_tokenizer_serve_where_there_are_no_native_ones() -> None:
    row = {**ROW, **dict.fromkeys([n for n in ROW if n.startswith("native")])}
    assert call("openrouter", row).usage == Usage(fresh=9000, output=300)
    row |= {"tokens_prompt": None}
    assert call("openrouter", row).usage is None


@pytest.mark.parametrize(
    ("byok", "cost"), [(False, 2_000_000_000), (True, 3_800_000_000), (None, 2_000_000_000)]
)
def test_with_a_key_of_ones_own_the_provider_bills_as_well(byok: bool | None, cost: int) -> None:
    assert call("openrouter", {**ROW, "is_byok": byok}).reported_pd == cost


def test_what_was_cancelled_or_searched_or_served_otherwise() -> None:
    row = {**ROW, "cancelled": True, "billable_web_search_calls": 2, "service_tier": "flex",
           "external_user": "u", "latency": None}  # fmt: skip
    found = call("openrouter", row)
    assert (found.status, found.units, found.tier, found.user_id, found.latency_us) == (
        "cancelled", {"web_search": 2}, "flex", "u", 1_300_000,
    )  # fmt: skip


def test_a_bad_count_is_a_skip_that_says_so() -> None:
    assert "native_tokens_prompt is no token count" in reason(
        "openrouter", {**ROW, "native_tokens_prompt": -1}
    )


@pytest.mark.parametrize("record", [
    {"data": 5}, {"model": "a", "tokens_prompt": 5}, {k: v for k, v in ROW.items() if k != "model"}, [1],
])  # fmt: skip
def test_other_rows_are_not_its_own(record: Any) -> None:
    assert reason("openrouter", record).startswith("not a record of")
