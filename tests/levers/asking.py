"""Logs of questions by hand, with their texts: what the tests of the semantic cache ask."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any

from costscope.model import Workload
from tests.workloads import call, hashed, output, query, system, workload


class Words:
    """The texts of a log, as `model.Texts` gives them."""

    def __init__(self, *texts: str) -> None:
        self.texts = {hashed(text): text for text in texts}
        self.reads = 0

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        self.reads += 1
        return ((content, text) for content, text in self.texts.items() if content in wanted)


def asked(
    call_id: str, at: float, question: str, answer: str = "Under Settings.", **more: Any
) -> Any:
    """A call of 120 tokens that asks a question and is answered within a second, with 30 tokens."""
    prompt = more.pop("prompt", system(100, "You help."))
    blocks = (prompt, query(more.pop("tokens", 20), question), output(30, answer))
    columns = {"request": f"{question}{at}", "temperature": 0.0, "latency": 1, "feature": "help"}
    return call(call_id, *blocks, at=at, **(columns | more))


def log(*calls: Any, texts: Collection[str] | None = None) -> Workload:
    """The calls as a workload whose texts can be read: all of them, or only these."""
    said = [block.text or "" for _, blocks in calls for block in blocks]
    return replace(workload(*calls), texts=Words(*(said if texts is None else texts)))
