"""Where along a prompt a provider looks for a cached prefix, and where it writes one.

Positions only: whether anything is live there is decided elsewhere. A mark is the name of a lifetime
("5m") at the end of a block; it stands for what the log carries or for what a policy would set.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from costscope.columns import Codes, changes
from costscope.levers._cache.rows import (
    LIVES,
    MODES,
    NTH,
    Facts,
    Flags,
    Ints,
    Rows,
    Spot,
    later,
    over,
)
from costscope.model import KINDS, ROLES

AUTOMATIC = LIVES.index("automatic")
SYSTEM, ASSISTANT = ROLES.index("system"), ROLES.index("assistant")
ANSWERS = np.array([name in ("user", "tool") for name in (*ROLES, "")])
RUNS = np.array([name in ("tool_call", "tool_result") for name in (*KINDS, "")])
"""For each code; the last is that of any other name."""
SCHEMA = KINDS.index("tool_schema")
MOVED = ROLES.index("none")
"""The role of what a lever has put behind the last message: it is never the same again."""
RARE = ~(Spot.AS_LOGGED | Spot.TOOLS | Spot.SYSTEM | Spot.LAST)


class Spots(NamedTuple):
    """Rows with what happens at their ends."""

    rows: Rows
    look: Flags
    """It may be read from here."""
    mark: Codes
    """What is written here, a code of LIVES; 0: nothing."""


def placed(rows: Rows, facts: Facts) -> list[Spots]:
    """The rows of each mode with the places where it looks and writes."""
    mode = facts.mode[rows.call]
    places = {"implicit": implicit, "explicit": explicit, "breakpoint": boundary}
    found = []
    for name, place in places.items():
        if (facts.mode == MODES.index(name)).any():
            own = mode == MODES.index(name)
            # A reply is stored where everything is; marks stand in prompts only.
            found.append(place(rows.where(own if place is implicit else own & ~rows.reply), facts))
    return found


def implicit(rows: Rows, _: Facts) -> Spots:
    """Everything is written, replies too; a prompt is matched as far as it goes."""
    return Spots(rows, ~rows.reply, np.full(len(rows.call), AUTOMATIC, np.int8))


def explicit(rows: Rows, facts: Facts) -> Spots:
    """Only marks are written; each is looked back from over `lookback` positions, itself counted.

    A run of tool calls, or of tool results, is one position (billing.md 1.1).
    """
    again = RUNS[rows.kind] & ~changes(rows.kind) & ~rows.starts()
    position = np.cumsum(~again, dtype=np.int64)
    last = closing(rows, rows.role != MOVED) if (rows.role == MOVED).any() else rows.ends()
    mark = policy_mark(rows, facts, rows.mark, last, position)
    n = len(position)
    # The next mark at or after each row, of the same call.
    after = np.minimum.accumulate(np.where(mark > 0, np.arange(n), n)[::-1])[::-1]
    same = np.append(rows.call, -1)[after] == rows.call
    near = np.append(position, 0)[after] - position < facts.lookback[rows.call]
    return Spots(rows, same & near, mark)


def boundary(rows: Rows, facts: Facts) -> Spots:
    """OpenAI 5.6 and later: prompts match only at the ends of eligible messages (billing.md 1.2).

    Eligible: a user message, the last of a group of tool responses, the last of the initial
    developer messages. The latest is the implicit mark; `lookback` earlier ones are looked at.
    """
    role = rows.role
    closes = rows.ends() | np.append(changes(role)[1:], True)[: len(role)]
    answers = ANSWERS[role]
    spoken = _within(rows, (answers | (role == ASSISTANT)).astype(np.int64))
    opening = (role == SYSTEM) & (spoken == 0)
    eligible = closes & (answers | opening)
    behind = later(rows.call, eligible)
    latest = eligible & (behind == 0)
    implied = np.where(latest & (rows.mark <= 0), facts.life[rows.call], rows.mark)
    mark = policy_mark(rows, facts, implied, latest, np.arange(len(role)))
    # Where only the request's own marks count, no ends of earlier messages are looked at.
    by_itself = facts.spots[rows.call] & (Spot.AS_LOGGED | Spot.LAST) != 0
    near = eligible & (((behind <= facts.lookback[rows.call]) & by_itself) | opening)
    return Spots(rows, near | (mark > 0), mark)


def policy_mark(rows: Rows, facts: Facts, logged: Codes, last: Flags, position: Ints) -> Codes:
    """The mark of each block under its call's policy; `last` is the block that ends the prompt,
    `position` counts up, by one for a run of blocks that is one to the look-back."""
    spots = facts.spots[rows.call]
    chosen = (closing(rows, rows.kind == SCHEMA) & (spots & Spot.TOOLS != 0)) | (
        closing(rows, rows.role == SYSTEM) & (spots & Spot.SYSTEM != 0)
    )
    chosen |= last & (spots & Spot.LAST != 0)
    if (facts.spots & RARE).any():
        chosen |= further(rows, facts, spots, position)
        own = (logged > 0) & (spots & Spot.OWN_LIFE != 0)
        logged = np.where(own, facts.life[rows.call], logged)
    ours = np.where(chosen, facts.life[rows.call], 0)
    return np.maximum(np.where(spots & Spot.AS_LOGGED != 0, logged, 0), ours)


def further(rows: Rows, facts: Facts, spots: Ints, position: Ints) -> Flags:
    """The blocks that are marked because of their number, or their distance from the end."""
    first = np.maximum.accumulate(np.where(rows.starts(), np.arange(len(position)), 0))
    nth = np.minimum(np.arange(len(position)) - first, NTH)
    numbered = (spots >> nth) & Spot.BLOCK != 0
    end = over(np.maximum, position, rows.starts())
    closes = np.append(changes(position)[1:], True)[: len(position)]
    away = closes & (end - position == facts.lookback[rows.call])
    found: Flags = (numbered & (nth < NTH)) | (away & (spots & Spot.BACK != 0))
    return found


def closing(rows: Rows, condition: Flags) -> Flags:
    """True on each call's last block of which `condition` holds."""
    some = np.flatnonzero(condition)
    call = rows.call[some]
    last = np.zeros(len(condition), bool)
    last[some[np.append(changes(call)[1:], True)[: len(call)]]] = True
    return last


def _within(rows: Rows, counts: Ints) -> Ints:
    """The running sum of counts, from the start of each row's call."""
    sofar = np.cumsum(counts)
    before = np.where(rows.starts(), sofar - counts, 0)
    return sofar - np.maximum.accumulate(before)
