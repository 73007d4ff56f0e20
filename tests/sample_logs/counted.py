"""The sample logs, counted from the raw JSON and without the program, for the tests beside it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[2]
LOGS = ROOT / "sample_logs"
RATES = {
    "gpt-4o": (2.5, 1.25, 10), "gpt-5-mini": (0.25, 0.025, 2), "gpt-4.1": (2, 0.5, 8),
    "gpt-4.1-mini": (0.4, 0.1, 1.6), "gpt-4.1-nano": (0.1, 0.025, 0.4),
    "gpt-4o-mini": (0.15, 0.075, 0.6), "gpt-5.2": (1.75, 0.175, 14),
    "gemini-2.5-flash": (0.3, 0.03, 2.5), "gemini-2.5-flash-lite": (0.1, 0.01, 0.4),
    "claude-sonnet-4-5": (3, 0.3, 15), "claude-opus-4-5": (5, 0.5, 25),
    "claude-haiku-4-5": (1, 0.1, 5), "orchid-7b-instruct": (0, 0, 0),
}  # fmt: skip
"""Dollars a million tokens: input, cache read, output. genai-prices 0.2.3, November 2026."""


class Row(NamedTuple):
    """One call, as far as money goes. Tokens: fresh, read, written for 5 minutes and 1 hour, out."""

    feature: str
    week: int
    cluster: str
    model: str
    tokens: tuple[int, int, int, int, int]
    tier: str = "default"

    @property
    def cost(self) -> float:
        """Dollars."""
        name = max((m for m in RATES if self.model.startswith(m)), key=len)
        rate, read, out = RATES[name]
        prices = (rate, read, 1.25 * rate, 2 * rate, out)
        whole = sum(t * p for t, p in zip(self.tokens, prices, strict=True)) / 1e6
        return whole / 2 if self.tier in ("flex", "batch") else whole


NOTHING = (0, 0, 0, 0, 0)


@cache
def records(name: str) -> list[dict[str, Any]]:
    """The records of a JSON lines file of the sample logs."""
    raw = (LOGS / name).read_bytes()
    text = gzip.decompress(raw) if name.endswith(".gz") else raw
    return [json.loads(line) for line in text.splitlines()]


def week(at: str) -> int:
    """Which of the two weeks a time belongs to."""
    assert "2026-11-02" <= at < "2026-11-16"
    return 1 if at < "2026-11-09" else 2


def chat_rows() -> Iterator[Row]:
    for r in records("openai_chat.jsonl.gz"):
        about, tokens = r["metadata"], NOTHING
        if used := r["response"].get("usage"):
            read = used["prompt_tokens_details"]["cached_tokens"]
            tokens = (used["prompt_tokens"] - read, read, 0, 0, used["completion_tokens"])
        yield Row(
            about["feature"],
            week(r["timestamp"]),
            about["session_id"],
            r["request"]["model"],
            tokens,
        )


def triage_rows() -> Iterator[Row]:
    for i, r in enumerate(records("openai_responses.jsonl.gz")):
        used = r["response"].get("usage")
        tokens = (used["input_tokens"], 0, 0, 0, used["output_tokens"]) if used else NOTHING
        tier = r["response"].get("service_tier", "default")
        yield Row(
            "ticket-triage", week(r["timestamp"]), f"call {i}", r["body"]["model"], tokens, tier
        )


def claude(used: dict[str, Any] | None) -> tuple[int, int, int, int, int]:
    """Anthropic's usage in disjoint buckets."""
    if used is None:
        return NOTHING
    made = used["cache_creation"]
    short, long = made["ephemeral_5m_input_tokens"], made["ephemeral_1h_input_tokens"]
    assert short + long == used["cache_creation_input_tokens"]
    return (
        used["input_tokens"],
        used["cache_read_input_tokens"],
        short,
        long,
        used["output_tokens"],
    )


def agent_rows() -> Iterator[Row]:
    for r in records("anthropic_messages.jsonl.gz"):
        about, tokens = r["metadata"], claude(r["response_body"].get("usage"))
        model, at = r["request_body"]["model"], r["timestamp"]
        yield Row(about["feature"], week(at), about["session_id"], model, tokens)


@cache
def transcripts() -> dict[str, list[dict[str, Any]]]:
    """The lines of each transcript by its path."""
    return {
        name: records(name)
        for path in sorted((LOGS / "claude_code").rglob("*.jsonl"))
        for name in [path.relative_to(LOGS).as_posix()]
    }


def replies(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last line of each reply, in order."""
    found = {(x["message"]["id"], x["requestId"]): x for x in lines if x["type"] == "assistant"}
    return list(found.values())


def transcript_rows() -> Iterator[Row]:
    for name, lines in transcripts().items():
        for x in replies(lines):
            where = "Claude Code, beside" if x["isSidechain"] else "Claude Code, main"
            tokens = claude(x["message"]["usage"])
            yield Row(where, week(x["timestamp"]), name, x["message"]["model"], tokens)


def plain_rows() -> Iterator[Row]:
    for i, r in enumerate(pq.read_table(LOGS / "rows.parquet").to_pylist()):
        tokens = (r["input_tokens"], 0, 0, 0, r["output_tokens"])
        at = r["timestamp"].isoformat()
        yield Row(r["feature"], week(at), f"row {i}", r["model"], tokens)
    for i, r in enumerate(records("rows.jsonl")):
        tokens = (r["prompt_tokens"], 0, 0, 0, r["completion_tokens"])
        at, tier = r["timestamp"], r["service_tier"]
        yield Row(r["feature"], week(at), f"row {i}", r["model"], tokens, tier)


@cache
def rows() -> list[Row]:
    """Every call of every file."""
    sources = (chat_rows, triage_rows, agent_rows, transcript_rows, plain_rows)
    return [row for source in sources for row in source()]


def of(feature: str) -> list[Row]:
    return [row for row in rows() if row.feature == feature]


def chats(feature: str) -> list[dict[str, Any]]:
    found = records("openai_chat.jsonl.gz")
    return [r for r in found if r["metadata"]["feature"] == feature]


def readme_table() -> dict[str, list[int]]:
    """The table of the README: feature → its six figures."""
    found = {}
    for line in (LOGS / "README.md").read_text(encoding="utf-8").splitlines():
        name, *cells = (cell.strip().replace(",", "") for cell in line.strip("|").split("|"))
        if len(cells) == 6 and all(cell.isdigit() for cell in cells):
            found[name] = [int(cell) for cell in cells]
    return {name.replace("Claude Code ", "Claude Code, "): cells for name, cells in found.items()}


def in_readme(*figures: str) -> bool:
    text = (LOGS / "README.md").read_text(encoding="utf-8")
    return all(figure in text for figure in figures)


def text(value: Any) -> str:
    """Canonical JSON, to compare requests by."""
    return json.dumps(value, sort_keys=True)


def time(record: dict[str, Any]) -> datetime:
    """When a record was written."""
    return datetime.fromisoformat(record["timestamp"])
