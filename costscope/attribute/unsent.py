"""System messages that a log has and no bill holds. A client with room for one system prompt may send the
last of several; then what conversations that begin with them are billed is less than all of them cost."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from costscope.attribute.fit import GROUP_OF_KIND
from costscope.attribute.segments import ROLE, Ints
from costscope.attribute.threads import Prompts

CHEAPER = 5
"""Text may cost a fifth less than estimated before it is thought not to be sent. Of what was measured for
tokens.RATIOS, the text that is cheapest for its family is Chinese with Gemma, 16 % below the mean."""
Votes = Counter[tuple[int, int, int]]
"""(group, lead, messages) → conversations that begin with that lead, and whose bill has no room for so many
of its messages."""
Unsent = dict[int, int]
"""Lead → how many of its messages, from the first on, were not sent."""


class Leads(NamedTuple):
    """The system messages that prompts begin with. `lead`: a number for each call that is the same where all
    of them are the same, 0 where there are not several; `place`: block → its place among them, or -1."""

    lead: NDArray[np.uint64]
    place: Ints


def leads(prompts: Prompts, calls: int) -> Leads:
    """The leads of prompts."""
    call = prompts.call
    at = np.arange(len(call))
    said = np.flatnonzero((prompts.role != ROLE["system"]) & (prompts.role != ROLE["none"]))[::-1]
    begins = np.full(calls, len(call), np.int64)
    begins[call[said]] = said  # the last assignment, of the first block, stays
    system = (prompts.role == ROLE["system"]) & (GROUP_OF_KIND[prompts.kind] == 0)
    rows = np.flatnonzero(system & (prompts.content != 0) & (at < begins[call]))
    count = np.bincount(call[rows], minlength=calls)
    place = np.full(len(call), -1, np.int64)
    place[rows] = np.arange(len(rows)) - (np.cumsum(count) - count)[call[rows]]
    lead = np.zeros(calls, np.uint64)
    lead[call[rows]] = prompts.prefix[rows]  # of the last one
    return Leads(np.where(count > 1, lead, 0).astype(np.uint64), place)


def votes(prompts: Prompts, of: Leads, first: Ints, cost: Ints, over: Ints, group: Ints) -> Votes:
    """What conversations tell of their leads. `first`: the call that each begins with; `over`: by how many
    tokens its calls are billed less than all of their text. `cost`: tokens of each block by estimate;
    `group`: call → number."""
    several = of.lead[first] != 0
    first, over = first[several], over[several]
    if not len(first):
        return Counter()
    calls = len(group)
    less = np.zeros(calls, np.int64)
    less[first] = over
    begins = np.bincount(first, minlength=calls) > 0
    rows = np.flatnonzero((of.place >= 0) & begins[prompts.call])
    call, place = prompts.call[rows], of.place[rows]
    whole = np.bincount(call, cost[rows], calls).astype(np.int64)
    running = np.cumsum(cost[rows])
    before = running - cost[rows]
    rest = whole[call] - (before - np.maximum.accumulate(np.where(place == 0, before, 0)))
    fits = (CHEAPER - 1) * rest <= CHEAPER * (whole - less)[call]
    unsent = np.full(calls, len(rows), np.int64)
    np.minimum.at(unsent, call[fits], place[fits])
    unsent[unsent == len(rows)] = 0  # nothing fits: not told by this
    rows_of = (group[first], of.lead[first], unsent[first])
    return Counter(zip(*(column.tolist() for column in rows_of), strict=True))


def decided(counted: Votes, group: int) -> Unsent:
    """What most conversations of a group tell of each lead; the more, where as many tell of less: what else
    is in a bill can make room for messages that were not sent, but nothing takes room away."""
    best: dict[int, tuple[int, int]] = {}
    for (of, lead, messages), n in counted.items():
        if of == group:
            best[lead] = max(best.get(lead, (0, 0)), (n, messages))
    return {lead: messages for lead, (_, messages) in sorted(best.items()) if messages}


def without(estimate: Ints, prompts: Prompts, of: Leads, group: Ints, unsent: list[Unsent]) -> Ints:
    """Estimates of blocks, in which those that were not sent cost nothing. `unsent`: for each group."""
    dropped = np.zeros(len(group), np.int64)
    for nth, known in enumerate(unsent):
        if known:
            ordered = sorted(known)
            numbers = np.array(ordered, np.uint64)
            messages = np.array([known[lead] for lead in ordered], np.int64)
            at = np.minimum(np.searchsorted(numbers, of.lead), len(numbers) - 1)
            dropped = np.where((group == nth) & (numbers[at] == of.lead), messages[at], dropped)
    gone = (of.place >= 0) & (of.place < dropped[prompts.call])
    return np.where(gone, 0, estimate)
