"""Jobs of reading in processes, or in this one where they are few."""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context
from threading import current_thread, main_thread
from types import ModuleType
from typing import Self

from costscope.attribute.interner import HandOn
from costscope.errors import InputError
from costscope.filters import SegmentRule
from costscope.ingest.amount import INLINE_BYTES
from costscope.ingest.task import Job
from costscope.ingest.worker import Done, Worker

MAX_PROCESSES = 8
"""More could not be served by the one process that stores what they read."""
AHEAD = 3
"""So many jobs a process are in the works: enough that none waits, few enough that little waits."""


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
        self._pool: ProcessPoolExecutor | None = None
        if processes > 1:
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

    def read(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, Done]]:
        """What each job gave, in order of the jobs, a few read ahead. Raises InputError where a process
        died."""
        if self._pool is None:
            worker = Worker(*self._given, hand_on=self._hand_on)
            yield from ((job, worker.run(job)) for job in jobs)
            return
        waiting: deque[tuple[Job, Future[Done]]] = deque()
        for job in jobs:
            waiting.append((job, self._submitted(self._pool, job)))
            if len(waiting) > AHEAD * self._count:
                yield _result(*waiting.popleft())
        while waiting:
            yield _result(*waiting.popleft())

    def _submitted(self, pool: ProcessPoolExecutor, job: Job) -> Future[Done]:
        try:
            with _starting():
                return pool.submit(_run, job)
        except BrokenProcessPool as error:
            raise InputError(_died(job)) from error


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
    except BrokenProcessPool as error:
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
