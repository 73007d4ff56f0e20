"""Real logs with known truths. Nothing was tuned to them; they are skipped where they are missing."""

import csv
from collections.abc import Callable
from typing import Any

import pytest

from costscope import pipeline
from costscope.config import Config
from costscope.filters import Filters

from .conftest import SHARED, needs_shared

pytestmark = needs_shared
Runs = Callable[[str, int], Config]


def test_claude_code_transcripts(claude_code: tuple[dict[str, Any], Config]) -> None:
    first, found = claude_code
    logs = [str(SHARED / "data" / "claude_code")]
    assert (first["calls"], first["new_calls"], first["skipped"]) == (899, 899, 0)
    assert pipeline.ingest(logs, found).data["new_calls"] == 0
    with pipeline.opened(found.db, []) as store:
        tokens = pipeline.bill(store, found, Filters()).data["totals"]["tokens"]
    assert tokens == {
        "fresh": 9_141, "cache_read": 77_328_535, "cache_write_5m": 1_297_908, "cache_write_30m": 0,
        "cache_write_1h": 767_767, "cache_write_12h": 0, "output": 195_794, "reasoning": 0,
    }  # fmt: skip


def bill_of(found: Config, *group_by: str) -> dict[str, Any]:
    with pipeline.opened(found.db, []) as store:
        return dict(pipeline.bill(store, found, Filters(), group_by).data)


def with_caching(found: Config) -> dict[str, Any]:
    with pipeline.opened(found.db, []) as store:
        return dict(
            pipeline.simulate(store, found, Filters(), pipeline.levers(found, ["cache"])).data
        )


@pytest.fixture(scope="module")
def index() -> dict[str, dict[str, str]]:
    with (SHARED / "data" / "iso_bench" / "INDEX.csv").open() as file:
        return {row["file"].removesuffix(".json.gz"): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_totals_per_run_equal_the_index(
    runs: Runs, provider: str, index: dict[str, dict[str, str]]
) -> None:
    data = bill_of(runs(provider, 3), "session")
    assert len(data["groups"]) == 3
    for group in data["groups"]:
        assert _figures(group) == _expected(index[group["key"]["session"]])


def _figures(group: dict[str, Any]) -> tuple[int, ...]:
    tokens = group["tokens"]
    prompt = tokens["fresh"] + tokens["cache_read"]
    return group["calls"], prompt, tokens["cache_read"], tokens["output"], tokens["reasoning"]


def _expected(row: dict[str, str]) -> tuple[int, ...]:
    names = ("calls", "input_tokens", "cache_read", "output_tokens", "reasoning")
    return tuple(int(row[name] or 0) for name in names)


def test_the_input_that_no_text_explains_is_unattributed(runs: Runs) -> None:
    data = bill_of(runs("openai", 3))
    segments = data["totals"]["segments"]
    assert segments["tools"]["tokens"] == 0  # never logged, so never made up
    assert segments["unattributed"]["tokens"] > 0
    assert segments["history"]["tokens"] > segments["query"]["tokens"] > 0


def test_caching_is_back_tested_where_it_was_billed(runs: Runs) -> None:
    (lever,) = with_caching(runs("openai", 20))["levers"]
    assert abs(lever["backtest"]["error"]) < 0.03
    assert lever["backtest"]["calls_above_ideal"] < 0.02
    assert lever["backtest"]["predicted_cached_tokens"] <= lever["backtest"]["ideal_cached_tokens"]


def test_caching_is_worth_most_of_the_bill_of_an_agent_that_caches_nothing(runs: Runs) -> None:
    data = with_caching(runs("anthropic", 3))
    (lever,) = data["levers"]
    assert float(lever["saved_alone_usd"]) > 0.5 * float(data["baseline"]["cost_usd"])
    assert lever["evidence"]
    assert lever["backtest"] == {}
