"""How good and how fast the semantic cache is, with the extra `semantic` and without it, on this machine.
A script, not a test; `make bench-semantic` runs it.

    python tests/bench/semantic.py [--questions N] [--pairs FILE]

Prints how long 100,000 distinct questions take in one process, and how much memory; with --pairs what
becomes of pairs of questions that mean the same (GPTCache's mock_data.json, or stored/asked/same).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter, process_time
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import polars as pl  # noqa: E402

from costscope import tokens  # noqa: E402
from costscope.levers._similar import embed as _embed  # noqa: E402
from costscope.levers._similar.false import lowest  # noqa: E402
from costscope.levers._similar.labels import Outcome, Pair, outcomes, points  # noqa: E402
from costscope.levers.semantic_cache import SemanticCache  # noqa: E402
from costscope.model import Workload  # noqa: E402

PUBLISHED = {0.95: (425, 25, 549), 0.9: (804, 77, 118), 0.8: (904, 92, 3)}
"""Right, wrong and missed at each threshold, as GPTCache publishes them, with another embedding and no
guards of this kind."""
LEAD = SemanticCache.lead
BUDGET = SemanticCache.false_hits
SECOND = 1_000_000


def ways() -> Iterator[_embed.Embedder]:
    """The embedders that are installed."""
    if _embed.has_model():
        yield _embed.WORDLLAMA
    yield _embed.LETTERS_ALONE


def pairs_of(path: Path) -> list[Pair]:
    """Labelled pairs of a file. GPTCache's has `origin` and `similar`; all of them mean the same."""
    rows = json.loads(path.read_text("utf-8"))
    return [
        Pair(row.get("origin") or row["stored"], row.get("similar") or row["asked"], row.get("same", True))
        for row in rows
    ]  # fmt: skip


class HeldOut(NamedTuple):
    """A threshold chosen on one half of some pairs, and what it does on the other."""

    threshold: float | None
    outcome: Outcome | None

    def false_share(self) -> float | None:
        """Wrong of all hits; None without hits."""
        hits = self.outcome.right + self.outcome.wrong if self.outcome else 0
        return self.outcome.wrong / hits if self.outcome and hits else None


