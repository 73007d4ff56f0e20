"""A small usage table, and the rule that decides what its input counts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.model import Usage
from tests.readers.reading import call, one, reason, spoken, told

FULL = {
    "request_id": "r-1", "ts": 1793600488766, "Model": "gpt-4.1-mini", "promptTokens": 579,
    "completion tokens": "102", "total_tokens": 681.0, "cached_tokens": 128, "service_tier": "batch",
    "cost_usd": "0.0000987", "duration_s": 1.5, "feature": "labels", "department": "growth",
    "customer": 12.0, "prompt_template": "label", "prompt_version": "v2", "env": "prod", "retries": 0,
    "prompt": "Say it.", "system_prompt": "Be kind.", "completion": '{"a": 1}', "notes": "x" * 300,
    "temperature": "0.5", "finish_reason": "stop", "metadata": {"region": "eu", "shard": 7},
}  # fmt: skip


def test_a_whole_row() -> None:
    assert told(call("rows", FULL)) == {
        "call_id": "r-1",
        "sent_at": 1793600488_766_000,
        "latency_us": 1_500_000,
        "provider": "openai",
        "region": "eu",
        "model": "gpt-4.1-mini",
        "tier": "batch",
        "finish_reason": "stop",
        "feature": "labels",
        "team": "growth",
        "tenant": "12",
        "template": "label",
        "template_version": "v2",
        "tags": {"env": "prod", "retries": "0", "shard": "7"},
        "temperature": 0.5,
        "usage": {"fresh": 451, "cache_read": 128, "output": 102},
        "reported_pd": 98_700_000,
    }


def test_its_texts() -> None:
    assert spoken(call("rows", FULL)) == [
        ("system", "text", "Be kind."), ("user", "text", "Say it."), ("assistant", "text", '{"a": 1}'),
    ]  # fmt: skip


def test_messages_may_be_a_list_or_its_json_text() -> None:
    row = {"model": "m", "input_tokens": 5}
    said = [("user", "text", "hi")]
    listed = [{"role": "user", "content": "hi"}]
    assert spoken(call("rows", {**row, "messages": listed})) == said
    assert spoken(call("rows", {**row, "prompt": '[{"role": "user", "content": "hi"}]'})) == said
    assert spoken(call("rows", {**row, "prompt": '{"role": "x"}'})) == [
        ("user", "text", '{"role": "x"}')
    ]


def buckets(**row: Any) -> dict[str, int]:
    found: dict[str, int] = told(call("rows", {"model": "unheard-of", **row}))["usage"]
    return found


INCLUSIVE = {"fresh": 30, "cache_read": 70, "output": 10}
EXCLUSIVE = {"fresh": 100, "cache_read": 70, "output": 10}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"total_tokens": 110}, INCLUSIVE),
        ({"total_tokens": 110, "model": "claude-x"}, INCLUSIVE),
        ({"total_tokens": 180}, EXCLUSIVE),
        ({"total_tokens": 180, "model": "gpt-4o"}, EXCLUSIVE),
        ({"model": "claude-x"}, EXCLUSIVE),
        ({"model": "gpt-4o"}, INCLUSIVE),
        ({"provider": "anthropic"}, EXCLUSIVE),
        ({"total_tokens": "n/a", "model": "gpt-4o"}, INCLUSIVE),
        ({"total_tokens": 5, "model": "gpt-4o"}, INCLUSIVE),
    ],
)
def test_the_total_decides_then_the_maker(row: dict[str, Any], expected: dict[str, int]) -> None:
    assert buckets(input_tokens=100, output_tokens=10, cache_read_tokens=70, **row) == expected


def test_more_cached_than_put_in_shows_that_it_stands_beside() -> None:
    found = buckets(input_tokens=5, output_tokens=1, cached_tokens=70, model="gpt-4o")
    assert found == {"fresh": 5, "cache_read": 70, "output": 1}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"cache_creation_input_tokens": 9, "input_tokens": 1, "model": "claude-x"},
         {"fresh": 1, "cache_write_5m": 9}),
        ({"cache_creation_input_tokens": 9, "cache_write_1h_tokens": 4, "input_tokens": 1, "model": "claude"},
         {"fresh": 1, "cache_write_5m": 5, "cache_write_1h": 4}),
        ({"cache_write_tokens": 9, "cache_write_1h": 20, "input_tokens": 1, "model": "claude-x"},
         {"fresh": 1, "cache_write_5m": 9, "cache_write_1h": 20}),
        ({"cache_write_tokens": 9, "input_tokens": 10, "model": "gpt-5.6"},
         {"fresh": 1, "cache_write_30m": 9}),
        ({"uncached_input_tokens": 7, "cache_read_tokens": 3, "output_tokens": 2},
         {"fresh": 7, "cache_read": 3, "output": 2}),
        ({"output_tokens": 4, "total_tokens": 10}, {"fresh": 6, "output": 4}),
        ({"input_tokens": 4, "total_tokens": 10}, {"fresh": 4, "output": 6}),
        ({"prompt_tokens": 8}, {"fresh": 8}),
        ({"input_tokens": 3, "output_tokens": 10, "thinking_tokens": 6},
         {"fresh": 3, "output": 10, "reasoning": 6}),
        ({"input_tokens": 3, "output_tokens": 10, "reasoning_tokens": 6, "total_tokens": 19},
         {"fresh": 3, "output": 16, "reasoning": 6}),
        ({"usage.prompt_tokens": 5, "usage.completion_tokens": 2,
          "usage.prompt_tokens_details.cached_tokens": 4, "model": "gpt-4o"},
         {"fresh": 1, "cache_read": 4, "output": 2}),
        ({"usage": {"inputTokens": 5, "outputTokens": 2, "cacheReadInputTokens": 1, "totalTokens": 8}},
         {"fresh": 5, "cache_read": 1, "output": 2}),
    ],
)  # fmt: skip
def test_columns_by_their_usual_names(row: dict[str, Any], expected: dict[str, int]) -> None:
    assert buckets(**row) == expected


@given(
    st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6),
    st.booleans(),
)  # fmt: skip
def test_a_total_makes_the_buckets_add_up_to_it(
    fresh: int, read: int, write: int, output: int, inside: bool
) -> None:
    given = fresh + read + write if inside else fresh
    found = buckets(
        input_tokens=given, cache_read_tokens=read, cache_write_tokens=write, output_tokens=output,
        total_tokens=fresh + read + write + output, model="gpt-4o",
    )  # fmt: skip
    assert sum(found.values()) == fresh + read + write + output
    assert found.get("fresh", 0) == fresh


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"input_tokens": -1}, "input_tokens is no token count: -1"),
        ({"input_tokens": True}, "input_tokens is no token count: True"),
        ({"promptTokens": 1.5}, "promptTokens is no token count: 1.5"),
        ({"input_tokens": "many"}, "input_tokens is no token count: 'many'"),
        ({"input_tokens": [1]}, "input_tokens is no token count: [1]"),
        ({"input_tokens": 2**40}, "input_tokens is no token count: 1099511627776"),
        ({"input_tokens": 1, "output_tokens": "x" * 99}, "output_tokens is no token count: 'xxxx"),
        ({"input_tokens": 5, "cached_tokens": 9, "total_tokens": 5},
         "cached tokens 9 exceed the input of 5"),
        ({"output_tokens": 5}, "the row does not count its input tokens"),
        ({"input_tokens": None, "output_tokens": 5}, "the row does not count its input tokens"),
        (b'{"model": "m", "input_tokens": NaN, "output_tokens": 5}', "the row does not count"),
        ({}, "not a record of the rows format"),
    ],
)  # fmt: skip
def test_a_broken_count_is_a_skip_that_names_it(row: Any, why: str) -> None:
    record = row if isinstance(row, bytes) else {"model": "m", **row}
    assert reason("rows", record).startswith(why)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timestamp", "yesterday"), ("timestamp", [1]), ("timestamp", True), ("latency_ms", "fast"),
        ("cost_usd", "a lot"), ("cost_usd", -3), ("cost_usd", 1e300), ("temperature", "warm"),
        ("temperature", {}), ("feature", {"a": 1}), ("user", None), ("tags", 3), ("metadata", "x"),
        ("status", []), ("id", {}), ("session_id", [1]), ("finish_reason", 3), ("messages", "x"),
        ("service_tier", 5), ("total_tokens", "?"), ("status_code", "OK"), ("prompt", 3),
    ],
)  # fmt: skip
def test_an_odd_value_in_another_field_loses_no_call(field: str, value: Any) -> None:
    row = {"model": "m", "input_tokens": 3, "output_tokens": 1}
    found = call("rows", {**row, field: value})
    assert told(found)["usage"] == {"fresh": 3, "output": 1}
    assert found.sent_at is None
    assert found.reported_pd is None
    assert found.temperature is None


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "ok"), ({"status": "success"}, "ok"), ({"status": 200}, "ok"), ({"status": "200"}, "ok"),
        ({"status": "failed"}, "error"), ({"status": 429}, "error"), ({"http_status": 500}, "error"),
        ({"error": "timeout"}, "error"), ({"error": None}, "ok"), ({"error": ""}, "ok"),
        ({"status": "Cancelled"}, "cancelled"),
    ],
)  # fmt: skip
def test_how_it_ended(fields: dict[str, Any], status: str) -> None:
    assert call("rows", {"model": "m", "input_tokens": 1, **fields}).status == status


def test_a_failed_row_without_counts_cost_nothing() -> None:
    found = call("rows", {"model": "m", "prompt_tokens": None, "status": "error", "prompt": "x"})
    assert told(found)["usage"] == {}


def test_a_row_with_text_and_no_counts_is_estimated() -> None:
    assert call("rows", {"model": "m", "prompt_tokens": None, "prompt": "x"}).usage is None


def test_deep_nesting_is_a_skip() -> None:
    deep = b'{"model": "m", "input_tokens": 1, "x": ' + b"[" * 50_000 + b"]" * 50_000 + b"}"
    assert reason("rows", deep) == "the JSON is nested too deeply"


def test_half_a_surrogate_pair_and_nan_are_mended() -> None:
    raw = (
        b'{"model": "m", "input_tokens": 1, "feature": "a\\ud83d", "x": NaN, "prompt": "b\\ud83d"}'
    )
    found = call("rows", raw)
    assert found.feature == "a?"
    assert spoken(found) == [("user", "text", "b?")]


def test_the_last_of_equal_keys_counts() -> None:
    assert told(one("rows", b'{"model": "m", "input_tokens": 1, "input_tokens": 2}'))["usage"] == {  # type: ignore[arg-type]
        "fresh": 2
    }


@pytest.mark.parametrize("nested", [True, False])
def test_counts_in_detail_are_read_wherever_they_stand(nested: bool) -> None:
    counts = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120,
              "prompt_tokens_details": {"cached_tokens": 64, "audio_tokens": 10},
              "completion_tokens_details": {"reasoning_tokens": 5}}  # fmt: skip
    found = call("rows", {"model": "gpt-4o", **({"usage": counts} if nested else counts)})
    assert found.usage == Usage(fresh=36, cache_read=64, output=20, reasoning=5)
    assert (found.units, found.ambiguous) == ({"input_audio": 10}, False)


def test_a_row_says_where_only_habit_told_its_convention() -> None:
    row = {"model": "gpt-4o", "input_tokens": 100, "cache_read_tokens": 64, "output_tokens": 5}
    assert call("rows", row).ambiguous
    assert not call("rows", {**row, "total_tokens": 105}).ambiguous


def test_a_row_may_count_server_tools() -> None:
    row = {
        "model": "claude-opus-5",
        "input_tokens": 5,
        "output_tokens": 5,
        "web_search_requests": 2,
    }
    assert call("rows", row).units == {"web_search": 2}
