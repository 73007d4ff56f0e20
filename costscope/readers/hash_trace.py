"""Traces of a serving engine: lengths and the hashes of prefix blocks, no text (Mooncake, Bailian)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import Any

from costscope.model import Block, Call, Ignored, Skipped, Slot, Usage
from costscope.readers import _fields, _json, _provider, _usage
from costscope.readers.interface import Reader
from costscope.sources import Record

SIZES = (16, 64, 128, 256, 512)
"""Tokens a block in the published traces: vLLM's and Bailian's are of 16, Mooncake's of 512."""
RELATIVE = 10**8
"""A smaller timestamp counts from the start of the trace: seconds in Bailian's traces, which name their
chats, and milliseconds in Mooncake's."""
_INPUT = ("input_length", "input_len", "prompt_length")
_OUTPUT = ("output_length", "output_len", "response_length")


class HashTrace(Reader):
    """Requests of a trace. Each hash is a block of the prompt, known by its name and its size, so what is
    shared between requests is known though nothing was said; every token stays `unattributed`.

    A trace clock that starts at 0 is no date: such calls are timed from 1970-01-01, which orders them
    and keeps their gaps, and carry the tag `clock=relative`.
    """

    about = "vLLM, Mooncake and Bailian traces: lengths and hash_ids of prefix blocks, no text"
    whole_file = True

    def score(self, record: dict[str, Any]) -> float:
        """Sure with hashes beside lengths; fair with lengths and a time alone."""
        if not (_first(record, _INPUT) and _first(record, _OUTPUT)):
            return 0.0
        if isinstance(record.get("hash_ids"), list):
            return 0.97
        return 0.5 if "timestamp" in record else 0.0

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """A call a record; turns of one chat are one session, named after its first."""
        roots: dict[str, str] = {}
        for record in records:
            try:
                call = _call(record, roots)
            except (ValueError, TypeError, RecursionError) as error:
                yield Skipped(source, record.line, str(error) or type(error).__name__)
            else:
                yield call


def _call(record: Record, roots: dict[str, str]) -> Call:
    row = _json.loads(record.raw)
    if not isinstance(row, dict):
        raise ValueError("the record is no JSON object")
    given, output = _length(row, _INPUT), _length(row, _OUTPUT)
    hashes = _hashes(row)
    size = block_size(row, given, len(hashes))
    model = row.get("model")
    name = model if isinstance(model, str) else ""
    sent_at, relative = _time(row)
    chat = _fields.label(row.get("chat_id"))
    return Call(
        # A trace names no request; the number of its record is what tells it from its equals.
        call_id=_fields.identifier(row) or chat or f"request {record.line}",
        session=_session(row, chat, roots),
        sent_at=sent_at,
        provider=_provider.identify("vllm", name)[0],
        channel="self-hosted",
        model=name,
        feature=_fields.label(row.get("type")) or None,
        tags={"clock": "relative"} if relative else {},
        usage=Usage(fresh=given, output=output),
        dialect=blocks,
        messages=list(map(_named, hashes, _sizes(given, len(hashes), size))),
        offset=record.offset,
        line=record.line,
    )


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """A block by its name: "tokens name"."""
    size, _, name = bytes(raw).decode("utf-8", "replace").partition(" ")
    return [Block("user", "text", f"block {name}", "unattributed", tokens=int(size))]


def _named(name: Any, tokens: int) -> bytes:
    return f"{tokens} {name}".encode("utf-8", "replace")


def block_size(row: Mapping[str, Any], given: int, count: int) -> int:
    """Tokens a block: what the record says, else the known size that fits best. A prompt of `given`
    tokens has just enough blocks for all of them, or one fewer where only whole ones are hashed."""
    if row.get("block_size") is not None:
        return max(1, _usage.count(row["block_size"], "block_size"))
    for rounded in (-(-given // s) for s in SIZES), (given // s for s in SIZES):
        fitting = [s for s, n in zip(SIZES, rounded, strict=True) if n == count]
        if fitting:
            return fitting[-1]
    return max(1, -(-given // count)) if count else SIZES[0]


def _sizes(given: int, count: int, size: int) -> list[int]:
    """Tokens of each block: all whole but the last, which has what is left of the prompt."""
    whole = min(count, given // size)
    rest = [given - whole * size] if whole < count else []
    return [*repeat(size, whole), *rest, *repeat(0, count - whole - len(rest))]


def _first(row: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((n for n in names if n in row), "")


def _length(row: Mapping[str, Any], names: Sequence[str]) -> int:
    name = _first(row, names)
    if not name:
        raise ValueError(f"the request has no {names[0]}")
    return _usage.count(row[name], name)


def _hashes(row: Mapping[str, Any]) -> list[Any]:
    found = row.get("hash_ids")
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(h, (int, str)) for h in found):
        raise ValueError("hash_ids is no list of hashes")
    return found


def _time(row: Mapping[str, Any]) -> tuple[int | None, bool]:
    """(microseconds, whether they count from the start of the trace)."""
    found = row.get("timestamp")
    if not isinstance(found, bool) and isinstance(found, (int, float)) and 0 <= found < RELATIVE:
        return round(found * (10**6 if "chat_id" in row else 10**3)), True
    try:
        return _fields.micros(found), False
    except ValueError:
        return None, False


def _session(row: Mapping[str, Any], chat: str, roots: dict[str, str]) -> str | None:
    """The first chat of a chain of turns; None where the trace links none."""
    if not chat:
        return _fields.label(row.get("session_id")) or None
    before = _fields.label(row.get("parent_chat_id"))
    roots[chat] = roots.get(before, before) if before and before != "-1" else chat
    return roots[chat]
