"""Real logs against counts that were made without the readers. Skipped where they are missing."""

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from costscope.ingest.find import find_reader
from costscope.model import Call, Ignored, Skipped, Usage
from costscope.sources import expand, identify, records

SHARED = Path(__file__).parent.parent.parent.parent / "shared"
pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the real logs (../shared) are not on this machine"
)


def items(folder: Path) -> list[Call | Skipped | Ignored]:
    found: list[Call | Skipped | Ignored] = []
    for path in expand([str(folder)]):
        source = identify(path)
        found += find_reader(source, "").read(records(source), path)  # type: ignore[arg-type]
    return found


def totals(calls: list[Call]) -> dict[str, int]:
    usages = [c.usage for c in calls if c.usage is not None]
    return {f: sum(getattr(u, f) for u in usages) for f in Usage.__struct_fields__}


def test_transcripts_equal_a_count_by_hand() -> None:
    folder = SHARED / "data" / "claude_code"
    last: dict[Any, Any] = {}
    lines = 0
    for path in sorted(folder.rglob("*.jsonl")):
        for text in path.read_text(encoding="utf-8").split("\n")[:-1]:
            lines += 1
            line = json.loads(text)
            if line["type"] == "assistant":
                key = line["message"]["id"], line["requestId"]
                place = line["timestamp"], line["message"]["usage"]["output_tokens"]
                last[key] = max(last.get(key, (("", 0), {})), (place, line["message"]["usage"]),
                                key=lambda found: found[0])  # fmt: skip
    counted: Counter[str] = Counter()
    for _, usage in last.values():
        counted.update({k: v for k, v in usage.items() if isinstance(v, int)})
        counted.update(usage["cache_creation"])
    found = items(folder)
    calls = [i for i in found if isinstance(i, Call)]
    assert len(calls) == len(last) == 899
    assert totals(calls) == {
        "fresh": counted["input_tokens"], "cache_read": counted["cache_read_input_tokens"],
        "cache_write_5m": counted["ephemeral_5m_input_tokens"], "cache_write_30m": 0,
        "cache_write_1h": counted["ephemeral_1h_input_tokens"], "cache_write_12h": 0,
        "output": counted["output_tokens"], "reasoning": 0,
    }  # fmt: skip
    assert totals(calls) == {
        "fresh": 9_141, "cache_read": 77_328_535, "cache_write_5m": 1_297_908, "cache_write_30m": 0,
        "cache_write_1h": 767_767, "cache_write_12h": 0, "output": 195_794, "reasoning": 0,
    }  # fmt: skip
    assert lines == len(calls) + sum(i.count for i in found if isinstance(i, Ignored)) == 10_155


def test_every_reply_of_a_transcript_has_a_prompt_and_a_time() -> None:
    calls = [i for i in items(SHARED / "data" / "claude_code") if isinstance(i, Call)]
    assert all(c.sent_at and c.latency_us is not None and c.latency_us >= 0 for c in calls)
    assert all(json.loads(bytes(c.reply)) for c in calls)
    assert all(json.loads(bytes(m)) for c in calls[:50] for m in c.messages)
    assert sum(bool(c.messages) for c in calls) / len(calls) > 0.99


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_runs_equal_their_index(tmp_path: Path, provider: str) -> None:
    tool = SHARED / "tools" / "expand_trajectories.py"
    data = SHARED / "data" / "iso_bench"
    subprocess.run(
        [sys.executable, str(tool), str(data), str(tmp_path), "--provider", provider, "--files", "2"],
        check=True, capture_output=True,
    )  # fmt: skip
    with (data / "INDEX.csv").open() as file:
        index = {row["file"].removesuffix(".json.gz"): row for row in csv.DictReader(file)}
    for path in sorted(tmp_path.glob("*.jsonl")):
        found = items(path)
        calls = [i for i in found if isinstance(i, Call)]
        row, total = index[path.stem], totals(calls)
        assert len(calls) == len(found) == int(row["calls"])
        prompt = total["fresh"] + (total["cache_read"] if provider == "openai" else 0)
        assert prompt == int(row["input_tokens"])
        assert total["cache_read"] == int(row["cache_read"])
        assert total["output"] == int(row["output_tokens"])
        assert total["reasoning"] == int(row["reasoning"] or 0)
        assert {(c.session, c.provider) for c in calls} == {(path.stem, provider)}
        assert {c.channel for c in calls} == (
            {"bedrock"} if row["provider"] == "bedrock" else {"direct"}
        )
        assert all(c.sent_at and c.messages for c in calls)


def test_complete_calls_of_an_agent_equal_their_own_usage() -> None:
    logs = [
        p for p in (SHARED / "data" / "openhands").rglob("*.json") if "llm-logs" in p.parent.name
    ]
    assert len(logs) == 10
    for path in logs:
        (call,) = items(path)
        said = json.loads(path.read_text())
        assert isinstance(call, Call)
        assert call.usage is not None
        usage = said["response"]["usage"]
        whole = {f: getattr(call.usage, f) for f in Usage.__struct_fields__ if f != "reasoning"}
        assert sum(whole.values()) == usage["total_tokens"]
        assert call.usage.cache_read == usage["prompt_tokens_details"]["cached_tokens"]
        assert (call.call_id, len(call.messages)) == (said["response"]["id"], len(said["messages"]))
        assert call.reported_pd == round(said["cost"] * 10**12)
        assert call.latency_us == round(said["latency_sec"] * 10**6)
