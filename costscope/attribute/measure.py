"""Text measured by the bill: what a call is billed more than the call it goes on from is what the new
text costs, exactly; a fit only divides it, and says where a conversation begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from costscope.attribute.charged import Stretches, charged, medians
from costscope.attribute.fit import (
    GROUP_OF_KIND,
    GROUPS,
    Coefficients,
    Floats,
    Pairs,
    errors,
    groups_of,
)
from costscope.attribute.segments import KIND, ROLE, Flags, Ints
from costscope.attribute.threads import Prompts, Threads, by_depth

UNIT = 10_000
"""Estimates are whole numbers of such a part of a token."""

NEAR, FAR = 0.15, 0.5
"""The least and the most that `tolerance` can be."""


def tolerance(found: Pairs, coefficients: Coefficients) -> float:
    """Which share more or less than the fit says is likely: three times the fit's own error, within
    bounds; where the vocabulary is not the model's own, a text of rare characters can be half off."""
    if not coefficients.exact or not len(found.billed):
        return FAR
    return float(np.clip(3 * np.percentile(errors(found, coefficients), 90), NEAR, FAR))


class Likely(NamedTuple):
    """Of each group, which share more or less than estimated is likely, of `new` text (its `tolerance`) and
    of what conversations `first` hold, that no earlier bill tells of."""

    new: Floats
    first: Floats

    @classmethod
    def of(cls, exact: Sequence[bool], new: Sequence[float] | None = None) -> Self:
        """By whether the vocabulary of each group is the model's own; `new` as that, unless told."""
        first = np.where(exact, NEAR, FAR)
        return cls(first if new is None else np.array(new, np.float64), first)


class Billed(NamedTuple):
    """Of each call: billed prompt tokens, reasoning tokens of its reply, those of what it `said` beside
    (text and tool calls), and what it is `group`ed by (provider and model, a number)."""

    prompt: Ints
    reasoning: Ints
    said: Ints
    group: Ints


class Measured(NamedTuple):
    """Billed tokens of each block, and of each call those of hidden reasoning and of nothing known. They
    add up to the call's billed prompt."""

    blocks: Ints
    carried: Ints
    hidden: Ints


def opens(prompts: Prompts) -> Flags:
    """Where a block begins that billing frames: pieces of one message's text are one block."""
    text = GROUP_OF_KIND[prompts.kind] == 0
    same = np.zeros(len(text), bool)
    same[1:] = (prompts.call[1:] == prompts.call[:-1]) & (prompts.role[1:] == prompts.role[:-1])
    same[1:] &= text[1:] & text[:-1]
    return ~same


def pairs(prompts: Prompts, found: Threads, bill: Billed, cost: Ints) -> Pairs:
    """What each anchor's first call has more than the one it goes on from. Those with new images are
    left out: no text says what an image costs. `cost`: tokens of each segment, at first guess."""
    tokens, blocks, image = _contents(prompts, found)
    held = carried(found, bill, cost)
    use = (found.parent >= 0) & ~image
    up = found.parent[use]
    billed = bill.prompt[found.first]
    return Pairs(
        _what(prompts, found)[use], bill.group[found.first][use], tokens[use], blocks[use],
        (billed[use] - billed[up]).astype(np.float64), (held[use] - held[up]).astype(np.float64),
    )  # fmt: skip


