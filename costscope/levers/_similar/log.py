"""The questions of a log: which calls ask one, what must be equal beside it for an answer to do for both,
and which are near which. Reads the texts of questions once and keeps vectors of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from costscope.attribute.prefix import chain
from costscope.levers._answers.allowed import MICROSECONDS, SCOPES, able, moments
from costscope.levers._prefix import ORDER, starts
from costscope.levers._similar.embed import Embedder, batches, embedder
from costscope.levers._similar.guards import Guards, marked
from costscope.levers._similar.pairs import Asked, Near, nearest
from costscope.levers._similar.texts import read_pieces
from costscope.model import ROLES, Trait, Workload
from costscope.once import once

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ALIKE = ("feature", "provider", "channel", "model", "temperature", "json", "rest")
"""What must be equal for an answer to do for both; unknown is equal to unknown."""
_ODD = 0x9E3779B97F4A7C15


class Wanted(NamedTuple):
    """What decides which questions are compared; see the fields of the lever."""

    scope: str
    never: tuple[str, ...]
    ttl_s: int
    max_query_tokens: int
    most: int
    local: str
    floor: float
    """Questions that are less alike than this are not near."""


@dataclass(frozen=True)
class Questions:
    """What a log asks. `calls`: call_no, question, query (u64), sent, answered (microseconds),
    temperature, in order of time."""

    calls: pl.DataFrame
    near: Near
    embedder: Embedder
    compared: int
    """Distinct texts that were compared."""
    silent: int
    """Calls whose text is gone from the log."""
    long: int
    """Calls whose query is too long, or is not text alone."""
    left_out: int
    """Calls before the last `most` distinct questions."""


@once
def questions(log: Workload, wanted: Wanted) -> Questions | None:
    """The questions of a log; None where no texts can be had."""
    if log.texts is None:
        return None
    way = embedder(wanted.local)
    calls = _calls(log, wanted)
    rows = _rows(log.parts, calls)
    pieces, long = _pieces(rows, wanted)
    calls = calls.join(_asking(pieces), on="call_no")
    calls = calls.join(_rest(rows), on="call_no", how="left").sort("sent", "call_id")
    kept = _latest(calls, wanted.most)
    calls, left_out = _grouped(calls.tail(kept)), calls.height - kept
    read = _Read.of(log, calls, pieces, way)
    calls = _numbered(calls, read)
    near = nearest(_asked(calls, read, wanted), read.vectors, read.guards, wanted.floor)
    silent = calls.filter(pl.col("text").is_null() & pl.col("several")).height
    columns = ("call_no", "question", "query", "sent", "answered", "temperature")
    return Questions(calls.select(columns), near, way, len(read.place), silent, long, left_out)


def _calls(log: Workload, wanted: Wanted) -> pl.DataFrame:
    """The calls that may be stored and served, whatever their temperature."""
    keys = SCOPES[wanted.scope]
    return log.calls.filter(able(log.calls, keys, wanted.never)).select(
        "call_no", "call_id", "feature", "provider", "channel", "model",
        pl.concat_str(pl.lit(""), *keys, separator="\0").alias("whose"),
        pl.col("temperature"),
        ((pl.col("traits") & Trait.JSON_REPLY) != 0).alias("json"),
        *moments(),
    )  # fmt: skip


def _rows(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The prompts' parts of these calls, with `new` (a block begins) and `cut` (its block belongs to
    several segments)."""
    mine = pl.col("call_no").is_in(calls["call_no"].implode())
    rows = parts.filter(pl.col("billing_class") != "output", mine).select(
        *ORDER, "segment", "role", "kind", "content", "tokens"
    )
    rows = rows.with_columns(starts(*ORDER).alias("new"))
    turned = pl.col("segment") != pl.col("segment").shift(1)
    cut = rows.filter(~pl.col("new") & turned).select(ORDER).unique()
    if cut.is_empty():
        return rows.with_columns(pl.lit(value=False).alias("cut"))
    cut = cut.with_columns(pl.lit(value=True).alias("cut"))
    return rows.join(cut, on=ORDER, how="left", maintain_order="left").with_columns(
        pl.col("cut").fill_null(value=False)
    )


