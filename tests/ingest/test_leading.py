"""Readers that cannot win are not asked about every record; who wins is as if they were."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.ingest import find
from costscope.model import Call, Skipped
from costscope.readers.interface import Reader
from costscope.sources import Head, Record

scores = st.sampled_from([0.0, 0.3, 0.5, 0.9, 1.0, None])


class Told(Reader):
    """A reader of given scores: of record n the nth; None is a stumble."""

    about = "made for a test"

    def __init__(self, told: list[float | None]) -> None:
        self.told = told
        self.asked = 0

    def score(self, record: dict[str, Any]) -> float:
        self.asked += 1
        nth: int = record["n"]
        found = self.told[nth]
        if found is None:
            raise KeyError("n")
        return found

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped]:
        yield from ()


def mean(told: list[float | None]) -> float:
    known = [score for score in told if score is not None]
    return sum(known) / len(told) if len(known) == len(told) else 0.0


def head(size: int) -> Head:
    return Head("", [{"n": n} for n in range(size)])


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 12))
def test_the_best_are_found(data: st.DataObject, size: int) -> None:
    one = st.lists(scores, min_size=size, max_size=size)
    told = data.draw(st.lists(one, min_size=1, max_size=6))
    readers = [Told(own) for own in told]
    best = max(map(mean, told))
    alike = [reader for reader in readers if mean(reader.told) == best]
    assert find._leading(readers, head(size)) == (best, alike)


def test_who_does_not_know_the_first_record_is_not_asked_on() -> None:
    sure, strange = Told([1.0] * 12), Told([0.0] * 12)
    assert find._leading([strange, sure], head(12)) == (1.0, [sure])
    assert strange.asked == 2


class Doubting(Told):
    """A reader that says less of a whole head than of its records."""

    heads = 0

    def sniff(self, head: Head) -> float:
        self.heads += 1
        return super().sniff(head) / 2


def test_what_a_reader_says_of_the_whole_head_decides() -> None:
    doubting, other = Doubting([1.0] * 4), Told([0.75] * 4)
    assert find._leading([doubting, other], head(4)) == (0.75, [other])


def test_a_reader_whose_mean_cannot_win_is_not_asked_about_the_head() -> None:
    strange, sure = Doubting([0.0] * 12), Told([1.0] * 12)
    assert find._leading([strange, sure], head(12)) == (1.0, [sure])
    assert strange.heads == 1  # of the first record alone


@pytest.mark.parametrize("other", [0.9, 1.0])
def test_equals_are_all_found(other: float) -> None:
    first, second = Told([0.9, other]), Told([other, 0.9])
    assert find._leading([first, second], head(2))[1] == [first, second]
