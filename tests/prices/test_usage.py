"""Tokens by call and class: whatever the order of parts, however many there are."""

from __future__ import annotations

import polars as pl
import pytest

from costscope.model import CLASSES
from costscope.prices import usage
from tests.workloads import call, output, query, system, workload

FRESH, READ, OUTPUT = (CLASSES.index(name) for name in ("fresh", "cache_read", "output"))


def log():
    return workload(
        call("a", system(900, read=800), query(20), output(50)),
        call("b", query(7)),
        call("c", system(10), output(3), output(4)),
    )


def rows(work):
    return usage.by_class(work)[:, [FRESH, READ, OUTPUT]].tolist()


def test_the_classes_of_a_call_are_added_up():
    assert rows(log()) == [[120, 800, 50], [7, 0, 0], [10, 0, 7]]
    assert usage.by_class(log()).sum() == 994


@pytest.mark.parametrize("many", [1, 2, 3, 100])
def test_so_many_at_a_time_come_to_the_same(monkeypatch, many):
    monkeypatch.setattr(usage, "ROWS", many)
    assert rows(log()) == [[120, 800, 50], [7, 0, 0], [10, 0, 7]]


def test_parts_in_any_order_and_calls_in_any_order():
    work = log()
    apart = work.with_(parts=work.parts.sort("tokens"))
    assert rows(apart) == rows(work)
    assert rows(apart.with_(calls=work.calls.reverse())) == rows(work)[::-1]


def test_calls_without_parts_have_none_and_parts_without_a_call_are_nobodys():
    work = log()
    fewer = work.with_(parts=work.parts.filter(pl.col("call_no") != work.calls["call_no"][1]))
    assert rows(fewer)[1] == [0, 0, 0]
    assert rows(work.with_(calls=work.calls[:1])) == [[120, 800, 50]]
    assert rows(work.with_(parts=work.parts.clear())) == [[0, 0, 0]] * 3
    assert rows(work.with_(calls=work.calls.clear())) == []
