"""What several levers do to a workload's rows: measure calls, drop them, add some. Not a lever."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from costscope.columns import Codes, Ints, codes, numbered, places, stretches, sums
from costscope.levers._runs import Runs, runs
from costscope.model import CLASSES, INPUT_CLASSES, Workload
from costscope.once import once
from costscope.prices.usage import classes as classes_of

FIRST_ADDED = 2**40
"""Numbers of added calls begin here, so that none is that of a call which another lever dropped."""

CACHED = tuple(name for name in INPUT_CLASSES if name != "fresh")
"""Billing classes of what was read from a cache, or written to one."""

IS_OUTPUT = pl.col("billing_class") == "output"
IS_CACHED = pl.col("billing_class").is_in(CACHED)

SOME = 2_000_000
"""Rows that are measured at a time: what is made of some then fits where that of others stood."""
_MEASURED = ["call_no", "segment", "billing_class", "tokens"]


@once
def sizes(parts: pl.DataFrame) -> pl.DataFrame:
    """A row a call that has parts, by number: call_no, input_tokens, history_tokens (of those),
    query_tokens, output_tokens."""
    if parts.height <= SOME:
        return _measured(parts, runs(parts))
    parts = parts[_MEASURED]
    some = [parts[rows] for rows in stretches(parts["call_no"].to_numpy(), SOME)]
    return pl.concat([_measured(rows, runs(rows)) for rows in some])


def with_sizes(calls: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """These calls with their `sizes`; nulls where one has no parts."""
    sized = sizes(parts)
    at = places(calls["call_no"].to_numpy(), sized["call_no"].to_numpy())
    return calls.hstack(gathered(sized.drop("call_no"), at))


def sizes_among(parts: pl.DataFrame, numbers: pl.Series) -> pl.DataFrame:
    """The same of few calls, those with these numbers."""
    mine = parts[_MEASURED][runs(parts).rows(numbers.to_numpy())]
    return _measured(mine, runs(mine))


def _measured(parts: pl.DataFrame, calls: Runs) -> pl.DataFrame:
    tokens = parts["tokens"].to_numpy()
    reply = codes(parts["billing_class"], ("output",)) == 0
    segment = codes(parts["segment"], ("history", "query"))
    spoken = calls.sums(np.where(reply, tokens, 0))
    return pl.DataFrame(
        {
            "call_no": calls.calls,
            "input_tokens": calls.sums(tokens) - spoken,
            "history_tokens": calls.sums(np.where(segment == 0, tokens, 0)),
            "query_tokens": calls.sums(np.where(segment == 1, tokens, 0)),
            "output_tokens": spoken,
        }
    )


@once
def replies(parts: pl.DataFrame) -> pl.DataFrame:
    """A row a call that has a reply, by number: call_no, tokens (of the reply)."""
    spoken = np.flatnonzero(codes(parts["billing_class"], ("output",)) == 0)
    rows = parts[["call_no", "tokens"]][spoken]
    found = runs(rows)
    return pl.DataFrame({"call_no": found.calls, "tokens": found.sums(rows["tokens"].to_numpy())})


def billed(parts: pl.DataFrame, numbers: Ints, classes: Sequence[str]) -> tuple[Ints, Codes]:
    """The rows of the calls with these numbers that are billed in some classes, and which of them."""
    asked = [classes.index(name) if name in classes else -1 for name in (*CLASSES, "")]
    kind: Codes = np.array(asked, np.int8)[classes_of(parts)]
    rows = np.flatnonzero((kind >= 0) & runs(parts).of(numbers))
    return rows, kind[rows]


def by_class(parts: pl.DataFrame, numbers: pl.Series, classes: Sequence[str]) -> NDArray[np.int64]:
    """The tokens of the calls with these numbers (none twice), a row each, in billing classes, a column
    each."""
    rows, kind = billed(parts, numbers.to_numpy(), classes)
    call = places(parts["call_no"].to_numpy()[rows], numbers.to_numpy())
    place, size = call * len(classes) + kind, len(numbers) * len(classes)
    return sums(place, parts["tokens"].to_numpy()[rows], size).reshape(-1, len(classes))


class Kinds(NamedTuple):
    """Which calls are alike in some columns."""

    kind: Ints
    """Of each call, its place in `keys`."""
    keys: list[tuple[Any, ...]]

    def table(
        self, told: Sequence[tuple[Any, ...] | None], schema: dict[str, Any]
    ) -> tuple[Ints, pl.DataFrame]:
        """What is told of each of the keys as a table, where anything is; and for each call its row
        there, -1 for none."""
        rows = [row for row in told if row is not None]
        at = np.full(len(told), -1)
        at[[row is not None for row in told]] = np.arange(len(rows))
        return at[self.kind], pl.DataFrame(rows, schema=schema, orient="row")


_MOST = 2**62
"""What a number of two columns may come to, so that it is one of 64 bits."""


def kinds(calls: pl.DataFrame, columns: Sequence[str]) -> Kinds:
    """The different values that some calls have in columns of text or of days."""
    kind = np.zeros(calls.height, np.int64)
    for name in columns:
        numbers = numbered(calls[name])
        size = int(numbers.max(initial=0)) + 2
        if int(kind.max(initial=0)) * size > _MOST:
            kind = np.unique(kind, return_inverse=True)[1]
        kind = kind * size + numbers + 1
    _, first, kind = np.unique(kind, return_index=True, return_inverse=True)
    return Kinds(kind, calls[list(columns)][first].rows())


def conversation() -> pl.Expr:
    """What a call belongs to: its session, else its trace, else nothing but itself."""
    alone = pl.format("call {}", pl.col("call_no"))
    return pl.coalesce(pl.col("session"), pl.col("trace"), alone)


@once
def conversations(calls: pl.DataFrame) -> Ints:
    """The same as a number for each call: equal ones are of one conversation."""
    named = numbered(calls.select(pl.coalesce("session", "trace")).to_series())
    return np.where(named >= 0, named, -1 - calls["call_no"].to_numpy())


@once
def in_time(calls: pl.DataFrame) -> Ints:
    """For each call its place in the order of time; of one moment by their ids, first those without."""
    order = calls.select(pl.arg_sort_by("sent_at", "call_id")).to_series().to_numpy()
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(len(order))
    return turn


def without(workload: Workload, gone: pl.Series) -> Workload:
    """The workload less the calls with these numbers, and less their parts."""
    numbers = gone.unique().to_numpy()
    calls, parts = workload.calls, workload.parts
    keep = places(calls["call_no"].to_numpy(), numbers) < 0
    return workload.with_(
        calls=calls.filter(pl.Series(keep)), parts=parts.filter(pl.Series(~runs(parts).of(numbers)))
    )


def gathered(table: pl.DataFrame, at: Ints) -> pl.DataFrame:
    """The rows of a table at these places; nulls where a place is -1."""
    if not len(at) or at.min() >= 0:
        return table[at]
    known = pl.Series(at).set(pl.Series(at < 0), None)
    return table.select(pl.all().gather(known))


def to_fresh(parts: pl.DataFrame, where: pl.Expr) -> pl.DataFrame:
    """The parts with cached input billed as fresh wherever `where` holds."""
    fresh = pl.when(where & IS_CACHED).then(pl.lit("fresh").cast(parts.schema["billing_class"]))
    return parts.with_columns(fresh.otherwise("billing_class").alias("billing_class"))


def uncached(parts: pl.DataFrame, numbers: Ints) -> pl.DataFrame:
    """The parts with the cached input of the calls with these numbers billed as fresh."""
    rows, _ = billed(parts, numbers, CACHED)
    column = parts["billing_class"]
    return parts.with_columns(column.scatter(rows, "fresh")) if len(rows) else parts


def added(workload: Workload, rows: pl.DataFrame, lever: str) -> Workload:
    """The workload with a new call for each row of `rows` (call_no of the call that it belongs to,
    model, input_tokens, output_tokens; provider and other columns of calls where they are not that
    call's), marked as added by `lever`.

    A new call shares the call_id of the one that it belongs to, so that they are priced together.
    Its tokens are unattributed and fresh: nothing is known of their text, so none of it is cached.
    """
    if rows.is_empty():
        return workload
    rows = rows.filter(pl.col("input_tokens") + pl.col("output_tokens") > 0)
    if rows.is_empty():
        return workload
    numbers = workload.calls["call_no"].to_numpy()
    first = max(int(numbers.max()) + 1, FIRST_ADDED)
    calls = _added_calls(workload.calls, rows, first, lever)
    parts = _added_parts(workload.parts.schema, rows, first)
    return workload.with_(
        calls=pl.concat([workload.calls, calls]), parts=pl.concat([workload.parts, parts])
    )


_ITS_OWN = ("latency_us", "finish_reason", "reported_pd", "units", "retry_of")
"""What a call does not have in common with the one that it belongs to."""


def _added_calls(calls: pl.DataFrame, rows: pl.DataFrame, first: int, lever: str) -> pl.DataFrame:
    belong = gathered(calls, places(rows["call_no"].to_numpy(), calls["call_no"].to_numpy()))
    own = [rows[name] for name in rows.columns if name in calls.columns]
    marks = {"request_hash": 0, "traits": 0, "estimated": True, "added": True, "lever": lever}
    news = belong.with_columns(*own).with_columns(
        pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias("call_no"),
        *(pl.lit(value).alias(name) for name, value in marks.items()),
        *(pl.lit(None).alias(name) for name in _ITS_OWN),
    )
    return news.select(pl.col(name).cast(kind) for name, kind in calls.schema.items())


def _added_parts(schema: pl.Schema, rows: pl.DataFrame, first: int) -> pl.DataFrame:
    """A prompt and a reply for each row, as far as they have tokens."""
    tokens = np.stack([rows[name].to_numpy() for name in ("input_tokens", "output_tokens")], axis=1)
    call, seq = np.nonzero(tokens > 0)
    reply = pl.col("seq") == 1
    values: dict[str, Any] = {
        "segment": pl.when(reply).then(pl.lit("output")).otherwise(pl.lit("unattributed")),
        "billing_class": pl.when(reply).then(pl.lit("output")).otherwise(pl.lit("fresh")),
        "role": "none", "kind": "hidden", "rule": "usage", "turn": 0,
        "content": 0, "prefix": 0, "breakpoint": "",
    }  # fmt: skip
    table = pl.DataFrame({"call_no": first + call, "seq": seq, "tokens": tokens[call, seq]})
    known = {n: pl.lit(v) if isinstance(v, str | int) else v for n, v in values.items()}
    return table.select(known.get(n, pl.col(n)).cast(t).alias(n) for n, t in schema.items())


def matches(name: str | None, patterns: Sequence[str]) -> str | None:
    """The first of these globs that a name matches, or None."""
    return None if name is None else _matched(name, tuple(patterns))


@lru_cache(maxsize=16384)
def _matched(name: str, patterns: tuple[str, ...]) -> str | None:
    return next((pattern for pattern in patterns if fnmatchcase(name, pattern)), None)
