"""How far back the history of a log's prompts reaches: what windows of some lengths would leave out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from costscope.columns import codes
from costscope.levers._cut.cut import Ints
from costscope.levers._cut.turns import IS_HISTORY, UNITS, turns_of
from costscope.levers._prefix import ordered
from costscope.model import Column, Table, Workload
from costscope.once import once

WINDOWS = (3, 6, 12, 20, 50)


class Ages(NamedTuple):
    """How old history is, in turns before the current one: `oldest` of each call that has any, and by age
    the tokens, and those of results of tools."""

    oldest: Ints
    tokens: Ints
    results: Ints

    def beyond(self, window: int) -> tuple[int, int, int]:
        """Calls that have anything older than a window, the tokens of that, and those of results of tools."""
        tokens, results = (int(x[window + 1 :].sum()) for x in (self.tokens, self.results))
        return int((self.oldest > window).sum()), tokens, results


@once
def curve(workload: Workload) -> Sequence[Table]:
    """A row for each window: how many calls it cuts and how many tokens it leaves out, by messages of
    the user and by steps; and how many of those are results of tools. Empty without history."""
    turns, steps = (ages(workload, unit) for unit in UNITS)
    if not turns.tokens.sum():
        return ()
    rows = [(n, *turns.beyond(n)[:2], *steps.beyond(n)) for n in WINDOWS]
    return [Table("What shorter histories leave out", _COLUMNS, rows, _NOTE)]


@once
def ages(workload: Workload, unit: str) -> Ages:
    """The ages of a workload's history, counted in one of UNITS. In steps what a user said does not count,
    as it stays."""
    parts = ordered(workload.parts)
    if not parts.select(IS_HISTORY.any()).item():
        return Ages(*(np.zeros(1, np.int64) for _ in Ages._fields))
    turns = turns_of(parts, unit)
    counts = turns.history & ~turns.carried
    if unit == "step":
        counts &= codes(parts["role"], ("user",)) != 0
    age = np.where(counts, turns.of_rows(turns.current) - turns.turn, 0)
    tokens = np.where(counts, parts["tokens"].to_numpy(), 0)
    results = np.where(codes(parts["kind"], ("tool_result",)) == 0, tokens, 0)
    # Sums of floats are exact below 2**53.
    by_age = [np.bincount(age, sizes).astype(np.int64) for sizes in (tokens, results)]
    return Ages(np.maximum.reduceat(age, turns.at), *by_age)


_COLUMNS = (
    Column("kept", "count"),
    Column("calls cut by turns", "count"),
    Column("left out by turns", "tokens"),
    Column("calls cut by steps", "count"),
    Column("left out by steps", "tokens"),
    Column("of which results of tools", "tokens"),
)
_NOTE = (
    "A turn begins with a message of the user, a step with a reply of the model. A cut by steps "
    "keeps what the user said. Caches that a cut breaks are not in this table."
)
