"""What the parts of each call come to: tokens by billing class, and marks."""

import pytest

from costscope.levers._cache import bills as _bills
from costscope.levers._cache.bills import bills
from costscope.model import CLASSES
from tests.workloads import call, output, part, query, system, workload

READ, FRESH, OUTPUT = (CLASSES.index(name) for name in ("cache_read", "fresh", "output"))


def log():
    return workload(
        call("a", system(100, read=60, breakpoint="5m"), query(50), output(9)),
        call("b", part("unattributed", 7, ""), query(3, breakpoint="1h")),
    )


@pytest.mark.parametrize("some", [1, 100])
def test_tokens_are_summed_by_call_and_class(some, monkeypatch):
    monkeypatch.setattr(_bills, "SOME", some)
    found = bills(log().parts)
    assert found.call_no.tolist() == [1, 2]
    assert found.tokens[:, READ].tolist() == [60, 0]
    assert found.tokens[:, FRESH].tolist() == [40 + 50, 7 + 3]
    assert found.tokens[:, OUTPUT].tolist() == [9, 0]
    assert found.tokens.sum() == 100 + 50 + 9 + 7 + 3


def test_every_row_with_a_mark_counts():
    # The system prompt is two rows, read and fresh, both marked.
    assert bills(log().parts).marks.tolist() == [2, 1]


def test_of_no_parts_there_are_no_bills():
    found = bills(log().parts.clear())
    assert len(found.call_no) == len(found.marks) == len(found.tokens) == 0
