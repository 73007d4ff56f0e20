"""Batches as the store takes them, made by hand."""

from typing import Any

import numpy as np
import pyarrow as pa

from costscope.store import Added, SourceState, Store

DEFAULTS: dict[str, Any] = {
    "revision": 0, "call_id": "", "source_no": 0, "byte_offset": 0, "line": 1, "first_line": 0,
    "session": None, "trace": None, "task": None, "sent_at": 0, "latency_us": None,
    "provider": "openai", "channel": "direct", "region": None, "model": "gpt-4o",
    "tier": "standard", "status": "ok", "finish_reason": None, "feature": None, "team": None,
    "user_id": None, "tenant": None, "template": None, "template_version": None, "tags": None,
    "temperature": None, "request_hash": 1, "params_hash": 0, "traits": 0, "estimated": False, "fresh": 5,
    "cache_read": 0, "cache_write_5m": 0, "cache_write_30m": 0, "cache_write_1h": 0,
    "cache_write_12h": 0, "output": 2, "reasoning": 0, "reported_pd": None,
    "units": None, "ambiguous": False, "retry_of": None,
}  # fmt: skip
TYPES = {
    "request_hash": pa.uint64(), "params_hash": pa.uint64(), "traits": pa.int16(),
    "reported_pd": pa.decimal128(38, 0),
}  # fmt: skip
TEXTS = (
    "session trace task region finish_reason feature team user_id tenant template template_version tags "
    "units retry_of"
)
SOURCE = SourceState(0, "a.jsonl", "rows", 10, 1, 10, "f", "b", 0, 2)


def calls(*rows: dict[str, Any]) -> pa.Table:
    """A table of calls; `identity` of each row is text here."""
    columns: dict[str, Any] = {"call": np.arange(len(rows))}
    columns["identity"] = pa.array([r["identity"].ljust(16).encode() for r in rows], pa.binary(16))
    for name, default in DEFAULTS.items():
        kind = pa.string() if name in TEXTS.split() else TYPES.get(name)
        columns[name] = pa.array([r.get(name, default) for r in rows], kind)
    return pa.table(columns)


def parts(*rows: dict[str, Any]) -> pa.Table:
    """Two rows a call: its input and its output."""
    found = []
    for call, row in enumerate(rows):
        for segment, name in (("query", "fresh"), ("output", "output")):
            found.append({
                "call": call, "seq": len(found) % 2, "segment": segment, "role": "user",
                "kind": "text", "billing_class": name, "rule": "turn", "turn": 1,
                "tokens": row.get(name, DEFAULTS[name]), "content": 2**63 + call,
                "prefix": 2**64 - 1 - call, "breakpoint": "",
            })  # fmt: skip
    kinds = {"content": pa.uint64(), "prefix": pa.uint64()}
    return pa.table({n: pa.array([r[n] for r in found], kinds.get(n)) for n in found[0]})


def add(store: Store, *rows: dict[str, Any]) -> Added:
    """One batch in a transaction of its own."""
    with store.transaction():
        store.save_sources([SOURCE])
        return store.add(calls(*rows), parts(*rows))


def stored(store: Store) -> dict[str, tuple[int, int, int]]:
    """Identity → revision, input and output tokens, the latter from parts."""
    store.scope("true", [], {"identity": "identity", "revision": "revision"})
    units = {r["call_no"]: r for r in store.table("scope_units").to_pylist()}
    spent: dict[int, int] = {}
    for row in store.table("scope_parts").to_pylist():
        if row["billing_class"] == "output":
            spent[row["call_no"]] = spent.get(row["call_no"], 0) + row["tokens"]
    keys = store._db.execute("select call_no, identity, revision from scope").fetchall()
    return {
        bytes(identity).decode().strip(): (revision, units[no]["fresh"], spent[no])
        for no, identity, revision in keys
    }
