"""Stored calls that may be refined, a chunk at a time, as arrays: what was billed, what the prompts are of,
and which call goes on from which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costscope.attribute import measure, rewrite
from costscope.attribute.segments import Flags, Ints
from costscope.attribute.threads import Threads, threads
from costscope.model import INPUT_CLASSES
from costscope.store import Store


class Chunk(NamedTuple):
    """Some calls; arrays have a row for each unless told otherwise."""

    numbers: NDArray[np.int64]
    """call_no."""
    touched: Flags
    """Whether its conversation has new calls."""
    classes: Ints
    """Billed prompt tokens, a column for each of INPUT_CLASSES."""
    bill: measure.Billed
    stored: rewrite.Stored
    found: Threads


class Chunks:
    """The calls that `Store.plan_refining` chose. Every second time they come in the reverse order, so that
    the one that was read last is at hand: a small log is read once."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._numbers: list[int] = store.table("refine_chunks")["chunk"].to_pylist()
        self._last: tuple[int, Chunk] | None = None

    def __iter__(self) -> Iterator[Chunk]:
        for number in self._numbers:
            if self._last is None or self._last[0] != number:
                self._last = None  # let go before the next is read
                self._last = (number, _chunk(self._store, number))
            yield self._last[1]
        self._numbers.reverse()


def _chunk(store: Store, number: int) -> Chunk:
    table = store.table("refine_calls", {"chunk": number})
    calls = {name: table[name].to_numpy() for name in table.column_names}
    stored = rewrite.taken_apart(_parts(store, number, calls["call_no"]))
    classes = np.column_stack([calls[name] for name in INPUT_CLASSES])
    group = calls["grp"]
    # A session that uses two models is two conversations here: their tokens differ.
    key = calls["key"] * (int(group.max(initial=0)) + 1) + group
    return Chunk(
        calls["call_no"], calls["touched"], classes,
        measure.Billed(classes.sum(axis=1), calls["reasoning"], stored.said(len(group)), group),
        stored, threads(stored.prompts, key, len(group)),
    )  # fmt: skip


def _parts(store: Store, number: int, call_no: NDArray[np.int64]) -> dict[str, np.ndarray]:
    table = store.table("refine_rows", {"chunk": number})
    parts = {name: table[name].to_numpy() for name in table.column_names}
    parts["call"] = np.searchsorted(call_no, parts.pop("call_no"))
    return parts
