"""Blocks of prompts beside the facts of their calls, as plain arrays for the cache simulator.

A simulation is many small steps over the same rows; as arrays each step costs what it computes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import Codes, changes, codes_of, filled, places, stretches
from costscope.levers._prefix import FEW, OUTPUT, SOME, alike, merged
from costscope.model import CLASSES, KINDS, ROLES
from costscope.once import once

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

WRITES = {"1h": 3_600, "12h": 43_200, "5m": 300, "30m": 1_800}
"""Seconds of each lifetime that is billed as a write, in the order of model.INPUT_CLASSES."""
LIVES = ("", *WRITES, "automatic")
"""The mark at a block's end: none, a lifetime, or what a provider writes unasked, whose lifetime is
the provider's. As codes: their places here."""
MODES = ("explicit", "implicit", "breakpoint")
LOGGED, CONVERSATION, PREFIX, RENEWED, CHOSEN = POLICIES = (
    "logged", "conversation", "prefix", "renewed", "chosen",
)  # fmt: skip
"""Where marks are. Logged: as the log has them; on OpenAI 5.6 and later also the provider's implicit
one. Conversation: at the ends of tools and of system, and on the last block, so that the next turn
finds this one. Prefix: at the first two only, for traffic whose tail never comes back. Renewed: as
the log has them, but of the call's own `life`. Chosen: as the call's `spots` say."""


class Spot:
    """Bits of `spots`: places at which a mark is set."""

    AS_LOGGED = 1
    OWN_LIFE = 2
    """What is logged gets the lifetime of the call."""
    TOOLS = 4
    SYSTEM = 8
    LAST = 16
    """The end of the prompt; on OpenAI 5.6 and later the mark that the provider sets by itself."""
    BACK = 32
    """As many positions before that as are looked back over: so a turn of many blocks finds the one
    before it."""
    BLOCK = 64
    """The first block that has text; shifted by n the one n blocks behind it, up to NTH."""


NTH = 16
SPOTS = (
    Spot.AS_LOGGED,
    Spot.TOOLS | Spot.SYSTEM | Spot.LAST,
    Spot.TOOLS | Spot.SYSTEM,
    Spot.AS_LOGGED | Spot.OWN_LIFE,
    0,
)
"""The bits of each policy; of a chosen one they are the call's own."""
UNLIMITED = int(np.iinfo(np.int64).max)
NEEDED = (
    "call_no", "seq", "role", "kind", "billing_class", "tokens", "content", "prefix", "breakpoint", "end",
)  # fmt: skip
"""The columns of parts and of blocks that the simulator looks at."""
NAMES = {"role": ROLES, "kind": KINDS, "breakpoint": LIVES, "billing_class": CLASSES}
RESETS = ("", "prompt", "messages")
"""What is read anew where settings change: nothing, the whole prompt, all behind tools and system."""
WORDS = {"mode": MODES, "life": LIVES, "policy": POLICIES, "resets": RESETS}


class Rows(NamedTuple):
    """A row per block that has text, of whole calls, sorted by (call, seq)."""

    call: Ints
    """Place of the call in `Facts`."""
    end: Ints
    prefix: NDArray[np.uint64]
    role: Codes
    kind: Codes
    mark: Codes
    """What the log has: a code of LIVES."""
    reply: Flags
    most: Ints
    """How long the prompt up to here can be at most: `end`, and all behind it that has no text, for
    where that stands is a guess."""
    whole: Ints
    """Tokens of the whole prompt."""

    def where(self, which: Flags) -> Rows:
        """Some of the rows; these themselves, if they are all."""
        if which.all():
            return self
        some = np.flatnonzero(which)
        return Rows._make(column[some] for column in self)

    def starts(self) -> Flags:
        """True on the first row of each call."""
        return changes(self.call)

    def ends(self) -> Flags:
        """True on the last row of each call."""
        return np.concatenate((self.starts()[1:], [True]))[: len(self.call)]


class Facts(NamedTuple):
    """A row per call."""

    call_no: Ints
    mode: Codes
    """A code of MODES, -1 for any other."""
    minimum: Ints
    granularity: Ints
    lookback: Ints
    life: Codes
    """The lifetime of a mark that a policy sets: a code of LIVES."""
    ttl: Ints
    """Microseconds."""
    sent: Ints
    ready: Ints
    scope: NDArray[np.uint64]
    spots: Ints
    """Where marks are: bits of Spot."""
    whole_units: Flags
    settings: NDArray[np.uint64]
    """A hash of the settings of which a change invalidates what is cached; 0: none."""
    head_stays: Flags
    """Whether tools and system prompt stay cached when these change."""


