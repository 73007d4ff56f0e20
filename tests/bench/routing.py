"""Routers on GSM8K as RouteLLM measured them: `make bench-routing`.

1,319 questions with right and wrong for a strong and a weak model, as a log of both models' calls. The
default rules and the learned router, five-fold, beside a coin. Needs the data beside the repository.
"""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from costscope.filters import Filters
from costscope.ingest.load import ingest
from costscope.levers._own.moving import without_traits
from costscope.levers._route.curve import Curve, curve, interval
from costscope.levers._route.rules import hardness
from costscope.levers._route.study import Study, studies
from costscope.levers._rows import sizes
from costscope.levers.learned_routing import LearnedRouting
from costscope.levers.routing import Routing
from costscope.model import Workload
from costscope.pipeline import workload
from costscope.store import Store

RESPONSES = Path(__file__).parents[3] / "shared/data/routellm/gsm8k/gsm8k_responses.csv"
STRONG, WEAK = "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1"
LEVER = LearnedRouting(cheap={"gpt-4*": WEAK})


def log(responses: Path, file: Path) -> None:
    """Writes the answers of both models as a log in which each has the tag `correct`."""
    csv.field_size_limit(10**7)
    with responses.open(newline="") as rows, file.open("w") as out:
        for number, row in enumerate(csv.DictReader(rows)):
            for model in (STRONG, WEAK):
                out.write(json.dumps(_record(number, row, model)) + "\n")


def _record(number: int, row: dict[str, str], model: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": row[f"{model}_response"]}
    return {
        "id": f"{number}-{model}", "model": model, "provider": "openai", "session_id": str(number),
        "timestamp": f"2026-11-02T{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02}Z",
        "request": {"model": model, "messages": [{"role": "user", "content": row["prompt"]}]},
        "response": {"model": model, "choices": [{"message": message, "finish_reason": "stop"}]},
        "metadata": {"correct": row[model].lower(), "feature": "gsm8k"},
    }  # fmt: skip


@dataclass(frozen=True)
class Result:
    """A router's curve on the questions, and a 95 % interval of its APGR."""

    name: str
    curve: Curve
    interval: tuple[float, float]


def results(folder: Path) -> tuple[list[Result], Study]:
    """Every rule, all of them, and the learned router, on every question that both models answered."""
    log(RESPONSES, folder / "log.jsonl")
    with Store.open(folder / "store.duckdb", create=True) as store:
        ingest(store, [str(folder / "log.jsonl")])
        return measured(workload(store, Filters()))


def measured(work: Workload) -> tuple[list[Result], Study]:
    """The same of a log that holds both models' answers to the same questions."""
    found, (study,) = studies(work, LEVER.wish())
    sized = work.calls.join(sizes(work.parts), on="call_no").join(found.calls, on="call_no")
    strong = sized.filter(pl.col("model") == STRONG).sort("session")
    weak = sized.filter(pl.col("model") == WEAK).sort("session")
    gain = strong["good"].to_numpy() - weak["good"].to_numpy()
    scores = {name: strong.select(rule).to_series().to_numpy() for name, rule in rules().items()}
    assert study.router is not None
    order = strong["call_no"].arg_sort().arg_sort().to_numpy()
    scores["learned router"] = study.router.judged.strong[order]
    return [_result(name, score, gain) for name, score in scores.items()], study


def rules() -> dict[str, pl.Expr]:
    """Each rule by itself and all of them, as a score that is low for what goes to the strong model."""
    lever = Routing()
    return {
        "code": without_traits(["code"]).cast(pl.Float64),
        "reasoning words": without_traits(["reasoning"]).cast(pl.Float64),
        "query length": -pl.col("query_tokens").cast(pl.Float64),
        "reply length": -pl.col("output_tokens").cast(pl.Float64),
        "default rules": -hardness(lever),
    }


def _result(name: str, score: Any, gain: Any) -> Result:
    weight = np.ones(len(gain))
    found, ends = curve(score, gain, weight), interval(score, gain, weight)
    assert found is not None
    assert ends is not None
    return Result(name, found, ends)


def table(found: list[Result], study: Study) -> str:
    """The results in words and columns."""
    judged = study.router.judged if study.router else None
    assert judged is not None
    lines = [
        f"GSM8K, {len(judged.strong):,} questions: strong model right on "
        f"{judged.strong_good.mean():.4f}, weak one on {judged.cheap_good.mean():.4f}",
        f"{'router':<18}{'APGR':>7}  {'95 % interval':<16}{'CPT(50%)':>9}{'CPT(80%)':>9}   "
        + "PGR at 20, 40, 60, 80 % of calls",
        f"{'a coin':<18}{0.5:>7.3f}  {'':<16}{0.5:>9.1%}{0.8:>9.1%}   0.20 0.40 0.60 0.80",
    ]
    for x in found:
        low, high = x.interval
        points = " ".join(f"{x.curve.at(at):.2f}" for at in (0.2, 0.4, 0.6, 0.8))
        chance = "" if low > 0.5 else "   no better than chance"
        lines.append(
            f"{x.name:<18}{x.curve.apgr:>7.3f}  {f'{low:.3f} to {high:.3f}':<16}"
            f"{x.curve.cpt(0.5):>9.1%}{x.curve.cpt(0.8):>9.1%}   {points}{chance}"
        )
    return "\n".join(lines)


def main() -> int:
    """Writes the table; says so where there is no data."""
    if not RESPONSES.is_file():
        sys.stdout.write("GSM8K's responses are not on this machine\n")
        return 0
    with TemporaryDirectory() as folder:
        sys.stdout.write(table(*results(Path(folder))) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
