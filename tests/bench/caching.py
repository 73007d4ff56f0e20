"""How long the prompt-cache simulator takes for a million calls of twenty parts each, and a tenth of
them, on this machine. A script, not a test; `make bench-cache` runs it.

    python tests/bench/caching.py [--calls N]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from costscope.attribute.prefix import chain  # noqa: E402
from costscope.model import CLASSES, KINDS, ROLES  # noqa: E402

TURNS = 19
"""A conversation of 19 turns has 2, 4 … 38 parts a prompt: 20 in the mean."""
PROGRAMS = 50
SOME = 50_000
"""Calls whose blocks are made at a time."""
MODES = {"explicit": (1_024, 1, 20, 300), "implicit": (1_024, 128, None, 3_600)}
"""Minimum, granularity, look-back and lifetime of Claude's and of OpenAI's older models."""
SECOND = 1_000_000


def made(calls: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Blocks and calls as `_cache.sim.simulate` takes them: programs with a system prompt each, whose
    conversations repeat all that was said, half of them on either kind of provider."""
    rng = np.random.default_rng(1)
    number = np.arange(calls)
    conversation = number // TURNS
    program = conversation % PROGRAMS
    start = rng.integers(0, 30 * 86_400, conversation[-1] + 1) * SECOND
    sent = start[conversation] + np.cumsum(rng.integers(5, 400, calls) * SECOND) % 10**11
    mode = np.where(program % 2, "explicit", "implicit")
    rules = {name: pl.Series([MODES[m][i] for m in MODES], dtype=pl.Int64).gather(program % 2 == 0)
             for i, name in enumerate(("minimum", "granularity", "lookback", "ttl"))}  # fmt: skip
    about = pl.DataFrame({
        "call_no": number, "scope": (program % 2).astype(np.uint64), "sent": sent,
        "ready": sent + 2 * SECOND, "mode": mode, "life": "5m", "policy": "conversation",
        "whole_units": False, **rules,
    }).with_columns(ttl=pl.col("ttl") * SECOND)  # fmt: skip
    made = (prompts(number[some]) for some in np.array_split(number, calls // SOME + 1))
    return pl.concat(made, rechunk=True), about


def prompts(number: np.ndarray) -> pl.DataFrame:
    """A row per block: a system prompt of its program's, then what was said in the conversation."""
    sizes = 2 * (number % TURNS) + 2
    call = np.repeat(number, sizes)
    conversation = call // TURNS
    seq = np.arange(len(call)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    first = seq == 0
    content = np.where(first, conversation % PROGRAMS + 1, conversation * 64 + seq + 10**6)
    content = content.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    tokens = np.where(first, 1_500, 40 + (content >> np.uint64(55)).astype(np.int64))
    upto = np.cumsum(tokens)
    end = upto - np.repeat((upto - tokens)[first], sizes)
    kinds, roles, classes = pl.Enum(KINDS), pl.Enum(ROLES), pl.Enum(CLASSES)
    role = np.where(first, ROLES.index("system"), ROLES.index("user") + seq % 2)
    return pl.DataFrame({
        "call_no": call, "tokens": tokens, "end": end, "content": content,
        "prefix": chain(content, first),
    }).with_columns(
        role=pl.Series(ROLES).cast(roles).gather(role),
        kind=pl.lit("text", kinds), billing_class=pl.lit("fresh", classes),
        breakpoint=pl.lit("", pl.Enum(["", "5m", "1h"])),
    )  # fmt: skip


def one(calls: int) -> None:
    """The child's side: prints seconds, seconds of CPU, MB before and at most, calls and tokens read as JSON."""
    from costscope.levers._cache.sim import simulate

    blocks, about = made(calls)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    start, cpu = perf_counter(), process_time()
    found = simulate(blocks, about)
    seconds, cpu = perf_counter() - start, process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    read = int(found["ideal"].sum())
    sys.stdout.write(json.dumps([seconds, cpu, before, peak, blocks.height, read]))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    options.add_argument("--calls", type=int, default=1_000_000)
    options.add_argument("--one", type=int, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        one(given.one)
        return
    sys.stdout.write(
        f"{'calls':>10}{'parts':>12}{'seconds':>9}{'CPU':>8}{'log, MB':>9}{'most, MB':>10}\n"
    )
    for calls in (given.calls // 10, given.calls):
        command = [sys.executable, __file__, "--one", str(calls)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds, cpu, before, peak, parts, _ = json.loads(done.stdout)
        sys.stdout.write(f"{calls:10,}{parts:12,}{seconds:9.2f}{cpu:8.2f}{before:9,}{peak:10,}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{os.cpu_count()} processors; log: what the tables themselves take\n")


if __name__ == "__main__":
    main()