def levels(prompts: Prompts, found: Threads, bill: Billed) -> Pairs:
    """Pairs for logs without conversations: each of the dearer half of a group's first calls with one
    of the cheaper half, in order of their bills."""
    tokens, blocks, image = _contents(prompts, found)
    billed, group, what = bill.prompt[found.first], bill.group[found.first], _what(prompts, found)
    use = np.flatnonzero((found.parent < 0) & ~image)
    use = use[np.lexsort((what[use], billed[use], group[use]))]
    counts = np.bincount(group[use])
    place = np.arange(len(use)) - (np.cumsum(counts) - counts)[group[use]]
    half = (counts // 2)[group[use]]
    low = use[place < half]
    high = use[(place >= half) & (place < 2 * half)]
    return Pairs(
        what[high], group[high], tokens[high] - tokens[low], blocks[high] - blocks[low],
        (billed[high] - billed[low]).astype(np.float64), np.zeros(len(high)),
    )  # fmt: skip


def _contents(prompts: Prompts, found: Threads) -> tuple[Floats, Floats, Flags]:
    """Of each anchor's own segment: tokens and blocks by GROUPS, and whether it has an image."""
    segments, kinds = len(found.anchor), len(GROUPS)
    at = found.segment * kinds + _groups(prompts)
    size = segments * kinds
    tokens, blocks = (
        np.bincount(at, weights, size).astype(np.float64).reshape(-1, kinds)[found.span]
        for weights in (prompts.counted, opens(prompts))
    )
    image = np.bincount(found.segment, prompts.kind == KIND["image"], segments)[found.span] > 0
    return tokens, blocks, image


def _groups(prompts: Prompts) -> Ints:
    return groups_of(prompts.kind, prompts.role == ROLE["assistant"])


def _what(prompts: Prompts, found: Threads) -> NDArray[np.uint64]:
    what = np.zeros(len(found.end), np.uint64)
    what[prompts.call] = prompts.prefix
    return what[found.first]


def carried(found: Threads, bill: Billed, cost: Ints, coarse: Ints | None = None) -> Ints:
    """Hidden reasoning in the prompt at each anchor, if it is carried at all: that of every reply so
    far; where the user speaks again it may be dropped, and the bill tells whether it was.

    `cost`: tokens of each segment. Logs may round reasoning down to a multiple of something (OpenAI: 64):
    with `coarse`, that for each group, the bill of the next call tells what it was.
    """
    total = np.zeros(len(found.first), np.int64)
    if not bill.reasoning.any():
        return total
    billed, own = bill.prompt[found.first], cost[found.span]
    finer = np.zeros(len(total), np.int64)
    if coarse is not None:
        finer = np.maximum(coarse[bill.group[found.first]] - 1, 0)
    for level in by_depth(found)[1:]:
        up = found.parent[level]
        new = np.where(found.answered[level], bill.reasoning[found.first[up]], 0)
        more = billed[level] - billed[up] - own[level]
        dropped = found.turns[level] & (np.abs(more + total[up]) < np.abs(more - new))
        room = np.where(found.answered[level], finer[level], 0)
        total[level] = np.where(dropped, 0, total[up] + np.clip(more, new, new + room))
    return total


def estimates(prompts: Prompts, group: Ints, coefficients: list[Coefficients]) -> Ints:
    """What each block costs by the coefficients of its call's group, in parts of a token (UNIT)."""
    ratio = np.rint(np.array([c.ratio for c in coefficients]) * UNIT).astype(np.int64)
    framing = np.rint(np.array([c.framing for c in coefficients]) * UNIT).astype(np.int64)
    row, kind = group[prompts.call], _groups(prompts)
    framed = np.where(opens(prompts), framing[row, kind], 0)
    return np.asarray(prompts.counted * ratio[row, kind] + framed, np.int64)


def costs(found: Threads, estimate: Ints) -> Ints:
    """What each segment costs, in tokens."""
    return _summed(estimate, found.segment, len(found.anchor)) // UNIT


def measure(
    prompts: Prompts, found: Threads, estimate: Ints, bill: Billed, held: Ints, likely: Likely
) -> Measured:
    """Tokens of every block."""
    cost = _summed(estimate, found.segment, len(found.anchor))
    some = np.append(held, 0)[found.end]
    stretches = stretched(prompts, found, estimate, bill, held, likely)
    upto, kept = charged(found, stretches, bill.prompt - some)
    own = np.maximum(upto - np.where(found.parent >= 0, upto[found.parent], 0), 0)
    target = np.append(own, 0)[found.anchor]  # -1: no anchor
    blocks = spread(estimate, found.segment, target, cost)
    return _within(blocks, prompts.call, bill.prompt, some, kept)


def stretched(
    prompts: Prompts, found: Threads, estimate: Ints, bill: Billed, held: Ints, likely: Likely
) -> Stretches:
    """What bills are measured by, see `measure`."""
    spoken = np.where(prompts.role == ROLE["assistant"], estimate, 0)
    reply = costs(found, spoken)[found.span]
    said = np.where(found.parent >= 0, bill.said[found.first][found.parent], 0)
    group = bill.group[found.first]
    return Stretches(
        costs(found, estimate)[found.span],
        np.clip(said - reply, 0, reply),
        bill.prompt[found.first] - held,
        likely.new[group],
        likely.first[group],
    )


def _within(blocks: Ints, call: Ints, billed: Ints, some: Ints, kept: Ints) -> Measured:
    """Text never exceeds the bill; what is left is hidden reasoning first, as far as it goes. Where the
    bill is short of its text, what is `kept` and hidden reasoning come before the text."""
    text = _summed(blocks, call, len(billed))
    room = billed - np.where(kept > 0, np.minimum(kept + some, billed), 0)
    blocks = spread(blocks, call, np.minimum(text, room), text)
    left = billed - np.minimum(text, room)
    reasoning = np.minimum(some, np.maximum(left - kept, 0))
    return Measured(blocks, reasoning, left - reasoning)


def off(found: Threads, cost: Ints, bill: Billed, held: Ints) -> Floats:
    """How far each call's bill is from what was estimated for its text (`cost`, tokens), its hidden
    reasoning and the constant of its conversation, as a share of the bill. The constant, which nobody
    logged, is the median of what is left over the conversation's calls; calls that nothing goes on
    from share one by group. Not a number where a call has no text, or none to compare it with."""
    error = np.full(len(bill.prompt), np.nan)
    use = np.flatnonzero(found.end >= 0)
    end, group, billed = found.end[use], bill.group[use], bill.prompt[use]
    left = billed - cost[use] - held[end]
    root = found.root[end]
    alone = np.bincount(root, minlength=1)[root] == 1
    where = np.where(alone, group, root + int(group.max(initial=0)) + 1)
    groups = int(where.max(initial=0)) + 1
    share = np.abs(left - medians(left, where, groups)[where]) / np.maximum(billed, 1)
    error[use] = np.where(np.bincount(where, minlength=groups)[where] > 1, share, np.nan)
    return error


def spread(parts: Ints, group: Ints, target: Ints, total: Ints) -> Ints:
    """Whole numbers in proportion to `parts` that add up to `target` in each group (a run of rows, of
    which `total` is the sum), by rounding their running sum. Nothing where the total is nothing."""
    running = np.cumsum(parts)
    first = np.diff(group, prepend=-1) != 0
    before = np.maximum.accumulate(np.where(first, running - parts, 0))
    upto = running - before
    whole, wanted = np.maximum(total, 1)[group], target[group]
    ends = (2 * upto * wanted + whole) // (2 * whole)
    return np.asarray(ends - (2 * (upto - parts) * wanted + whole) // (2 * whole), np.int64)


def _summed(values: Ints, group: Ints, groups: int) -> Ints:
    return np.bincount(group, weights=values, minlength=groups).astype(np.int64)
