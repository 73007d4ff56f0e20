"""Texts of workloads by hand, as levers read them again from a log."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from costscope.model import Workload
from tests.workloads import hashed


class Said:
    """`model.Texts` of the texts that are given; it counts how often it was asked."""

    def __init__(self, *texts: str) -> None:
        self.texts = {hashed(text): text for text in texts}
        self.asked = 0

    def read(self, wanted: Collection[int]) -> Iterator[tuple[int, str]]:
        self.asked += 1
        return ((content, text) for content, text in self.texts.items() if content in set(wanted))


def reading(work: Workload, *texts: str) -> Workload:
    """The workload with these texts to be read."""
    return replace(work, texts=Said(*texts))


def words(start: int, count: int, stem: str = "word") -> str:
    """So many different words: "word7 word8 …"."""
    return " ".join(f"{stem}{n}" for n in range(start, start + count))
