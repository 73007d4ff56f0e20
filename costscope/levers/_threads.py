"""Work on many pieces of a table by several threads. The arrays are numpy's, which lets them run side by
side; memory stays bounded by how many pieces are begun.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
THREADS = min(4, os.cpu_count() or 1)


def give_back() -> None:
    """Have the C library, where it is glibc, give what is free of its heaps back to the system. A thread has
    a heap of its own there: what is kept of its work stands between what it has freed."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if sys.platform == "linux" else None
    if trim is not None:
        trim(0)


def side_by_side(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What `work` makes of each item, in their order; no more are begun than there are THREADS. A
    single one is not worth a thread."""
    waiting = iter(items)
    first = list(islice(waiting, 2))
    if len(first) < 2:
        yield from map(work, first)
        return
    with ThreadPoolExecutor(THREADS) as pool:
        begun = deque[Future[R]]()
        for item in chain(first, waiting):
            if len(begun) >= THREADS:
                yield begun.popleft().result()
            begun.append(pool.submit(work, item))
        while begun:
            yield begun.popleft().result()