def held_out(pairs: Sequence[Pair], way: _embed.Embedder, seed: int) -> HeldOut:
    """The lever's own choice under its budget on a random half, tried on the other half."""
    mixed = list(pairs)
    random.Random(seed).shuffle(mixed)
    one, other = mixed[: len(mixed) // 2], mixed[len(mixed) // 2 :]
    chosen = lowest([points(one, way, LEAD, way.grid)], BUDGET)
    return HeldOut(chosen, None if chosen is None else outcomes(other, way, LEAD, [chosen])[0])


def print_pairs(path: Path, splits: int = 20) -> None:
    """The table of right, wrong and missed, and how the budget holds on held-out halves."""
    pairs = pairs_of(path)
    sys.stdout.write(
        f"{len(pairs):,} pairs\n{'':34}{'threshold':>10}{'right':>7}{'wrong':>7}{'miss':>6}\n"
    )
    for threshold, counts in PUBLISHED.items():
        _row("published by GPTCache", Outcome(threshold, *counts))
    for way in ways():
        for outcome in outcomes(pairs, way, 0, list(PUBLISHED), guarded=False):
            _row(f"{way.name}, no guard", outcome)
        for outcome in outcomes(pairs, way, LEAD, sorted({*PUBLISHED, *way.grid}, reverse=True)):
            _row(f"{way.name}, guarded", outcome)
    sys.stdout.write(f"a budget of {BUDGET:.0%}, chosen on one half and tried on the other:\n")
    for way in ways():
        found = [held_out(pairs, way, seed) for seed in range(splits)]
        shares = [share for one in found if (share := one.false_share()) is not None]
        hits = [one.outcome.right + one.outcome.wrong for one in found if one.outcome]
        sys.stdout.write(
            f"{way.name}: a threshold on {len(hits)} of {splits} halves; on the others "
            f"{np.mean(hits) if hits else 0:.0f} hits in the mean, false {np.mean(shares or [0]):.2%} in "
            f"the mean, {max(shares, default=0):.2%} at most\n"
        )


def _row(name: str, outcome: Outcome) -> None:
    threshold, right, wrong, miss = outcome
    sys.stdout.write(f"{name:34}{threshold:10.2f}{right:7}{wrong:7}{miss:6}\n")


class Made(NamedTuple):
    """Texts by hash, as a log would give them."""

    texts: dict[int, str]

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        """Those that are wanted."""
        return ((content, text) for content, text in self.texts.items() if content in wanted)


def made(questions: int) -> Workload:
    """As many distinct questions, of one feature with one system prompt, sent within a day: a fifth are
    earlier ones in other words and have the same answer. No two can be told apart by a number."""
    rng = random.Random(1)
    vocabulary = (token.decode("utf-8", "replace") for token in tokens.ranks("o200k_base"))
    words = [w.strip() for w in vocabulary if re.fullmatch(" [a-z]{4,12}", w)][:8_000]
    weights = [1 / (20 + i) for i in range(len(words))]
    starts = (
        "how do I",
        "what is the best way to",
        "please tell me how to",
        "can you explain how to",
    )
    asked: list[tuple[str, int]] = []
    seen: set[str] = set()
    while len(asked) < questions:
        number = len(asked)
        if asked and rng.random() < 0.2:
            old, answer = asked[rng.randrange(number)]
            body = old.split(" to ", 1)[-1].split("how do I ", 1)[-1].rstrip("?")
        else:
            body, answer = " ".join(rng.choices(words, weights, k=rng.randint(5, 12))), number
        text = f"{rng.choice(starts)} {body}?"
        if text not in seen:
            seen.add(text)
            asked.append((text, answer))
    return _workload(asked)


def _workload(asked: Sequence[tuple[str, int]]) -> Workload:
    from tests.workloads import CALLS, DEFAULTS, FEES, PARTS, START

    count = len(asked)
    number = np.arange(1, count + 1)
    query = number.astype(np.uint64) + np.uint64(10**6)
    answer = np.array([a for _, a in asked], np.uint64) + np.uint64(10**12)
    texts = {int(q): text for q, (text, _) in zip(query, asked, strict=True)}
    texts |= {int(a): f"The answer to it is that one of {a} in full words." for a in answer}
    calls = pl.DataFrame({"call_no": number}).with_columns(
        pl.format("c{}", "call_no").alias("call_id"), pl.format("c{}", "call_no").alias("cluster"),
        sent_at=pl.lit(START) + pl.duration(microseconds=pl.col("call_no") * (80_000 * SECOND // count)),
        latency_us=pl.lit(SECOND), feature=pl.lit("help"), request_hash=pl.col("call_no").cast(pl.UInt64),
    )  # fmt: skip
    rest = {name: value for name, value in DEFAULTS.items() if name not in calls.columns}
    calls = calls.with_columns(pl.lit(value).alias(name) for name, value in rest.items())
    calls = calls.with_columns(pl.lit(None).alias(n) for n in CALLS if n not in calls.columns)
    blocks = zip(
        ("system", "query", "output"),
        (np.full(count, 7, np.uint64), query, answer),
        (500, 15, 60),
        strict=True,
    )
    parts = pl.concat([
        pl.DataFrame({"call_no": number, "content": content}).with_columns(
            seq=pl.lit(seq), segment=pl.lit(segment), tokens=pl.lit(tokens), role=pl.lit("user"),
            kind=pl.lit("text"), rule=pl.lit("structure"), turn=pl.lit(0), prefix=pl.lit(0),
            breakpoint=pl.lit(""), billing_class=pl.lit("output" if segment == "output" else "fresh"),
        )
        for seq, (segment, content, tokens) in enumerate(blocks)
    ]).sort("call_no", "seq")  # fmt: skip
    made = Workload(
        calls.select(*CALLS).cast(CALLS),
        parts.select(*PARTS).cast(PARTS),
        pl.DataFrame(schema=FEES),
    )
    return replace(made, texts=Made(texts))


def one(questions: int, way: str) -> None:
    """The child's side: prints seconds, seconds of CPU, MB before and at most, and hits as JSON."""
    workload = made(questions)
    SemanticCache.name = "semantic_cache"
    lever = SemanticCache(local=way)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    start, cpu = perf_counter(), process_time()
    after = lever.apply(workload)
    lever.details(workload, after)
    seconds, cpu = perf_counter() - start, process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // unit
    hits = workload.calls.join(after.calls, on="call_no", how="anti").height
    sys.stdout.write(json.dumps([seconds, cpu, before, peak, hits]))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else "")
    options.add_argument("--questions", type=int, default=100_000)
    options.add_argument("--pairs", type=Path)
    options.add_argument("--one", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.one:
        one(given.questions, given.one)
        return
    if given.pairs:
        print_pairs(given.pairs)
        return
    sys.stdout.write(
        f"{'':12}{'questions':>10}{'seconds':>9}{'CPU':>8}{'log, MB':>9}{'most, MB':>10}{'hits':>8}\n"
    )
    for way in ways():
        for questions in (given.questions // 10, given.questions):
            command = [sys.executable, __file__, "--questions", str(questions), "--one", way.name]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            seconds, cpu, before, peak, hits = json.loads(done.stdout)
            sys.stdout.write(
                f"{way.name:12}{questions:10,}{seconds:9.2f}{cpu:8.2f}{before:9,}{peak:10,}{hits:8,}\n"
            )
            sys.stdout.flush()
    sys.stdout.write(
        f"{os.cpu_count()} processors; log: what the tables and texts themselves take\n"
    )


if __name__ == "__main__":
    main()
