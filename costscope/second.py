"""A second process of this program, which does some of the work where data are few and a core is to
spare. Whatever becomes of it, this process can do everything by itself. Knows nothing of the work.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from io import FileIO
from itertools import count
from pickle import PickleError, dumps, load, loads
from queue import Empty, SimpleQueue
from subprocess import DEVNULL, PIPE, Popen
from threading import Lock, Thread
from time import monotonic
from typing import Any, Literal, TypeVar

State = TypeVar("State")
Result = TypeVar("Result")
Kind = Literal["now", "prepare", "job"]

PATIENCE = 1.0
"""Seconds that an answer is waited for which this process would have in half a second by itself."""
MOMENT = 0.25
"""The same of a job of many: few take longer."""
UNSENDABLE = (PickleError, TypeError, AttributeError, RecursionError)
UNREADABLE = (*UNSENDABLE, OSError, EOFError, ValueError, LookupError, ImportError)
"""What reading may raise where the other process is gone, or something printed between its answers."""


class Second:
    """The other process, seen from this one. Threads write to it and read from it, so that this process
    never waits for longer than it wants to."""

    def __init__(self) -> None:
        self._process = Popen(_command(), stdin=PIPE, stdout=PIPE, stderr=DEVNULL)
        self._outbox: SimpleQueue[bytes] = SimpleQueue()
        self._inbox: SimpleQueue[tuple[int, Any] | None] = SimpleQueue()
        self._numbers = count(1)
        self._answers: dict[int, Any] = {}
        self._gone = False
        self._prepared: object = None
        self._lock = Lock()
        """Held by who takes or hands over a job: both threads do."""
        self._jobs: Sequence[Callable[[Any], object]] = ()
        self._todo: deque[int] = deque()
        self._there: dict[int, int] = {}
        """Question -> job."""
        self._at = 0
        """The last of them, until it is answered."""
        self._threads = [Thread(target=x, daemon=True) for x in (self._write, self._read)]
        for thread in self._threads:
            thread.start()

    def now(self, call: Callable[[], Result], patience: float = PATIENCE) -> Result | None:
        """What a call gives that is made there at once, whatever else it does; None where the answer does
        not come within so many seconds."""
        number = self._ask("now", call)
        until = monotonic() + patience
        while number not in self._answers and self._noted(max(until - monotonic(), 0)):
            pass
        answer: Result | None = self._answers.pop(number, None)
        return answer

    def prepare(self, own: object, make: Callable[[], object]) -> None:
        """Have it make what jobs on `own` are given there, while this process goes on."""
        self._prepared = own
        self._ask("prepare", make)

    def share(
        self, own: State, jobs: Sequence[Callable[[State], Result]], patience: float = MOMENT
    ) -> list[Result]:
        """What each of the jobs gives, in their order. Here they are given `own`, there what was prepared
        for it. They are taken from the back here and from the front there, so those that take long should
        be at the ends; what then is not there within so many seconds is done here too."""
        if self._prepared is not own:
            return [job(own) for job in jobs]
        found: dict[int, Result] = {}
        with self._lock:
            self._jobs, self._todo, self._there = jobs, deque(range(len(jobs))), {}
        while len(found) < len(jobs):
            number = self._taken()
            self._hand_over()
            if number is None and not self._noted(patience):
                number = self._taken_back()
            if number is not None:
                found[number] = jobs[number](own)
            while self._noted(0):
                pass
            found |= self._returned()
        return [found[number] for number in range(len(jobs))]

    def end(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._outbox.put(b"")
        for thread in self._threads:
            thread.join()
        self._process.wait()

    def _taken(self) -> int | None:
        """The next job for this process, if any is left."""
        with self._lock:
            return self._todo.pop() if self._todo else None

    def _hand_over(self) -> None:
        """Have the next job done there, if it is not at one."""
        with self._lock:
            if self._todo and not self._at:
                number = self._todo.popleft()
                self._at = self._ask("job", self._jobs[number])
                self._there[self._at] = number

    def _taken_back(self) -> int:
        """The job that it is at, or was when it was last heard of."""
        with self._lock:
            return self._there.popitem()[1]

    def _returned(self) -> dict[int, Any]:
        """Job -> what it gave, of those that have been answered."""
        with self._lock:
            known = self._there.keys() & self._answers.keys()
            return {self._there.pop(number): self._answers.pop(number) for number in known}

    def _ask(self, kind: Kind, call: Callable[..., object]) -> int:
        """The number of its answer. Where the question cannot be sent, nothing is asked any more."""
        number = next(self._numbers)
        try:
            message = dumps(call)
        except UNSENDABLE:
            self._give_up()
        if not self._gone:
            self._outbox.put(dumps((number, kind, message)))
        return number

    def _give_up(self) -> None:
        self._gone, self._prepared = True, None

    def _noted(self, patience: float) -> bool:
        """Whether an answer is there, or comes within so many seconds; it is kept."""
        try:
            answer = None if self._gone else self._inbox.get(timeout=patience)
        except Empty:
            return False
        if answer is None:
            self._give_up()
            return False
        number, self._answers[number] = answer
        return True

    def _write(self) -> None:
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as pipe:
            for message in iter(self._outbox.get, b""):
                pipe.write(message)
                pipe.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with suppress(*UNREADABLE), self._process.stdout as pipe:
            while True:
                number, result = load(pipe)
                self._inbox.put((number, result))
                with self._lock:
                    self._at = 0 if self._at == number else self._at
                self._hand_over()
        self._inbox.put(None)


_begun: Second | None = None


def begin() -> Second | None:
    """Start it, once, where there is a core for it; it ends with this process."""
    global _begun
    if _begun is None and cores() > 1 and sys.executable and not hasattr(sys, "frozen"):
        # A process or thread too many is no reason to fail.
        with suppress(OSError, RuntimeError):
            _begun = Second()
            atexit.register(_begun.end)
    return _begun


def begun() -> Second | None:
    """The one that was started, if any."""
    return _begun


def cores() -> int:
    """How many this process may use."""
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed else os.cpu_count() or 1


def _command() -> list[str]:
    """Python, which finds what this process finds, and nothing where it happens to stand."""
    begins = f"import gc, sys; sys.path[:] = {sys.path!r}; gc.set_threshold{gc.get_threshold()}"
    isolated = ["-I"] * sys.flags.ignore_environment
    return [sys.executable, *isolated, "-c", f"{begins}; from {__name__} import serve; serve()"]


def serve() -> None:
    """What the other process does until the pipe to it is closed. It says nothing: what goes wrong in it
    goes wrong here too, if it is of any account. One thread answers what is asked now, another the rest,
    as it comes."""
    # Ctrl-C reaches every process of a terminal; the one that was started acts on it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Who asks now does not want to wait for the other thread's turn to be over.
    sys.setswitchinterval(0.0005)
    inward, outward = os.fdopen(os.dup(0), "rb"), FileIO(os.dup(1), "wb")
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(silent, stream)
    later: SimpleQueue[tuple[int, Kind, bytes]] = SimpleQueue()
    lock = Lock()
    Thread(target=_work, args=(later, outward, lock), daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            number, kind, call = load(inward)
            if kind == "now":
                _answer(outward, lock, number, loads(call)())
            else:
                later.put((number, kind, call))


def _work(later: SimpleQueue[tuple[int, Kind, bytes]], outward: FileIO, lock: Lock) -> None:
    state = None
    # Whatever is raised closes the pipe, which tells that nothing more will come.
    with closing(outward):
        while True:
            number, kind, message = later.get()
            call = loads(message)
            if kind == "prepare":
                state = call()
            _answer(outward, lock, number, None if kind == "prepare" else call(state))


def _answer(outward: FileIO, lock: Lock, number: int, result: object) -> None:
    left = memoryview(dumps((number, result)))
    with lock:
        # Of a write to a pipe that a stop (Ctrl-Z) interrupts, the rest is still to be written.
        while left:
            left = left[outward.write(left) :]
