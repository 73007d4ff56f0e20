"""Which reader a file is for: the named one, or the one that recognises its first records."""

from __future__ import annotations

from collections.abc import Sequence

from costscope import plugins, sources
from costscope.errors import InputError
from costscope.readers._house import HouseMap
from costscope.readers._mapped import Mapped
from costscope.readers.interface import Reader, RecordReader
from costscope.sources import Head, Record, Source, loose
from costscope.sources.heads import FAR, MAX_RECORDS

LEAST = 0.25
"""A lower score is no recognition, unless one record is beyond doubt: logs hold other lines too."""
SURE = 0.9
_ROUNDING = 1e-6
_judges: dict[type[Reader], Reader] = {}
STUMBLES = (
    ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError,
)  # fmt: skip
"""What a reader may raise over content that nobody thought of."""


def find_reader(source: Source, name: str, house: HouseMap | None = None) -> Reader:
    """The named reader, that of a map, or the one that recognises the file. Raises InputError where
    none does, or two do equally."""
    if house is not None:
        return Mapped(house)
    if name:
        return _made(name)
    head = sources.head(source)
    if not head.records:
        raise no_records(source)
    found = _recognised(head, source)
    if found is None and len(head.records) == MAX_RECORDS:
        found = _recognised(sources.head(source, FAR), source)
    if found is None:
        keys = ", ".join(sorted(head.records[0])[:6])
        raise InputError(f"{source.shown}: no known log format (records with {keys})")
    return found


def _recognised(head: Head, source: Source) -> Reader | None:
    """The reader of most of a head's records, if any."""
    readers = [_judge(plugins.load("readers", n)) for n in plugins.names("readers")]
    best, alike = _leading(readers, head)
    if best < LEAST:
        # Several formats in one file: none has enough of it, but all together may.
        readers = [r for r in readers if isinstance(r, RecordReader)]
        _, alike = _leading(readers, head)
        claims = _claims(readers, head)
        if sum(claims) < LEAST * len(claims) and max(claims) < SURE:
            return None
    return _made((alike[0] if len(alike) == 1 else _first_of(alike, head, source)).name)


def _leading(readers: Sequence[Reader], head: Head) -> tuple[float, list[Reader]]:
    """The best score of a head, and the readers that give it. Most readers do not know a record, so one
    of each tells which are worth asking about the others."""
    first = Head(head.source, head.records[:1])
    likely = sorted(readers, key=lambda reader: -_score(reader, first))
    best, scored = 0.0, {}
    for reader in likely:
        scored[reader] = _reaching(reader, head, best)
        best = max(best, scored[reader])
    return best, [reader for reader in readers if scored[reader] == best]


def _reaching(reader: Reader, head: Head, least: float) -> float:
    """A head's score, or -1 as soon as it cannot reach `least`: no record is more than 1, and no head
    more than the mean of its records."""
    size, found = len(head.records), []
    try:
        for record in head.records:
            found.append(reader.score(record))
            if sum(found) + size - len(found) < least * size - _ROUNDING:
                return -1.0
    except STUMBLES:
        return 0.0
    return sum(found) / size if type(reader).sniff is Reader.sniff else _score(reader, head)


def no_records(source: Source) -> InputError:
    """Why a file that holds no JSON objects is no log."""
    lines = source.start(4096).decode("utf-8", "replace").splitlines()[:2]
    columns = [{line.count(mark) for line in lines} for mark in ",;\t"]
    is_table = len(lines) == 2 and any(len(c) == 1 and min(c) for c in columns)
    hint = "; it looks like a CSV table: save that as JSON lines or Parquet" if is_table else ""
    return InputError(f"{source.shown}: no records of JSON objects in it, so no log{hint}")


def _judge(kind: type[Reader]) -> Reader:
    """A reader to be asked for scores, the same one each time: those that read are made anew."""
    if kind not in _judges:
        _judges[kind] = kind()
    return _judges[kind]


def _claims(readers: list[Reader], head: Head) -> list[float]:
    """How surely each record is of some format."""
    return [max((_score(r, one) for r in readers), default=0.0) for one in _each(head)]


def _each(head: Head) -> list[Head]:
    return [Head(head.source, [record]) for record in head.records]


def _first_of(alike: list[Reader], head: Head, source: Source) -> Reader:
    """Of formats that are mixed in equal shares, the one of the first record. Raises InputError where
    they claim the same records."""
    for one in _each(head):
        (best, reader), (second, _), *_ = sorted(
            ((_score(r, one), r) for r in alike), key=lambda found: -found[0]
        )
        if best > second and all(isinstance(r, RecordReader) for r in alike):
            return reader
    names = " or ".join(sorted(r.name for r in alike))
    raise InputError(f"{source.shown}: could be {names}; say which with --reader")


def scores(readers: Sequence[RecordReader], record: Record) -> list[tuple[float, RecordReader]]:
    """How surely a record is of each format, the surest first, equals in their order."""
    fields = loose.parsed(bytes(record.raw))
    head = Head("", [fields] if isinstance(fields, dict) else [])
    scored = [(_score(reader, head), reader) for reader in readers]
    return sorted(scored, key=lambda found: -found[0])


def record_readers(first: RecordReader) -> list[RecordReader]:
    """The file's own reader, then the other formats whose records stand alone: logs get mixed."""
    others = (_made(n) for n in plugins.names("readers") if n != first.name)
    return [first, *(r for r in others if isinstance(r, RecordReader))]


def _made(name: str) -> Reader:
    reader: Reader = plugins.load("readers", name)()
    return reader


def _score(reader: Reader, head: Head) -> float:
    """A head that a reader stumbles over is not of its format."""
    try:
        return reader.sniff(head)
    except STUMBLES:
        return 0.0
