"""One job of reading: pieces of files in, Arrow files of calls and parts out. Runs in a process of its
own, touches no store, and holds a batch at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from msgspec import Raw

from costscope import sources
from costscope.attribute import Batch
from costscope.attribute.interner import HandOn, Interner
from costscope.attribute.stated import Stated
from costscope.errors import InputError
from costscope.filters import SegmentRule
from costscope.ingest import marks, rows
from costscope.ingest.account import Account
from costscope.ingest.choice import Choice
from costscope.ingest.find import find_reader
from costscope.ingest.task import Job, Task, place
from costscope.model import Call, Ignored, Skipped
from costscope.readers.interface import Reader, RecordReader
from costscope.sources import Oversized, Record
from costscope.sources.lines import MAX_RECORD_BYTES

BATCH_CALLS = 50_000
BATCH_MESSAGES = 250_000
MAX_EXAMPLES = 1000
"""Skips are all counted; so many of one task are kept with their reasons."""
_NO_TEXT = Raw(b"")


class Outcome(NamedTuple):
    """What became of a task's records: each told calls, was broken, or was ignored."""

    reader: str
    records: int
    told: int
    """Records that told a call or more."""
    broken: int
    """Records that told none, but a reason why."""
    calls: int
    skipped: list[Skipped]
    """Examples, with lines counted from the start of the piece."""
    skipped_count: int
    """Reasons: a record that holds several things may be broken in several places."""
    ignored: int
    consumed: int
    """Up to where the next reading need not look again: before a last line that was cut off."""
    lines: int
    """Line breaks from the start of the piece to there."""
    fingerprint: str
    refused: str
    """Why the file was not read at all, or ""."""


class Wrote(NamedTuple):
    """The Arrow files of a batch. In `calls` the column `piece` says of which task a call is; `texts` and
    `spans` are what is new of texts (see `attribute.interner.News`)."""

    calls: str
    parts: str
    texts: str
    spans: str


class Done(NamedTuple):
    """What a job gave: an outcome a task, and batches of calls."""

    outcomes: list[Outcome]
    batches: list[Wrote]


class Worker:
    """Reads jobs; keeps what it knows of texts from one to the next. `hand_on` is told
    the texts."""

    def __init__(
        self, secret: bytes, folder: str, rules: Sequence[SegmentRule] = (), *,
        hand_on: HandOn | None = None,
    ) -> None:  # fmt: skip
        self.buffer = bytearray()
        self._interner, self._stated = Interner(secret, hand_on=hand_on), Stated(rules)
        self._stem = str(Path(folder) / str(os.getpid()))
        self._files = 0
        self._batch = Batch(self._interner, self._stated)
        self._rows = rows.Rows()
        self._batches: list[Wrote] = []

    def run(self, job: Job) -> Done:
        """One job. A file that cannot be read is an outcome with a reason, never an exception."""
        outcomes = [_Reading(self, number, task).run() for number, task in enumerate(job)]
        self.flush()
        batches, self._batches = self._batches, []
        return Done(outcomes, batches)

    def add(self, call: Call, task: Task, number: int) -> None:
        """Put a call into the open batch. Its texts are let go: they are views into the reading
        buffer, which the next record may overwrite."""
        self._batch.add(call)
        call.messages, call.dialect = (), None
        call.tools = call.system = call.reply = _NO_TEXT
        self._rows.add(call, task.origin, number)
        if len(self._batch) >= BATCH_CALLS or self._batch.messages >= BATCH_MESSAGES:
            self.flush()

    def flush(self) -> None:
        """Write the open batch and begin another, after forgetting texts if there are too many."""
        if len(self._batch):
            tables = self._batch.finish()
            self._files += 1
            stem = f"{self._stem}-{self._files}"
            news = self._interner.news()
            found = (self._rows.table(tables), tables.parts, news.texts, news.spans)
            named = zip(found, Wrote._fields, strict=True)
            self._batches.append(Wrote(*(_write(table, f"{stem}.{name}") for table, name in named)))
        if self._interner.full:
            self._interner.reset()
        self._batch, self._rows = Batch(self._interner, self._stated), rows.Rows()


