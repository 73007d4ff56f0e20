"""Provider caching as it was in force when the log was written, simulated and calibrated.

For comparing simulation with simulation: a simulated figure is never subtracted from a billed one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from costscope.columns import NAME, Flags, Ints, changes, codes, keys, places, sums, taken
from costscope.levers._cache.bills import bills
from costscope.levers._cache.calibration import GROUP, MILLION, backtested, explained, fitted
from costscope.levers._cache.calls import ruled
from costscope.levers._cache.heads import headed, heads, heads_of, learned, read
from costscope.levers._cache.rows import CONVERSATION, LIVES, LOGGED
from costscope.levers._cache.sim import cut, simulate
from costscope.levers._prefix import FEW, ordered, reclassify
from costscope.levers._rows import CACHED
from costscope.model import CLASSES, Workload
from costscope.once import once
from costscope.prices.usage import classes

MODEL = ("provider", "channel", "model")
PROGRAM = (*MODEL, "feature", "template")
IS_CACHED = np.array([name in CACHED for name in (*CLASSES, "")])
"""For each code; the last is that of any other name."""


@dataclass(frozen=True, eq=False)
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
    found = simulated(workload) if own else simulate(ordered(workload.parts), calls)
    cached = lessened(workload, calibration, calls, found)
    return workload.with_(parts=reclassify(workload.parts, cached))


def governed(workload: Workload, calibration: Calibration) -> pl.DataFrame:
    """The calls on which caching is in force, as the simulator takes them, with the policy and life that
    the log shows."""
    few = workload.calls.height <= FEW
    return (_kept_governed if few else _governed)(workload.calls, calibration)


@once
def _kept_governed(calls: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    return _governed(calls, calibration)


def _governed(calls: pl.DataFrame, calibration: Calibration) -> pl.DataFrame:
    rows, number = ruled(calls), calibration.calls["call_no"].to_numpy()
    place = places(rows["call_no"].to_numpy(), number)
    rows, shown = taken(rows, np.flatnonzero(place >= 0)), calibration.calls[place[place >= 0]]
    return replaced(rows, ttl=rows["longest"], policy=shown["policy"], life=shown["life"])


def replaced(rows: pl.DataFrame, **columns: pl.Series) -> pl.DataFrame:
    """The rows with other columns in place of these, or beside them."""
    kept = [column for column in rows.get_columns() if column.name not in columns]
    return pl.DataFrame([*kept, *(column.alias(name) for name, column in columns.items())])


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
    number = calls["call_no"].to_numpy()
    place = places(found["call_no"].to_numpy(), number)
    if (place < 0).any():
        found, place = found.filter(pl.Series(place >= 0)), place[place >= 0]
    ideal = found["ideal"].to_numpy()
    if not calibration.heads.is_empty():
        known = heads_of(workload.parts, calls)
        reached = np.zeros(len(number), np.int64)
        at = places(known.call_no, number)
        reached[at] = read(known, taken(calls, at), calibration.heads)
        ideal = np.maximum(ideal, reached[place])
    lost, most = (column[place] for column in losses_of(calls, calibration.losses))
    return cut(found, ideal - np.minimum(lost, ideal * most // MILLION))


def in_force_of(log: Workload) -> Callable[[Workload], Workload]:
    """`in_force` with the calibration of `log`, for `log` itself and for every what-if of it."""
    return partial(in_force, calibration=calibrate(log))


@once
def calibrate(log: Workload) -> Calibration:
    """Where caching is in force in a log, under which marks, and how much of the ideal is lost."""
    known = truth(log)
    return Calibration(known.select("call_no", "policy", "life"), losses(log), learned(known))


TRUTH = ("call_no", "cluster", "sent", "provider", "model", "feature", "policy", "life", "billed")
"""What of a call its `truth` tells."""


@once
def truth(log: Workload) -> pl.DataFrame:
    """The calls of a log on which caching was in force, their `ideal` by the logged text beside the
    `billed` tokens read, as far as the text explains the bill; TRUTH, and the columns of `heads`."""
    calls = situated(log).filter("in_force")
    found = simulated(log).select("call_no", "ideal")
    shown = calls.select(TRUTH).join(found, on="call_no", maintain_order="left")
    return explained(
        shown.join(heads(log.parts, calls), on="call_no", how="left", maintain_order="left")
    )


@once
def simulated(log: Workload) -> pl.DataFrame:
    """What the simulator finds for the calls of a log on which caching was in force. Those of other
    models share no cache with a call, so it holds as well where only some of them are looked at."""
    return simulate(ordered(log.parts), at_longest(situated(log).filter("in_force")))


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

    Adds `billed` (tokens read), `marks` (how many the log carries), `in_force`, and the policy and life
    that explain it. Caching that an application must ask for is in force in a feature's template, where
    the marks are written, any other in a model: once a token is billed as cached there, it is.
    """
    rows = ruled(workload.calls)
    rows = taken(rows, np.flatnonzero(~rows["estimated"].to_numpy()))
    bill = bills(workload.parts)
    place = places(rows["call_no"].to_numpy(), bill.call_no)
    tokens = {name: np.append(bill.tokens[:, CLASSES.index(name)], 0)[place] for name in CACHED}
    marks = np.append(bill.marks, 0)[place]
    users = Users.of(rows)
    here = users.any(np.logical_or.reduce([count > 0 for count in tokens.values()]))
    unseen = users.asked & ~users.program.any(marks > 0)
    policy = pl.Series([LOGGED, CONVERSATION], dtype=NAME)[unseen.astype(np.uint32)]
    return replaced(
        rows, billed=pl.Series(tokens["cache_read"]), marks=pl.Series(marks), in_force=pl.Series(here),
        policy=policy, life=lives(rows, tokens),
    )  # fmt: skip


