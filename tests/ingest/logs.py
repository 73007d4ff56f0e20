"""Logs made by hand, and what a store holds after reading them, without anything that numbers it."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from costscope.ingest import load
from costscope.ingest.load import Ingested
from costscope.store import Store

Record = dict[str, Any]


def call(n: int, **changes: Any) -> Record:
    """A call with an id of its provider, a time, text and a bill."""
    said = [{"role": "system", "content": "Be kind."}]
    for i in range(n % 3 + 1):
        said += [{"role": "user", "content": f"Question {n} {i}?"}]
        said += [{"role": "assistant", "content": f"Answer {n} {i}."}]
    return {
        "timestamp": f"2026-11-{1 + n // 1440 % 28:02}T{n // 60 % 24:02}:{n % 60:02}:00.5Z",
        "request": {"model": "gpt-4o", "messages": said[:-1]},
        "response": {
            "id": f"chatcmpl-Abcdef{n:08}", "model": "gpt-4o", "choices": [{"message": said[-1]}],
            "usage": {"prompt_tokens": 40 + n, "completion_tokens": 7},
        },
        "metadata": {"feature": "chat", "session": f"s{n // 4}"},
        **changes,
    }  # fmt: skip


def claude(n: int) -> Record:
    """A call of another format."""
    return {
        "timestamp": f"2026-11-02T00:{n % 60:02}:00.5Z",
        "request": {"model": "claude-sonnet-4-5", "system": "Be kind.", "max_tokens": 9,
                    "messages": [{"role": "user", "content": f"Well {n}?"}]},
        "response": {"type": "message", "id": f"msg_01Abcdef{n:08}", "model": "claude-sonnet-4-5",
                     "content": [{"type": "text", "text": "Yes."}],
                     "usage": {"input_tokens": 30, "output_tokens": 3,
                               "cache_read_input_tokens": n}},
    }  # fmt: skip


def row(n: int, **more: Any) -> Record:
    """A row of a usage table: no id, no time, no text."""
    return {"model": "gpt-4o", "input_tokens": 100 + n % 3, "output_tokens": 5, **more}


def lines(records: Iterable[Any], end: str = "\n") -> bytes:
    """JSON lines; what is text already is taken as it is."""
    return "".join((r if isinstance(r, str) else json.dumps(r)) + end for r in records).encode()


def write(path: Path, records: Iterable[Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(lines(records))
    return path


def read(store: Path, *logs: Path | str, **options: Any) -> Ingested:
    """Ingest into the store at a path, in this process unless told otherwise."""
    options.setdefault("processes", 1)
    with Store.open(store, create=True) as opened:
        return load.ingest(opened, [str(log) for log in logs], **options)


CALL_COLUMNS = (
    "call_id, revision, session, trace, task, sent_at, latency_us, provider, channel, region, model, tier, "
    "status, finish_reason, feature, team, user_id, tenant, template, template_version, tags, temperature, "
    "traits, estimated, units, ambiguous, retry_of, fresh, cache_read, cache_write_5m, cache_write_30m, "
    "cache_write_1h, cache_write_12h, output, reasoning, reported_pd"
)  # fmt: skip
PART_COLUMNS = "seq, segment, role, kind, billing_class, rule, turn, tokens, breakpoint"


def held(store: Path, secret: bool = False) -> list[tuple[Any, ...]]:
    """Every call with its parts, in an order of their own. With `secret` also what it keys."""
    parts = PART_COLUMNS + (", content, prefix" if secret else "")
    calls = CALL_COLUMNS + (", request_hash, params_hash, identity" if secret else "")
    with Store.open(store, create=False) as opened:
        found: dict[int, list[Any]] = {}
        rows = f"select call_no, {parts} from parts order by call_no, seq, billing_class"
        for number, *part in opened._db.execute(rows).fetchall():
            found.setdefault(number, []).append(tuple(part))
        said = opened._db.execute(f"select call_no, {calls} from calls").fetchall()
    return sorted(((*call, tuple(found.get(no, ()))) for no, *call in said), key=repr)


def ids(store: Path) -> list[str]:
    return sorted(str(call[0]) for call in held(store))


def places(store: Path) -> dict[str, tuple[str, int, int]]:
    """Call id → its file's name, byte offset and line."""
    with Store.open(store, create=False) as opened:
        rows = opened._db.execute(
            "select call_id, path, byte_offset, line from calls join sources using (source_no)"
        ).fetchall()
    return {id: (Path(path).name, offset, line) for id, path, offset, line in rows}


def account(found: Ingested) -> bool:
    """Whether every record is in one of the counts, and whatever came of those that told calls."""
    added = found.added
    calls = added.new + added.updated + added.duplicates
    told = found.lines == found.told + found.broken + found.ignored
    return told and found.told <= calls and found.broken <= found.skipped


def numbers(found: Ingested) -> tuple[int, int, int]:
    """New calls, duplicates, skipped."""
    return found.added.new, found.added.duplicates, found.skipped


def all_calls(records: Sequence[Record]) -> list[str]:
    return sorted(r["response"]["id"] for r in records)
