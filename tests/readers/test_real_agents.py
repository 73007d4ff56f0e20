"""Agents' own files against counts that were made without the readers. Skipped where they are missing."""

import json
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from costscope.errors import InputError
from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped
from costscope.readers.interface import Reader
from costscope.sources import Record, identify, records

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
FIXTURES = DATA / "coding_agents" / "Fixtures"
AGENTS = FIXTURES / "stage0" / "agents"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real logs (../shared) are not on this machine"
)
NO_LOGS = (
    "agent-a0ad4f44468bdf20d.meta.json", "summary.json", "state.json", "assistant_tools.state.json",
    "m_assistant_small/002.json", "m_user_small/001.json", "results.json", "test_skeleton/empty.json",
    "MockAirlineDomainEnv-few_shot.jsonl", "MockRetailDomainEnv-few_shot.jsonl",
)  # fmt: skip
"""Notes of the agents beside their sessions, and parts of messages without any id."""


def read(path: Path) -> tuple[Reader, list[Record], list[Call], list[Skipped], int]:
    source = identify(str(path))
    reader = find_reader(source, "")
    raws = [r for r in records(source) if isinstance(r, Record)]
    found = list(reader.read(raws, str(path)))
    calls = [i for i in found if isinstance(i, Call)]
    skipped = [i for i in found if isinstance(i, Skipped)]
    return reader, raws, calls, skipped, sum(i.count for i in found if isinstance(i, Ignored))


def files() -> list[Path]:
    folders = ("coding_agents/Fixtures", "codex", "misc_agents", "tau_bench")
    found = [p for f in folders for p in sorted((DATA / f).rglob("*")) if p.is_file()]
    return [p for p in found if not p.name.startswith("LICENSE")]


def test_every_file_is_accounted_for_line_by_line_or_refused() -> None:
    refused: list[str] = []
    for path in files():
        try:
            _, raws, calls, skipped, ignored = read(path)
        except InputError:
            refused.append(str(path))
            continue
        told = {c.line for c in calls} | {s.line for s in skipped}
        assert len(told) + ignored == len(raws), path
        for call in calls:
            assert call.dialect is None or all(
                call.dialect("message", m) for m in call.messages[:1]
            )
    assert all(path.endswith(NO_LOGS) for path in refused)
    assert len(refused) == 11


@pytest.mark.parametrize(
    ("agent", "reader"),
    [
        ("antigravity", "antigravity"), ("claude", "claude_code"), ("copilot", "copilot_cli"),
        ("gemini", "gemini_cli"), ("kimi", "kimi_code"), ("opencode", "opencode"),
        ("openclaw", "pi"), ("pi", "pi"), ("qwen", "qwen_code"), ("hermes", "trajectory"),
        ("grok", "trajectory"), ("cursor", "trajectory"),
    ],
)  # fmt: skip
def test_each_agent_is_recognised_by_looking(agent: str, reader: str) -> None:
    paths = [p for p in (AGENTS / agent).rglob("*.json*") if not str(p).endswith(NO_LOGS)]
    assert {read(p)[0].name for p in paths} == {reader}


def _sample_events(path: Path) -> list[dict[str, Any]]:
    """The model events of an evaluation, by hand."""
    if path.suffix == ".json":
        samples = json.loads(path.read_text()).get("samples") or []
    else:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.startswith("samples/")]
            samples = [json.loads(archive.read(n)) for n in names]
    events = [s.get("events") or s.get("transcript", {}).get("events") or [] for s in samples]
    return [e for found in events for e in found if e["event"] == "model"]


def test_evaluations_equal_their_own_usage() -> None:
    total: Counter[str] = Counter()
    folder = DATA / "misc_agents" / "inspect_ai"
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix in (".json", ".eval")]
    for path in [p for p in paths if "test_skeleton" not in str(p)]:
        _, _, calls, skipped, _ = read(path)
        said = [e["output"].get("usage") or {} for e in _sample_events(path)]
        found = [c.usage for c in calls]
        assert not skipped
        assert len(found) == len(said)
        for usage, counts in zip(found, said, strict=True):
            assert (usage is None) == (not counts)
            if usage is not None:
                assert usage.output == counts["output_tokens"]
                assert usage.fresh + usage.cache_read + usage.output == counts["total_tokens"]
                assert usage.cache_read == (counts.get("input_tokens_cache_read") or 0)
                total.update(calls=1, cached=usage.cache_read, output=usage.output)
    assert total == {"calls": 54, "cached": 9088, "output": 2172}


def test_recorded_responses_equal_their_last_usage() -> None:
    seen = cached = 0
    for path in sorted((DATA / "misc_agents" / "gemini_cli").rglob("*.responses")):
        lines = [json.loads(text) for text in path.read_text().splitlines() if text.strip()]
        sent = [line for line in lines if line["method"] != "countTokens"]
        calls = read(path)[2]
        assert len(calls) == len(sent)
        for call, line in zip(calls, sent, strict=True):
            pieces = line["response"] if isinstance(line["response"], list) else [line["response"]]
            said = [p["usageMetadata"] for p in pieces if "usageMetadata" in p]
            assert (call.usage is None) == (not said)
            if call.usage is not None:
                given = call.usage.fresh + call.usage.cache_read
                tools = said[-1].get("toolUsePromptTokenCount", 0)
                assert given == said[-1]["promptTokenCount"] + tools
                assert call.usage.cache_read == said[-1].get("cachedContentTokenCount", 0)
                # One recording was edited by hand: its total is no sum of its parts.
                whole = said[-1]["totalTokenCount"] - (109 if "asian-language" in path.name else 0)
                assert given + call.usage.output == whole
                seen, cached = seen + 1, cached + bool(call.usage.cache_read)
    assert (seen, cached) == (187, 49)


def test_a_step_of_kimi_is_billed_once() -> None:
    path = AGENTS / "kimi" / "assistant_tools.jsonl"
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    said = [line["usage"] for line in lines if line["type"] == "usage.record"]
    billed = [c.usage for c in read(path)[2] if c.status == "ok" and c.usage]
    assert len(said) == len(billed) == 23
    assert sum(u.fresh for u in billed) == sum(s["inputOther"] for s in said)
    assert sum(u.cache_read for u in billed) == sum(s["inputCacheRead"] for s in said)
    assert sum(u.output for u in billed) == sum(s["output"] for s in said)


def test_every_turn_of_the_airline_trajectories_is_a_call() -> None:
    calls = read(DATA / "tau_bench" / "historical_trajectories" / "gpt-4o-airline.json")[2]
    assert (len(calls), len({c.session for c in calls}), len({c.task for c in calls})) == (
        2454,
        200,
        50,
    )
    assert all(c.usage is None and c.messages for c in calls)
