"""How long every lever takes over a million calls of some twenty parts each, and over a tenth of them:
each by itself, all together once, and all that `simulate --all` asks of them; with the memory that it
takes. A script, not a test; `make bench-levers` runs it.

    python tests/bench/levers.py [--calls N] [--only each,stack,simulate]

The traffic is made up: conversations of 50 programs on two providers, half of them cached, some with
tools, beside retrieval, nightly jobs, embeddings, repeated requests and retries. It has no texts
(`texts` is None): to read them is a pass over the log, which is measured by what reads logs.

Of the levers by themselves none is left out. All together are those that `simulate --all` switches on: the
others (`by_request`) rest on what only the user knows, a model that can be trained or GPUs to rent, so only
who asks for one by name gets it. Fine-tuning is given a model here, for without one it moves no call.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from hashlib import blake2b
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import polars as pl  # noqa: E402

from costscope import plugins  # noqa: E402
from costscope.advise import simulate  # noqa: E402
from costscope.advise.bench import Bench, in_order  # noqa: E402
from costscope.levers.interface import Lever  # noqa: E402
from costscope.model import Workload  # noqa: E402
from costscope.prices import PriceBook  # noqa: E402
from tests.bench.made import traffic  # noqa: E402

WHAT = ("each", "stack", "simulate")
TUNED = "ft:gpt-4.1-mini-2025-04-14"
"""The model that fine-tuning sends calls to: it has a price."""
STATUS = Path("/proc/self/status")
MOST = 120.0
"""Seconds beyond which `simulate` is not measured at ten times the calls."""


class Took(NamedTuple):
    """What one step took."""

    name: str
    seconds: float
    cpu: float
    peak: int
    """MB, with the log itself."""
    result: str
    """A hash of what came of it, to compare two versions of a lever by."""


def measured(name: str, step: Callable[[], Any]) -> Took:
    """One step, timed, with the most memory that this process held meanwhile."""
    forget_peak()
    start, cpu = perf_counter(), process_time()
    result = step()
    seconds, cpu = perf_counter() - start, process_time() - cpu
    return Took(name, seconds, cpu, peak(), digest(result))


def forget_peak() -> None:
    """Let the most memory be that of now; without Linux it stays that of the whole process."""
    try:
        Path("/proc/self/clear_refs").write_text("5", "ascii")
    except OSError:
        return


def peak() -> int:
    """The most memory held since, in MB."""
    if STATUS.exists():
        lines = STATUS.read_text("ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 2**10
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit


def digest(result: Any) -> str:
    """A hash of a workload's tables, or of what else came of a step."""
    found = blake2b(digest_size=6)
    if isinstance(result, Workload):
        for table in (result.calls, result.parts.sort("call_no", "seq", "billing_class", "tokens"),
                      result.fees):  # fmt: skip
            found.update(str(table.height).encode())
            for name in table.columns:
                column = table[name]
                text = (
                    column.cast(pl.String) if isinstance(column.dtype, pl.Categorical) else column
                )
                found.update(text.hash(1).to_numpy().tobytes())
    else:
        found.update(repr(result).encode())
    return found.hexdigest()


def levers() -> list[Lever]:
    """Every lever, in the order of the stack."""
    given = {"fine_tuning": {"model": TUNED}}
    classes = plugins.all_of("levers")
    return in_order([cls(**given.get(name, {})) for name, cls in classes.items()])


def unasked() -> list[Lever]:
    """All that `simulate --all` switches on, in the order of the stack."""
    return [lever for lever in levers() if not lever.by_request]


def each(workload: Workload) -> Iterator[Took]:
    """Every lever once, on the log by itself."""
    for lever in levers():
        yield measured(lever.name, lambda lever=lever: lever.apply(workload))  # type: ignore[misc]


def stack(workload: Workload) -> Iterator[Took]:
    """All of them composed once: the bill, the stack with caching settled in it, one pricing."""
    book, every = PriceBook.load(), unasked()
    benches: list[Bench] = []
    yield measured("bill", lambda: benches.append(Bench(workload, book, every)))
    bench = benches.pop()
    yield measured(
        "stack", lambda: (d := bench.run(every)) and (d.total(d.changes.unknown), d.fees)
    )


def whole(workload: Workload) -> Iterator[Took]:
    """All that `simulate --all` asks: each alone, orders of joining, scenarios, words, ranges."""
    yield measured("simulate", lambda: simulated(workload))


def simulated(workload: Workload) -> Any:
    """The figures of a simulation."""
    result = simulate(workload, unasked(), PriceBook.load())
    return [[getattr(one, field.name) for field in fields(one)] for one in result.levers]


CHILD = {"each": each, "stack": stack, "simulate": whole}


def one(calls: int, what: str) -> None:
    """The child's side: a line of JSON for the log, then one for every step."""
    workload = traffic(calls)
    size = round(sum(t.estimated_size("mb") for t in (workload.calls, workload.parts)))
    sys.stdout.write(json.dumps([workload.calls.height, workload.parts.height, size]) + "\n")
    for took in CHILD[what](workload):
        sys.stdout.write(json.dumps(took) + "\n")
        sys.stdout.flush()


def child(calls: int, what: str) -> list[Took]:
    """The steps, measured in a process of their own."""
    command = [sys.executable, __file__, "--calls", str(calls), "--one", what]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    about, *steps = map(json.loads, done.stdout.splitlines())
    sys.stdout.write("{:,} calls, {:,} parts, {:,} MB: {}\n".format(*about, what))
    return [Took(*step) for step in steps]


def printed(few: list[Took], many: list[Took]) -> None:
    """A line for each step, with how much longer ten times the calls take, and their sum."""
    if len(few) > 1:
        few, many = [*few, total(few)], [*many, total(many)] if many else []
    more = {took.name: took for took in many}
    for took in few:
        line = f"{took.name:18}{took.seconds:9.2f}{took.cpu:9.2f}{took.peak:9,}"
        if then := more.get(took.name):
            growth = then.seconds / max(took.seconds, 0.001)
            line += f"{then.seconds:11.2f}{then.cpu:9.2f}{then.peak:9,}{growth:9.1f}"
        sys.stdout.write(f"{line}   {took.result}\n")
    sys.stdout.flush()


def total(steps: list[Took]) -> Took:
    """The sum of the times, the most of the memory."""
    return Took("all", sum(s.seconds for s in steps), sum(s.cpu for s in steps),
                max(s.peak for s in steps), "")  # fmt: skip


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    options.add_argument("--calls", type=int, default=1_000_000)
    options.add_argument("--only", default=",".join(WHAT))
    options.add_argument("--one", choices=WHAT, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        one(given.calls, given.one)
        return
    for what in given.only.split(","):
        few = child(given.calls // 10, what)
        slow = what == "simulate" and few[0].seconds * 10 > MOST
        many = [] if slow else child(given.calls, what)
        sys.stdout.write(f"{'':18}{'seconds':>9}{'CPU':>9}{'MB':>9}{'seconds':>11}{'CPU':>9}"
                         f"{'MB':>9}{'times':>9}   result\n")  # fmt: skip
        printed(few, many)
    sys.stdout.write(f"{os.cpu_count()} processors; MB: the most held, the log included\n")


if __name__ == "__main__":
    main()
