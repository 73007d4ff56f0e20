"""Small calls of one prompt packed into one call: which go together, and what the call is then. Not a
lever; knows no price.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.attribute.prefix import chain
from costscope.levers._batch.jobs import alone
from costscope.levers._prefix import ordered, rehash, starts
from costscope.levers._rows import IS_OUTPUT, matches, to_fresh
from costscope.levers._runs import runs
from costscope.model import ANSWERED, Trait, Workload
from costscope.once import once

ALIKE = (
    "provider", "channel", "region", "model", "tier", "feature", "team", "tenant", "user_id",
    "template", "temperature",
)  # fmt: skip
"""What calls of one pack have in common beside the prompt: who pays, and nobody's items beside
another's."""
OUTPUT_WORTH = 5
"""An output token in input tokens, to see whether a pack is worth its wrapping: 4 to 6 times the
price with most models."""
READ_WORTH = 10
"""How many cached tokens are worth a fresh one: the tenth that most providers charge."""

HIDDEN = 16
"""So many tokens without logged text, or a twentieth of the prompt, are a template's own; more of them
hide something that may differ from call to call."""
MARGIN = 2
"""A pack has to spare this many times its wrapping; the other half is for what is asked again."""

_OPEN = pl.col("segment").is_in(["query", "unattributed", "output", "reasoning"])
"""Parts that each item has its own of; all others are the shared prompt."""
_FIRST, _ITEMS, _BEHIND, _HIDDEN, _REPLY = range(5)
"""How the parts of a pack follow each other: the shared prompt up to the query, the items, what is
shared behind them, tokens without text, replies."""


Ints = NDArray[np.int64]


class Fit(NamedTuple):
    """Which calls may be items, as the settings of a lever have it."""

    features: tuple[str, ...]
    never: tuple[str, ...]
    max_query_tokens: int
    max_output_tokens: int


class Wrapping(NamedTuple):
    """Tokens that a pack adds: to its prompt, for each item, and to the reply for each item."""

    pack: int
    item: int
    reply: int


