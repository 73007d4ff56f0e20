"""Blocks of prompts beside the facts of their calls, as plain arrays for the cache simulator.

A simulation is many small steps over the same rows; as arrays each step costs what it computes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import changes, codes, places
from costscope.model import CLASSES, KINDS, ROLES

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
UNLIMITED = np.iinfo(np.int64).max


class Rows(NamedTuple):
    """A row per block that has text, of whole calls, sorted by (call, seq)."""

    call: Ints
    """Place of the call in `Facts`."""
    end: Ints
    prefix: NDArray[np.uint64]
    role: Ints
    kind: Ints
    mark: Ints
    """What the log has: a code of LIVES."""
    reply: Flags
    most: Ints
    """How long the prompt up to here can be at most: `end`, and all behind it that has no text, for
    where that stands is a guess."""
    whole: Ints
    """Tokens of the whole prompt."""

    def where(self, which: Flags) -> Rows:
        """Some of the rows."""
        return Rows._make(column[which] for column in self)

    def starts(self) -> Flags:
        """True on the first row of each call."""
        return changes(self.call)

    def ends(self) -> Flags:
        """True on the last row of each call."""
        return np.concatenate((self.starts()[1:], [True]))[: len(self.call)]


class Facts(NamedTuple):
    """A row per call."""

    call_no: Ints
    mode: Ints
    """A code of MODES, -1 for any other."""
    minimum: Ints
    granularity: Ints
    lookback: Ints
    life: Ints
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
    known = "spots" in calls.columns
    given = pl.col("spots").fill_null(0) if known else pl.lit(0, pl.Int64)
    told = "resets" in calls.columns
    resets = pl.col("resets").fill_null("") if told else pl.lit("")
    settings = pl.col("params_hash") if told else pl.lit(0, pl.UInt64)
    found = calls.lazy().sort("call_no").select(
        "call_no",
        "minimum", "granularity", "ttl", "sent", "ready", "scope",
        pl.col("lookback").fill_null(UNLIMITED),
        mode=coded("mode", MODES),
        life=coded("life", LIVES),
        policy=coded("policy", POLICIES),
        spots=given,
        whole_units="whole_units",
        settings=pl.when(resets != "").then(settings).otherwise(0).cast(pl.UInt64),
        head_stays=resets == "messages",
    ).collect()  # fmt: skip
    columns = {name: found[name].to_numpy() for name in found.columns}
    policy = columns.pop("policy")
    usual = np.array(SPOTS)[policy]
    columns["spots"] = np.where(policy == POLICIES.index(CHOSEN), columns["spots"], usual)
    return Facts(**columns)


def rows(blocks: pl.DataFrame, calls: Ints) -> Rows:
    """The blocks with text of the calls with these numbers (sorted); `blocks` as `_prefix.blocks`
    gives them."""
    found = {name: blocks[name].to_numpy() for name in ("end", "prefix")}
    number, content = blocks["call_no"].to_numpy(), blocks["content"].to_numpy()
    found |= {
        "role": codes(blocks["role"], ROLES).astype(np.int64),
        "kind": codes(blocks["kind"], KINDS).astype(np.int64),
        "mark": codes(blocks["breakpoint"], LIVES).astype(np.int64),
        "reply": codes(blocks["billing_class"], CLASSES) == CLASSES.index("output"),
    }
    textless = np.where((content == 0) & ~found["reply"], blocks["tokens"].to_numpy(), 0)
    found["most"] = found["end"] + later(number, textless)
    found["whole"] = over(np.maximum, np.where(found["reply"], 0, found["end"]), changes(number))
    place = places(number, calls)
    told = (place >= 0) & (content != 0) & (found["prefix"] != 0)
    return Rows(place, **found).where(told)


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


def coded(name: str, known: tuple[str, ...]) -> pl.Expr:
    """A column of names as their places among the known ones, -1 for any other."""
    place = pl.col(name).cast(pl.Enum(known), strict=False).to_physical()
    return place.cast(pl.Int64).fill_null(-1).alias(name)
