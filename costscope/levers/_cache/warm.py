"""What caches would hold if they were kept warm over gaps, and if parallel calls waited for the first.

Works on prompts as they are billed in a workload, whoever set the marks: an entry ends where the
reading and writing of a call ended. Only calls that come late or in parallel are looked at.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import NAME, changes, codes, numbered, places, taken
from costscope.levers._cache.bills import bills
from costscope.levers._cache.calls import NAMED, SECOND, ruled, with_place
from costscope.levers._cache.pings import AHEAD, MOST
from costscope.levers._cache.policy import grouped
from costscope.levers._cache.prompts import beginnings
from costscope.levers._cache.rows import (
    CHOSEN,
    LIVES,
    UNLIMITED,
    WRITES,
    Facts,
    Flags,
    Ints,
    Rows,
    Spot,
    every,
    facts,
)
from costscope.levers._cache.sim import SPREAD
from costscope.levers._cache.whole import holding, looked, near, reading
from costscope.levers._rows import CACHED
from costscope.model import CLASSES, Workload

READ = CLASSES.index("cache_read")
CACHES = [CLASSES.index(name) for name in CACHED]
FOREVER = 1_000
"""Gaps are made so much shorter: of days, a few minutes."""
SECONDS = np.array([WRITES.get(name, -1) for name in LIVES])


class Warm(NamedTuple):
    """What could be read more. `steps`: a row a call, see `told`; `apart`: call_no and `more`,
    tokens that it would read if no two calls were sent at once."""

    steps: pl.DataFrame
    apart: pl.DataFrame


class Calls(NamedTuple):
    """Calls with text of models on which anything is cached, which look for a prefix or write one."""

    table: pl.DataFrame
    """As the simulator takes them, sorted."""
    group: Ints
    explicit: Flags
    life: Ints
    """The lifetime of what they write, a code of LIVES: if nothing, of what others do."""
    sent: Ints
    ready: Ints
    read: Ints
    reach: Ints
    """Tokens up to the end of what is read or written."""
    family: NDArray[np.uint64]
    """The same for all that may share a prefix."""

    def where(self, which: Flags) -> Calls:
        """Some of the calls."""
        table, *columns = self
        return Calls._make((table.filter(pl.Series(which)), *(column[which] for column in columns)))


class Steps(NamedTuple):
    """Calls that are followed by another one in their line: a conversation, or, of calls that stand alone,
    a feature, whose cache is kept warm. Of both their place in Calls."""

    call: Ints
    follower: Ints
    """-1: none comes."""
    gap: Ints
    """Seconds until then."""


def warmed(workload: Workload) -> Warm | None:
    """What is missed to gaps and to parallel calls; None where nothing is cached."""
    calls = reached(workload)
    if calls is None:
        return None
    steps = stepped(calls)
    late, beside = np.zeros(len(calls.group), bool), parallel(calls)
    late[steps.follower[waits(calls, steps)]] = True
    some = np.isin(calls.family, np.unique(calls.family[late | beside]))
    gain, more = (np.zeros(len(calls.group), np.int64) for _ in range(2))
    if some.any():
        gain[some], more[some] = gained(workload.parts, calls.where(some), late[some], beside[some])
    number = calls.table["call_no"].to_numpy()
    apart = pl.DataFrame({"call_no": number[more > 0], "more": more[more > 0]})
    return Warm(told(calls, steps, gain), apart)


def reached(workload: Workload) -> Calls | None:
    """The calls with text of models on which anything is cached, so far as they look for it or write any."""
    bill = bills(workload.parts)
    table = ruled(workload.calls)
    place = places(table["call_no"].to_numpy(), bill.call_no)
    scope, cached = table["scope"].to_numpy(), np.append(bill.tokens[:, CACHES].any(axis=1), False)
    here = np.flatnonzero((place >= 0) & np.isin(scope, np.unique(scope[cached[place]])))
    if not len(here):
        return None
    table, tokens, marks = taken(table, here), bill.tokens[place[here]], bill.marks[place[here]]
    begins = beginnings(workload.parts).take(place[here])
    group, explicit = grouped(table), codes(table["mode"], ("implicit",)) < 0
    reach, life = tokens[:, CACHES].sum(axis=1), lifetimes(table, group, tokens)
    sent, ready = (table[name].to_numpy() for name in ("sent", "ready"))
    # Where the log carries no marks they are also at the ends of tools and of system, if cached.
    logged = np.bincount(group[marks > 0], minlength=group.max() + 1) > 0
    ends = ~logged[group] & (begins.head >= 0) & (begins.head <= reach)
    table = table.with_columns(
        mode=pl.when(pl.Series(explicit)).then(pl.lit("explicit")).otherwise("mode"),
        life=pl.Series(LIVES, dtype=NAME)[life],
        policy=pl.lit(CHOSEN, NAME),
        spots=pl.Series(np.where(ends, Spot.AS_LOGGED | Spot.TOOLS | Spot.SYSTEM, Spot.AS_LOGGED)),
    )
    family = begins.first ^ (table["scope"].to_numpy() * SPREAD)
    calls = Calls(table, group, explicit, life, sent, ready, tokens[:, READ], reach, family)
    # Without a mark nothing is looked for, and nothing is written.
    return calls.where((~explicit | (reach > 0) | (marks > 0)) & (begins.first != 0))


def lifetimes(table: pl.DataFrame, group: Ints, tokens: Ints) -> Ints:
    """The lifetime in which a feature's calls are written: the first of WRITES, else that of its rule."""
    life = np.maximum(codes(table["life"], LIVES), 0).astype(np.int64)
    for name in reversed(WRITES):
        some = group[tokens[:, CLASSES.index(f"cache_write_{name}")] > 0]
        life[np.isin(group, some)] = LIVES.index(name)
    return life


