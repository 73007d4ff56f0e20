"""What of each file is new since it was read before, as tasks for the reading processes.

A file is known by its path and by marks of its content, so that a log that was rotated, renamed or
copied is neither read as new calls nor taken for what stood at its path before.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from costscope import plugins, sources
from costscope.errors import InputError
from costscope.ingest import marks
from costscope.ingest.find import find_reader
from costscope.ingest.task import Job, Task, place
from costscope.readers._house import HouseMap, is_map
from costscope.readers.interface import Reader
from costscope.sources import Source
from costscope.sources.packing import BROKEN
from costscope.store import SourceState

PIECE_BYTES = 32 * 1024 * 1024
MIN_PIECE_BYTES = 4 * 1024 * 1024
"""A file of independent lines of at least twice the size of a piece is cut into pieces. Larger ones
are better: calls of one conversation share messages that each process has to learn by itself."""
PIECES = 4
"""So many pieces a process at least, so that none waits long for the others at the end."""
JOB_BYTES = 16 * 1024 * 1024
"""Smaller files are read together, up to about this size."""
FEW_BYTES = 2 * 1024 * 1024
"""The same where two processes share what one would read."""
MIN_COPY = 1024
"""Shorter files may be equal by chance."""
MAX_CANDIDATES = 20
"""So many files that begin alike are compared with a new one."""


class Plan:
    """Looks at files one after the other; `tasks` are what is to be read of them."""

    def __init__(
        self,
        states: Sequence[SourceState],
        reader: str = "",
        piece: int = PIECE_BYTES,
        house: HouseMap | None = None,
        again: bool = False,
    ) -> None:
        self._reader, self._piece, self._house, self._again = reader, piece, house, again
        self._by_path = {s.path: s for s in states}
        self._alike: dict[str, list[str]] = {}
        for state in states:
            self._alike.setdefault(state.beginning, []).append(state.path)
        self._next = max((s.source_no for s in states), default=-1) + 1
        self.tasks: list[Task] = []
        self.states: dict[int, SourceState] = {}
        """By number, what will be known of a file that a task reads, but for how far it was read."""
        self.moved: dict[int, SourceState] = {}
        """By number, sources whose path is another one now."""
        self.unchanged: list[SourceState] = []
        self.anew: set[int] = set()
        """Sources that another reader, or another map, is to read now, or that are wanted again: what
        the first reading made of them is void."""
        self.grown: set[int] = set()
        """Those of them that are read whole because they have grown: what the end of a session meant may
        be known better now."""
        self.refused: list[str] = []
        self.files = 0
        self.bytes = 0

    def look(self, paths: Iterable[str]) -> None:
        """Plan the reading of these files, each once."""
        for path in paths:
            self.files += 1
            try:
                self._look(path)
            except InputError as error:
                self.refused.append(str(error))
            except OSError as error:
                self.refused.append(f"{path}: {error.strerror}")

    def _look(self, path: str) -> None:
        source = sources.identify(path)
        self.bytes += source.size
        name = path if path == sources.STDIN else os.path.abspath(path)
        state, start = self._state(name, source)
        self._by_path[name] = state
        paths = self._alike.setdefault(state.beginning, [])
        if name not in paths[-MAX_CANDIDATES:]:
            paths.append(name)
        if start is None:
            self.unchanged.append(state)
            return
        reader = self._reader or state.reader
        if is_map(reader) and self._house is None:
            raise InputError(
                f"{source.shown}: it was read by a map ({reader}); name that with --map"
            )
        self.states[state.source_no] = state
        task = Task(source, state.source_no, state.origin, reader, start, house=self._house)
        self.tasks += _cut(task, self._piece)

    def _state(self, name: str, source: Source) -> tuple[SourceState, int | None]:
        """What is known of a file, and from where to read it; None where nothing in it is new."""
        known = self._by_path.get(name)
        modified = os.stat(place(source)).st_mtime_ns
        begins = _begins(source)
        holds = known is not None and _holds(place(source), known)
        if known and not holds and source.container == "jsonl" and begins != known.beginning:
            self._give_way(known)  # another log stands there now
            known = None
        if known is None:
            known = self._moved(name, source, begins)
            holds = known is not None
        if known is None:
            return self._new(name, source, begins, modified), 0
        now = known._replace(size=source.size, modified=modified, beginning=begins)
        if self._again or self._reader not in ("", known.reader):
            if holds:
                self.anew.add(now.source_no)
            return now, 0
        return now, self._from(source, known, modified) if holds else 0

    def _from(self, source: Source, known: SourceState, modified: int) -> int | None:
        """From where to read a file that still begins as it did."""
        if source.size == known.size:
            # Written to, though of the same size: what lies between the marks may be other calls.
            return None if modified == known.modified else 0
        if self._grows(source, known.reader):
            return known.consumed
        if self._whole(known.reader):
            self.grown.add(known.source_no)
            self.anew.add(known.source_no)
        return 0

    def _whole(self, reader: str) -> bool:
        known = self._house is None and reader in plugins.names("readers")
        return known and bool(plugins.load("readers", reader).whole_file)

    def _grows(self, source: Source, reader: str) -> bool:
        """Whether what was read of a file need not be read again when it has grown."""
        if self._house is not None:
            return source.seekable
        known = reader in plugins.names("readers")
        return source.seekable and known and not self._whole(reader)

    def _give_way(self, known: SourceState) -> None:
        """The source at a path that holds another log now keeps its calls under a name of its own."""
        del self._by_path[known.path]
        old = known._replace(path=f"{known.path}#{known.source_no}")
        self._by_path[old.path] = old
        self._alike.setdefault(old.beginning, []).append(old.path)
        self.moved[old.source_no] = old

    def _moved(self, name: str, source: Source, begins: str) -> SourceState | None:
        """The source that was read under another path, where it is no longer, and is here now."""
        for path in self._alike.get(begins, [])[-MAX_CANDIDATES:]:
            known = self._by_path.get(path)
            if not known or path == name or not known.consumed:
                continue
            if _holds(place(source), known) and not _holds(path, known):
                del self._by_path[path]
                self.moved[known.source_no] = known._replace(path=name)
                return self.moved[known.source_no]
        return None

    def _new(self, name: str, source: Source, begins: str, modified: int) -> SourceState:
        number, self._next = self._next, self._next + 1
        origin = self._copied(name, source, begins)
        return SourceState(
            number, name, "", source.size, modified, 0, "", begins,
            number if origin is None else origin, 0,
        )  # fmt: skip

    def _copied(self, name: str, source: Source, begins: str) -> int | None:
        """The origin of a file that this one is a copy of, or an earlier or later state of it."""
        for path in self._alike.get(begins, [])[-MAX_CANDIDATES:]:
            known = self._by_path.get(path)
            if known and path != name and _alike(known, path, source):
                return known.origin
        return None


def _begins(source: Source) -> str:
    """A mark of a file's first line, whether it is packed or not."""
    if source.packing:
        return marks.begins(source.start(marks.LINE_BYTES))
    return marks.beginning(place(source))


