"""A bar on stderr for what takes longer than a second. Never in CI, a pipe or with --quiet."""

from __future__ import annotations

import os
import sys
from time import monotonic
from typing import TYPE_CHECKING

from costscope.cli._output import is_terminal

if TYPE_CHECKING:
    from rich.progress import Progress

PATIENCE_S = 1.0


class Bar:
    """Counts bytes; draws itself once it has taken a second, and leaves nothing behind."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._wanted = not quiet and not os.environ.get("CI") and _draws()
        self._drawn: Progress | None = None
        self._total = self._seen = 0
        self._began = monotonic()

    def start(self, total_bytes: int) -> None:
        """Reading begins."""
        self._total, self._seen, self._began = total_bytes, 0, monotonic()

    def advance(self, nbytes: int) -> None:
        """So many more bytes are stored."""
        self._seen += nbytes
        if not self._wanted or monotonic() - self._began < PATIENCE_S:
            return
        if self._drawn is None:
            self._drawn = _drawn(self._total)
        self._drawn.update(self._drawn.task_ids[0], completed=self._seen)

    def done(self) -> None:
        """Reading is over, also after an error."""
        if self._drawn is not None:
            self._drawn.stop()
            self._drawn = None


def _draws() -> bool:
    return sys.stderr.isatty() and is_terminal(sys.stderr, {**os.environ, "NO_COLOR": ""})


def _drawn(total: int) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    progress = Progress(
        "reading", BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True,
    )  # fmt: skip
    progress.add_task("reading", total=total)
    progress.start()
    return progress
