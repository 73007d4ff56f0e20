"""How calls go to another model: which model, at what length, what is paid twice. Not a lever."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from costscope.columns import Flags, places
from costscope.errors import SettingsError
from costscope.levers._retokenise import rescaled
from costscope.levers._route.length import Length, length
from costscope.levers._rows import (
    CACHED,
    Kinds,
    by_class,
    conversations,
    gathered,
    kinds,
    matches,
    uncached,
    with_sizes,
)
from costscope.levers._words import count, listing
from costscope.model import Workload
from costscope.once import once
from costscope.prices.names import base
from costscope.tokens import family_ratio

CHEAP = {
    "gpt-4": "gpt-4o-mini", "gpt-4-turbo": "gpt-4o-mini",
    "gpt-4o": "gpt-4o-mini", "chatgpt-4o": "gpt-4o-mini", "gpt-4.1": "gpt-4.1-mini",
    "gpt-5": "gpt-5-mini", "gpt-5.[1-3]": "gpt-5-mini", "gpt-5.[45]": "gpt-5.4-mini",
    "gpt-5.6-sol": "gpt-5.6-luna", "gpt-5.6-terra": "gpt-5.6-luna",
    "gpt-6-astra": "gpt-6-sol", "gpt-6-sol": "gpt-6-luna", "gpt-6.1-sol": "gpt-6.1-terra",
    "o1": "o4-mini", "o3": "o4-mini",
    "claude-opus-5-5": "claude-haiku-5-5", "claude-sonnet-5-5": "claude-haiku-5-5",
    "claude-fable-*": "claude-haiku-5-5", "claude-mythos-*": "claude-haiku-5-5",
    "claude-opus-*": "claude-haiku-4-5", "claude-sonnet-*": "claude-haiku-4-5",
    "gemini-[12].5-pro": "gemini-2.5-flash", "gemini-3-pro": "gemini-3.8-flash",
    "gemini-3.1-pro": "gemini-3.8-flash", "gemini-4-argon": "gemini-3.8-flash",
    "grok-3": "grok-3-mini", "grok-4": "grok-4-fast-non-reasoning",
    "mistral-large": "mistral-small-latest", "mistral-medium*": "mistral-small-latest",
    "deepseek-v4-pro": "deepseek-v4-flash",
}  # fmt: skip
"""Model (a glob on its name without date, version and region) → a cheaper model of its provider,
priced by genai-prices 0.2.3 (read 2026-11-21). A small model of that generation or of one near it,
not the cheapest there is."""

CASES = ("low", "base", "high")
KEY = ["feature", "provider", "channel", "model"]
RATIOS = ["in_top", "in_bottom", "out_top", "out_bottom"]
SIZES = ("input_tokens", "history_tokens", "query_tokens", "output_tokens")
GROUP = "group"
"""Column: a number, the same for the calls of one conversation with the same KEY."""

_KNOWN = ["call_no", "call_id", "sent_at", "traits", *KEY]
_TARGET: dict[str, Any] = {
    "stated": pl.Boolean, "to_provider": pl.String, "to_channel": pl.String, "to_model": pl.String,
    **dict.fromkeys(RATIOS, pl.Int64),
}  # fmt: skip


def check_case(case: str) -> None:
    """Raises SettingsError for anything but low, base and high."""
    if case not in CASES:
        raise SettingsError(f"case is {case!r}; it can be: {', '.join(CASES)}")


def check_share(name: str, share: float | None) -> None:
    """Raises SettingsError for a share outside 0 to 1; None is for the log to tell."""
    if share is not None and not 0 <= share <= 1:
        raise SettingsError(f"{name} is {share}; it must lie from 0 to 1")


@dataclass(frozen=True)
class Targets:
    """Which model stands in for which, and how long its replies are."""

    cheap: dict[str, str]
    map: dict[str, str]
    output_ratio: float | None
    case: str

    def of(self, workload: Workload) -> pl.DataFrame:
        """The log's calls for which there is another model and which no lever has routed before:
        call_no, call_id, sent_at, traits, KEY, sizes, GROUP, stated, to_provider, to_channel,
        to_model, RATIOS."""
        found = _kinds(workload.calls)
        at, table = found.table([self._target(workload.log, *key) for key in found.keys], _TARGET)
        rows = np.flatnonzero((at >= 0) & unmoved(workload))
        calls = with_sizes(workload.calls[_KNOWN][rows], workload.parts)
        group = conversations(workload.calls)[rows] * len(found.keys) + found.kind[rows]
        return calls.hstack([*table[at[rows]], pl.Series(GROUP, group)])

    def _target(
        self, log: Workload, feature: str | None, provider: str, channel: str, model: str
    ) -> tuple[Any, ...] | None:
        stated = matches(feature or "", tuple(self.map))
        found = matches(base(model), tuple(self.cheap))
        if stated is not None:
            maker, slash, name = self.map[stated].partition("/")
            to = (maker, "direct", name) if slash else (provider, channel, maker)
        elif found is not None:
            to = (provider, channel, self.cheap[found])
        else:
            return None
        if to == (provider, channel, model):
            return None
        prompt, reply = ratio(model, to[2]), self.reply(log, model, to[2]).of(self.case)
        ratios = (*prompt.as_integer_ratio(), *reply.as_integer_ratio())
        return (stated is not None, *to, *ratios)

    def reply(self, log: Workload, old: str, new: str) -> Length:
        """Tokens of the new model's reply for one of the old one's."""
        given = self.output_ratio
        shown = length(log, base(old), base(new)) if given is None else None
        return shown or Length.assumed(ratio(old, new) * Fraction(str(given or 1)))


@once
def _kinds(calls: pl.DataFrame) -> Kinds:
    return kinds(calls, KEY)


def unmoved(workload: Workload) -> Flags:
    """True for the calls of the log that still go to the model that they went to."""
    calls, log = workload.calls, workload.log.calls
    own: Flags = ~calls["added"].to_numpy()
    if calls is log:
        return own
    at = places(calls["call_no"].to_numpy(), log["call_no"].to_numpy())
    same = calls["model"].eq_missing(gathered(log[["model"]], at)["model"])
    still: Flags = own & ((at < 0) | same.to_numpy())
    return still


@lru_cache(maxsize=4096)
def ratio(old: str, new: str) -> Fraction:
    """Tokens of `new` for one token of `old`."""
    return Fraction(*family_ratio(new)) / Fraction(*family_ratio(old))


def rerouted(workload: Workload, routes: pl.DataFrame) -> Workload:
    """The workload with the routed calls' model, provider and tokens changed. All of their input is
    fresh: a cache belongs to one model, so what was warm on the old one is cold on the new."""
    calls, numbers = workload.calls, routes["call_no"].to_numpy()
    at = places(calls["call_no"].to_numpy(), numbers)
    rows = np.flatnonzero(at >= 0)
    to = routes[["to_provider", "to_channel", "to_model"]][at[rows]]
    other = to["to_provider"] != calls["provider"].gather(rows)
    abroad = rows[other.fill_null(value=False).to_numpy()]
    changed = [calls[x].scatter(rows, to[f"to_{x}"]) for x in ("provider", "channel", "model")]
    reset = {"tier": "standard", "region": None}
    changed += [calls[name].scatter(abroad, value) for name, value in reset.items() if len(abroad)]
    parts = rescaled(uncached(workload.parts, numbers), routes[["call_no", *RATIOS]])
    return workload.with_(calls=calls.with_columns(changed), parts=parts)


MILLION = 1_000_000


def again(routes: pl.DataFrame, share: pl.Expr) -> pl.DataFrame:
    """The second attempts on the model that was asked before, spread evenly: each routed call pays its
    `share` of one, in millionths, rounded."""
    top, bottom = 2 * share, 2 * MILLION
    columns = ("input_tokens", "output_tokens")
    part = [((pl.col(c) * top + MILLION) // bottom).alias(c) for c in columns]
    return routes.select("call_no", "model", *part)


def millionths(share: float) -> pl.Expr:
    """A share as `again` wants it."""
    return pl.lit(round(share * MILLION), pl.Int64)


def moved(before: Workload, after: Workload) -> pl.DataFrame:
    """model, model_after, calls: the routes taken, the busiest first."""
    models = [workload.calls.select("call_no", "model") for workload in (before, after)]
    both = models[0].join(models[1], on="call_no", suffix="_after")
    gone = both.filter(pl.col("model") != pl.col("model_after"))
    counts = gone.group_by("model", "model_after").agg(pl.len().alias("calls"))
    return counts.sort(-pl.col("calls").cast(pl.Int64), "model", "model_after")


def ways(routes: pl.DataFrame) -> str:
    """Routes in a sentence: "12 from gpt-4o to gpt-4o-mini"."""
    return listing([f"{n:,} from {old} to {new}" for old, new, n in routes.iter_rows()])


def forfeited(workload: Workload, routes: pl.DataFrame) -> str | None:
    """How much of what the routed calls read from a cache they cannot read elsewhere, in words."""
    tokens = by_class(workload.parts, routes["call_no"], CACHED)
    lost, of = int(tokens[:, CACHED.index("cache_read")].sum()), int(tokens.sum())
    if not of:
        return None
    return (
        f"The routed calls read {count(lost, 'token')} from the cache of the model before them. On "
        "the other model they count as fresh, but for what its own cache would hold by simulation."
    )


def lengths(targets: Targets, log: Workload, routes: pl.DataFrame) -> list[str]:
    """What is assumed of tokens and of the reply's length, a sentence for each kind of route."""
    kinds = [(old, new, targets.reply(log, old, new)) for old, new, _ in routes.iter_rows()]
    said = [
        f"{new} replies at {float(reply.base):.2f} times the tokens of {old} on the features and "
        f"templates that both answer in this log ({reply.calls:,} replies; 95 % from "
        f"{float(reply.high):.2f} to {float(reply.low):.2f})."
        for old, new, reply in kinds
        if reply.calls
    ]
    if not all(reply.calls for _, _, reply in kinds):
        given = targets.output_ratio
        why = "; the log does not show both on alike tasks" if given is None else ", as stated"
        said.append(f"The cheaper model is taken to reply at {given or 1:g} times the length{why}.")
    makes = sorted({(new, ratio(old, new)) for old, new, _ in kinds})
    return said + [
        f"{new} is taken to make {float(by):.2f} tokens of one of the model before it."
        for new, by in makes
        if by != 1
    ]


def delays(log: Workload, routes: pl.DataFrame) -> list[str]:
    """Median latency of both models of a route, where the log has both."""
    named = log.calls.filter(~pl.col("added") & pl.col("latency_us").is_not_null())
    medians = named.group_by("model").agg(pl.col("latency_us").median())
    known = {base(model): wait for model, wait in medians.sort("model").iter_rows()}
    return [
        f"Median latency: {old} {known[base(old)] / 1e6:.1f} s, {new} {known[base(new)] / 1e6:.1f} s."
        for old, new, _ in routes.iter_rows()
        if base(old) in known and base(new) in known
    ]
