"""Workloads by hand: `workload(call("a", system(900, read=800), query(20), output(50)))`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import xxhash

from costscope.levers._prefix import rehash
from costscope.model import CLASSES, KINDS, ROLES, RULES, SEGMENTS, Workload

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

CALLS: dict[str, Any] = {
    "call_no": pl.Int64, "call_id": pl.String, "cluster": pl.String, "session": pl.String,
    "trace": pl.String, "user_id": pl.String, "sent_at": pl.Datetime("us", "UTC"),
    "latency_us": pl.Int64, "provider": pl.String, "channel": pl.String, "region": pl.String,
    "model": pl.String, "tier": pl.String, "status": pl.String, "finish_reason": pl.String,
    "feature": pl.String, "team": pl.String, "tenant": pl.String, "template": pl.String,
    "template_version": pl.String, "tags": pl.String, "temperature": pl.Float64,
    "request_hash": pl.UInt64, "params_hash": pl.UInt64, "traits": pl.UInt16, "estimated": pl.Boolean,
    "reported_pd": pl.Int128, "units": pl.String, "retry_of": pl.String, "added": pl.Boolean, "lever": pl.String,
}  # fmt: skip
PARTS: dict[str, Any] = {
    "call_no": pl.Int64, "seq": pl.Int32, "segment": pl.Enum(SEGMENTS), "role": pl.Enum(ROLES),
    "kind": pl.Enum(KINDS), "billing_class": pl.Enum(CLASSES), "rule": pl.Enum(RULES),
    "turn": pl.Int32, "tokens": pl.Int64, "content": pl.UInt64, "prefix": pl.UInt64,
    "breakpoint": pl.Enum(["", "5m", "1h"]),
}  # fmt: skip
FEES: dict[str, Any] = {
    "lever": pl.String, "picodollars": pl.Int128, "reason": pl.String, "assumption": pl.String,
    "once": pl.Boolean,
}  # fmt: skip

DEFAULTS = {
    "channel": "direct", "model": "gpt-4o", "provider": "openai", "tier": "standard",
    "status": "ok", "tags": "{}", "traits": 0, "request_hash": 0, "params_hash": 0, "estimated": False,
    "added": False, "lever": "",
}  # fmt: skip


@dataclass
class Part:
    """One block: `tokens`, of which `read` and `write` (5 minutes) are cached and the rest is fresh."""

    segment: str
    tokens: int
    text: str | None = None
    turn: int = 0
    read: int = 0
    write: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    def rows(self, seq: int) -> Iterator[dict[str, Any]]:
        """The block's rows in the parts table, one for each class that it is billed in."""
        text = f"{self.segment} of {self.tokens}" if self.text is None else self.text
        reply = self.segment in ("output", "reasoning")
        rest = self.tokens - self.read - self.write
        classes = {"output": rest} if reply else {
            "cache_read": self.read, "cache_write_5m": self.write, "fresh": rest,
        }  # fmt: skip
        for name, tokens in classes.items():
            if tokens or (name == "fresh" and not self.tokens):
                yield {
                    "seq": seq, "segment": self.segment, "role": "user", "kind": "text",
                    "rule": "structure", "turn": self.turn, "content": hashed(text),
                    "breakpoint": "", "billing_class": name, "tokens": tokens, **self.more,
                }  # fmt: skip


def part(segment: str, tokens: int, text: str | None = None, **more: Any) -> Part:
    """A block of any segment. The same segment, size and text are the same content."""
    named = {name: more.pop(name) for name in ("turn", "read", "write") if name in more}
    return Part(segment, tokens, text, more=more, **named)


def system(tokens: int, text: str | None = None, **more: Any) -> Part:
    return part("system", tokens, text, **more)


def history(tokens: int, turn: int, text: str | None = None, **more: Any) -> Part:
    return part("history", tokens, text, turn=turn, **more)


def query(tokens: int, text: str | None = None, **more: Any) -> Part:
    return part("query", tokens, text, **more)


def output(tokens: int, text: str | None = None, **more: Any) -> Part:
    return part("output", tokens, text, **more)


def call(call_id: str, *parts: Part, at: float = 0, request: str = "", **columns: Any) -> Any:
    """A call `at` seconds after START. `request` makes the request hash; `latency` is in seconds."""
    if "latency" in columns:
        columns["latency_us"] = round(columns.pop("latency") * 1e6)
    row = DEFAULTS | columns | {"call_id": call_id}
    row.setdefault("sent_at", START + timedelta(seconds=at))
    row["request_hash"] = hashed(request)
    ids = (row.get(name) for name in ("session", "trace", "user_id"))
    row.setdefault("cluster", next(filter(None, ids), call_id))
    return row, parts


def workload(*calls: Any) -> Workload:
    """The calls as a workload, with prefix hashes, numbered from 1 in the order given."""
    rows = [row | {"call_no": number} for number, (row, _) in enumerate(calls, 1)]
    parts = [
        cells | {"call_no": number, "prefix": 0}
        for number, (_, blocks) in enumerate(calls, 1)
        for seq, block in enumerate(blocks)
        for cells in block.rows(seq)
    ]
    return Workload(
        calls=pl.DataFrame(rows, schema=CALLS),
        parts=rehash(pl.DataFrame(parts, schema=PARTS)),
        fees=pl.DataFrame(schema=FEES),
    )


def hashed(text: str) -> int:
    """A content hash; 0 for no text."""
    return xxhash.xxh3_64_intdigest(text.encode()) if text else 0


def tokens(work: Workload, call_id: str) -> dict[str, int]:
    """A call's tokens by billing class, without those that it has none of."""
    number = work.calls.filter(pl.col("call_id") == call_id)["call_no"].implode()
    rows = work.parts.filter(pl.col("call_no").is_in(number))
    sums = rows.group_by(pl.col("billing_class").cast(pl.String)).agg(pl.col("tokens").sum())
    return dict(sums.sort("billing_class").iter_rows())


def shuffled(work: Workload, seed: int) -> Workload:
    """The same calls under other numbers and in another order: another log, no what-if of this."""
    calls = work.calls.sample(fraction=1.0, shuffle=True, seed=seed)
    numbers = calls.select("call_no", new=pl.int_range(10, pl.len() + 10, dtype=pl.Int64))
    parts = work.parts.join(numbers, on="call_no").with_columns(call_no="new").drop("new")
    calls = calls.join(numbers, on="call_no", maintain_order="left")
    calls = calls.with_columns(call_no="new").drop("new")
    parts = parts.sort("call_no", "seq", maintain_order=True)
    return replace(work, calls=calls, parts=parts, origin=None)


def same(one: Workload, other: Workload) -> bool:
    """Whether two workloads hold the same rows in the same order."""
    return (
        one.calls.equals(other.calls)
        and one.parts.equals(other.parts)
        and one.fees.equals(other.fees)
    )