def _pieces(rows: pl.DataFrame, wanted: Wanted) -> tuple[pl.DataFrame, int]:
    """A row for each block that asks, with the stretch of its tokens that does (before, upto, of
    whole): call_no, seq, content, before, upto, whole. And how many calls ask too much, or pictures."""
    asks = pl.col("segment") == "query"
    size = rows.filter(asks).group_by("call_no").agg(
        pl.col("tokens").sum(),
        ((pl.col("kind") == "text") & (pl.col("content") != 0)).all().alias("text"),
    )  # fmt: skip
    fit = size.filter("text", pl.col("tokens") <= wanted.max_query_tokens).select("call_no")
    plain = rows.filter(asks, "new", ~pl.col("cut")).select(
        *ORDER,
        "content",
        pl.lit(0).alias("before"),
        pl.lit(1).alias("upto"),
        pl.lit(1).alias("whole"),
    )
    end = pl.col("tokens").cum_sum()
    cut = rows.filter("cut").group_by(ORDER).agg(
        pl.col("content").first(),
        (end - pl.col("tokens")).filter(asks).min().alias("before"),
        end.filter(asks).max().alias("upto"),
        pl.col("tokens").sum().alias("whole"),
    )  # fmt: skip
    cut = cut.drop_nulls("upto").select(plain.columns).cast(plain.schema)
    pieces = pl.concat([plain, cut]).join(fit, on="call_no", how="semi").sort(ORDER)
    return pieces, size.height - fit.height


def _asking(pieces: pl.DataFrame) -> pl.DataFrame:
    """call_no and `query`, a hash of all that it asks; 0 is none."""
    named = pieces.select(
        "call_no", first=starts("call_no"),
        content=pl.col("content") + pl.col("before").cast(pl.UInt64) * 40_503
        + pl.col("upto").cast(pl.UInt64) * 65_599 + pl.col("whole").cast(pl.UInt64) * 16_777_619,
    )  # fmt: skip
    return _chained(named, "query")


def _rest(rows: pl.DataFrame) -> pl.DataFrame:
    """call_no and `rest`, a hash of all blocks of the prompt in which nothing is asked, in order. What
    only the bill knows (hidden prompts) is taken to be the same."""
    asking = (pl.col("segment") == "query").any().over(ORDER)
    blocks = rows.filter(pl.col("content") != 0)
    mixed = blocks.filter("cut").filter(~asking).filter("new")
    whole = blocks.filter("new", ~pl.col("cut"), pl.col("segment") != "query")
    rest = whole if mixed.is_empty() else pl.concat([whole, mixed]).sort(ORDER)
    role = pl.col("role").cast(pl.Enum(ROLES)).to_physical().cast(pl.UInt64)
    named = rest.select(
        "call_no", first=starts("call_no"), content=pl.col("content") + role * 2_654_435
    )
    return _chained(named, "rest")