def facts(calls: pl.DataFrame) -> Facts:
    """The calls as arrays, sorted by call_no; see `_cache.sim.simulate` for the columns."""
    known = codes_of(calls, {name: x for name, x in WORDS.items() if name in calls.columns})
    policy, resets = known["policy"], known.get("resets", np.zeros(1, np.int8))
    settings = numbers(calls, "params_hash") if resets.any() else np.zeros(1, np.uint64)
    own = numbers(calls, "spots") if "spots" in calls.columns else np.zeros(1, np.int64)
    found = Facts(
        call_no=calls["call_no"].to_numpy(),
        mode=known["mode"],
        **{name: numbers(calls, name) for name in ("minimum", "granularity", "ttl", "sent", "ready", "scope")},
        lookback=numbers(calls, "lookback", UNLIMITED),
        life=known["life"],
        spots=np.where(policy == POLICIES.index(CHOSEN), own, np.array(SPOTS)[policy]),
        whole_units=calls["whole_units"].to_numpy(),
        settings=np.broadcast_to(np.where(resets > 0, settings, np.uint64(0)), len(calls)),
        head_stays=np.broadcast_to(resets == RESETS.index("messages"), len(calls)),
    )  # fmt: skip
    if (found.call_no[1:] > found.call_no[:-1]).all():
        return found
    order = np.argsort(found.call_no, kind="stable")
    return Facts._make(column[order] for column in found)


def numbers(calls: pl.DataFrame, name: str, blank: int = 0) -> NDArray[Any]:
    """A column of whole numbers, with another one for null."""
    return filled(calls[name], blank)


def rows(blocks: pl.DataFrame, calls: Ints) -> Rows:
    """The blocks with text of the calls with these numbers (sorted).

    `blocks` as `_prefix.blocks` gives them, or the parts of a workload, in order, of which they are put
    together here.
    """
    found = _kept(alike(blocks)) if blocks.height <= FEW else _texts(among(blocks, calls))
    place = places(found.call, calls)
    return found._replace(call=place).where(place >= 0)


@once
def _kept(blocks: pl.DataFrame) -> Rows:
    return _texts(blocks)


def among(blocks: pl.DataFrame, calls: Ints) -> pl.DataFrame:
    """The blocks of the calls with these numbers, as far as they are NEEDED."""
    number = blocks["call_no"].to_numpy()
    here = np.concatenate([places(number[some], calls) >= 0 for some in stretches(number, SOME)])
    blocks = blocks[[name for name in blocks.columns if name in NEEDED]]
    return blocks if here.all() else blocks.filter(pl.Series(here))


def _texts(blocks: pl.DataFrame) -> Rows:
    """The blocks with text, each with the number of its call in place of where that stands."""
    found, text = every(blocks)
    return found.where(text)


def every(blocks: pl.DataFrame) -> tuple[Rows, Flags]:
    """All blocks, likewise, and which of them have text."""
    if "end" in blocks.columns:
        end, tokens = blocks["end"].to_numpy(), blocks["tokens"].to_numpy()
        told = at = None
    else:
        told = merged(blocks)
        end, tokens = told.end, told.end - told.start
        at = None if len(told.row) == blocks.height else told.row

    def column(values: NDArray[Any]) -> NDArray[Any]:
        return values if at is None else values[at]

    number, content, prefix = (
        column(blocks[name].to_numpy()) for name in ("call_no", "content", "prefix")
    )
    role, kind, mark, billed = map(column, codes_of(blocks, NAMES).values())
    reply = billed == OUTPUT
    textless = np.where((content == 0) & ~reply, tokens, 0)
    found = Rows(
        number, end, prefix, role, kind, mark, reply,
        most=end + later(number, textless),
        whole=over(np.maximum, np.where(reply, 0, end), changes(number)),
    )  # fmt: skip
    return found, (content != 0) & (prefix != 0)


def later(group: Ints, counts: Ints | Flags) -> Ints:
    """The sum of what is counted after each row in its run of one group."""
    if not len(group):
        return np.zeros(0, np.int64)
    sofar: Ints = np.cumsum(counts, dtype=np.int64)
    last = np.flatnonzero(np.append(changes(group)[1:], True))
    behind: Ints = np.repeat(sofar[last], np.diff(np.append(-1, last))) - sofar
    return behind


def over(best: np.ufunc, values: Ints, starts: Flags) -> Ints:
    """The best of each run's values, on every row of it; `starts` is True where a run begins."""
    first = np.flatnonzero(starts)
    sizes = np.diff(np.append(first, len(values)))
    return np.repeat(best.reduceat(values, first), sizes) if len(values) else values
