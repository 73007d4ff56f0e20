"""Coalitions as a tree: each made once, none held for nothing, and words of every lever."""

from __future__ import annotations

from itertools import combinations

import pytest

from costscope.advise import bench as benches
from costscope.advise.bench import Bench, in_order
from costscope.advise.tree import Tree
from tests.advise.pulling import PriceList, drop, made, move, shrink
from tests.workloads import call, part, workload

NONE = []


def log():
    return workload(*(call(name, part("query", 10, name)) for name in "abcd"))


def counted(name, change, stage, into):
    def counting(work):
        into.append(name)
        return change(work)

    return made(name, counting, stage)


def levers(into):
    return in_order([
        counted("w", drop("a"), "waste", into), counted("t", shrink(2), "truncation", into),
        counted("r", move("model", "half"), "routing", into),
        counted("i", lambda work: work, "routing", into),
        counted("b", move("tier", "batch", "b", "c"), "batching", into),
    ])  # fmt: skip


def every(names):
    return {frozenset(some) for n in range(len(names) + 1) for some in combinations(names, n)}


def totals(found):
    return {which: delta.total(NONE) for which, delta in found.items()}


def alone(work):
    """The same of each coalition by itself."""
    chosen = {lever.name: lever for lever in levers([])}
    return {
        some: Bench(work, PriceList(), list(chosen.values())).run([chosen[n] for n in some]).total(NONE)
        for some in every(chosen)
    }  # fmt: skip


@pytest.mark.parametrize("room", [0, benches.ROOM])
def test_all_coalitions_are_what_they_are_one_by_one(monkeypatch, room):
    monkeypatch.setattr(benches, "ROOM", room)
    work, pulls = log(), []
    tree = Tree(Bench(work, PriceList(), levers([])), levers(pulls))
    found = tree.explore(every("wtrib"))
    assert totals(found) == alone(work)
    assert len(tree.touches["w"].calls) == 1
    assert len(tree.touches["i"].calls) == 0
    # Once after each mix of those before it, and once more by itself where there is no room for that.
    assert pulls.count("b") <= 8 + (room == 0)
    assert pulls.count("i") <= 4 + (room == 0)


def test_what_is_idle_is_found_and_what_that_took_is_not_done_again(monkeypatch):
    monkeypatch.setattr(benches, "ROOM", 0)
    work, pulls = log(), []
    bench = Bench(work, PriceList(), levers([]))
    tree = Tree(bench, levers(pulls))
    assert tree.idle() == {"i"}
    done = len(pulls)
    single = {frozenset(name) for name in "wtrb"} | {frozenset("wtrb")}
    found = totals(tree.explore(single))
    # What "w" alone and all of them begin with.
    assert pulls[done:] == ["w"]
    assert found == {some: value for some, value in alone(work).items() if some in single}


def test_a_lever_that_others_leave_something_to_do_is_told_of_by_that():
    def after(work):
        return drop("b")(work) if "a" not in work.calls["call_id"].to_list() else work

    pair = in_order([made("x", drop("a"), "waste"), made("y", after, "routing")])
    tree = Tree(Bench(log(), PriceList(), pair), pair)
    found = totals(tree.explore(every("xy")))
    assert found == {
        frozenset(): 0, frozenset("x"): -1_000, frozenset("y"): 0, frozenset("xy"): -2_000,
    }  # fmt: skip
    assert len(tree.touches["y"].calls) == 1