@once
def small(workload: Workload, rules: Fit) -> pl.DataFrame:
    """The calls that could be items: call_no, call_id, feature, model, sent_at, `kind` (a number, the
    same for the same shared prompt and the same ALIKE), `worth` (the shared tokens, cached ones at a
    tenth), `shared`, `input` and `output` tokens."""
    calls = _single(workload.calls, rules)
    parts = workload.parts if calls.height > 1 else workload.parts.clear()
    parts = parts.select(_READ).filter(pl.col("call_no").is_in(calls["call_no"].implode()))
    sizes = _sizes(parts).filter(
        pl.col("query").is_between(1, rules.max_query_tokens),
        pl.col("output") <= rules.max_output_tokens,
        (pl.col("barred") == 0) & (pl.col("shared") > 0),
        pl.col("hidden") <= pl.max_horizontal(HIDDEN, pl.col("input") // 20),
    )
    found = calls.join(sizes, on="call_no", maintain_order="left")
    key = [*ALIKE, "prompt", "at"]
    kinds = found.select(key).unique().with_row_index("kind")
    return found.join(kinds, on=key, nulls_equal=True, maintain_order="left").select(_SMALL)


_READ = ("call_no", "seq", "segment", "billing_class", "tokens", "content")
_SMALL = (
    "call_no", "call_id", "feature", "model", "sent_at", "kind", "worth", "shared", "input",
    "output",
)  # fmt: skip


def _single(calls: pl.DataFrame, rules: Fit) -> pl.DataFrame:
    """Answered calls that are a conversation of their own, ask for no tool and no image, and are
    billed for nothing but tokens; without named features also such that no user waits for."""
    barred = Trait.TOOL_CALLED | Trait.IMAGE
    fit = calls.filter(
        alone() & ~pl.col("added") & pl.col("sent_at").is_not_null()
        & pl.col("status").is_in(ANSWERED) & ((pl.col("traits") & barred) == 0)
        & (pl.col("units").is_null() | (pl.col("units") == "{}"))
    )  # fmt: skip
    names = fit["feature"].unique().to_list()
    out = [name for name in names if matches(name, rules.never)]
    fit = fit.filter(~pl.col("feature").is_in(out).fill_null(value=False))
    fit = fit.select("call_no", "call_id", *ALIKE, "sent_at")
    if not rules.features:
        return fit.filter(pl.col("user_id").is_null())
    return fit.filter(pl.col("feature").is_in([n for n in names if matches(n, rules.features)]))


def _sizes(parts: pl.DataFrame) -> pl.DataFrame:
    """A row per call: query, shared, worth, hidden, input and output tokens, `at`, `prompt` (the hash
    of the shared blocks in their order), and `barred`: how many parts forbid a pack, because they are
    earlier turns or shared and without a text to compare."""
    tokens, shared = pl.col("tokens"), ~_OPEN
    asked = pl.col("segment") == "query"
    blank = shared & (pl.col("content") == 0) & (tokens > 0)
    hidden = pl.col("segment") == "unattributed"
    full = pl.col("billing_class") != "cache_read"
    parts = ordered(parts)
    rows = parts.select(
        "call_no", first=starts("call_no"), again=~starts("call_no", "seq"), asked=asked,
        open=_OPEN, content=pl.when(shared).then("content").otherwise(0).cast(pl.UInt64),
        query=tokens * asked, shared=tokens * shared, full=tokens * (shared & full),
        input=tokens * ~IS_OUTPUT, output=tokens * IS_OUTPUT,
        hidden=tokens * hidden,
        barred=((pl.col("segment") == "history") | blank).cast(pl.Int64),
    )  # fmt: skip
    call, first, again, is_asked, is_open, content = (
        rows[name].to_numpy() for name in rows.columns[:6]
    )
    begins = np.flatnonzero(first)
    behind = np.cumsum(is_asked)
    behind = behind - np.repeat((behind - is_asked)[begins], np.diff(begins, append=len(call)))
    ahead = ((behind == 0) & ~is_open & ~again).astype(np.int64)
    prompt = chain(content, first, again)[np.append(begins[1:], len(call))[: len(begins)] - 1]
    sums = {name: _summed(rows[name].to_numpy(), begins) for name in rows.columns[6:]}
    frame = pl.DataFrame({"call_no": call[begins], "prompt": prompt, **sums})
    read = pl.col("shared") - pl.col("full")
    return frame.with_columns(
        pl.Series("at", _summed(ahead, begins)), worth=pl.col("full") + read // READ_WORTH
    )


def _summed(values: Ints, begins: Ints) -> Ints:
    """The sum of each stretch from one beginning to the next."""
    return np.add.reduceat(values, begins) if len(begins) else values


def packed(found: pl.DataFrame, most: int, window_s: int, wrapping: Wrapping) -> pl.DataFrame:
    """The rows of `small` that are packed, `most` together, with `leader` (the call that the others
    join), `rank` in the pack, `size`, and `leaves` (microseconds: when the pack is full, else at the
    end of its window). Sorted by pack and rank."""
    found = found.sort("kind", "sent_at", "call_id")
    if found.height < 2:
        return _with(found.clear(), _NONE, _NONE, _NONE, _NONE)
    sent = found["sent_at"].dt.timestamp("us").to_numpy()
    window = sent // (window_s * 1_000_000)
    row = np.arange(found.height)
    first = _changes(found["kind"].to_numpy()) | _changes(window)
    rank = (row - np.maximum.accumulate(np.where(first, row, 0))) % most
    begins = np.flatnonzero(rank == 0)
    ends = np.append(begins[1:], found.height)
    size = ends - begins
    worth = found["worth"].to_numpy()
    spared = np.add.reduceat(worth, begins) - worth[begins]
    wrapped = wrapping.pack + size * (wrapping.item + OUTPUT_WORTH * wrapping.reply)
    good = (size > 1) & (spared > MARGIN * wrapped)
    closes = (window[begins] + 1) * window_s * 1_000_000
    leaves = np.where(size == most, sent[ends - 1], closes)
    leader = found["call_no"].to_numpy()[begins]
    spread = [np.repeat(values, size) for values in (leader, size, leaves)]
    return _with(found, spread[0], rank, *spread[1:]).filter(pl.Series(np.repeat(good, size)))


_NONE = np.zeros(0, np.int64)


def _with(rows: pl.DataFrame, leader: Ints, rank: Ints, size: Ints, leaves: Ints) -> pl.DataFrame:
    columns = {"leader": leader, "rank": rank, "size": size, "leaves": leaves}
    return rows.with_columns(
        pl.Series(name, values, dtype=pl.Int64) for name, values in columns.items()
    )


def _changes(values: NDArray[Any]) -> NDArray[np.bool_]:
    return np.concatenate(([True], values[1:] != values[:-1]))


def joined(workload: Workload, items: pl.DataFrame, wrapping: Wrapping) -> Workload:
    """The workload with each pack as one call, that of its leader."""
    gone = items.filter(pl.col("rank") > 0)["call_no"].implode()
    old = ordered(workload.parts)
    mine = runs(old).of(items["call_no"].to_numpy())
    new = rehash(_parts(old.filter(pl.Series(mine)), items, wrapping))
    rest, numbers = np.flatnonzero(~mine), old["call_no"].to_numpy()
    # Both are sorted, and no call is in both: to put one into the other is faster than to sort them.
    place = np.searchsorted(numbers[rest], new["call_no"].to_numpy())
    order = np.insert(rest, place, np.arange(old.height, old.height + new.height))
    calls = _calls(workload.calls, items).filter(~pl.col("call_no").is_in(gone))
    return workload.with_(calls=calls, parts=pl.concat([old, new])[order])


def _calls(calls: pl.DataFrame, items: pl.DataFrame) -> pl.DataFrame:
    """The calls with their leaders as packs: another request, of unknown duration, by estimate."""
    all_traits = items.join(calls.select("call_no", "traits"), on="call_no")
    packs = all_traits.group_by("leader").agg(pl.col("traits").bitwise_or().alias("_all"))
    both = calls.join(
        packs, left_on="call_no", right_on="leader", how="left", maintain_order="left"
    )
    pack = pl.col("_all").is_not_null()
    new = {"request_hash": 0, "latency_us": None, "estimated": True, "reported_pd": None}
    return both.with_columns(
        pl.coalesce("_all", "traits").alias("traits"),
        *(pl.when(~pack).then(name).otherwise(pl.lit(value)).alias(name)
          for name, value in new.items()),
    ).select(calls.columns).cast(calls.schema)  # fmt: skip


def _parts(parts: pl.DataFrame, items: pl.DataFrame, wrapping: Wrapping) -> pl.DataFrame:
    """The parts of the packs: the leader's prompt, every item's query and reply, the wrapping."""
    rows = parts.join(
        items.select("call_no", "leader", "rank"), on="call_no", maintain_order="left"
    )
    query = pl.col("segment") == "query"
    begins = pl.col("seq").filter(query & (pl.col("rank") == 0)).min().over("leader")
    zone = (
        pl.when(IS_OUTPUT).then(_REPLY)
        .when(pl.col("segment") == "unattributed").then(_HIDDEN)
        .when(query).then(_ITEMS)
        .when(pl.col("seq") < begins).then(_FIRST)
        .otherwise(_BEHIND).cast(pl.Int64).alias("_zone")
    )  # fmt: skip
    rows = rows.with_columns(zone).filter((pl.col("rank") == 0) | _OPEN)
    rows = to_fresh(rows, pl.col("_zone") != _FIRST)
    rows = pl.concat([rows, _wrapped(rows, items, wrapping)])
    order = ["leader", "_zone", "rank", "seq"]
    rows = rows.sort(*order, maintain_order=True)
    rows = rows.with_columns(
        pl.struct(order).rle_id().cast(pl.Int32).alias("_nth"),
        pl.when(pl.col("rank") == 0).then("breakpoint").otherwise(pl.lit(""))
        .cast(parts.schema["breakpoint"]).alias("breakpoint"),
    )  # fmt: skip
    place = pl.col("_nth") - pl.col("_nth").min().over("leader")
    rows = rows.with_columns(place.cast(parts.schema["seq"]).alias("seq"), call_no="leader")
    return rows.select(parts.columns)


def _wrapped(rows: pl.DataFrame, items: pl.DataFrame, wrapping: Wrapping) -> pl.DataFrame:
    """Two rows for each pack, like `rows`: what is added to its prompt and to its reply."""
    packs = items.filter(pl.col("rank") == 0).select("leader", pl.col("size"))
    sides = [
        packs.select(
            "leader", pl.lit(zone, dtype=pl.Int64).alias("_zone"), tokens.alias("tokens"),
            pl.lit(segment).alias("segment"), pl.lit(kind).alias("billing_class"),
        )
        for zone, segment, kind, tokens in (
            (_HIDDEN, "system", "fresh", wrapping.pack + pl.col("size") * wrapping.item),
            (_REPLY, "output", "output", pl.col("size") * wrapping.reply),
        )
    ]  # fmt: skip
    constant = {
        "call_no": 0, "seq": 0, "rank": 2**31, "role": "none", "kind": "hidden", "rule": "usage",
        "turn": 0, "content": 0, "prefix": 0, "breakpoint": "",
    }  # fmt: skip
    new = pl.concat(sides).filter(pl.col("tokens") > 0)
    new = new.with_columns(pl.lit(value).alias(name) for name, value in constant.items())
    return new.select(rows.columns).cast(rows.schema)
