"""Prompts as turns: which turn or step each row of a prompt is in, and how far back that lies.

A step is a reply of the model with what it got back for it: the turn of an agent, which may run for
hundreds of them after one message of a user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import codes
from costscope.levers._cut.cut import Flags, Ints, leaving
from costscope.levers._runs import runs

IS_HISTORY = pl.col("segment") == "history"
UNITS = ("user", "step")
SPEAKERS = ("user", "assistant", "tool")
FIRST = np.iinfo(np.int32).min
"""Below any turn."""

_CARRIED = (pl.col("kind") == "thinking") & (pl.col("content") == 0)


class Window(NamedTuple):
    """A cut that leaves the `keep` turns before the current one, and up to `stride` - 1 more: it moves on so
    many turns at a time, and stands still between."""

    keep: int
    stride: int


@dataclass(frozen=True)
class Turns:
    """The rows of a sorted parts table, call by call."""

    at: Ints
    """Where each call begins."""
    sizes: Ints
    """How many rows each call has."""
    turn: NDArray[np.int32]
    """The turn or step of each row, counted up along a prompt."""
    current: NDArray[np.int32]
    """The one that each call is in."""
    history: Flags
    carried: Flags
    """Rows of history that stand for the hidden reasoning of all earlier replies together."""

    def of_rows(self, values: NDArray[Any]) -> NDArray[Any]:
        """What is known of calls, on each of their rows."""
        return np.repeat(values, self.sizes)

    def threshold(self, window: Window) -> Ints:
        """Of each call: what lies before this turn is old."""
        return (self.current.astype(np.int64) - window.keep) // window.stride * window.stride

    def old(self, window: Window) -> Flags:
        """Rows of history before the threshold, without those that stand for several turns."""
        threshold = np.maximum(self.threshold(window), FIRST).astype(np.int32)
        return self.history & ~self.carried & (self.turn < self.of_rows(threshold))

    def sums(self, values: Ints) -> Ints:
        """The sum over each row's call."""
        return self.of_rows(np.add.reduceat(values, self.at))


def turns_of(parts: pl.DataFrame, unit: str) -> Turns:
    """The turns of `parts`, sorted and not empty, counted by messages of the user or by steps."""
    at, sizes = runs(parts)[1:]
    history = codes(parts["segment"], ("history",)) == 0
    carried = history & parts.select(_CARRIED).to_series().to_numpy()
    turn = _steps(parts, at, sizes) if unit == "step" else parts["turn"].to_numpy()
    return Turns(at, sizes, turn, np.maximum.reduceat(turn, at), history, carried)


def left(parts: pl.DataFrame, turns: Turns, gone: Flags) -> pl.Series:
    """`_left` of each row where some of history is `gone`. What stands for the hidden reasoning of all
    replies together keeps the share of the replies' tokens that stays."""
    tokens = parts["tokens"].to_numpy()
    if not turns.carried.any():
        return leaving(tokens, gone)
    spoken = turns.history & ~turns.carried & (codes(parts["role"], ("assistant",)) == 0)
    said = turns.sums(np.where(spoken, tokens, 0))
    kept = turns.sums(np.where(spoken & ~gone, tokens, 0))
    stays = np.where(said > 0, tokens * kept // np.maximum(said, 1), tokens)
    shorter = np.where(turns.carried, stays, tokens)
    return leaving(shorter, gone | ((shorter == 0) & (tokens > 0)))


def _steps(parts: pl.DataFrame, at: Ints, sizes: Ints) -> NDArray[np.int32]:
    """A step begins with the first message of a user after anything else, and with each reply that answers
    a tool. Rows that nobody said belong to the step before them, and the reply to the last."""
    role = codes(parts["role"], SPEAKERS)
    rows = np.flatnonzero((role >= 0) & (codes(parts["billing_class"], ("output",)) < 0))
    user, model, tool = (role[rows] == n for n in range(len(SPEAKERS)))
    call = np.repeat(np.arange(len(at)), sizes)[rows]
    again = np.concatenate(([False], call[1:] == call[:-1]))[: len(rows)]
    after_user = np.concatenate(([False], user[:-1]))[: len(rows)]
    after_tool = np.concatenate(([False], tool[:-1]))[: len(rows)]
    marks = np.zeros(parts.height, np.int32)
    marks[rows] = ~again | (user & ~after_user) | (model & after_tool)
    total = np.cumsum(marks, dtype=np.int32)
    return np.asarray(total - np.repeat((total - marks)[at], sizes), np.int32)
