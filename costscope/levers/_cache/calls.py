"""What the simulator needs to know of each call: its cache scope, its times and its provider's rule.

The rules themselves are data of `prices`; what is billed for them is not looked at.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from costscope.columns import NAME, Ints, Keys, keys, taken
from costscope.levers._cache.rows import WRITES
from costscope.once import once
from costscope.prices.rules import CachingRule, caching_rule

SCOPE = ("provider", "channel", "region", "model")
NAMED = ("place", "feature")
"""A feature in a scope: what gets marks, a lifetime or pings of its own."""
KEY = ("provider", "channel", "model")
TOLD = (
    "call_no", "cluster", "trace", *SCOPE, "feature", "template", "params_hash", "estimated",
)  # fmt: skip
"""What of a call decides on its caching."""
SECOND = 1_000_000
DAY = 86_400 * SECOND

ANYWHERE = "global"
"""The region of a call whose log names none. Claude Code's logs name it on some calls and not on
others of one conversation, which all read one cache."""

ANSWER = 2 * SECOND
"""An entry can be read once its first answer begins; a log seldom says when, so it is the latency,
at most two seconds (billing.md, section 8)."""

LONGEST = 3_600
"""Seconds that a prefix may live where the provider caches by itself: OpenAI keeps one in memory
for 5 to 10 idle minutes, an hour at most (billing.md 1.2)."""

Model = tuple[str, str, str, date]
"""Provider, channel, model and day."""

RULE: dict[str, Any] = {
    "mode": NAME,
    "minimum": pl.Int64,
    "granularity": pl.Int64,
    "lookback": pl.Int64,
    "life": NAME,
    "ttl": pl.Int64,
    "longest": pl.Int64,
    "whole_units": pl.Boolean,
    "resets": NAME,
}


@once
def ruled(calls: pl.DataFrame, ttl: str = "", retention: str = "") -> pl.DataFrame:
    """The calls that can be simulated as far as their row in `calls` tells, with their rule.

    TOLD of them, and scope (u64), sent and ready (microseconds) and RULE: `life` names the lifetime that
    a mark would get, `ttl` and `longest` are the usual and the longest documented one in microseconds,
    `resets` says what is read anew where settings change ("prompt", "messages", "": nothing).
    `ttl` ("5m") is asked for where marks are explicit, `retention` elsewhere; what a provider does
    not offer is not used. Calls without a time or a rule, failed or in a batch are left out.
    """
    known = with_rule(calls)
    table, nth = rules(known.models, ttl, retention)
    return known.rows.hstack(table[nth[known.model]].get_columns())


class WithRule(NamedTuple):
    """The calls whose provider has a rule for them, as `placed` gives them."""

    rows: pl.DataFrame
    models: tuple[Model, ...]
    model: Ints
    """Which of them each call is of."""


@once
def with_rule(calls: pl.DataFrame) -> WithRule:
    """What of `ruled` is the same under any lifetime."""
    rows = placed(calls)
    models = models_of(rows)
    _, nth = rules(models.keys, "", "")
    kept = np.flatnonzero(nth[models.place] >= 0)
    return WithRule(taken(rows, kept), models.keys, models.place[kept])


@lru_cache(maxsize=64)
def rules(models: tuple[Model, ...], ttl: str, retention: str) -> tuple[pl.DataFrame, Ints]:
    """A row for each different rule, and which of them each model has; -1 for none."""
    found = [caching_rule(*model) for model in models]
    told = {
        rule: facts(rule, ttl if rule.mode == "explicit" else retention) for rule in found if rule
    }
    nth = {rule: n for n, rule in enumerate(told)}
    table = pl.DataFrame([*told.values()], schema=RULE, orient="row")
    return table, np.array([nth[rule] if rule else -1 for rule in found], np.int64)


def with_place(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with `place`: their scope by name, the same in every what-if of a log."""
    names = [pl.col(name).cast(pl.String).fill_null(ANYWHERE) for name in SCOPE]
    return calls.with_columns(place=pl.concat_str(names, separator="\0"))


def placed(calls: pl.DataFrame) -> pl.DataFrame:
    """TOLD of the calls with a time, that did not fail and are in no batch, with scope, sent and ready,
    sorted by call_no."""
    usable = (pl.col("tier") != "batch") & (pl.col("status") != "error")
    sent = pl.col("sent_at").dt.epoch("us")
    wait = pl.min_horizontal(pl.col("latency_us").fill_null(ANSWER), ANSWER)
    rows = calls.select(
        *TOLD,
        sent=sent,
        ready=sent + wait,
        usable=(pl.col("sent_at").is_not_null() & usable).fill_null(value=False),
    )
    rows = taken(rows, np.flatnonzero(rows.drop_in_place("usable").to_numpy()))
    if not rows["call_no"].is_sorted():
        rows = rows.sort("call_no")
    return rows.hstack([pl.Series("scope", scopes(rows))])


def scopes(rows: pl.DataFrame) -> Keys:
    """The rank of each call's scope among the names of all: a number that its calls share."""
    _, first, place = np.unique(keys(rows, SCOPE), return_index=True, return_inverse=True)
    shown = zip(*(rows[name].cast(pl.String)[first].to_list() for name in SCOPE), strict=True)
    names = ["\0".join(ANYWHERE if name is None else name for name in one) for one in shown]
    rank = {name: n for n, name in enumerate(sorted(set(names)), 1)}
    return np.array([rank[name] for name in names], np.uint64)[place]


class Models(NamedTuple):
    """What decides on a rule: each model and day once."""

    keys: tuple[Model, ...]
    place: Ints
    """Which of them each call is of."""


def models_of(rows: pl.DataFrame) -> Models:
    """The models and days of calls, as `placed` gives them."""
    day = rows["sent"].to_numpy() // DAY
    which = keys(rows, KEY) + day.astype(np.uint64)
    _, first, place = np.unique(which, return_index=True, return_inverse=True)
    named = (rows[name].cast(pl.String)[first].to_list() for name in KEY)
    days = (date(1970, 1, 1) + timedelta(days=n) for n in day[first].tolist())
    return Models(tuple(zip(*named, days, strict=True)), place)


def facts(rule: CachingRule, asked: str) -> tuple[Any, ...]:
    """A rule as the columns of RULE, under the lifetime asked for if it is one that is offered."""
    wanted = seconds(asked)
    ttl = wanted if wanted in rule.ttls else rule.default_ttl
    life = next((name for name, length in WRITES.items() if length == ttl), "")
    longest = max(ttl, LONGEST) if rule.mode == "implicit" else ttl
    step = max(rule.granularity, rule.boundary or 1)
    spans = (ttl * SECOND, longest * SECOND)
    return (
        rule.mode, rule.minimum, step, rule.lookback, life, *spans, rule.whole_units, rule.settings
    )  # fmt: skip


def seconds(life: str) -> int | None:
    """ "5m" → 300, "24h" → 86,400; None for what is no lifetime."""
    number, unit = life[:-1], {"s": 1, "m": 60, "h": 3_600}.get(life[-1:])
    return int(number) * unit if number.isdigit() and unit else None
