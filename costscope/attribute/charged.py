"""What each stretch of a conversation was charged: from one prompt to the next by the difference of their
bills, where text can have cost that; and which bills do not tell of their own prompt at all."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costscope.attribute.fit import Floats
from costscope.attribute.segments import Flags, Ints
from costscope.attribute.threads import Threads, by_depth

SLACK = 64
"""New text may cost so many tokens more or less than the fit says, or `Stretches.share` of them, and it is
still taken to be what the difference of two bills is for."""
ALONE = 20
"""A last bill that holds no more than its text, and this part (a twentieth) of what the conversation begins
with, is for text alone: agents often leave the tools away when they ask for the final answer."""


class Stretches(NamedTuple):
    """A row for each anchor: what the text since its parent `cost` by the fit, and what the reply in it was
    billed `beyond` that when it was written; what its first call is billed without hidden reasoning; and
    which share more or less is likely, of new text and of what its conversation begins with (`first`)."""

    cost: Ints
    beyond: Ints
    billed: Ints
    share: Floats
    first: Floats

    def likely(self, which: Ints, more: Ints, cost: Ints) -> Flags:
        """Whether a difference of bills may be what text of that cost was billed."""
        return self._near(which, more, cost) | self._near(which, more, cost + self.beyond[which])

    def _near(self, which: Ints, more: Ints, cost: Ints) -> Flags:
        slack = np.maximum(SLACK, cost * self.share[which])
        return np.asarray((more >= 0) & (cost > 0) & (np.abs(more - cost) <= slack))

    def slack(self, found: Threads) -> Ints:
        """How far a whole prompt may be from its bill: what its conversation begins with is estimated,
        and only what follows is measured."""
        return np.asarray(np.maximum(SLACK, self.cost[found.root] * self.first), np.int64)


class Charged(NamedTuple):
    """Text up to each anchor in billed tokens; and for each call what stays unattributed though its bill
    is `short` of its own text: what its conversation has without text. 0 for all other calls."""

    upto: Ints
    kept: Ints


def charged(found: Threads, new: Stretches, net: Ints) -> Charged:
    """The charges of conversations. `net`: what each call is billed without hidden reasoning."""
    upto = _upto(found, new, np.zeros(len(new.cost), bool))
    odd = new.billed < upto - _too_much(found, new, upto, net) - new.slack(found)
    if odd.any():
        upto = _upto(found, new, odd)
    upto -= _too_much(found, new, upto, net)
    return Charged(upto, _kept(found, upto, net, odd, new.slack(found)))


def over(found: Threads, new: Stretches, net: Ints) -> Ints:
    """For each anchor by how many tokens the calls of its conversation are billed less than all of their
    text, at the median, or its first call where that is less; less than none where there is more in the
    bill than text."""
    return _over(found, new, _upto(found, new, np.zeros(len(new.cost), bool)), net)


def _upto(found: Threads, new: Stretches, odd: Flags) -> Ints:
    """Where bills differ by what the new text may cost, it cost that. Where they differ by less, and the
    next bill goes on from there, some of it was not sent; also where there is no next bill, unless this one
    is for the text alone. An `odd` bill tells nothing: what follows is compared with the bill before it."""
    upto, billed = new.cost.copy(), new.billed
    sure = np.where(odd, -1, np.arange(len(upto)))
    followed = _followed(found, new)
    last = np.bincount(found.parent[found.parent >= 0], minlength=len(upto)) == 0
    for level in by_depth(found)[1:]:
        up = found.parent[level]
        base = sure[up]
        sure[level] = np.where(odd[level], base, level)
        start = upto[base]
        cost = upto[up] - start + new.cost[level]
        more = billed[level] - billed[base]
        beside = billed[level] - upto[up] - new.cost[level]
        alone = beside <= np.maximum(SLACK, upto[found.root[level]] // ALONE)
        unsent = followed[level] | (last[level] & ~alone)
        unsent &= (more >= -SLACK) & (more < cost)
        take = (base >= 0) & ~odd[level] & (unsent | new.likely(level, more, cost))
        upto[level] = np.where(take, start + np.maximum(more, 0), upto[up] + new.cost[level])
        past = take & odd[up]
        _share_out(found, upto, odd, up[past], start[past], np.maximum(more[past], 0), cost[past])
    return upto


def _followed(found: Threads, new: Stretches) -> Flags:
    """Anchors that a prompt goes on from which is billed as much more as its text may cost."""
    up = found.parent
    goes_on = (up >= 0) & new.likely(np.arange(len(up)), new.billed - new.billed[up], new.cost)
    return np.bincount(up[goes_on], minlength=len(up)) > 0


def _share_out(
    found: Threads, upto: Ints, odd: Flags, at: Ints, start: Ints, more: Ints, cost: Ints
) -> None:
    """What was measured past odd bills, divided between the stretches on the way as the fit says. Of several
    that go on from one odd bill the cheapest tells, so that it is the same in whatever order they come."""
    while len(at):
        shared = start + (upto[at] - start) * more // np.maximum(cost, 1)
        upto[at] = np.iinfo(np.int64).max
        np.minimum.at(upto, at, shared)
        at = found.parent[at]
        on = odd[at]
        at, start, more, cost = at[on], start[on], more[on], cost[on]


def _too_much(found: Threads, new: Stretches, upto: Ints, net: Ints) -> Ints:
    """For each anchor how much less its conversation must begin with, where most of its calls are billed
    less than all of their text: some of it was not sent, or is cheaper than the fit says."""
    return np.asarray(
        np.clip(_over(found, new, upto, net), 0, np.maximum(upto, 0)[found.root]), np.int64
    )


def _over(found: Threads, new: Stretches, upto: Ints, net: Ints) -> Ints:
    calls = np.flatnonzero(found.end >= 0)
    end = found.end[calls]
    middle = medians(upto[end] - net[calls], found.root[end], len(found.first))
    # What the first call was billed for was sent: later ones may leave out what was said meanwhile.
    return np.asarray(np.minimum(middle, upto - new.billed)[found.root], np.int64)


def _kept(found: Threads, upto: Ints, net: Ints, odd: Flags, slack: Ints) -> Ints:
    calls = np.flatnonzero(found.end >= 0)
    end = found.end[calls]
    left = net[calls] - upto[end]
    known = ~odd[end]
    middle = medians(left[known], found.root[end[known]], len(found.first))
    kept = np.zeros(len(net), np.int64)
    kept[calls] = np.where(left < -slack[end], np.maximum(middle, 0)[found.root[end]], 0)
    return kept


def medians(values: Ints, group: Ints, groups: int) -> Ints:
    """The lower middle value of each group, 0 for a group without values."""
    order = np.lexsort((values, group))
    counts = np.bincount(group, minlength=groups)
    at = np.cumsum(counts) - counts + (counts - 1) // 2
    found = np.zeros(groups, np.int64)
    found[counts > 0] = values[order][at[counts > 0]]
    return found
