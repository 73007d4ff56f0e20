"""The head of a prompt that nobody logged: what a bill shows of it being read from a cache.

An agent's system prompt and tools are often not logged. They are the same from call to call all the
same, so they are read though no logged text says so; how much of them is, only the bill can tell.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from costscope.columns import Flags, Ints, Keys, changes, codes, keys, places, stretches
from costscope.levers._cache.calls import SECOND
from costscope.levers._cache.rows import WRITES
from costscope.levers._prefix import OUTPUT, SOME, ordered
from costscope.once import once
from costscope.prices.usage import classes

AGENT = ("provider", "model", "feature")
WHOLE = 0.9
"""A head that is read as far as the prompt before it went, to a tenth, holds that prompt."""


class Heads(NamedTuple):
    """A row for each of some calls that has a prompt."""

    call_no: Ints
    head: Ints
    """Tokens before the first block with text."""
    before: Ints
    """Tokens of the prompt before it in the same conversation and cache, else in its trace, as where an
    agent has a helper sum up what was said; -1 for the first."""
    alive: Flags
    """That one is still cached."""
    shared: Flags
    """What the agent began any conversation of the log with is cached."""


def heads(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """The columns of Heads for `calls`, as `_in_force.situated` gives them, with null for no `before`."""
    found = heads_of(parts, calls)
    table = pl.DataFrame(found._asdict()).sort("call_no")
    return table.with_columns(before=pl.when(pl.col("before") >= 0).then("before"))


def heads_of(parts: pl.DataFrame, calls: pl.DataFrame) -> Heads:
    """The heads of these calls, in their order."""
    prompts = prompts_of(parts)
    place = places(calls["call_no"].to_numpy(), prompts.call_no)
    if (place < 0).any():
        calls, place = calls.filter(pl.Series(place >= 0)), place[place >= 0]
    lines, whole = lined(calls), prompts.whole[place]
    before = np.where(lines.prior >= 0, whole[lines.prior], -1)
    return Heads(
        calls["call_no"].to_numpy(), prompts.head[place], before, lines.alive, lines.shared
    )


class Prompts(NamedTuple):
    """A row for each call that has a prompt, by call_no: its tokens before its first text and in all."""

    call_no: Ints
    head: Ints
    whole: Ints


@once
def prompts_of(parts: pl.DataFrame) -> Prompts:
    """How long the prompts are, and their heads."""
    parts = ordered(parts)
    found = [_prompts(parts, some) for some in stretches(parts["call_no"].to_numpy(), SOME)]
    return Prompts._make(np.concatenate(column) for column in zip(*found, strict=True))


def _prompts(parts: pl.DataFrame, some: slice) -> Prompts:
    call, tokens, prefix = (parts[n].to_numpy()[some] for n in ("call_no", "tokens", "prefix"))
    asked = classes(parts)[some] != OUTPUT
    first = np.flatnonzero(changes(call))
    whole = np.add.reduceat(tokens * asked, first) if len(first) else tokens
    # Once a block has text, so has the prefix of every row behind it.
    bare = np.add.reduceat(tokens * (asked & (prefix == 0)), first) if len(first) else tokens
    some_asked = np.logical_or.reduceat(asked, first) if len(first) else asked
    return Prompts(call[first][some_asked], bare[some_asked], whole[some_asked])


class Lines(NamedTuple):
    """Calls in their conversations."""

    prior: Ints
    """The row of the call before; -1 for the first."""
    alive: Flags
    shared: Flags


@once
def lined(calls: pl.DataFrame) -> Lines:
    """Which call comes before which, as far as their caches go: see Heads."""
    sent, ready = calls["sent"].to_numpy(), calls["ready"].to_numpy()
    lasts, line = lifetimes(calls), np.lexsort((calls["call_no"].to_numpy(), sent))
    prior = before(line, keys(calls, ("scope", "cluster")))
    if calls["trace"].null_count() < len(calls):
        families = pl.DataFrame([calls["scope"], calls["trace"].zip_with(
            calls["trace"].is_not_null(), calls["cluster"])])  # fmt: skip
        prior = np.where(prior >= 0, prior, before(line, keys(families, families.columns)))
    alive = (prior >= 0) & (sent - sent[prior] <= lasts) & (ready[prior] <= sent)
    alike = keys(calls, ("scope", "feature"))
    turn = line[np.argsort(alike[line], kind="stable")]
    new = changes(alike[turn]) | (np.diff(sent[turn], prepend=sent[turn[:1]]) > lasts[turn])
    first = turn[np.maximum.accumulate(np.where(new, np.arange(len(turn)), 0))]
    shared = np.zeros(len(turn), bool)
    shared[turn] = (sent[turn] >= ready[first]) & (turn != first)
    return Lines(prior, alive, shared)


def before(line: Ints, group: Keys) -> Ints:
    """Of each row the one before it in its group, -1 for the first; `line`: the rows in time."""
    turn = line[np.argsort(group[line], kind="stable")]
    same = group[turn[1:]] == group[turn[:-1]]
    found = np.full(len(group), -1)
    found[turn[1:][same]] = turn[:-1][same]
    return found


def lifetimes(calls: pl.DataFrame) -> Ints:
    """Microseconds that a call's entry lives: of the life that was billed, else the longest of its rule."""
    billed = np.array([*WRITES.values(), 0])[codes(calls["life"], tuple(WRITES))] * SECOND
    return np.where(billed > 0, billed, calls["longest"].to_numpy())


