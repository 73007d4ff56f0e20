"""A cache of answers to like questions, replayed: lookup before insert, in order of time. Knows likeness
and moments; no texts, no tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from costscope.levers._similar.pairs import MOST, Near

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Events(NamedTuple):
    """Calls in the order in which they were sent; times in microseconds."""

    call: Ints
    question: Ints
    """Its row in Near."""
    sent: Ints
    answered: Ints

    def only(self, which: NDArray[np.bool_]) -> Events:
        return Events(*(column[which] for column in self))


class Rule(NamedTuple):
    """When an answer is served."""

    threshold: float
    lead: float
    """By how much the nearest stored question must be nearer than the next other one."""
    ttl: int


class Hits(NamedTuple):
    """Calls that are served, and the calls that they are served from. Likeness 2: the same words."""

    call: Ints
    source: Ints
    likeness: NDArray[np.float64]


SAME = 2.0
Known = dict[int, list[tuple[int, float, bool]]]
_Stored = dict[int, list[tuple[int, int]]]


def replay(events: Events, near: Near, rule: Rule, known: Known | None = None) -> Hits:
    """Who is served. A question that is not is stored when its call ends, for the time to live.

    `known` keeps neighbours as lists between replays of the same questions.
    """
    store = _Store(near, rule, {} if known is None else known)
    found = [
        (call, *hit)
        for call, question, sent, answered in zip(
            *(column.tolist() for column in events.only(_worth(events, near, rule))), strict=True
        )
        if (hit := store.ask(call, question, sent, answered)) is not None
    ]
    return Hits(
        np.array([hit[0] for hit in found], np.int64),
        np.array([hit[1] for hit in found], np.int64),
        np.array([hit[2] for hit in found], np.float64),
    )


def _worth(events: Events, near: Near, rule: Rule) -> NDArray[np.bool_]:
    """Calls whose question is asked again, or has a neighbour, or is one: only these can matter."""
    questions = len(near.starts) - 1
    matters = np.bincount(events.question, minlength=questions) > 1
    at = near.likeness >= rule.threshold - rule.lead
    row = np.repeat(np.arange(questions), np.diff(near.starts))
    matters[row[at]] = True
    matters[near.other[at]] = True
    return matters[events.question]


class _Store:
    """Answers by question, each with the moment at which it came and the call that made it."""

    def __init__(self, near: Near, rule: Rule, known: Known) -> None:
        self._rule = rule
        self._near = near
        self._held: _Stored = {}
        self._known = known

    def ask(self, call: int, question: int, sent: int, answered: int) -> tuple[int, float] | None:
        """The call whose answer is served, and the likeness; None: computed, and stored."""
        own = self._live(question, sent)
        hit = (own, SAME) if own is not None else self._like(question, sent)
        if hit is None:
            held = self._held.get(question, [])
            held = [entry for entry in held if sent <= entry[0] + self._rule.ttl]
            self._held[question] = [*held, (answered, call)]
        return hit

    def _live(self, question: int, sent: int) -> int | None:
        """The call that made the newest answer to a question that is there and not too old."""
        held = self._held.get(question)
        if held is None:
            return None
        ready = [entry for entry in held if entry[0] < sent <= entry[0] + self._rule.ttl]
        return max(ready)[1] if ready else None

    def _like(self, question: int, sent: int) -> tuple[int, float] | None:
        """The nearest stored question's answer, if it may do and no other is about as near."""
        best: tuple[int, float] | None = None
        least = self._rule.threshold
        neighbours = self._neighbours(question)
        for other, likeness, agrees in neighbours:
            if likeness < least:
                return best
            source = self._live(other, sent)
            if source is None:
                continue
            if best is not None or not agrees:
                return None
            best = (source, likeness)
            # Rounded as likenesses are, so that a lead of 0.05 is one.
            least = round(likeness - self._rule.lead, 4) + 1e-9
        return best if len(neighbours) < MOST else None

    def _neighbours(self, question: int) -> list[tuple[int, float, bool]]:
        """Those of one question, made into a list when they are first asked for."""
        known = self._known.get(question)
        if known is None:
            near = self._near
            some = slice(near.starts[question], near.starts[question + 1])
            columns = (near.other[some], near.likeness[some], near.agrees[some])
            known = list(zip(*(column.tolist() for column in columns), strict=True))
            self._known[question] = known
        return known