def _alike(known: SourceState, path: str, source: Source) -> bool:
    """Whether a file is a copy, or an earlier or later state, of one that was read: also where one of
    them was packed since, as rotated logs are."""
    try:
        if not os.path.exists(path):
            return (
                bool(source.packing)
                and known.consumed >= MIN_COPY
                and _unpacked(source, known.consumed) == (known.consumed, known.fingerprint)
            )
        other = sources.identify(path)
        if source.packing or other.packing:
            return _same_content(source, other)
        common = min(source.size, other.size)
        return common >= MIN_COPY and marks.fingerprint(path, common) == marks.fingerprint(
            place(source), common
        )
    except (*BROKEN, InputError):
        return False


def _same_content(a: Source, b: Source) -> bool:
    found = _unpacked(a)
    other = _unpacked(b, found[0])
    if other[0] < found[0]:
        found = _unpacked(a, other[0])
    return found == other and found[0] >= MIN_COPY


def _unpacked(source: Source, most: int | None = None) -> tuple[int, str]:
    with source.open() as file:
        return marks.streamed(file, most)


def _holds(path: str, known: SourceState) -> bool:
    """Whether a file still begins with the bytes that were read of a source."""
    try:
        size = os.path.getsize(path)
        return (
            size >= known.consumed and marks.fingerprint(path, known.consumed) == known.fingerprint
        )
    except OSError:
        return False


def _cut(task: Task, piece: int) -> Iterator[Task]:
    """A large file of independent lines in pieces for several processes."""
    source, start = task.source, task.start
    if not source.seekable:
        yield task
        return
    # What is written while we read waits for the next time.
    task = task._replace(end=source.size)
    pieces = task.size // piece
    found = _named(task) if pieces > 1 else None
    if found is None or found.whole_file:
        yield task
        return
    for a, b in pairwise(sources.line_starts(source.path, start, source.size, pieces)):
        yield task._replace(reader=found.name, start=a, end=b)


def _named(task: Task) -> Reader | None:
    """A file's reader; a file that has none is refused where all others are."""
    try:
        return find_reader(task.source, task.reader, task.house)
    except InputError:
        return None


def piece_bytes(total: int, processes: int) -> int:
    """How large a piece should be where so many bytes are to be read."""
    return max(MIN_PIECE_BYTES, min(PIECE_BYTES, total // (PIECES * processes)))


def jobs(tasks: Iterable[Task], *, few: bool = False) -> Iterator[Job]:
    """Tasks in their order, small ones together, of little to read in smaller jobs."""
    most = FEW_BYTES if few else JOB_BYTES
    job: list[Task] = []
    size = 0
    for task in tasks:
        if job and size + task.weight > most:
            yield tuple(job)
            job, size = [], 0
        job.append(task)
        size += task.weight
    if job:
        yield tuple(job)
