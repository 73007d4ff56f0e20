"""Prompts as turns: which turn or step each row of a prompt is in, and how far back that lies.

A step is a reply of the model with what it got back for it: the turn of an agent, which may run for
hundreds of them after one message of a user.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import codes
from costscope.levers._cut.cut import Flags, Ints, leaving
from costscope.levers._prefix import starts
from costscope.levers._rows import IS_OUTPUT

IS_HISTORY = pl.col("segment") == "history"
UNITS = ("user", "step")

_CARRIED = (pl.col("kind") == "thinking") & (pl.col("content") == 0)


class Window(NamedTuple):
    """A cut that leaves the `keep` turns before the current one, and up to `stride` - 1 more: it moves on so
    many turns at a time, and stands still between."""

    keep: int
    stride: int


@dataclass(frozen=True)
class Turns:
    """The rows of a sorted parts table, call by call. All arrays have its length but `at`."""

    at: Ints
    """Where each call begins."""
    sizes: Ints
    """How many rows each call has."""
    turn: Ints
    """The turn or step of each row, counted up along a prompt."""
    current: Ints
    """The one that its call is in."""
    history: Flags
    carried: Flags
    """Rows of history that stand for the hidden reasoning of all earlier replies together."""

    def threshold(self, window: Window) -> Ints:
        """Of each row's call: what lies before this turn is old."""
        return (self.current - window.keep) // window.stride * window.stride

    def old(self, window: Window) -> Flags:
        """Rows of history before the threshold, without those that stand for several turns."""
        return self.history & ~self.carried & (self.turn < self.threshold(window))

    def sums(self, values: Ints) -> Ints:
        """The sum over each row's call."""
        return np.repeat(np.add.reduceat(values, self.at), self.sizes)


def turns_of(parts: pl.DataFrame, unit: str) -> Turns:
    """The turns of `parts`, sorted and not empty, counted by messages of the user or by steps."""
    flags = parts.select(
        first=starts("call_no"), history=IS_HISTORY, carried=IS_HISTORY & _CARRIED,
        prompt=~IS_OUTPUT, user=pl.col("role") == "user", model=pl.col("role") == "assistant",
        tool=pl.col("role") == "tool",
    )  # fmt: skip
    column = {name: flags[name].to_numpy() for name in flags.columns}
    at = np.flatnonzero(column["first"])
    sizes = np.diff(np.append(at, parts.height))
    by_user = parts["turn"].to_numpy().astype(np.int64)
    turn = _steps(column, at, sizes) if unit == "step" else by_user
    current = np.repeat(np.maximum.reduceat(turn, at), sizes)
    return Turns(at, sizes, turn, current, column["history"], column["carried"])


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


def _steps(column: dict[str, Flags], at: Ints, sizes: Ints) -> Ints:
    """A step begins with the first message of a user after anything else, and with each reply that answers
    a tool. Rows that nobody said belong to the step before them, and the reply to the last."""
    said = (column["user"] | column["model"] | column["tool"]) & column["prompt"]
    rows = np.flatnonzero(said)
    user, model, tool = (column[name][rows] for name in ("user", "model", "tool"))
    call = np.repeat(np.arange(len(at)), sizes)[rows]
    again = np.concatenate(([False], call[1:] == call[:-1]))[: len(rows)]
    after_user = np.concatenate(([False], user[:-1]))[: len(rows)]
    after_tool = np.concatenate(([False], tool[:-1]))[: len(rows)]
    begins = ~again | (user & ~after_user) | (model & after_tool)
    marks = np.zeros(len(said), np.int64)
    marks[rows] = begins
    total = np.cumsum(marks)
    return np.asarray(total - np.repeat((total - marks)[at], sizes), np.int64)
