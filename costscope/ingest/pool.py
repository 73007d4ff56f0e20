"""Jobs of reading in processes, or in this one where they are few."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from functools import partial
from operator import methodcaller
from threading import current_thread, main_thread
from types import ModuleType
from typing import Self

from costscope import second
from costscope.attribute.interner import HandOn
from costscope.errors import InputError
from costscope.filters import SegmentRule
from costscope.ingest.amount import INLINE_BYTES, MOST_TEXT
from costscope.ingest.task import Job
from costscope.ingest.worker import Done, Worker

MAX_PROCESSES = 8
"""More could not be served by the one process that stores what they read."""
AHEAD = 3
"""So many jobs a process are in the works: enough that none waits, few enough that little waits."""
PATIENCE = 1.0
"""Seconds that are waited for a file that is read elsewhere, before it is read here too."""


def processes_for(total: int) -> int:
    """How many processes should read so many bytes."""
    if total < INLINE_BYTES:
        return 1
    allowed = getattr(os, "sched_getaffinity", None)
    return min(MAX_PROCESSES, len(allowed(0)) if allowed else os.cpu_count() or 1)


class Readers:
    """Processes that read jobs and put Arrow files into `folder`. They start at once, so that they are
    ready when the jobs are. Where this process reads, `hand_on` is told the texts. Use as a context
    manager."""

    def __init__(
        self, secret: bytes, folder: str, processes: int, rules: Sequence[SegmentRule] = (),
        hand_on: HandOn | None = None,
    ) -> None:  # fmt: skip
        self._given, self._hand_on = (secret, folder, rules), hand_on
        self._count = processes
        self._pool: Executor | None = None
        self._helper = None if processes > 1 else second.begun()
        if processes > 1:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            # spawn: the store's threads must not be forked.
            self._pool = ProcessPoolExecutor(processes, get_context("spawn"), _begin, self._given)
            with _starting():
                for _ in range(processes):
                    self._pool.submit(_ready)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failed: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    @property
    def are_two(self) -> bool:
        """Whether this process reads, and a second one that was begun with it."""
        return self._helper is not None

    def read(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Done]]:
        """What each job gave, in order of the jobs, a few read ahead. Raises InputError where a process
        died."""
        if self._pool is None:
            yield from self._read_here(jobs)
            return
        waiting: deque[tuple[Job, Future[Done]]] = deque()
        for job in jobs:
            waiting.append((job, self._submitted(self._pool, job)))
            if len(waiting) > AHEAD * self._count:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())

    def _read_here(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Done]]:
        """The same in this process, and where a second one was begun, some in that."""
        helper = self._helper
        if helper is None or len(jobs) < 2:
            worker = Worker(*self._given, hand_on=self._hand_on)
            yield from ((job, worker.run(job)) for job in jobs)
            return
        make = partial(_Apart, *self._given, MOST_TEXT if self._hand_on is not None else 0)
        own = make()
        helper.prepare(own, make)
        # The largest is begun with here: the other process may not be ready yet.
        by_size = sorted(range(len(jobs)), key=lambda n: sum(task.weight for task in jobs[n]))
        read = helper.share(own, [methodcaller("run", jobs[n]) for n in by_size], PATIENCE)
        found = dict(zip(by_size, read, strict=True))
        for number, job in enumerate(jobs):
            done, texts = found.pop(number)
            if self._hand_on is not None:
                for content, text in texts.items():
                    self._hand_on(content, text)
            yield job, done

    def _submitted(self, pool: Executor, job: Job) -> Future[Done]:
        try:
            with _starting():
                return pool.submit(_run, job)
        except BrokenExecutor as error:
            raise InputError(_died(job)) from error


class _Apart:
    """A worker of which there are two, and what each hears of texts while it does a job, up to where they
    are more than `most` characters; 0: nothing."""

    def __init__(self, secret: bytes, folder: str, rules: Sequence[SegmentRule], most: int) -> None:
        self._texts: dict[int, str] = {}
        self._most = self._room = most
        self._worker = Worker(secret, folder, rules, hand_on=self._keep if most else None)

    def run(self, job: Job) -> tuple[Done, dict[int, str]]:
        """What a job gave, and the texts with their content hashes."""
        self._texts, self._room = {}, self._most
        return self._worker.run(job), self._texts

    def _keep(self, content: int, text: str) -> None:
        if self._room >= 0 and content not in self._texts:
            self._texts[content] = text
            self._room -= len(text)


_worker: Worker | None = None


def _begin(secret: bytes, folder: str, rules: Sequence[SegmentRule]) -> None:
    global _worker
    # Ctrl-C reaches every process of a terminal; the one that stores acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker = Worker(secret, folder, rules)


def _ready() -> None:
    """Nothing: a process that has done it has started."""


def _run(job: Job) -> Done:
    assert _worker is not None
    return _worker.run(job)


def _result(job: Job, future: Future[Done]) -> tuple[Job, Done]:
    try:
        return job, future.result()
    except BrokenExecutor as error:
        raise InputError(_died(job)) from error


def _died(job: Job) -> str:
    more = f" or one of the {len(job) - 1} files after it" if len(job) > 1 else ""
    return (
        f"{job[0].source.shown}: a reading process ended while it read this file{more} (killed, or out of "
        "memory); what was stored before is complete, so ingest again, or with fewer files at once"
    )


@contextmanager
def _starting() -> Iterator[None]:
    """Processes that start in here do not import the program that starts them, command line and all (a
    script without a guard would start over), and inherit that Ctrl-C is not for them."""
    main, in_main = sys.modules["__main__"], current_thread() is main_thread()
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN) if in_main else None
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
        if in_main:
            signal.signal(signal.SIGINT, handler or signal.SIG_DFL)
