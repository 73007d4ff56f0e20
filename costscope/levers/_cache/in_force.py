"""Provider caching as it was in force when the log was written, simulated and calibrated.

For comparing simulation with simulation: a simulated figure is never subtracted from a billed one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from costscope.levers._cache.calibration import GROUP, READ, backtested, explained, fitted
from costscope.levers._cache.calls import ruled
from costscope.levers._cache.heads import AGENT, headed, heads, learned
from costscope.levers._cache.rows import CONVERSATION, LOGGED
from costscope.levers._cache.sim import cuts, simulate
from costscope.levers._prefix import blocks, reclassify
from costscope.model import INPUT_CLASSES, Workload
from costscope.once import once

MODEL = ("provider", "channel", "model")
PROGRAM = (*MODEL, "feature", "template")
MEAN = {name: pl.col(name).mean().floor().cast(pl.Int64) for name in ("lost", "most")}
CACHED = tuple(name for name in INPUT_CLASSES if name != "fresh")


@dataclass(frozen=True)
class Calibration:
    """What a log's own bill says of caching. Made from the log as it was, used on what-ifs of it.

    `calls`: call_no, policy and life of the calls where caching was in force and can be simulated.
    `losses`: per provider and model how far the bill stays below the ideal. `heads`: per agent how much
    is read of what stands before the first logged text, see `_cache.heads.learned`.
    """

    calls: pl.DataFrame
    losses: pl.DataFrame
    heads: pl.DataFrame


def in_force(workload: Workload, calibration: Calibration | None = None) -> Workload:
    """`workload` with billed caching replaced by simulated and calibrated caching.

    Only calls where the log shows caching in force change, if they have a time and text that
    explains their bill; tokens per call do not. For a workload that a lever has changed, pass the
    calibration of the log before it: what was in force is a fact of the log, and so is the loss.
    """
    calibration = calibration or calibrate(workload)
    calls = governed(workload, calibration)
    if calls.is_empty():
        return workload
    own = workload.origin is None and calibration is calibrate(workload)
    found = simulated(workload) if own else simulate(blocks(workload.parts), calls)
    cached = lessened(workload, calibration, calls, found)
    return workload.with_(parts=reclassify(workload.parts, cached))


def governed(workload: Workload, calibration: Calibration) -> pl.DataFrame:
    """The calls on which caching is in force, as the simulator takes them, with the policy and life that
    the log shows."""
    calls = ruled(workload.calls).drop("life").join(calibration.calls, on="call_no")
    return at_longest(calls)


def biller(
    workload: Workload, calibration: Calibration
) -> Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]:
    """What turns blocks and calls in force into the classes that they would be billed in, under whatever
    policy and life: with the heads that nobody logged, and less what bills of the log show to be lost."""

    def billed(all_blocks: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
        return lessened(workload, calibration, calls, simulate(all_blocks, calls))

    return billed


def lessened(
    workload: Workload, calibration: Calibration, calls: pl.DataFrame, found: pl.DataFrame
) -> pl.DataFrame:
    """The classes in which these calls would be billed, where the simulator has `found` an ideal."""
    if not calibration.heads.is_empty():
        known = heads(workload.parts, calls).join(calls.select("call_no", *AGENT), on="call_no")
        found = found.join(known, on="call_no", how="left", maintain_order="left")
        found = headed(found, calibration.heads)
    lost = with_loss(calls, calibration.losses)
    return cuts(found.join(lost, on="call_no", maintain_order="left"), READ)


def in_force_of(log: Workload) -> Callable[[Workload], Workload]:
    """`in_force` with the calibration of `log`, for `log` itself and for every what-if of it."""
    return partial(in_force, calibration=calibrate(log))


@once
def calibrate(log: Workload) -> Calibration:
    """Where caching is in force in a log, under which marks, and how much of the ideal is lost."""
    known = truth(log)
    return Calibration(known.select("call_no", "policy", "life"), losses(log), learned(known))


@once
def truth(log: Workload) -> pl.DataFrame:
    """The calls of a log on which caching was in force, their `ideal` by the logged text beside the
    `billed` tokens read, as far as the text explains the bill; with the columns of `heads`."""
    calls = situated(log).filter("in_force")
    found = simulated(log).select("call_no", "ideal")
    shown = calls.join(found, on="call_no", maintain_order="left")
    return explained(
        shown.join(heads(log.parts, calls), on="call_no", how="left", maintain_order="left")
    )


@once
def simulated(log: Workload) -> pl.DataFrame:
    """What the simulator finds for the calls of a log on which caching was in force. Those of other
    models share no cache with a call, so it holds as well where only some of them are looked at."""
    return simulate(blocks(log.parts), at_longest(situated(log).filter("in_force")))


@once
def losses(log: Workload) -> pl.DataFrame:
    """How far the bill of a log stays below the ideal, see `_calibration.fitted`."""
    known = truth(log)
    return fitted(headed(known, learned(known)))


def backtest(log: Workload) -> Mapping[str, Any] | None:
    """The simulator against the bill, see `_calibration.backtested`; None where there is no truth."""
    return backtested(truth(log))


@once
def situated(workload: Workload) -> pl.DataFrame:
    """The calls that have a rule, with what their bill says of caching.

    Adds `billed` (tokens read), `in_force`, and the policy and life that explain it. Caching that
    an application must ask for is in force in a feature's template, where the marks are written, any
    other in a model: once a token is billed as cached there, it is.
    """
    calls = ruled(workload.calls).lazy().filter(~pl.col("estimated"))
    calls = calls.join(billed(workload.parts), on="call_no", how="left", maintain_order="left")
    calls = calls.with_columns(pl.col(*CACHED, "marks").fill_null(0))
    asked = pl.col("mode") == "explicit"
    cached = pl.sum_horizontal(CACHED).sum()
    here = pl.when(asked).then(cached.over(PROGRAM)).otherwise(cached.over(MODEL))
    unseen = asked & (pl.col("marks").sum().over(PROGRAM) == 0)
    return calls.with_columns(
        billed=pl.col("cache_read"),
        in_force=here > 0,
        policy=pl.when(unseen).then(pl.lit(CONVERSATION)).otherwise(pl.lit(LOGGED)),
        life=longer("1h", "5m", longer("12h", "30m", pl.col("life"))),
    ).collect()


def longer(long: str, short: str, otherwise: pl.Expr) -> pl.Expr:
    """The longer of two lifetimes in conversations where more was written for it than for the other."""
    scope = (*MODEL, "feature", "cluster")
    tokens = [pl.col(f"cache_write_{name}").sum().over(scope) for name in (long, short)]
    return pl.when(tokens[0] > tokens[1]).then(pl.lit(long)).otherwise(otherwise)


def billed(parts: pl.DataFrame) -> pl.LazyFrame:
    """Per call: tokens of each cached class, and `marks`, how many breakpoints the log carries."""
    kind = pl.col("billing_class")
    sums = {name: pl.col("tokens").filter(kind == name).sum() for name in CACHED}
    return (
        parts.lazy()
        .group_by("call_no")
        .agg(**sums, marks=(pl.col("breakpoint") != "").sum().cast(pl.Int64))
    )


def at_longest(calls: pl.DataFrame) -> pl.DataFrame:
    """The ideal is an upper bound, so what expires by itself lives as long as is documented."""
    return calls.with_columns(ttl=pl.col("longest"))


def with_loss(calls: pl.DataFrame, losses: pl.DataFrame) -> pl.DataFrame:
    """call_no, `lost` and `most`; a model without a fit takes the mean of its provider, else of all."""
    rows = calls.select("call_no", *GROUP).join(losses, on=GROUP, how="left", maintain_order="left")
    own = losses.group_by("provider").agg(own_lost=MEAN["lost"], own_most=MEAN["most"])
    rows = rows.join(own, on="provider", how="left", maintain_order="left")
    everyone = losses.select(**MEAN).fill_null(0)
    return rows.select(
        "call_no",
        *(pl.coalesce(name, f"own_{name}", everyone[name].item()).alias(name) for name in MEAN),
    )
