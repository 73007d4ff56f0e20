"""What the session files of coding agents have in common: lines that tell a conversation in order, some
of which say what a model call was billed. The prompt of a call is what was said before it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import islice
from typing import Any, ClassVar, NamedTuple, overload

from costscope.model import Call, Ignored, Skipped
from costscope.readers import _fields, _json
from costscope.readers.interface import Reader
from costscope.sources import Record

STUMBLES = (ValueError, TypeError, KeyError)
"""What a session raises over a line that is broken; msgspec's errors are ValueErrors."""


class Line(NamedTuple):
    """One decoded record with its place."""

    value: dict[str, Any]
    offset: int
    number: int


class Told(Sequence[bytes]):
    """The messages that a growing list holds now, without a copy of it: a long session has thousands of
    prompts, and each is nearly all of the one before. The list must only ever be added to."""

    __slots__ = ("_all", "_count")

    def __init__(self, said: list[bytes]) -> None:
        self._all, self._count = said, len(said)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[bytes]:
        return islice(self._all, self._count)

    @overload
    def __getitem__(self, at: int) -> bytes: ...
    @overload
    def __getitem__(self, at: slice) -> list[bytes]: ...
    def __getitem__(self, at: int | slice) -> bytes | list[bytes]:
        """One message, or some of them. Raises IndexError where there is none."""
        places = range(self._count)[at]
        return self._all[places] if isinstance(places, int) else [self._all[n] for n in places]


class Session(ABC):
    """One conversation while its lines are read."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        """The calls that the lines told so far, in order."""

    @abstractmethod
    def take(self, line: Line) -> None:
        """Take in one line. Raises one of STUMBLES, with a message for the user, where it is broken."""

    def close(self) -> None:  # noqa: B027 (most have nothing open)
        """The end of the file: what is still open becomes a call."""

    def add(self, line: Line, call: Call) -> None:
        """One more call, told by a line."""
        call.offset, call.line = line.offset, line.number
        self.calls.append(call)


class SessionReader(Reader):
    """Files of one conversation each. A line that told no call is ignored; a document that is one record
    may tell many."""

    whole_file = True
    ahead: ClassVar[bool] = False
    """True where later lines change what earlier ones mean, so that all are held until the end. Else a
    line is forgotten once it is taken, and a file may be larger than the memory."""

    @abstractmethod
    def begin(self, lines: Sequence[Line]) -> Session:
        """A new conversation. `lines` are all that will be taken if the reader looks ahead, else none."""

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """The calls of a session, with the lines that could not be read."""
        found: Iterable[Line | Skipped] = (_line(record, source) for record in records)
        if self.ahead:
            found = list(found)
        session = self.begin([i for i in found if isinstance(i, Line)] if self.ahead else [])
        seen, told = 0, set[int]()
        for item in found:
            skipped = item if isinstance(item, Skipped) else _taken(session, item, source)
            seen += 1
            if skipped is not None:
                told.add(skipped.line)
                yield skipped
            if not self.ahead:
                yield from _given(session, told)
        session.close()
        yield from _given(session, told)
        if others := seen - len(told):
            yield Ignored(others)


def _given(session: Session, told: set[int]) -> list[Call]:
    """The calls that were told since the last time."""
    calls, session.calls = session.calls, []
    told.update(call.line for call in calls)
    return calls


def _taken(session: Session, line: Line, source: str) -> Skipped | None:
    try:
        session.take(line)
    except STUMBLES as error:
        return Skipped(source, line.number, str(error) or type(error).__name__)
    return None


def _line(record: Record, source: str) -> Line | Skipped:
    """A record decoded, or the reason why it cannot be."""
    try:
        value = _json.loads(record.raw)
    except RecursionError:
        return Skipped(source, record.line, "the JSON is nested too deeply")
    except ValueError as error:
        return Skipped(source, record.line, str(error))
    if not isinstance(value, dict):
        return Skipped(source, record.line, "the record is no JSON object")
    return Line(value, record.offset, record.line)


def part(value: Any, *names: str) -> dict[str, Any]:
    """An object inside objects, by the names that lead to it; an empty one where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; none where there is no list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def string(value: Any) -> str:
    """Text as it is; "" for anything else."""
    return value if isinstance(value, str) else ""


def when(value: Any) -> int | None:
    """A time in UTC microseconds; None for what is none."""
    try:
        return _fields.micros(value)
    except (ValueError, TypeError):
        return None


def cost(value: Any) -> int | None:
    """Dollars in picodollars; None for what is no cost."""
    try:
        return _fields.picodollars(value)
    except ValueError:
        return None


def since(start: int | None, end: int | None) -> int | None:
    """How long something took, in microseconds, where that is known."""
    return None if start is None or end is None or end < start else end - start


def tags(named: Mapping[str, Any]) -> dict[str, str]:
    """Labels without those that say nothing; a `project` path is known by its last folder."""
    folder = string(named.get("project")).rstrip("\\/").replace("\\", "/").rpartition("/")[2]
    return {
        name: text
        for name, value in {**named, "project": folder}.items()
        if (text := _fields.label(value))
    }


def digest(*known: Any) -> str:
    """A name of 32 hex digits for a call that its log gives none: equal where what is known is."""
    found = blake2b(digest_size=16)
    for value in known:
        found.update(value if isinstance(value, bytes) else str(value).encode("utf-8", "replace"))
        found.update(b"\0")
    return found.hexdigest()


def listed(raws: Iterable[bytes]) -> bytes:
    """Raw JSON values as one array."""
    return b"[" + b",".join(raws) + b"]"


def said(role: str, content: Any) -> bytes:
    """A message in the shape that the Messages and the Chat Completions dialect share."""
    return _json.dumps({"role": role, "content": content})