def stepped(calls: Calls) -> Steps:
    """The calls in their lines."""
    asked = np.flatnonzero(calls.explicit & (calls.reach > 0))
    group, cluster = calls.group[asked], numbered(calls.table["cluster"])[asked]
    _, talk, size = np.unique(
        group * (cluster.max(initial=0) + 1) + cluster, return_inverse=True, return_counts=True
    )
    line = np.where(size[talk] == 1, -1, talk)
    order = np.lexsort((calls.sent[asked], line, group))
    call, next_ = asked[order], np.append(asked[order][1:], -1)[: len(asked)]
    ended = np.append((changes(group[order]) | changes(line[order]))[1:], True)[: len(asked)]
    follower = np.where(ended, -1, next_)
    gap = np.where(ended, -1, (calls.sent[next_] - calls.sent[call]) // SECOND)
    known = SECONDS[calls.life[call]] >= 0
    return Steps(call[known], follower[known], gap[known])


def waits(calls: Calls, steps: Steps) -> Flags:
    """Which gaps pings could bridge that the cache does not."""
    ttl = SECONDS[calls.life[steps.call]]
    bridged: Flags = (steps.gap > ttl) & (steps.gap <= ttl + MOST[-1] * (ttl - AHEAD))
    return bridged


def told(calls: Calls, steps: Steps, gain: Ints) -> pl.DataFrame:
    """The steps by name: with the `gap` to the next call of the line in seconds (null: none comes), what
    that one, the `follower`, would read more without it (`gain`), and how long an entry lives (`ttl`)."""
    at = pl.Series(steps.call)
    life, reach = calls.life[steps.call], calls.reach[steps.call]
    none = steps.follower < 0
    number = calls.table["call_no"].to_numpy()
    rows = with_place(calls.table[at]).select("call_no", *NAMED, "model", "life")
    return rows.with_columns(
        pl.Series("reach", reach), pl.Series("ttl", SECONDS[life]),
        pl.Series("gain", np.where(none, 0, np.minimum(gain[steps.follower], reach))),
        gap=pl.when(pl.Series(~none)).then(pl.Series(steps.gap)),
        follower=pl.when(pl.Series(~none)).then(pl.Series(number[steps.follower])),
    )  # fmt: skip


def parallel(calls: Calls) -> Flags:
    """Which calls were sent before one with the same beginning was answered."""
    _, family = np.unique(calls.family, return_inverse=True)
    times, sent = np.unique(calls.sent, return_inverse=True)
    ready = np.searchsorted(times, np.maximum(calls.ready, calls.sent + 1))
    order = np.lexsort((calls.sent, family))
    # Times as their places, so that those of one family lie behind all of the one before.
    start = family[order] * (len(times) + 1)
    busy = np.append(-1, np.maximum.accumulate(start + ready[order])[:-1])[: len(order)]
    found = np.zeros(len(order), bool)
    found[order] = start + sent[order] < busy
    return found


def gained(parts: pl.DataFrame, calls: Calls, late: Flags, beside: Flags) -> tuple[Ints, Ints]:
    """Tokens that late calls would read more if nothing expired, and that calls beside others would if
    they came one after another."""
    about = facts(calls.table)
    found = looked(parts, about, lambda some: marked(some, calls))
    # What is stored of a prefix that two requests share depends on all of both.
    apart = not about.whole_units.any()
    found = near(found, late | beside) if apart else found
    known = np.maximum(reading(found, about), calls.read)
    gain, more = np.zeros_like(known), np.zeros_like(known)
    if late.any():
        quick = about._replace(sent=calls.sent // FOREVER, ready=calls.ready // FOREVER)
        own = [some.where(calls.explicit[some.call]) for some in found.touches]
        ever = reading(found._replace(touches=own), quick)
        gain = np.where(late, np.maximum(ever - known, 0), 0)
    if beside.any():
        found = near(found, beside) if apart else found
        turn = calls.sent + queued(about)
        spaced = reading(found, about._replace(sent=turn, ready=turn))
        more = np.where(beside, np.maximum(spaced - known, 0), 0)
    return gain, more


def queued(about: Facts) -> Ints:
    """How many calls of the scope that were sent at the same time come before each."""
    order = np.lexsort((about.sent, about.scope))
    new = changes(about.scope[order]) | changes(about.sent[order])
    place = np.arange(len(order))
    found = np.zeros(len(order), np.int64)
    found[order] = place - np.maximum.accumulate(np.where(new, place, 0))
    return found


def marked(some: pl.DataFrame, calls: Calls) -> Rows:
    """The rows of some parts, in order, marked also where reading and where writing ended."""
    numbers = calls.table["call_no"].to_numpy()
    found, text = every(holding(some, numbers))
    end, place = found.end, places(found.call, numbers)
    behind = np.where(found.ends(), UNLIMITED, np.append(end[1:], 0)[: len(end)])
    here = np.zeros(len(end), bool)
    for to in (calls.read[place], calls.reach[place]):
        here |= (end <= to) & (behind > to)
    here &= (place >= 0) & ~found.reply
    mark = np.where(here, calls.life[place], np.maximum(found.mark, 0)).astype(np.int8)
    return found._replace(call=place, mark=mark).where(text & (place >= 0))
