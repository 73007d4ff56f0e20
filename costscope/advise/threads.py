"""Independent what-ifs side by side: most of their time is spent in tables, outside the interpreter.

What is computed does not depend on it; only how long it takes does.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def workers() -> int:
    """How many threads are worth their while."""
    return min(4, os.cpu_count() or 1)


def together(tasks: Sequence[Callable[[], T]], threads: int | None = None) -> list[T]:
    """The results of some tasks in their order; one after the other with less than two threads."""
    count = workers() if threads is None else threads
    if count < 2 or len(tasks) < 2:
        return [task() for task in tasks]
    with ThreadPoolExecutor(min(count, len(tasks))) as pool:
        return list(pool.map(lambda task: task(), tasks))
