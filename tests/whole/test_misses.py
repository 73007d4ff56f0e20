"""Why caches miss in whole logs: what was planted in the sample logs, and what happened in real ones."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costscope import pipeline
from costscope.config import Config
from costscope.filters import Filters
from costscope.model import Report
from costscope.renderers.json import Json
from costscope.store import Store

from .conftest import SHARED, needs_shared, settings

CLAUDE_CODE = SHARED / "data" / "claude_code"


def simulated(store: Store, config: Config, flag: str) -> Report:
    return pipeline.simulate(store, config, Filters(), pipeline.levers(config, [flag]))


@pytest.fixture(scope="module")
def sample_report(sample_store: tuple[Store, Config]) -> Report:
    return simulated(*sample_store, "cache")


def test_the_planted_clock_is_the_dearest_cause(sample_report: Report) -> None:
    found: dict[str, Any] = sample_report.data["misses"][0]
    assert (found["cause"], found["feature"]) == ("volatile", "support-chat")
    assert found["where"].startswith("system block 1, span 1, at token")
    assert found["kind"] == "timestamp"
    assert all(text.startswith("Current time: 2026-11-") for text in found["variants"])
    assert len(set(found["variants"])) == 2
    # By the samples' own README, 499 calls follow another within half an hour and share 1,167 tokens.
    assert 450 <= found["calls"] <= 600
    assert 600 <= found["tokens"] / found["calls"] <= 1_167
    assert Decimal("0.3") < Decimal(found["cost_usd"]) < Decimal("0.7")
    assert found["recoverable_usd"] == found["cost_usd"]


def test_nothing_volatile_is_found_where_nothing_was_planted(sample_report: Report) -> None:
    causes = {(m["cause"], m["feature"]) for m in sample_report.data["misses"]}
    assert {feature for cause, feature in causes if cause != "ttl_gap"} == {"support-chat"}


def test_people_see_both_variants_side_by_side(sample_report: Report) -> None:
    assert [table.title for table in sample_report.tables][-1] == "Why caches miss"
    assert any("(timestamp): Current time: 2026" in note for note in sample_report.notes)
    assert b"misses_unexplained" in Json().render(sample_report).encode()


def test_other_levers_say_nothing_of_misses(sample_store: tuple[Store, Config]) -> None:
    assert "misses" not in simulated(*sample_store, "batch").data


@needs_shared
def test_the_two_full_misses_of_claude_code_are_gaps(tmp_path: Path) -> None:
    """Gaps of 1,142 and 15,066 seconds, after marks of five minutes."""
    config = settings(tmp_path)
    with pipeline.opened(config.db, [str(CLAUDE_CODE)]) as store:
        misses = simulated(store, config, "cache").data["misses"]
    gaps = next(m for m in misses if m["cause"] == "ttl_gap")
    assert gaps["feature"] == "claude-code/main"
    full = {"msg_01HAkCHcAbrPyd6qDNDPeFda", "msg_017XK9f9QmMmR4ChjwJ3qdKh"}
    assert set(gaps["evidence"][:2]) == full
    assert 150_000 < gaps["tokens"] < 185_000
