"""Where to put up to four cache marks, searched per feature with the simulator itself.

A local search over places that an application can name: ends of tools and of system, borders behind
which prompts part, the end of the prompt, and one mark further back in long turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from costscope.levers._cache.policy import GROUP, Billing, under
from costscope.levers._cache.rows import (
    CHOSEN,
    CONVERSATION,
    NTH,
    POLICIES,
    PREFIX,
    SPOTS,
    Ints,
    Spot,
)

LOOKED_AT = 100_000
"""Blocks that are searched with: a try takes some hundredths of a second for so many."""
ROUNDS = 4
MOST = 4
"""Marks that a request may carry, OpenAI's implicit one included: a limit of both."""
BORDERS = 2
CONVERSING = SPOTS[POLICIES.index(CONVERSATION)]
NAMES = {
    Spot.TOOLS: "end of tools", Spot.SYSTEM: "end of system", Spot.LAST: "end of the prompt",
    Spot.BACK: "one look-back before the end",
}  # fmt: skip


def searched(blocks: pl.DataFrame, calls: pl.DataFrame, billed: Billing) -> pl.DataFrame:
    """The `spots` (bits of Spot) that save most, a row for each GROUP whose calls need marks.

    Begins with the better of the two usual policies and sets or drops one mark at a time, as long as
    that saves more by the simulator; so it is never worse than they are, on what it looked at.
    """
    calls = calls.filter(pl.col("mode") != "implicit")
    groups = calls.select(GROUP).unique().sort(*GROUP, nulls_last=True)
    groups = groups.with_columns(group=pl.int_range(pl.len()))
    calls = calls.join(groups, on=GROUP, nulls_equal=True, maintain_order="left")
    some = sampled(blocks, calls, groups.height)
    if calls.is_empty() or some.is_empty():
        return groups.drop("group").with_columns(spots=pl.lit(0, pl.Int64))

    def saved(spots: Ints) -> Ints:
        chosen = pl.Series(spots).gather(calls["group"])
        found = under(0, some, calls.with_columns(policy=pl.lit(CHOSEN), spots=chosen), billed)
        found = found.join(calls.select("call_no", "group"), on="call_no")
        units = np.zeros(len(spots), np.int64)
        np.add.at(units, found["group"].to_numpy(), found["units"].to_numpy())
        return units

    known = [np.full(groups.height, SPOTS[POLICIES.index(name)]) for name in (PREFIX, CONVERSATION)]
    bits = list(NAMES)
    if reaching(some, calls):
        known.append(known[-1] | Spot.BACK)
    else:
        bits.remove(Spot.BACK)
    steps = [np.full(groups.height, bit) for bit in bits] + borders(some, calls, groups.height)
    found = climbed(known, steps, saved)
    seen = groups.join(calls.join(some, on="call_no", how="semi"), on="group", how="semi")
    usual = pl.when(pl.col("group").is_in(seen["group"].implode())).then(pl.Series(found))
    return groups.with_columns(spots=usual.otherwise(CONVERSING)).drop("group")


def sampled(blocks: pl.DataFrame, calls: pl.DataFrame, groups: int) -> pl.DataFrame:
    """The blocks of the earliest calls of each group, about LOOKED_AT in all."""
    about = calls.select("call_no", "sent", "group")
    sizes = blocks.select("call_no").group_by("call_no").len().join(about, on="call_no")
    room = LOOKED_AT // max(groups, 1)
    early = sizes.sort("group", "sent", "call_no").with_columns(
        upto=pl.col("len").cum_sum().over("group")
    )
    early = early.filter((pl.col("upto") <= room) | (sizes["len"].sum() <= LOOKED_AT))
    return blocks.join(early.select("call_no"), on="call_no", how="semi", maintain_order="left")


def reaching(blocks: pl.DataFrame, calls: pl.DataFrame) -> bool:
    """Whether any prompt has more blocks than are looked back over."""
    sizes = blocks.group_by("call_no").len().join(calls.select("call_no", "lookback"), on="call_no")
    return bool(sizes.select((pl.col("len") > pl.col("lookback")).any()).item())


def climbed(known: Sequence[Ints], steps: Sequence[Ints], saved: Callable[[Ints], Ints]) -> Ints:
    """From the best of `known` upwards, each group by itself, by setting or dropping one bit of `steps`."""
    spots, units = known[0], saved(known[0])
    for other in known[1:]:
        spots, units = better(spots, units, other, saved(other))
    for _ in range(ROUNDS):
        before = spots
        for step in steps:
            tried = before ^ step
            tried = np.where(np.bitwise_count(tried) <= MOST, tried, before)
            if (tried != before).any():
                spots, units = better(spots, units, tried, saved(tried))
        if (spots == before).all():
            break
    return spots


def better(spots: Ints, units: Ints, other: Ints, others: Ints) -> tuple[Ints, Ints]:
    """Of each group the spots that save more; of two that save the same those with fewer marks."""
    fewer = np.bitwise_count(other) < np.bitwise_count(spots)
    take = (others > units) | ((others == units) & fewer)
    return np.where(take, other, spots), np.where(take, others, units)


def borders(blocks: pl.DataFrame, calls: pl.DataFrame, groups: int) -> list[Ints]:
    """Of each group the bits of the blocks behind which most of what recurs does not go on."""
    told = blocks.filter((pl.col("content") != 0) & (pl.col("billing_class") != "output"))
    rows = told.select("call_no", "prefix", "end", nth=pl.int_range(pl.len()).over("call_no"))
    rows = rows.filter(pl.col("nth") <= NTH).join(calls.select("call_no", "group"), on="call_no")
    shared = rows.group_by("group", "nth").agg(
        again=pl.len().cast(pl.Int64) - pl.col("prefix").n_unique(),
        end=pl.col("end").mean(),
    )
    ended = pl.col("again") - pl.col("again").shift(-1).over("group").fill_null(0)
    lost = shared.sort("group", "nth").with_columns(lost=ended * pl.col("end"))
    lost = lost.filter((pl.col("lost") > 0) & (pl.col("nth") < NTH))
    lost = lost.sort("group", -pl.col("lost"), "nth")
    lost = lost.with_columns(place=pl.int_range(pl.len()).over("group"))
    found = []
    for place in range(BORDERS):
        here = lost.filter(pl.col("place") == place)
        bits = np.zeros(groups, np.int64)
        bits[here["group"].to_numpy()] = Spot.BLOCK << here["nth"].to_numpy()
        found.append(bits)
    return found


def places(spots: int) -> str:
    """In words where marks are set: "end of tools, end of block 2"."""
    said = [name for bit, name in NAMES.items() if spots & bit]
    said += [f"end of block {n + 1}" for n in range(NTH) if spots & (Spot.BLOCK << n)]
    return ", ".join(said) or "none"
