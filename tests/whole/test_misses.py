"""Why caches miss in whole logs: what was planted in the sample logs, and what happened in real ones."""

import json
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

from .conftest import needs_shared, settings


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


def talk(turns: int, missed: int = -1, **last: Any) -> list[dict[str, Any]]:
    """A conversation with Claude: 2,000 tokens, and 200 more a turn. The turn `missed` is billed as if
    nothing were cached; `last` is what its response has beside."""
    said: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    for turn in range(turns):
        asked = {"type": "text", "text": f"Question {turn}: " + "why does the pump stop? " * 15}
        said = [*said, {"role": "user", "content": [asked]}]
        marked = {"role": "user", "content": [asked | {"cache_control": {"type": "ephemeral"}}]}
        length, found = 2_000 + 200 * turn, turn > 0 and turn != missed
        read = length - 200 if found else 0
        records.append({
            "timestamp": f"2026-11-02T09:{turn:02}:00Z",
            "metadata": {"session": "s1", "feature": "desk"},
            "request": {"model": "claude-sonnet-4-5", "messages": [*said[:-1], marked],
                        "system": "You look after pumps. " * 400},
            "response": {
                "id": f"msg_01Pump{turn:04}", "type": "message", "role": "assistant",
                "model": "claude-sonnet-4-5", "stop_reason": "end_turn",
                "content": [{"type": "text", "text": f"Reason {turn}."}],
                "usage": {"input_tokens": 3, "cache_read_input_tokens": read,
                          "cache_creation_input_tokens": length - read, "output_tokens": 5},
                **(last if turn == missed else {}),
            },
        })  # fmt: skip
        said = [*said, {"role": "assistant", "content": records[-1]["response"]["content"]}]
    return records


def misses_of(folder: Path, records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    log, config = folder / "log.jsonl", settings(folder)
    log.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pipeline.opened(config.db, [str(log)]) as store:
        return list(simulated(store, config, "cache").data["misses"])


def test_the_providers_own_reason_is_named(tmp_path: Path) -> None:
    """Whatever changed is not in the log, but the response says that it did."""
    reason = {"cache_miss_reason": {"type": "tools_changed", "cache_missed_input_tokens": 2_500}}
    (found,) = misses_of(tmp_path, talk(6, missed=4, diagnostics=reason))
    assert (found["cause"], found["where"]) == ("provider_reason", "tools_changed (1)")
    assert found["evidence"] == ["msg_01Pump0004"]
    # The turn before it was billed for 2,603 tokens.
    assert found["tokens"] == pytest.approx(2_600, abs=3)


def test_without_a_reason_such_a_miss_has_no_cause(tmp_path: Path) -> None:
    assert misses_of(tmp_path, talk(6, missed=4)) == []


def test_a_switch_of_settings_is_named(tmp_path: Path) -> None:
    """Every second turn must use a tool: the messages of either kind are cached for that kind only, and
    the bill shows what was read of them."""
    records = talk(8, missed=-1)
    for turn, record in enumerate(records):
        if turn % 2:
            record["request"]["tool_choice"] = {"type": "any"}
        usage, before = record["response"]["usage"], 2_000 + 200 * (turn - 2)
        read = before if turn >= 2 else 0
        whole = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
        usage |= {"cache_read_input_tokens": read, "cache_creation_input_tokens": whole - read}
    (found,) = misses_of(tmp_path, records)
    assert (found["cause"], found["where"]) == ("settings_switch", "2 sets of settings")
    # Seven turns could have read 200 tokens more, and the first of the second kind all before it.
    assert found["tokens"] == pytest.approx(6 * 200 + 2_000, rel=0.05)


@needs_shared
def test_the_two_full_misses_of_claude_code_are_gaps(
    claude_code: tuple[dict[str, Any], Config],
) -> None:
    """Gaps of 1,142 and 15,066 seconds, after marks of five minutes."""
    _, config = claude_code
    with pipeline.opened(config.db, []) as store:
        misses = simulated(store, config, "cache").data["misses"]
    gaps = next(m for m in misses if m["cause"] == "ttl_gap")
    assert gaps["feature"] == "claude-code/main"
    full = {"msg_01HAkCHcAbrPyd6qDNDPeFda", "msg_017XK9f9QmMmR4ChjwJ3qdKh"}
    assert set(gaps["evidence"][:2]) == full
    assert 150_000 < gaps["tokens"] < 185_000
