"""The simulator against bills that providers really sent."""

import csv

import polars as pl
import pytest

from costscope.levers._cache.heads import headed, learned
from costscope.levers._cache.in_force import in_force, truth
from costscope.levers.prompt_cache import PromptCache
from tests.levers.conftest import read

READ = pl.col("billing_class").cast(pl.String) == "cache_read"


@pytest.fixture(scope="module")
def openai(shared, tmp_path_factory):
    """The runs of iso_bench that OpenAI billed."""
    with (shared / "iso_bench" / "INDEX.csv").open() as file:
        names = [row["file"] for row in csv.DictReader(file) if row["provider"] == "openai"]
    runs = (shared / "iso_bench" / "trajectories" / name for name in names)
    return read(runs, tmp_path_factory.mktemp("iso"))


def test_openai_runs_are_foreseen_from_earlier_ones(openai):
    found = PromptCache().backtest(openai)
    assert found is not None
    assert found["calls"] > 2_000
    assert abs(found["error"]) < 0.005
    assert found["calls_above_ideal"] <= 0.01
    assert 0.85 <= found["interval_coverage"] <= 0.95


def test_what_a_coding_agent_read_is_foreseen(ingested):
    work = ingested("claude_code", "**/*.jsonl")
    found = PromptCache().backtest(work)
    assert found is not None
    assert abs(found["error"]) < 0.01
    assert found["calls_above_ideal"] <= 0.01


def test_what_a_coding_agent_read_is_simulated_within_a_hundredth(ingested):
    work = ingested("claude_code", "**/*.jsonl")
    billed = work.parts.filter(READ)["tokens"].sum()
    known = truth(work)
    ideal = headed(known, learned(known))["ideal"].sum()
    settled = in_force(work).parts.filter(READ)["tokens"].sum()
    assert billed == 77_328_535
    assert abs(ideal / billed - 1) < 0.01
    assert abs(settled / billed - 1) < 0.01


def test_the_two_full_misses_of_a_coding_agent_are_gaps_longer_than_the_lifetime(ingested):
    known = truth(ingested("claude_code", "**/*.jsonl"))
    known = headed(known, learned(known)).sort("cluster", "sent")
    gap = (pl.col("sent") - pl.col("sent").shift(1).over("cluster")) // 1_000_000
    missed = known.with_columns(gap=gap).filter((pl.col("gap") > 300) & (pl.col("billed") == 0))
    assert sorted(missed["gap"].to_list()) == [1_150, 15_075]
    assert missed["life"].to_list() == ["5m", "5m"]
    assert missed["ideal"].to_list() == [0, 0]
