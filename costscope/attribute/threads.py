"""Which calls go on from which: conversations found by prompts that begin with the whole prompt of another
call, and what stands between the two."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costscope.attribute.prefix import MULTIPLIER
from costscope.attribute.segments import KIND, ROLE, Codes, Flags, Ints

_SAID = tuple(KIND[k] for k in ("text", "document", "image"))


class Prompts(NamedTuple):
    """Blocks of the prompts of calls, in order of (call, place in the prompt). `call` numbers the calls
    from 0 in the order in which they were stored; `counted` are tokens of the vocabulary."""

    call: Ints
    role: Codes
    kind: Codes
    content: NDArray[np.uint64]
    prefix: NDArray[np.uint64]
    counted: Ints


class Threads(NamedTuple):
    """Prompts cut where the prompt of another call of the conversation ends.

    An anchor is the end of a prompt, known by `first`: the first call that ends there. `parent` is the
    anchor that its prompt goes on from, -1 for none, and `depth` how many are before it. What stands
    between the two is the anchor's own segment, of which `span` has the number.
    """

    segment: Ints
    """Block → number of its segment; segments are counted through all prompts."""
    anchor: Ints
    """Segment → anchor at its end, -1 for blocks without text behind the last one."""
    first: Ints
    parent: Ints
    depth: Ints
    span: Ints
    root: Ints
    """Anchor → the anchor that its conversation begins with."""
    end: Ints
    """Call → its anchor, -1 where its prompt has no text."""
    turns: Flags
    """Anchor → whether the user says something in its segment."""
    answered: Flags
    """Anchor → whether a reply stands in its segment."""


def threads(prompts: Prompts, key: Ints, calls: int) -> Threads:
    """The threads of prompts. Only calls with the same `key` (call → number) are of one conversation."""
    known = prompts.prefix + key.astype(np.uint64)[prompts.call] * MULTIPLIER
    text = np.flatnonzero(prompts.content != 0)
    last = np.full(calls, -1, np.int64)
    last[prompts.call[text]] = text  # in order, so the last assignment stays
    ending = np.flatnonzero(last >= 0)
    ends, nth, of_call = np.unique(known[last[ending]], return_index=True, return_inverse=True)
    first = ending[nth]
    end = np.full(calls, -1, np.int64)
    end[ending] = of_call
    at = np.minimum(np.searchsorted(ends, known[text]), max(len(ends) - 1, 0))
    found = ends[at] == known[text] if len(ends) else np.zeros(0, bool)
    hits, hit_anchor = text[found], at[found]
    segment = _segments(prompts.call, hits)
    anchor = np.full(int(segment.max(initial=-1)) + 1, -1, np.int64)
    anchor[segment[hits]] = hit_anchor
    parent, depth, span = _tree(prompts.call, hits, hit_anchor, segment, last[first], first)
    user = (prompts.role == ROLE["user"]) & np.isin(prompts.kind, _SAID)
    spoken = prompts.role == ROLE["assistant"]
    return Threads(
        segment, anchor, first, parent, depth, span, _roots(parent), end,
        _any(user, segment, len(anchor))[span], _any(spoken, segment, len(anchor))[span],
    )  # fmt: skip


def by_depth(threads: Threads) -> list[Ints]:
    """Anchors by how many are before them, the beginnings of conversations first."""
    order = np.argsort(threads.depth, kind="stable")
    cuts = np.flatnonzero(np.diff(threads.depth[order])) + 1
    return np.split(order, cuts)


def _segments(call: Ints, hits: Ints) -> Ints:
    starts = np.diff(call, prepend=-1) != 0
    starts[hits[hits + 1 < len(call)] + 1] = True
    return np.asarray(np.cumsum(starts) - 1, np.int64)


def _tree(
    call: Ints, hits: Ints, anchor: Ints, segment: Ints, last: Ints, first: Ints
) -> tuple[Ints, Ints, Ints]:
    """Parent, depth and own segment of each anchor, from the prompt of the first call that ends there."""
    place = np.searchsorted(hits, last)
    before = np.maximum(place - 1, 0)
    goes_on = (place > 0) & (call[hits[before]] == first) if len(hits) else np.zeros(0, bool)
    parent = np.where(goes_on, anchor[before], -1) if len(hits) else np.zeros(0, np.int64)
    begins = np.searchsorted(call[hits], first)
    return parent, place - begins, segment[last]


def _roots(parent: Ints) -> Ints:
    up = np.where(parent < 0, np.arange(len(parent)), parent)
    while (further := up[up]).tolist() != up.tolist():
        up = further
    return up


def _any(flags: Flags, group: Ints, groups: int) -> Flags:
    return np.bincount(group[flags], minlength=groups) > 0
