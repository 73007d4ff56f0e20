"""Real logs with known truths. Nothing was tuned to them; they are skipped where they are missing."""

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from costscope import pipeline
from costscope.filters import Filters

from .conftest import SHARED, bill_of, needs_shared, settings

pytestmark = needs_shared


def test_claude_code_transcripts(tmp_path: Path) -> None:
    found = settings(tmp_path)
    logs = [str(SHARED / "data" / "claude_code")]
    first = pipeline.ingest(logs, found).data
    assert (first["calls"], first["new_calls"], first["skipped"]) == (899, 899, 0)
    assert pipeline.ingest(logs, found).data["new_calls"] == 0
    with pipeline.opened(found.db, []) as store:
        tokens = pipeline.bill(store, found, Filters()).data["totals"]["tokens"]
    assert tokens == {
        "fresh": 9_141, "cache_read": 77_328_535, "cache_write_5m": 1_297_908, "cache_write_30m": 0,
        "cache_write_1h": 767_767, "cache_write_12h": 0, "output": 195_794, "reasoning": 0,
    }  # fmt: skip


def expanded(tmp_path: Path, provider: str, files: int) -> Path:
    folder = tmp_path / provider
    tool = SHARED / "tools" / "expand_trajectories.py"
    subprocess.run(
        [sys.executable, str(tool), str(SHARED / "data" / "iso_bench"), str(folder),
         "--provider", provider, "--files", str(files)],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def index() -> dict[str, dict[str, str]]:
    with (SHARED / "data" / "iso_bench" / "INDEX.csv").open() as file:
        return {row["file"].removesuffix(".json.gz"): row for row in csv.DictReader(file)}


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_totals_per_run_equal_the_index(
    tmp_path: Path, provider: str, index: dict[str, dict[str, str]]
) -> None:
    data = bill_of(tmp_path, expanded(tmp_path, provider, 3), group_by=("session",))
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


def test_the_input_that_no_text_explains_is_unattributed(tmp_path: Path) -> None:
    data = bill_of(tmp_path, expanded(tmp_path, "openai", 3))
    segments = data["totals"]["segments"]
    assert segments["tools"]["tokens"] == 0  # never logged, so never made up
    assert segments["unattributed"]["tokens"] > 0
    assert segments["history"]["tokens"] > segments["query"]["tokens"] > 0


def test_caching_is_back_tested_where_it_was_billed(tmp_path: Path) -> None:
    found = settings(tmp_path)
    with pipeline.opened(found.db, [str(expanded(tmp_path, "openai", 20))]) as store:
        report = pipeline.simulate(store, found, Filters(), pipeline.levers(found, ["cache"]))
    (lever,) = report.data["levers"]
    assert abs(lever["backtest"]["error"]) < 0.03
    assert lever["backtest"]["calls_above_ideal"] < 0.02
    assert lever["backtest"]["predicted_cached_tokens"] <= lever["backtest"]["ideal_cached_tokens"]


def test_caching_is_worth_most_of_the_bill_of_an_agent_that_caches_nothing(tmp_path: Path) -> None:
    found = settings(tmp_path)
    with pipeline.opened(found.db, [str(expanded(tmp_path, "anthropic", 3))]) as store:
        report = pipeline.simulate(store, found, Filters(), pipeline.levers(found, ["cache"]))
    (lever,) = report.data["levers"]
    assert float(lever["saved_alone_usd"]) > 0.5 * float(report.data["baseline"]["cost_usd"])
    assert lever["evidence"]
    assert lever["backtest"] == {}
