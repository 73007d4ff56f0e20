"""Text measured by the bill: what a call is billed more than the call it goes on from is what the new
text costs, exactly; a fit only divides it, and says where a conversation begins."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costscope.attribute.fit import GROUP_OF_KIND, GROUPS, Coefficients, Floats, Pairs, errors
from costscope.attribute.segments import KIND, Flags, Ints
from costscope.attribute.threads import Prompts, Threads, by_depth

UNIT = 10_000
"""Estimates are whole numbers of such a part of a token."""
SLACK = 64
"""New text may cost so many tokens more or less than the fit says, or `tolerance` of them, and it is
still taken to be what the difference of two bills is for."""


def tolerance(found: Pairs, coefficients: Coefficients) -> float:
    """Which share more or less than the fit says is likely: three times the fit's own error, within
    bounds; where the vocabulary is not the model's own, a text of rare characters can be half off."""
    if not coefficients.exact or not len(found.billed):
        return 0.5
    return float(np.clip(3 * np.percentile(errors(found, coefficients), 90), 0.15, 0.5))


class Billed(NamedTuple):
    """Of each call: billed prompt tokens, reasoning tokens of its reply, and what it is `group`ed by
    (provider and model, a number)."""

    prompt: Ints
    reasoning: Ints
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
    at = found.segment * kinds + GROUP_OF_KIND[prompts.kind]
    size = segments * kinds
    tokens, blocks = (
        np.bincount(at, weights, size).astype(np.float64).reshape(-1, kinds)[found.span]
        for weights in (prompts.counted, opens(prompts))
    )
    image = np.bincount(found.segment, prompts.kind == KIND["image"], segments)[found.span] > 0
    return tokens, blocks, image


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
    row, kind = group[prompts.call], GROUP_OF_KIND[prompts.kind]
    framed = np.where(opens(prompts), framing[row, kind], 0)
    return np.asarray(prompts.counted * ratio[row, kind] + framed, np.int64)


def costs(found: Threads, estimate: Ints) -> Ints:
    """What each segment costs, in tokens."""
    return _summed(estimate, found.segment, len(found.anchor)) // UNIT


def measure(
    call: Ints, found: Threads, estimate: Ints, bill: Billed, held: Ints, share: Floats
) -> Measured:
    """Tokens of every block (`call`: block → call). `share`: the `tolerance` of each group."""
    segments = len(found.anchor)
    cost = _summed(estimate, found.segment, segments)
    likely = share[bill.group[found.first]]
    upto = _upto(found, cost[found.span] // UNIT, bill.prompt[found.first] - held, likely)
    upto -= _too_much(found, upto, bill.prompt, held)
    own = upto - np.where(found.parent >= 0, upto[found.parent], 0)
    target = np.append(own, 0)[found.anchor]  # -1: no anchor
    blocks = spread(estimate, found.segment, target, cost)
    return _within(blocks, call, found, bill.prompt, held)


def _upto(found: Threads, cost: Ints, billed: Ints, share: Floats) -> Ints:
    """Text up to each anchor: where bills differ by what the new text may cost, it cost that."""
    upto = cost.copy()
    for level in by_depth(found)[1:]:
        up = found.parent[level]
        more = billed[level] - billed[up]
        slack = np.maximum(SLACK, cost[level] * share[level])
        likely = (more >= 0) & (cost[level] > 0) & (np.abs(more - cost[level]) <= slack)
        upto[level] = upto[up] + np.where(likely, more, cost[level])
    return upto


def _too_much(found: Threads, upto: Ints, billed: Ints, held: Ints) -> Ints:
    """For each anchor how much less its conversation must begin with, where most of its calls are billed
    less than all of their text: some of it was not sent, or is cheaper than the fit says."""
    calls = np.flatnonzero(found.end >= 0)
    end = found.end[calls]
    over = upto[end] - (billed[calls] - held[end])
    middle = medians(over, found.root[end], len(found.first))
    return np.asarray(np.clip(middle, 0, np.maximum(upto, 0))[found.root], np.int64)


def _within(blocks: Ints, call: Ints, found: Threads, billed: Ints, held: Ints) -> Measured:
    """Text never exceeds the bill; what is left is hidden reasoning first, as far as it goes."""
    calls = len(billed)
    text = _summed(blocks, call, calls)
    blocks = spread(blocks, call, np.minimum(text, billed), text)
    left = np.maximum(billed - text, 0)
    some = np.append(held, 0)[found.end]
    reasoning = np.minimum(some, left)
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


def medians(values: Ints, group: Ints, groups: int) -> Ints:
    """The lower middle value of each group, 0 for a group without values."""
    order = np.lexsort((values, group))
    counts = np.bincount(group, minlength=groups)
    at = np.cumsum(counts) - counts + (counts - 1) // 2
    found = np.zeros(groups, np.int64)
    found[counts > 0] = values[order][at[counts > 0]]
    return found


def _summed(values: Ints, group: Ints, groups: int) -> Ints:
    return np.bincount(group, weights=values, minlength=groups).astype(np.int64)
