"""Reading records of literal logs, and looking at what became of them."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from costscope import plugins
from costscope.model import Block, Call, Ignored, Skipped
from costscope.readers.interface import Reader, RecordReader
from costscope.sources import Record

TEXTS = ("dialect", "tools", "system", "messages", "reply")
PLACE = ("offset", "line")


def reader(name: str) -> Reader:
    found: Reader = plugins.load("readers", name)()
    return found


def raw_of(record: Any) -> bytes:
    return record if isinstance(record, bytes) else json.dumps(record).encode()


def one(name: str, record: Any) -> Call | Skipped:
    """A record (a value, or JSON bytes) by a reader of single records."""
    found = reader(name)
    assert isinstance(found, RecordReader)
    return found.one(Record(raw_of(record), 0, 1), "log")


def call(name: str, record: Any) -> Call:
    """A record that has to become a call."""
    found = one(name, record)
    assert isinstance(found, Call), found
    return found


def reason(name: str, record: Any) -> str:
    """Why a record is skipped."""
    found = one(name, record)
    assert isinstance(found, Skipped), found
    return found.reason


def every(name: str, records: Sequence[Any]) -> list[Call | Skipped | Ignored]:
    """All items of a log, with lines counted from 1 and made-up offsets."""
    raws = [Record(raw_of(r), 100 * i, i + 1) for i, r in enumerate(records)]
    return list(reader(name).read(raws, "log"))


def told(found: Call) -> dict[str, Any]:
    """What a call says of itself, but for its texts: the fields that are not as they are by default."""
    plain = msgspec.structs.asdict(Call())
    given = msgspec.structs.asdict(found)
    said = {k: v for k, v in given.items() if v != plain[k] and k not in (*TEXTS, *PLACE)}
    if found.usage is not None:
        said["usage"] = {k: v for k, v in msgspec.structs.asdict(found.usage).items() if v}
    return said


def blocks(found: Call) -> list[Block]:
    """The blocks of a call's prompt and reply, in order."""
    assert found.dialect is not None
    raws: list[tuple[Any, Any]] = [("tools", found.tools), ("system", found.system)]
    raws += [*(("message", m) for m in found.messages), ("reply", found.reply)]
    return [b for slot, raw in raws if bytes(raw) for b in found.dialect(slot, bytes(raw))]


def spoken(found: Call) -> list[tuple[str, str, str]]:
    """(role, kind, text) of each block."""
    return [(b.role, b.kind, b.text) for b in blocks(found)]
