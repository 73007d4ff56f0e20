"""What the simulator needs to know of each call: its cache scope, its times and its provider's rule.

The rules themselves are data of `prices`; what is billed for them is not looked at.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from costscope.levers._cache.rows import WRITES
from costscope.once import once
from costscope.prices.rules import CachingRule, caching_rule

SCOPE = ("provider", "channel", "region", "model")
NAMED = ("place", "feature")
"""A feature in a scope: what gets marks, a lifetime or pings of its own."""
KEY = ("provider", "channel", "model", "day")
SECOND = 1_000_000

ANYWHERE = "global"
"""The region of a call whose log names none. Claude Code's logs name it on some calls and not on
others of one conversation, which all read one cache."""

ANSWER = 2 * SECOND
"""An entry can be read once its first answer begins; a log seldom says when, so it is the latency,
at most two seconds (billing.md, section 8)."""

LONGEST = 3_600
"""Seconds that a prefix may live where the provider caches by itself: OpenAI keeps one in memory
for 5 to 10 idle minutes, an hour at most (billing.md 1.2)."""

RULE = {
    "mode": pl.String,
    "minimum": pl.Int64,
    "granularity": pl.Int64,
    "lookback": pl.Int64,
    "life": pl.String,
    "ttl": pl.Int64,
    "longest": pl.Int64,
    "whole_units": pl.Boolean,
    "resets": pl.String,
}


@once
def ruled(calls: pl.DataFrame, ttl: str = "", retention: str = "") -> pl.DataFrame:
    """The calls that can be simulated as far as their row in `calls` tells, with their rule.

    Adds scope (u64), sent and ready (microseconds) and RULE: `life` names the lifetime that a mark
    would get, `ttl` and `longest` are the usual and the longest documented one in microseconds,
    `resets` says what is read anew where settings change ("prompt", "messages", "": nothing).
    `ttl` ("5m") is asked for where marks are explicit, `retention` elsewhere; what a provider does
    not offer is not used. Calls without a time or a rule, failed or in a batch are left out.
    """
    rows = placed(calls)
    return rows.join(rules(rows, ttl, retention), on=KEY, maintain_order="left")


def with_place(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with `place`: their scope by name, the same in every what-if of a log."""
    names = [pl.col(name).cast(pl.String).fill_null(ANYWHERE) for name in SCOPE]
    return calls.with_columns(place=pl.concat_str(names, separator="\0"))


@once
def placed(calls: pl.DataFrame) -> pl.DataFrame:
    """The calls with a time, that did not fail and are in no batch, with scope, sent, ready and day."""
    usable = (pl.col("tier") != "batch") & (pl.col("status") != "error")
    sent = pl.col("sent_at").dt.epoch("us")
    wait = pl.min_horizontal(pl.col("latency_us").fill_null(ANSWER), ANSWER)
    names = [pl.col(name).cast(pl.String).fill_null(ANYWHERE) for name in SCOPE]
    rows = calls.lazy().filter(pl.col("sent_at").is_not_null() & usable).sort("call_no")
    return rows.with_columns(
        sent=sent,
        ready=sent + wait,
        day=pl.col("sent_at").dt.date(),
        scope=pl.concat_str(names, separator="\0").rank("dense").cast(pl.UInt64),
    ).collect()


def rules(rows: pl.DataFrame, ttl: str, retention: str) -> pl.DataFrame:
    """A row for each distinct KEY that has a rule."""
    found: list[tuple[Any, ...]] = []
    for key in distinct(rows).iter_rows():
        rule = caching_rule(*key)
        if rule is not None:
            found.append((*key, *facts(rule, ttl if rule.mode == "explicit" else retention)))
    schema = pl.Schema([*((name, rows.schema[name]) for name in KEY), *RULE.items()])
    return pl.DataFrame(found, schema=schema, orient="row")


@once
def distinct(rows: pl.DataFrame) -> pl.DataFrame:
    """Each KEY once, sorted."""
    return rows.lazy().select(KEY).unique().sort(KEY).collect()


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
