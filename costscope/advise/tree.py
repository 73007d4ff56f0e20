"""Levers pulled one after another in the order of the stack, each or not: what coalitions begin with in
common is made once, and no more is held at a time than is still to be built on."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from costscope.advise.bench import CACHING, Bench, Delta, stage
from costscope.advise.touched import touched
from costscope.columns import Ints
from costscope.levers.interface import Lever
from costscope.model import Table, Workload
from costscope.second import Second

Names = frozenset[str]


@dataclass(frozen=True)
class Touch:
    """What one lever does to the log: calls (rows of the bill) and its own words about it.

    By itself; or, if that is nothing, after the first of the others that leave it something to do.
    """

    calls: Ints
    action: str
    notes: Sequence[str]
    details: Sequence[Table]


class _Node(NamedTuple):
    """What the chosen levers made of the log, and what is wanted of the steps that are left. None among
    them is where provider caching is settled."""

    steps: Sequence[Lever | None]
    workload: Workload
    chosen: Sequence[Lever]
    wanted: Mapping[Names, Sequence[Names]]
    """What may be chosen yet → the coalitions that this is for; levers that do nothing are in some."""
    lever: Lever | None = None
    """The next to be chosen. It is pulled when the node's turn comes, so that till then there is nothing
    to hold."""


class Tree:
    """The levers, in their order, over one log."""

    def __init__(self, bench: Bench, levers: Sequence[Lever]) -> None:
        early = [lever for lever in levers if stage(lever) < CACHING]
        late = [lever for lever in levers if stage(lever) >= CACHING]
        self._bench = bench
        self._steps: list[Lever | None] = [*early, None, *late]
        self.levers = [*early, *late]
        self._names = [lever.name for lever in self.levers]
        self.touches: dict[str, Touch] = {}

    def idle(self) -> set[str]:
        """The levers that do nothing, neither by themselves nor after all the others. What each of the
        rest changes by itself, and all of them together, is known from then on."""
        bench = self._bench
        alone = together = bench.workload
        found, active = set[str](), list[Lever]()
        for lever in self._steps:
            if lever is None:
                alone, together = bench.settle(alone), bench.settle(together)
                continue
            changed = self._pulled(lever, alone)
            if changed is not alone:
                bench.outcome([lever], bench.completed(lever, changed))
            after = changed if together is alone else bench.pulled(lever, together)
            if changed is alone and after is together:
                found.add(lever.name)
            else:
                active.append(lever)
            del changed
            together = after
        bench.outcome(active, together)
        return found

    def explore(self, wanted: Collection[Names]) -> dict[Names, Delta]:
        """What each of these coalitions changes. Where there is a second process, they are shared out by
        which of the first half of the levers are in them."""
        helper, active = self._bench.helper, sorted(Names().union(*wanted), key=self._names.index)
        if helper is None or not self._touch_all(active, helper):
            return self._explored(wanted)
        branches, first = dict[Names, list[Names]](), Names(active[: len(active) // 2])
        for names in wanted:
            branches.setdefault(names & first, []).append(names)
        dearest = sorted(branches, key=lambda x: (-len(branches[x]), -len(x), sorted(x)))
        jobs = [partial(_branch, self.levers, self.touches, branches[x]) for x in dearest]
        found: dict[Names, Delta] = {}
        for deltas, _ in helper.share(self._bench, jobs):
            found |= deltas
        return found

    def _touch_all(self, active: Collection[str], helper: Second) -> bool:
        """Note what each of these levers does by itself. Whether all do something: else what is noted of
        a lever depends on what was looked at before."""
        levers = [x for x in self.levers if x.name in active]
        alone = [Names([x.name]) for x in levers if not self._touching(x)]
        jobs = [partial(_branch, self.levers, {}, [names]) for names in alone]
        for _, touches in helper.share(self._bench, jobs):
            self.touches |= touches
        return all(map(self._touching, levers))

    def _explored(self, wanted: Collection[Names]) -> dict[Names, Delta]:
        found: dict[Names, Delta] = {}
        todo = [_Node(self._steps, self._bench.workload, [], {some: [some] for some in wanted})]
        while todo:
            node = todo.pop()
            if delta := self._known(node):
                (same,) = node.wanted.values()
                found |= dict.fromkeys(same, delta)
            else:
                todo += self._grown(node)
        return found

    def _known(self, node: _Node) -> Delta | None:
        """What a node's only coalition changes, where all is chosen or it was asked for before."""
        if node.lever is None and not node.steps:
            return self._bench.outcome(node.chosen, node.workload)
        if len(node.wanted) > 1:
            return None
        (names,) = node.wanted
        own = [lever for lever in node.steps if lever is not None and lever.name in names]
        own = own if node.lever is None else [node.lever, *own]
        # Else a word about a lever could be missing, which only pulling it tells.
        touching = all(self._touching(lever) for lever in own)
        return self._bench.known([*node.chosen, *own]) if touching else None

    def _grown(self, node: _Node) -> list[_Node]:
        """The nodes that follow, of which the last is to be gone to first."""
        steps, workload, chosen, wanted, lever = node
        if lever is not None:
            changed = self._pulled(lever, workload)
            chosen = chosen if changed is workload else [*chosen, lever]
            return [_Node(steps, changed, chosen, wanted)]
        first, rest = steps[0], steps[1:]
        if first is None:
            return [_Node(rest, self._bench.settle(workload), chosen, wanted)]
        left = {some: names for some, names in wanted.items() if first.name not in some}
        right = {some - {first.name}: names for some, names in wanted.items() if first.name in some}
        if right and not chosen and self._bench.is_idle(first, workload):
            self._pulled(first, workload)
            both = {some: [*left.get(some, ()), *right.get(some, ())] for some in left | right}
            return [_Node(rest, workload, chosen, both)]
        nodes = [_Node(rest, workload, chosen, right, first)] if right else []
        return [*nodes, _Node(rest, workload, chosen, left)] if left else nodes

    def _pulled(self, lever: Lever, workload: Workload) -> Workload:
        """The workload after a lever, of which the first touch that is of any call is noted."""
        changed = self._bench.pulled(lever, workload)
        missing = changed is not workload and not self._touching(lever)
        if missing or lever.name not in self.touches:
            self.touches[lever.name] = self._touch(lever, workload, changed)
        return changed

    def _touching(self, lever: Lever) -> bool:
        """Whether it is known what calls a lever touches."""
        touch = self.touches.get(lever.name)
        return touch is not None and len(touch.calls) > 0

    def _touch(self, lever: Lever, before: Workload, after: Workload) -> Touch:
        notes = tuple(lever.notes(before, after))
        details = tuple(lever.details(before, after))
        rows = self._bench.bill.rows(touched(before, after))
        return Touch(rows, lever.action(before, after), notes, details)


def _branch(
    levers: Sequence[Lever], touches: Mapping[str, Touch], wanted: Collection[Names], bench: Bench
) -> tuple[dict[Names, Delta], dict[str, Touch]]:
    """What some coalitions change, and what is known then of what each lever does."""
    tree = Tree(bench, levers)
    tree.touches |= touches
    return tree._explored(wanted), tree.touches