@once
def learned(truth: pl.DataFrame) -> pl.DataFrame:
    """Per AGENT what bills show of heads in calls of which no logged text was found in the cache.

    `others`: tokens read by the first call of a conversation while what other ones of the log wrote is
    alive; `opening`: by any other first call, which somebody else's conversations wrote; `carried`: by
    a later one, while the one before is alive; of each the median, so 0 where most read none. Where
    no first call was seen beside others, `others` is `opening`. `whole`: later heads hold the prompt
    before them. `truth`: a row a call with `ideal`, `billed` and the columns of `heads`.
    """
    bare = truth.lazy().filter((pl.col("ideal") == 0) & (pl.col("head") > 0))
    billed, first = pl.col("billed"), pl.col("before").is_null()
    reach = pl.min_horizontal("before", "head")
    later = ~first & pl.col("alive")
    alone, beside = (billed.filter(first & x) for x in (~pl.col("shared"), pl.col("shared")))
    known = bare.group_by(AGENT).agg(
        opening=usual(alone),
        others=pl.when(beside.len() > 0).then(usual(beside)).otherwise(usual(alone)),
        carried=usual(billed.filter(later)),
        whole=(billed.filter(later) / reach.filter(later)).median().fill_null(0) >= WHOLE,
    )
    return known.sort(AGENT, nulls_last=True).collect()


def usual(read: pl.Expr) -> pl.Expr:
    """The median, of two the higher; 0 of nothing."""
    return read.quantile(0.5, "higher").fill_null(0).cast(pl.Int64)


def headed(calls: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """`calls` with `ideal` no lower than what is read of their heads, see `read`."""
    before = calls["before"].fill_null(-1).to_numpy()
    found = Heads(before, *(calls[n].to_numpy() for n in ("head", "before", "alive", "shared")))
    reached = np.maximum(
        calls["ideal"].to_numpy(), read(found._replace(before=before), calls, known)
    )
    return calls.with_columns(ideal=pl.Series(reached, dtype=pl.Int64))


def read(heads: Heads, calls: pl.DataFrame, known: pl.DataFrame) -> Ints:
    """Tokens read of the heads of these calls, as far as `known` (see `learned`) tells. A head whose
    conversation has lapsed is read if other conversations of the log kept it."""
    agent = places(keys(calls, AGENT), keys(known, AGENT))
    opening, others, carried = (
        np.append(known[name].to_numpy(), 0)[agent] for name in ("opening", "others", "carried")
    )
    later = np.where(np.append(known["whole"].to_numpy(), [False])[agent], heads.before, carried)
    first = np.where(heads.before < 0, opening, 0)
    reached = np.where(heads.alive, later, np.where(heads.shared, others, first))
    return np.minimum(reached, heads.head)
