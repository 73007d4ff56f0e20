"""The loading side: what was planned is read in processes, and stored here in order."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa

from costscope import plugins, sources
from costscope.attribute.interner import HandOn
from costscope.errors import InputError
from costscope.filters import SegmentRule, digest
from costscope.ingest import pool
from costscope.ingest.amount import new_bytes
from costscope.ingest.learn import relearn
from costscope.ingest.plan import Plan, jobs, piece_bytes
from costscope.ingest.refine import refine
from costscope.ingest.task import Job, Task
from costscope.ingest.worker import MAX_EXAMPLES, Done, Outcome
from costscope.model import Skipped
from costscope.readers._house import HouseMap
from costscope.store import Added, Skip, SourceState, Store

ROWS = 250_000
"""So many rows of parts make a transaction."""


MAX_REASON = 300


class Progress(Protocol):
    """Told of bytes read; may draw a bar."""

    def start(self, total_bytes: int) -> None:
        """Reading begins."""

    def advance(self, nbytes: int) -> None:
        """So many more bytes are stored."""

    def done(self) -> None:
        """Reading is over, also after an error."""


@dataclass
class Ingested:
    """What became of the files: every record is in one of the counts."""

    files: int = 0
    bytes: int = 0
    unchanged: int = 0
    lines: int = 0
    """Records that were read: `told`, `broken` and `ignored` together."""
    told: int = 0
    """Records that told calls: one, or, as a session or a batch of spans does, several."""
    broken: int = 0
    """Records that told no call, but why not."""
    ignored: int = 0
    added: Added = field(default_factory=Added)
    skipped: int = 0
    """Reasons; a record that tells several things may be broken in several places."""
    examples: list[Skipped] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    readers: dict[str, int] = field(default_factory=dict)
    """Files by reader, those that were unchanged included."""
    source_nos: list[int] = field(default_factory=list)
    other_rules: int = 0
    """Files of the store whose calls were cut by other rules of the user than those of this run."""


def ingest(store: Store, logs: Sequence[str], *, reader: str = "", house: HouseMap | None = None,
           rules: Sequence[SegmentRule] = (), again: bool = False,
           progress: Progress | None = None, processes: int | None = None,
           hand_on: HandOn | None = None) -> Ingested:  # fmt: skip
    """Read logs into the store, by the reader of that name, by a map, or by the one that recognises
    them; what it has already is left alone, or with `again` made anew. `rules` cut what is read now.
    Where few logs are read, by this very process, `hand_on` is told their texts.

    Raises InputError where a path does not exist, where no file at all could be read, or where a
    reading process died; then what was stored before is complete, and the rest is read next time.
    """
    if reader:
        plugins.load("readers", reader)
    paths = sources.expand(logs)
    states = store.sources()
    total = new_bytes(() if again else states, paths)
    count = pool.processes_for(total) if processes is None else max(1, processes)
    with (
        tempfile.TemporaryDirectory(prefix="costscope-", ignore_cleanup_errors=True) as folder,
        pool.Readers(store.secret, folder, count, rules, hand_on) as readers,
    ):
        name = reader if house is None else house.id
        plan = Plan(states, name, piece_bytes(total, count), house, again)
        plan.look(paths)
        result = _begun(plan)
        if progress:
            progress.start(sum(task.size for task in plan.tasks))
        try:
            _load(_Loader(store, plan, result, digest(rules)), plan, readers, progress)
        finally:
            if progress:
                progress.done()
    result.other_rules = store.other_rules(digest(rules))
    if result.refused and not result.source_nos:
        more = f" (and {len(result.refused) - 1} more files)" if len(result.refused) > 1 else ""
        raise InputError(result.refused[0] + more)
    return result


def _begun(plan: Plan) -> Ingested:
    result = Ingested(plan.files, plan.bytes, len(plan.unchanged), refused=plan.refused)
    for state in plan.unchanged:
        result.readers[state.reader] = result.readers.get(state.reader, 0) + 1
        result.source_nos.append(state.source_no)
    return result


def _load(loader: _Loader, plan: Plan, readers: pool.Readers, progress: Progress | None) -> None:
    for job, done in readers.read(list(jobs(plan.tasks, few=readers.are_two))):
        loader.load(job, done)
        if progress:
            progress.advance(sum(task.size for task in job))
    loader.finish()


class _Loader:
    """Puts what jobs gave into the store, several to a transaction, in order."""

    def __init__(self, store: Store, plan: Plan, result: Ingested, rules: str) -> None:
        self._store, self._plan, self._result, self._rules = store, plan, result, rules
        self._lines: dict[int, int] = {}
        self._calls: list[pa.Table] = []
        self._parts: list[pa.Table] = []
        self._texts: list[pa.Table] = []
        self._spans: list[pa.Table] = []
        self._changed: dict[int, SourceState] = dict(plan.moved)
        self._read_from: dict[int, int] = {}
        self._anew = set(plan.anew)
        self._gave_calls: set[int] = set()
        self._skips: list[Skip] = []
        self._waiting = 0
        self._base = 0

    def load(self, job: Job, done: Done) -> None:
        """Take what a job gave, and how far its files are read now."""
        first_lines = [
            self._read_up_to(task, outcome)
            for task, outcome in zip(job, done.outcomes, strict=True)
        ]
        source_nos = np.array([task.source_no for task in job], np.int32)
        for wrote in done.batches:
            calls, parts, texts, spans = map(_table, wrote)
            self._take(calls, parts, source_nos, np.array(first_lines, np.int64))
            self._texts.append(texts)
            self._spans.append(spans)
        if self._waiting >= ROWS:
            self.flush()

    def _read_up_to(self, task: Task, outcome: Outcome) -> int:
        """Note a task's outcome; how many lines of its file stand before it."""
        if outcome.refused:
            self._result.refused.append(outcome.refused)
            return 0
        number = task.source_no
        state = self._plan.states[number]
        # A file that is read from its start has its lines counted anew.
        before = self._lines.get(number, state.lines) if task.start else 0
        self._lines[number] = before + outcome.lines
        self._read_from.setdefault(number, before)
        if outcome.calls:
            self._gave_calls.add(number)
        self._skips += _skips(outcome, number, before)
        self._changed[number] = state._replace(
            reader=outcome.reader,
            size=task.source.size if task.end is None else task.end,
            consumed=outcome.consumed,
            fingerprint=outcome.fingerprint,
            lines=self._lines[number],
        )
        self._count(outcome, number, before)
        return before

    def _count(self, outcome: Outcome, number: int, before: int) -> None:
        result = self._result
        if number not in result.source_nos:
            result.readers[outcome.reader] = result.readers.get(outcome.reader, 0) + 1
            result.source_nos.append(number)
        result.lines += outcome.records
        result.told += outcome.told
        result.broken += outcome.broken
        result.ignored += outcome.ignored
        result.skipped += outcome.skipped_count
        room = MAX_EXAMPLES - len(result.examples)
        result.examples += [
            Skipped(s.source, s.line + before, s.reason) for s in outcome.skipped[:room]
        ]

    def _take(
        self, calls: pa.Table, parts: pa.Table, source_nos: np.ndarray, first_lines: np.ndarray
    ) -> None:
        piece = calls["piece"].to_numpy()
        self._calls.append(
            _moved(calls.drop_columns("piece"), self._base)
            .append_column("source_no", pa.array(source_nos[piece]))
            .append_column("first_line", pa.array(first_lines[piece]))
        )
        self._parts.append(_moved(parts, self._base))
        self._base += calls.num_rows
        self._waiting += parts.num_rows + calls.num_rows

    def finish(self) -> None:
        """Store the rest, and see what all of it together tells."""
        self.flush()
        with self._store.transaction():
            refine(self._store)
            relearn(self._store)

    def flush(self) -> None:
        """Store what waits, as one transaction."""
        if self._changed:
            with self._store.transaction():
                # A reader that finds no call in a file does not void what another one found.
                anew = self._anew & self._gave_calls
                known = self._store.held(anew & self._plan.grown)
                self._store.forget(self._read_from, anew)
                self._store.save_skips(self._skips)
                if self._calls:
                    calls, parts = pa.concat_tables(self._calls), pa.concat_tables(self._parts)
                    self._result.added += _again(self._store.add(calls, parts), known)
                    self._store.add_texts(
                        pa.concat_tables(self._texts), pa.concat_tables(self._spans)
                    )
                self._store.save_sources(list(self._changed.values()))
                # Those that only grew, or were changed, hold calls that were cut before.
                self._store.note_rules([*self._new(), *anew], self._rules)
        self._calls, self._parts, self._changed = [], [], {}
        self._texts, self._spans = [], []
        self._anew -= self._gave_calls
        self._read_from, self._skips = {}, []
        self._waiting = self._base = 0

    def _new(self) -> Iterator[int]:
        """The sources that wait to be stored for the first time."""
        states = self._plan.states
        return (n for n in self._changed if n in states and not states[n].reader)


def _again(added: Added, known: int) -> Added:
    """What was added, where so many of its calls stand for ones that were known, and forgotten first."""
    same = min(known, added.new)
    return Added(added.new - same, added.updated, added.duplicates + same)


def _skips(outcome: Outcome, source_no: int, before: int) -> list[Skip]:
    """A task's skips as the store keeps them: the examples, and in one row how many more there are."""
    kept = [Skip(source_no, s.line + before, s.reason[:MAX_REASON]) for s in outcome.skipped]
    more = outcome.skipped_count - len(kept)
    return [*kept, Skip(source_no, kept[-1].line, "not kept one by one", more)] if more else kept


def _moved(table: pa.Table, base: int) -> pa.Table:
    """A batch with its calls numbered from `base`."""
    at = table.schema.get_field_index("call")
    return table.set_column(at, "call", pa.array(table["call"].to_numpy() + base))


def _table(path: str) -> pa.Table:
    """A batch that a worker wrote; its file is gone, the mapping holds it."""
    with pa.memory_map(path) as file:
        table = pa.ipc.open_file(file).read_all()
    with suppress(PermissionError):  # Windows keeps what is mapped until the folder goes
        Path(path).unlink()
    return table