def in_use(rows: pl.DataFrame, parts: pl.DataFrame) -> Flags:
    """On which of these calls, as `ruled` gives them, caching is in force: see `situated`."""
    told = ~rows["estimated"].to_numpy()
    cached = places(rows["call_no"].to_numpy(), cached_calls(parts)) >= 0
    return told & Users.of(rows).any(told & cached)


def cached_calls(parts: pl.DataFrame) -> Ints:
    """The numbers of the calls that were billed for cached tokens."""
    billed = IS_CACHED[classes(parts)] & (parts["tokens"].to_numpy() > 0)
    number: Ints = parts["call_no"].to_numpy()[billed]
    return number[changes(number)]


class Users(NamedTuple):
    """Who shares the decision to cache with each call."""

    asked: Flags
    """An application must ask for it."""
    program: Groups
    model: Groups

    @staticmethod
    def of(rows: pl.DataFrame) -> Users:
        """Of calls as `ruled` gives them."""
        asked = codes(rows["mode"], ("explicit",)) == 0
        return Users(asked, groups(rows, PROGRAM), groups(rows, MODEL))

    def any(self, flags: Flags) -> Flags:
        """Whether it holds of any of those."""
        return np.where(self.asked, self.program.any(flags), self.model.any(flags))


def lives(rows: pl.DataFrame, written: Mapping[str, Ints]) -> pl.Series:
    """The life of the rule, or, in conversations where more was written for the longer of two than for
    the other, that one."""
    talks = groups(rows, (*MODEL, "feature", "cluster"))
    life = codes(rows["life"], LIVES).copy()
    for long, short in (("12h", "30m"), ("1h", "5m")):
        more, less = (talks.sum(written[f"cache_write_{name}"]) for name in (long, short))
        life[more > less] = LIVES.index(long)
    return pl.Series(LIVES, dtype=NAME)[life.astype(np.uint32)]


class Groups(NamedTuple):
    """Which group each row is of."""

    place: Ints
    size: int

    def any(self, flags: Flags) -> Flags:
        """Whether it holds of any row of the group."""
        found: Flags = (np.bincount(self.place[flags], minlength=self.size) > 0)[self.place]
        return found

    def sum(self, counts: Ints) -> Ints:
        """The sum of the group."""
        return sums(self.place, counts, self.size)[self.place]


def groups(rows: pl.DataFrame, names: Sequence[str]) -> Groups:
    """The rows by what they have in these columns."""
    known, place = np.unique(keys(rows, names), return_inverse=True)
    return Groups(place, len(known))


def at_longest(calls: pl.DataFrame) -> pl.DataFrame:
    """The ideal is an upper bound, so what expires by itself lives as long as is documented."""
    return calls.with_columns(ttl=pl.col("longest"))


def with_loss(calls: pl.DataFrame, losses: pl.DataFrame) -> pl.DataFrame:
    """call_no, `lost` and `most`; a model without a fit takes the mean of its provider, else of all."""
    lost, most = losses_of(calls, losses)
    return pl.DataFrame({"call_no": calls["call_no"], "lost": lost, "most": most})


def losses_of(calls: pl.DataFrame, losses: pl.DataFrame) -> tuple[Ints, Ints]:
    """`lost` and `most` of each call, see `with_loss`."""
    fits = {(provider, model): fit for provider, model, *fit in losses.iter_rows()}
    _, first, place = np.unique(keys(calls, GROUP), return_index=True, return_inverse=True)
    named = zip(*(calls[name].cast(pl.String)[first].to_list() for name in GROUP), strict=True)
    found = [
        fits.get(one) or mean([fit for key, fit in fits.items() if key[0] == one[0]]) or mean([*fits.values()])
        for one in named
    ]  # fmt: skip
    lost, most = np.array([one or (0, 0) for one in found], np.int64).reshape(-1, 2)[place].T
    return lost, most


def mean(fits: Sequence[Sequence[int]]) -> list[int]:
    """The mean of each figure, in whole tokens; nothing of nothing."""
    return [int(sum(column) / len(fits)) for column in zip(*fits, strict=True)]
