"""What billing adds to text, fitted for one provider and model: billed tokens for each counted one, and for
each block, by kind of block; and whether hidden reasoning of earlier replies is billed again.

Fitted on what consecutive calls of one conversation are billed more than each other, so that whatever
both hold and nobody logged (tool schemas, hidden prompts) cancels out.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from costscope import tokens
from costscope.model import KINDS

Floats = NDArray[np.float64]

GROUPS = ("text", "tool_call", "tool_result", "tool_schema", "thinking", "reply")
"""Kinds of blocks that are rendered alike, or of words that are alike: documents are text, and what a model
wrote itself (`reply`) is another kind of text than what it is told."""
GROUP_OF_KIND = np.array([GROUPS.index(k) if k in GROUPS else 0 for k in KINDS], np.int64)
_TEXT, _REPLY = GROUPS.index("text"), GROUPS.index("reply")
ENOUGH = 20
"""Fewer pairs of calls prove nothing; a kind with less than that is taken to be like text."""
CARRIED = 8
"""So many pairs across which there was hidden reasoning show whether it is billed again: it is hundreds of tokens
each time, and a fit without it has to be twice as far off."""
MOST = 20_000
"""So many pairs are enough for any fit."""
MESSAGE = {"openai": 3}
"""Tokens that a message costs beside its text (the provider's cookbook, billing.md section 4); not
published for the others, and so 0."""
CLAUDE_TOOL = 35
"""The same for a tool call of Claude, and for its result; not published. Measured in November 2026 as 71 for
both together on 4,000 pairs of calls of Sonnet 4.5, and as 70 on six calls of Sonnet 4."""
RATIOS, FRAMINGS = (0.5, 3.0), (0.0, 60.0)
"""No tokenizer is further off than that, and no block costs more."""
_TEXT_SPREAD, _KNOWN_SPREAD, _RATIO_SPREAD, _FRAMING_SPREAD = 0.002, 0.02, 0.15, 10.0
"""How far off the defaults may be before there is any evidence; the first two where the vocabulary is known:
of plain text, which it counts as it is billed, and of what is rendered in a way of its own."""
_NOISE, _LEAST = 0.03, 2.0
"""A pair's own error: a share of what it is billed, and tokens."""
_ROUNDS = 60


class Coefficients(NamedTuple):
    """Billed tokens for a counted one (`ratio`) and for a block (`framing`), for each of GROUPS, and whether
    hidden reasoning is `carried`."""

    ratio: tuple[float, ...]
    framing: tuple[float, ...]
    carried: bool = False
    exact: bool = False
    """Whether the vocabulary is the model's own."""


class Pairs(NamedTuple):
    """A row for each pair of calls of one `group` (provider and model). `what` (a hash) orders them.
    `tokens` and `blocks` that the later prompt has more, by GROUPS; what it is billed more; and how much
    more hidden reasoning it would hold."""

    what: NDArray[np.uint64]
    group: NDArray[np.int64]
    tokens: Floats
    blocks: Floats
    billed: Floats
    carried: Floats

    @classmethod
    def none(cls) -> Self:
        """No pairs."""
        kinds = np.zeros((0, len(GROUPS)))
        number = np.zeros(0)
        return cls(number.astype(np.uint64), number.astype(np.int64), kinds, kinds, number, number)

    def plus(self, *others: Pairs) -> Pairs:
        """These and others."""
        columns = zip(self, *others, strict=True)
        return Pairs._make(np.concatenate(column) for column in columns)

    def only(self, which: NDArray[np.bool_] | NDArray[np.int64]) -> Pairs:
        """Some of the rows."""
        return Pairs._make(column[which] for column in self)


def ordered(pairs: Pairs) -> Pairs:
    """At most MOST of the pairs, in an order that is the same whatever order they came in."""
    order = np.lexsort((pairs.billed, pairs.what))[:MOST]
    return pairs.only(order)


def groups_of(kind: NDArray[np.uint8], spoken: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Blocks → their place in GROUPS, by kind and whether a model wrote them."""
    group = GROUP_OF_KIND[kind]
    return np.where(spoken & (group == _TEXT), _REPLY, group)


def framing(provider: str, model: str) -> tuple[int, int]:
    """What is known of tokens beside text: those of a message, and those of a tool call or result."""
    return MESSAGE.get(provider, 0), CLAUDE_TOOL if "claude" in model.lower() else 0


def default(provider: str, model: str) -> Coefficients:
    """What is taken to be so without evidence."""
    top, bottom = tokens.family_ratio(model)
    message, tool = framing(provider, model)
    by_group = {"tool_call": message + tool, "tool_result": message + tool, "tool_schema": 0}
    framed = tuple(float(by_group.get(name, message)) for name in GROUPS)
    return Coefficients((top / bottom,) * len(GROUPS), framed, False, tokens.is_exact(model))


def fit(pairs: Pairs, start: Coefficients) -> Coefficients | None:
    """The coefficients that explain the pairs; None where they are too few, or explain hardly more
    than `start` does. Robust: calls that were sent something else than the log has do not count."""
    pairs = ordered(pairs)
    if len(pairs.billed) < ENOUGH:
        return None
    best = _solved(pairs, start._replace(carried=False))
    moved = pairs.only(pairs.carried != 0)
    if len(moved.billed) >= CARRIED:
        other = _solved(pairs, start._replace(carried=True))
        if _typical(moved, other) < _typical(moved, best) / 2:
            best = other
    return best if _typical(pairs, best) < _typical(pairs, start) else None


def _typical(pairs: Pairs, found: Coefficients) -> float:
    return float(np.median(np.abs(_residual(pairs, found))))


def errors(pairs: Pairs, found: Coefficients) -> Floats:
    """How far each pair's billed tokens are from what the coefficients say, as a share of them."""
    return np.asarray(np.abs(_residual(pairs, found)) / np.maximum(np.abs(pairs.billed), 1.0))


def moves(pairs: Pairs, old: Coefficients, new: Coefficients) -> float:
    """By which share estimates of the pairs' text change from one to another."""
    before, after = (_text(pairs, c).sum() for c in (old, new))
    return float(abs(after - before) / max(before, 1.0))


def _text(pairs: Pairs, found: Coefficients) -> Floats:
    return np.asarray(
        pairs.tokens @ np.array(found.ratio) + pairs.blocks @ np.array(found.framing), np.float64
    )


def _residual(pairs: Pairs, found: Coefficients) -> Floats:
    more = pairs.billed - (pairs.carried if found.carried else 0)
    return np.asarray(more - _text(pairs, found), np.float64)


def _solved(pairs: Pairs, start: Coefficients) -> Coefficients:
    """A fit that leaves what is hardly seen at the default, or like text."""
    n = len(GROUPS)
    if start.carried:
        plain = pairs.only(pairs.carried == 0)  # reasoning may be reported in round figures
        pairs = plain if len(plain.billed) >= ENOUGH else pairs
    x = np.hstack([pairs.tokens, pairs.blocks])
    y = pairs.billed - (pairs.carried if start.carried else 0)
    rare = np.count_nonzero(pairs.tokens, axis=0) < ENOUGH
    # What is hardly seen is like text, or like replies where these are all the text there is.
    like = _REPLY if rare[_TEXT] and not rare[_REPLY] else _TEXT
    rare[like] = False
    x[:, like] += pairs.tokens[:, rare].sum(axis=1)
    x[:, :n][:, rare] = 0
    x[:, n:][:, rare] = 0
    theta = _robust(x, y, start)
    ratio = np.where(rare, theta[like], theta[:n])
    framed = tuple(np.round(theta[n:], 2).tolist())
    return start._replace(ratio=tuple(np.round(ratio, 4).tolist()), framing=framed)


def _robust(x: Floats, y: Floats, start: Coefficients) -> Floats:
    """Least squares with Cauchy weights, drawn to the start, within bounds: what fits nothing hardly
    counts."""
    n = len(GROUPS)
    centre = np.array([*start.ratio, *start.framing])
    ratio = np.full(n, _KNOWN_SPREAD if start.exact else _RATIO_SPREAD)
    if start.exact:
        ratio[[_TEXT, _REPLY]] = _TEXT_SPREAD
    spread = np.append(ratio, [_FRAMING_SPREAD] * n)
    noise = _LEAST + _NOISE * np.abs(y)
    theta = centre
    for _ in range(_ROUNDS):
        residual = (y - x @ theta) / noise
        scale = min(max(1.5 * float(np.median(np.abs(residual))), 0.1), 2.0)
        weight = 1.0 / ((1.0 + (residual / scale / 2) ** 2) * (noise * scale) ** 2)
        square = (x.T * weight) @ x + np.diag(spread**-2.0)
        new = _bounded(square, x.T @ (weight * y) + centre * spread**-2.0)
        if np.abs(new - theta).max() < 1e-6:
            return new
        theta = new
    return theta


def _bounded(square: Floats, right: Floats) -> Floats:
    """The solution of the normal equations; what is out of bounds is set to its bound, and the rest
    solved again."""
    n = len(GROUPS)
    low, high = (np.array([RATIOS[i]] * n + [FRAMINGS[i]] * n) for i in (0, 1))
    free = np.ones(2 * n, bool)
    theta = np.zeros(2 * n)
    while free.any():
        rest = right[free] - square[np.ix_(free, ~free)] @ theta[~free]
        theta[free] = np.linalg.solve(square[np.ix_(free, free)], rest)
        off = free & ((theta < low) | (theta > high))
        if not off.any():
            break
        theta = np.clip(theta, low, high)
        free &= ~off
    return theta
