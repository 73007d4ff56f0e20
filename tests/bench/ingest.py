"""How fast logs are ingested on this machine, next to the least that reading them can cost: msgspec
decoding the same bytes in one process. A script, not a test; `make bench` runs it.

    python tests/bench/ingest.py [FOLDER_WITH_LOGS] [--runs N] [--plain]

Without a folder it expands ../shared/data/iso_bench where that is at hand (1.5 GB of agent runs), else
makes a synthetic log of the same shape. `--plain` counts tokens as if the extra `fast` were missing.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import msgspec

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
MADE_BYTES = 400_000_000
TENTH = 10
WORDS = ("the", "file", "returns", "None", "when", "request", "def", "cache", "line", "(", ")", "=", "if", "test",
         "error", "value", "path", "not", "\n", "self", "kernel", "import")  # fmt: skip


class Run(NamedTuple):
    """One ingest into a fresh store, in a process of its own. Memory in MB; `all_memory` is the most
    that all processes can have taken together."""

    seconds: float
    cpu_seconds: float
    calls: int
    own_memory: int
    child_memory: int
    all_memory: int


def made(folder: Path) -> None:
    """Agent runs that repeat their whole history with every call, a file each, in two formats."""
    rng = random.Random(1)
    size = run = 0
    while size < MADE_BYTES:
        path = folder / f"run-{run:03}.jsonl"
        path.write_text("".join(_lines(rng, run)), encoding="utf-8")
        size += path.stat().st_size
        run += 1


def _lines(rng: random.Random, run: int) -> Iterator[str]:
    said = [_message(rng, "user", 400)]
    system = " ".join(rng.choices(WORDS, k=1500))
    for turn in range(rng.randrange(20, 160)):
        reply = _message(rng, "assistant", 60)
        usage = {"prompt_tokens": 2000 + 400 * turn, "completion_tokens": 80}
        claude = {"input_tokens": 2000 + 400 * turn, "output_tokens": 80}
        request: dict[str, Any] = {"model": "gpt-4o", "messages": said}
        answer: dict[str, Any] = {"choices": [{"message": reply}], "usage": usage}
        if run % 2:
            request = {"model": "claude-sonnet-4-5", "system": system, "messages": said}
            content = [{"type": "text", "text": reply["content"]}]
            answer = {"type": "message", "content": content, "usage": claude}
        response = {"id": f"msg_01Abc{run:04}Def{turn:04}", "model": request["model"], **answer}
        sent = f"2026-11-{1 + run % 28:02}T{turn // 60:02}:{turn % 60:02}:00.5Z"
        row = {"timestamp": sent, "request": request, "response": response, "session": f"r{run}"}
        yield json.dumps(row) + "\n"
        said += [reply, _message(rng, "user", rng.randrange(50, 900))]


def _message(rng: random.Random, role: str, words: int) -> dict[str, str]:
    return {"role": role, "content": " ".join(rng.choices(WORDS, k=words))}


def expanded(folder: Path) -> None:
    """The runs under ../shared as request logs, or synthetic ones."""
    tool, data = SHARED / "tools" / "expand_trajectories.py", SHARED / "data" / "iso_bench"
    if data.is_dir():
        subprocess.run(
            [sys.executable, str(tool), str(data), str(folder)],
            check=True,
            stdout=subprocess.DEVNULL,
        )
    else:
        made(folder)


def decoded(logs: Sequence[Path]) -> float:
    """Seconds that msgspec takes for every line of some logs, in this process."""
    decode = msgspec.json.Decoder().decode
    start = perf_counter()
    for path in logs:
        with path.open("rb") as file:
            for line in file:
                decode(line)
    return perf_counter() - start


def ingested(logs: Sequence[Path], *, plain: bool = False) -> Run:
    """An ingest of some logs in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="costscope-bench-") as folder:
        names = Path(folder) / "logs"
        names.write_text("\n".join(map(str, logs)))
        command = [sys.executable, __file__, "--one", folder, *(["--plain"] if plain else [])]
        environment = {**os.environ, "PYTHONPATH": str(_hidden(folder) if plain else ROOT)}
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env=environment, cwd=ROOT
        )
    return Run(*json.loads(done.stdout))


def _hidden(folder: str) -> str:
    """A search path on which the accelerator cannot be found, in this process and those it starts."""
    code = (
        "import importlib.util as u\nreal = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'toktok' else real(name, *rest)\n"
    )
    Path(folder, "sitecustomize.py").write_text(code)
    return os.pathsep.join((folder, str(ROOT)))


def one(folder: Path) -> None:
    """The child's side of `ingested`: prints a Run as JSON."""
    start = perf_counter()
    from costscope.ingest import load, pool
    from costscope.store import Store

    logs = (folder / "logs").read_text().splitlines()
    with Store.open(folder / ".costscope" / "store.duckdb", create=True) as store:
        found = load.ingest(store, logs)
    seconds = perf_counter() - start
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    cpu = sum(u.ru_utime + u.ru_stime for u in (own, children))
    unit = 2**20 if sys.platform == "darwin" else 2**10
    mine, child = own.ru_maxrss // unit, children.ru_maxrss // unit
    processes = pool.processes_for(found.bytes)
    whole = mine + (child * processes if processes > 1 else 0)
    run = Run(seconds, cpu, found.added.new, mine, child, whole)
    sys.stdout.write(json.dumps(run))


def measured(logs: Sequence[Path], runs: int, *, plain: bool) -> tuple[float, Run]:
    """The best of some runs of both, taken in turns so that both meet the same machine."""
    decoding, ingesting = [], []
    decoded(logs)  # the first reading fills the file cache
    for _ in range(runs):
        decoding.append(decoded(logs))
        ingesting.append(ingested(logs, plain=plain))
    return min(decoding), min(ingesting)


def tenth(logs: Sequence[Path]) -> list[Path]:
    """About a tenth of some logs, of all sizes."""
    return sorted(logs, key=lambda path: path.stat().st_size)[TENTH // 2 :: TENTH] or list(logs[:1])


def told(logs: Sequence[Path], runs: int, *, plain: bool) -> Iterator[str]:
    """The table, a line at a time."""
    yield f"{'':12}{'MB':>8}{'calls':>8}{'ingest':>10}{'decode':>10}{'ratio':>7}{'CPU':>8}{'memory, MB':>12}"
    for name, part in (("a tenth", tenth(logs)), ("all", logs)):
        size = sum(path.stat().st_size for path in part) / 1e6
        decoding, run = measured(part, runs, plain=plain)
        yield (
            f"{name:12}{size:8.0f}{run.calls:8}{size / run.seconds:5.0f} MB/s{size / decoding:5.0f} MB/s"
            f"{run.seconds / decoding:7.2f}{run.cpu_seconds:6.1f} s{run.all_memory:12}"
        )
    yield (
        f"memory: {run.own_memory} MB in the process that stores, {run.child_memory} MB in each that "
        f"reads; {os.cpu_count()} processors, best of {runs} runs"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    options.add_argument("logs", nargs="?", type=Path)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--plain", action="store_true")
    options.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        one(given.one)
        return
    with tempfile.TemporaryDirectory(prefix="costscope-bench-") as folder:
        if given.logs is None:
            expanded(Path(folder))
        logs = sorted((given.logs or Path(folder)).rglob("*.jsonl"))
        for line in told(logs, given.runs, plain=given.plain):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
