"""Calls as rows of the table that the store takes: plain columns, no text, numbered from 0."""

from __future__ import annotations

import json
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa

from costscope.attribute import Tables
from costscope.ingest.identity import identity
from costscope.model import Call, Skipped, Usage

MAX_TEXT = 500
"""Longer ids and names are cut."""
MAX_TIME = 253_402_300_800 * 10**6
"""The year 10000, in microseconds: no calendar goes further."""
MAX_COST = 10**38
MAX_COUNT = 2**63
MAX_TOKENS = 2**40
"""Beyond any request, and small enough for exact arithmetic."""
_TEXTS = (
    "session", "trace", "task", "provider", "channel", "region", "model", "tier", "status",
    "finish_reason", "feature", "team", "user_id", "tenant", "template", "template_version",
    "call_id", "retry_of",
)  # fmt: skip
_INTS = {
    "revision": "revision", "byte_offset": "offset", "line": "line", "sent_at": "sent_at",
    "latency_us": "latency_us",
}  # fmt: skip
_BUCKETS = attrgetter(*Usage.__struct_fields__)


def checked(call: Call, source: str) -> Call | Skipped:
    """A call, or a skip in its place where it has a number that no call can have."""
    counts = () if call.usage is None else _BUCKETS(call.usage)
    units = call.units.values()
    wrong = (
        "time" if call.sent_at is not None and not 0 <= call.sent_at < MAX_TIME
        else "latency" if call.latency_us is not None and not 0 <= call.latency_us < MAX_TIME
        else "revision" if not 0 <= call.revision < MAX_COUNT
        else "cost" if call.reported_pd is not None and abs(call.reported_pd) >= MAX_COST
        else "token count" if counts and not 0 <= min(counts) <= max(counts) < MAX_TOKENS
        else "count of units" if units and not 0 <= min(units) <= max(units) < MAX_TOKENS
        else ""
    )  # fmt: skip
    return Skipped(source, call.line, f"the {wrong} is out of range") if wrong else call


class Rows:
    """Gathers the calls of a batch; `table` gives them as Arrow."""

    def __init__(self) -> None:
        self._calls: list[Call] = []
        self._origins: list[int] = []
        self._tasks: list[int] = []

    def add(self, call: Call, origin: int, task: int) -> None:
        """Take over a call; `origin` is its source's, `task` its task's place in the job."""
        self._calls.append(call)
        self._origins.append(origin)
        self._tasks.append(task)

    def table(self, tables: Tables) -> pa.Table:
        """Columns as in the store's calls, with `call` from 0, `piece` (the task), and no provenance but places."""
        calls = self._calls
        known = zip(calls, tables.content_hash.tolist(), self._origins, strict=True)
        columns: dict[str, Any] = {
            "call": pa.array(np.arange(len(calls))),
            "piece": pa.array(self._tasks, pa.int32()),
            "identity": pa.array([identity(*row) for row in known], pa.binary(16)),
            "tags": pa.array([_json(c.tags) for c in calls], pa.string()),
            "temperature": pa.array([c.temperature for c in calls], pa.float64()),
            "request_hash": tables.request_hash,
            "params_hash": tables.params_hash,
            "traits": pa.array(tables.traits.astype(np.int16)),
            "estimated": pa.array([c.usage is None for c in calls], pa.bool_()),
            "reported_pd": pa.array([c.reported_pd for c in calls], pa.decimal128(38, 0)),
            "units": pa.array([_json(_counted(c.units)) for c in calls], pa.string()),
            "ambiguous": pa.array([c.ambiguous for c in calls], pa.bool_()),
        }
        for name, field in _INTS.items():
            columns[name] = pa.array([*map(attrgetter(field), calls)], pa.int64())
        for name in _TEXTS:
            columns[name] = _texts([*map(attrgetter(name), calls)])
        for i, name in enumerate(Usage.__struct_fields__):
            columns[name] = tables.usage[:, i]
        return pa.table(columns)


def _texts(texts: list[str | None]) -> pa.Array:
    """Texts that any file can hold: lone surrogates replaced, overlong ones cut."""
    try:
        found = pa.array(texts, pa.string())
        ends = np.frombuffer(found.buffers()[1], np.int32)[: len(texts) + 1]
        if np.diff(ends).max(initial=0) <= MAX_TEXT:
            return found
    except UnicodeEncodeError:
        pass
    clean = (t and t[:MAX_TEXT].encode("utf-8", "replace").decode() for t in texts)
    return pa.array(list(clean), pa.string())


def _counted(units: dict[str, int]) -> dict[str, int]:
    """Units without those that there are none of."""
    return {name: n for name, n in units.items() if n}


def _json(tags: Mapping[str, object]) -> str | None:
    return json.dumps(tags, sort_keys=True, ensure_ascii=True) if tags else None
