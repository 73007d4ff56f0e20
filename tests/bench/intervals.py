"""How often a range holds: a lever's 95 % interval from one half of a real log's conversations, against what
the lever saves on the other half. Run by `make bench-intervals`; needs the real logs beside the repository.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl

from costscope import pipeline, plugins
from costscope.advise import simulate
from costscope.filters import Filters
from costscope.ingest.load import ingest
from costscope.levers.interface import Lever
from costscope.model import Workload
from costscope.prices import PriceBook
from costscope.store import Store

LOGS = Path(__file__).resolve().parents[3] / "shared" / "data"
CLAUDE = "iso_bench"
"""Of these runs the ones by Claude, which were never cached. They note only what is new, and become request
logs by a tool of the data's own."""
RUNS = 30
TOOL = LOGS.parent / "tools" / "expand_trajectories.py"
SPLITS = 200
WANTED = 0.90


@dataclass(frozen=True)
class Case:
    """A lever as it is set, and the logs on which it saves something, as globs."""

    lever: str
    logs: tuple[str, ...]
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def made(self) -> Lever:
        """The lever."""
        made: Lever = plugins.load("levers", self.lever)(**self.settings)
        return made


CASES = (
    Case("prompt_cache", (CLAUDE,)),
    Case("response_cache", ("http_cassettes", "tau_bench", "openhands")),
    Case("batching", ("claude_code",), {"features": ("claude-code/main",)}),
)


def main() -> int:
    """Prints a line for each case; 1 where one holds less often than wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=SPLITS)
    parser.add_argument("--lever", default="", help="only this one")
    splits, only_lever = (asked := parser.parse_args()).splits, asked.lever
    book = PriceBook.load()
    line("lever", "log", "calls", "conversations", "saves", "half the range", "holds", "seconds")
    failed = False
    for case in (c for c in CASES if only_lever in ("", c.lever)):
        started = perf_counter()
        work = read(case.logs)
        found = [covered(half(work, n), case.made, book) for n in range(splits)]
        told = [x for x in found if x is not None]
        share = sum(x.inside for x in told) / max(len(told), 1)
        failed |= share < WANTED
        line(
            case.lever, " ".join(case.logs), work.calls.height, work.calls["cluster"].n_unique(),
            f"{mean(x.saved for x in told):.2%}", f"{mean(x.reach for x in told):.2%}",
            f"{share:.1%} of {len(told)}", f"{perf_counter() - started:.0f}",
        )  # fmt: skip
    return int(failed)


def line(*cells: object) -> None:
    """A row of the table, at once."""
    sys.stdout.write(" | ".join(map(str, cells)) + "\n")
    sys.stdout.flush()


def read(globs: tuple[str, ...]) -> Workload:
    """The logs as one workload."""
    with tempfile.TemporaryDirectory() as folder:
        if globs == (CLAUDE,):
            paths = [expanded(Path(folder) / "logs")]
        else:
            paths = [path for glob in globs for path in sorted(LOGS.glob(glob))]
        with Store.open(Path(folder) / "store.duckdb", create=True) as store:
            ingest(store, [str(path) for path in paths])
            return pipeline.workload(store, Filters())


def expanded(folder: Path) -> Path:
    """Claude's runs as request logs that repeat the whole prompt."""
    wanted = ["--provider", "anthropic", "--files", str(RUNS)]
    subprocess.run(
        [sys.executable, str(TOOL), str(LOGS / CLAUDE), str(folder), *wanted],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder


def half(work: Workload, number: int) -> tuple[Workload, Workload]:
    """A random half of the conversations, and the others."""
    names = sorted(work.calls["cluster"].unique())
    some = set(random.Random(number).sample(names, len(names) // 2))
    mine = pl.col("cluster").is_in(sorted(some))
    return only(work, mine), only(work, ~mine)


def only(work: Workload, condition: pl.Expr) -> Workload:
    """Some calls as a log of their own."""
    calls = work.calls.filter(condition)
    keep = pl.col("call_no").is_in(calls["call_no"].implode())
    return Workload(calls, work.parts.filter(keep), work.fees, texts=work.texts)


@dataclass(frozen=True)
class Covered:
    """Shares of the bill."""

    saved: float
    reach: float
    inside: bool


def covered(halves: tuple[Workload, Workload], lever: Lever, book: PriceBook) -> Covered | None:
    """Whether what is saved on the second half lies in the range of the first; None where one of them
    costs nothing."""
    one, other = (simulate(work, [lever], book) for work in halves)
    if not one.cost or not other.cost:
        return None
    low, high = one.interval.low / one.cost, one.interval.high / one.cost
    truth = other.saved / other.cost
    return Covered(truth, (high - low) / 2, low <= truth <= high)


def mean(values: Iterator[float]) -> float:
    """The mean; 0 of nothing."""
    found = list(values)
    return sum(found) / len(found) if found else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