def _chained(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """call_no and the chained hash of its rows' `content`. Rows are sorted; `first` begins a call."""
    hashes = chain(rows["content"].to_numpy(), rows["first"].to_numpy())
    last = starts("call_no").shift(-1, fill_value=True)
    return rows.with_columns(pl.Series(name, hashes)).filter(last).select("call_no", name)


def _latest(calls: pl.DataFrame, most: int) -> int:
    """How many of the calls, the latest, ask no more than `most` distinct questions."""
    if calls["query"].n_unique() <= most:
        return calls.height
    fresh = calls.select(pl.col("query").is_last_distinct()).to_series().reverse()
    return int(fresh.cum_sum().search_sorted(most + 1, side="left"))


def _grouped(calls: pl.DataFrame) -> pl.DataFrame:
    """Adds `group`, equal where all but the query is equal, and `several`: whether that group asks more
    than one question."""
    keys = ["whose", *_ALIKE]
    alike = calls.with_columns(pl.col("temperature").cast(pl.String).alias("temperature_as_text"))
    keys = [key if key != "temperature" else "temperature_as_text" for key in keys]
    groups = alike.group_by(keys).agg(pl.col("query").n_unique().alias("asked"))
    groups = groups.with_columns(pl.int_range(pl.len()).alias("group"))
    return alike.join(
        groups, on=keys, how="left", nulls_equal=True, maintain_order="left"
    ).with_columns((pl.col("asked") > 1).alias("several"))


class _Read(NamedTuple):
    """Questions as vectors. `place`: query → row of `vectors` and `guards`; `around`: query → a hash of
    what stands around it in its own blocks."""

    place: Mapping[int, int]
    around: Mapping[int, int]
    vectors: NDArray[np.float32]
    guards: Guards

    @classmethod
    def of(cls, log: Workload, calls: pl.DataFrame, pieces: pl.DataFrame, way: Embedder) -> _Read:
        """Reads the texts of those questions that stand beside another in their group."""
        wanted = calls.filter("several").unique("query", keep="first", maintain_order=True)
        mine = pieces.join(wanted.select("call_no", "query"), on="call_no", maintain_order="left")
        texts = read_pieces(log.texts, mine)
        order = [query for query in wanted["query"].to_list() if query in texts]
        vectors, guards = [way.vectors([])], []
        for some in batches(texts[query].text for query in order):
            vectors.append(way.vectors(some))
            guards += [marked(text) for text in some]
        place = {query: at for at, query in enumerate(order)}
        around = {query: texts[query].around for query in order}
        return cls(place, around, np.concatenate(vectors), Guards(guards))


def _numbered(calls: pl.DataFrame, read: _Read) -> pl.DataFrame:
    """Adds `text` (the place of the question's vector, or null), `around`, and `question`: numbers in
    the order in which questions are first asked, another one for each group."""
    known = pl.DataFrame(
        {"query": list(read.place), "text": list(read.place.values()),
         "around": list(read.around.values())},
        schema={"query": pl.UInt64, "text": pl.Int64, "around": pl.UInt64},
    )  # fmt: skip
    calls = calls.join(known, on="query", how="left", maintain_order="left")
    first = calls.unique(["group", "query"], keep="first", maintain_order=True)
    numbers = first.select("group", "query", question=pl.int_range(pl.len(), dtype=pl.Int64))
    return calls.join(numbers, on=["group", "query"], how="left", maintain_order="left")


def _asked(calls: pl.DataFrame, read: _Read, wanted: Wanted) -> Asked:
    """A row a question. Those without a vector are alone in their group."""
    rows = calls.group_by("question").agg(
        pl.col("text", "group", "around").first(),
        pl.col("sent").min().alias("first"), pl.col("sent").max().alias("last"),
        pl.col("answered").min().alias("ready"), pl.col("answered").max().alias("until"),
    ).sort("question")  # fmt: skip
    key = pl.Series("key", read.guards.key, dtype=pl.UInt64)
    if len(key):
        rows = rows.with_columns(key=key.gather(rows["text"].fill_null(0)))
    else:
        rows = rows.with_columns(key=pl.lit(0, pl.UInt64))
    alone = pl.when(pl.col("text").is_null()).then("question")
    group = pl.struct("group", "around", "key", alone.alias("alone")).rank("dense")
    table = rows.select(
        pl.col("text").fill_null(0), group.cast(pl.Int64).alias("group"), "first", "last", "ready",
        pl.col("until") + wanted.ttl_s * MICROSECONDS,
    )  # fmt: skip
    return Asked(*(column.to_numpy() for column in table.iter_columns()))
