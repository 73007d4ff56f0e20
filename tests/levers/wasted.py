"""What the tests of the levers against waste share: which calls a lever drops, and what that saves."""

from __future__ import annotations

from typing import Any

from costscope import plugins
from costscope.advise import simulate
from costscope.levers.interface import Lever
from costscope.model import Workload
from costscope.prices.book import PriceBook
from tests.workloads import Part, call, output, query, system, workload

INPUT, OUTPUT = 2_500_000, 10_000_000
"""Picodollars for a token of gpt-4o: $2.50 and $10 for a million."""


def dropped(lever: Lever, work: Workload) -> list[str]:
    """The ids of the calls that a lever takes away, sorted."""
    kept = set(lever.apply(work).calls["call_id"])
    return sorted(set(work.calls["call_id"]) - kept)


def unchanged(lever: Lever, *calls: Any) -> bool:
    """Whether a lever hands the very same workload back."""
    work = workload(*calls)
    return lever.apply(work) is work


def saved(name: str, *calls: Any) -> int:
    """What a lever alone saves, in picodollars by the public price lists."""
    return simulate(workload(*calls), [plugins.load("levers", name)()], PriceBook.load()).saved


def asked(call_id: str, *more: Part, answer: int = 50, **columns: Any) -> Any:
    """A call of 900 + 100 tokens and an answer: "q" is what it asks unless `request` says otherwise."""
    columns = {"request": "q", "session": "s"} | columns
    prompt = (system(900), query(100, columns["request"]), *more)
    return call(call_id, *prompt, output(answer, f"answer {call_id}"), **columns)


def clean(count: int = 100) -> list[Any]:
    """Calls without any waste: each asks something else, a minute after the one before, of one of ten
    conversations."""
    return [
        asked(f"clean {n}", request=f"question {n}", at=60 * n, session=f"clean {n % 10}")
        for n in range(count)
    ]