class _Reading:
    """The state of one task: what has been counted, and where its last record stood."""

    def __init__(self, worker: Worker, number: int, task: Task) -> None:
        self._worker, self._number, self._task = worker, number, task
        self._records_read = self._calls = self._skips = self._ignored = 0
        self._account = Account()
        self._skipped: list[Skipped] = []
        self._last: Record | Oversized | None = None
        self._last_read = True

    def run(self) -> Outcome:
        """Read the task's records."""
        try:
            reader = find_reader(self._task.source, self._task.reader, self._task.house)
        except InputError as error:
            return self._outcome("", str(error))
        self._account = Account(alone=isinstance(reader, RecordReader))
        try:
            for item in self._items(reader):
                self._take(item)
        except InputError as error:
            # What came before the break is kept: those calls were read whole.
            self._records_read += 1
            line = self._last.line if self._last else 0
            self._skip(Skipped(self._task.source.shown, line, str(error)))
            self._account.tear()
        return self._outcome(reader.name, "")

    def _take(self, item: Call | Skipped | Ignored) -> None:
        if isinstance(item, Call):
            item = rows.checked(item, self._task.source.shown)
        if isinstance(item, Call):
            self._calls += 1
            self._account.told(item.line)
            self._worker.add(item, self._task, self._number)
        elif isinstance(item, Ignored):
            self._ignored += item.count
        else:
            self._account.broken(item.line)
            self._skip(item)

    def _skip(self, item: Skipped) -> None:
        self._skips += 1
        if len(self._skipped) < MAX_EXAMPLES:
            self._skipped.append(item)

    def _items(self, reader: Reader) -> Iterator[Call | Skipped | Ignored]:
        shown = self._task.source.shown
        if not isinstance(reader, RecordReader):
            # Such a reader keeps records, and the buffer they are views into is used again.
            kept = (r._replace(raw=bytes(r.raw)) for r in self._records())
            for item in reader.read(kept, shown):
                self._last_read = not (isinstance(item, Skipped) and self._is_last(item))
                yield item
            return
        choice = Choice(reader)
        for record in self._records():
            item = choice.read(record, shown)
            self._last_read = isinstance(item, Call)
            yield item

    def _is_last(self, item: Skipped) -> bool:
        return self._last is not None and item.line == self._last.line

    def _records(self) -> Iterator[Record]:
        task = self._task
        for record in sources.records(task.source, task.start, task.end, self._worker.buffer):
            self._records_read += 1
            self._last, self._last_read = record, True
            if isinstance(record, Oversized):
                self._last_read = False
                size = MAX_RECORD_BYTES >> 20
                self._take(
                    Skipped(task.source.shown, record.line, f"the line is longer than {size} MiB")
                )
            else:
                yield record

    def _outcome(self, reader: str, refused: str) -> Outcome:
        try:
            consumed, lines = self._consumed()
            mark = marks.fingerprint(place(self._task.source), consumed)
        except OSError as error:
            consumed, lines, mark = 0, 0, ""
            refused = refused or f"{self._task.source.shown}: {error.strerror}"
        return Outcome(
            reader, self._records_read, *self._account.counts(), self._calls, self._skipped,
            self._skips, self._ignored, consumed, lines, mark, refused,
        )  # fmt: skip

    def _consumed(self) -> tuple[int, int]:
        """Up to where the file need not be read again, and the line breaks on the way there."""
        task, last = self._task, self._last
        if task.end is None:
            return task.source.size, 0
        if last is None:
            return task.end, marks.line_breaks(task.source.path, task.start, task.end)
        if not self._last_read and not marks.ends_line(task.source.path, task.end):
            return last.offset, last.line - 1  # it may have been cut off while it was written
        after = last.offset + (len(last.raw) if isinstance(last, Record) else 0)
        rest = marks.line_breaks(task.source.path, after, task.end)
        return task.end, last.line - 1 + rest


def _write(table: pa.Table, path: str) -> str:
    with pa.OSFile(path, "wb") as file, pa.ipc.new_file(file, table.schema) as writer:
        writer.write_table(table)
    return path
