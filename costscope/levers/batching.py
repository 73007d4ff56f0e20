"""What if calls that can wait went through the provider's batch API, at its lower rates?

Not a scheduler, and not flex processing, which has the same rates but answers at once or never.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._prefix import reclassify
from costscope.levers._rows import conversation, matches
from costscope.levers._words import count, listing
from costscope.levers.interface import Lever
from costscope.model import ANSWERED, INPUT_CLASSES, Workload
from costscope.prices.rules import batch_rule, caching_rule

CACHED = tuple(name for name in INPUT_CLASSES if name != "fresh")
WORST, BEST = 0.30, 0.98
"""Cache hits seen within batches, as shares of those outside them (billing.md, section 3)."""
CLEARER = 5
"""The pessimistic end asks for bursts this many times as large."""

_KEY = ("provider", "channel", "model", "day")
_JOB = "_job"


@dataclass(frozen=True)
class Batching(Lever):
    """Moves calls that can wait to the batch tier, where the provider has one for their model.

    Without `features` it looks for work that a machine does and nobody waits for: calls without a
    user that are a conversation of their own, of a job that comes in bursts and is silent most of
    the time. A job is a feature, else a template, else a model.
    """

    title: ClassVar[str] = "Batch the calls that can wait"
    stage: ClassVar[str] = "batching"
    flag: ClassVar[str] = "batch"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "low"
    rewrites_prompts: ClassVar[bool] = False
    prerequisites: ClassVar[Sequence[str]] = (
        "Nobody and nothing waits for these answers: they may take as long as the batch window, "
        "24 hours with most providers, though most batches end sooner.",
        "Code that collects calls, submits them and reads the results.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "That a call can wait is concluded from when it was made; only its owner knows.",
        "Batches are cached on a best effort; the share of cached tokens that survives is assumed.",
    )

    features: tuple[str, ...] = ()
    """Features (globs) whose calls can wait, whatever the log looks like."""
    burst_calls: int = 20
    """Calls that make a burst, each at most `burst_gap_s` after the one before."""
    burst_gap_s: int = 60
    burst_share: float = 0.8
    """How much of a feature has to lie in bursts."""
    busy_share: float = 0.25
    """At most this share of the log's time may be covered by a feature's bursts; a feature that is
    always busy is a service, not a job."""
    cache_kept: float = 0.65
    """The share of cached tokens that a batch still reads from the cache. Low 0.3, high 0.98."""

    def __post_init__(self) -> None:
        for name in ("burst_share", "busy_share", "cache_kept"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie from 0 to 1")
        if self.burst_calls < 1:
            raise SettingsError(f"burst_calls is {self.burst_calls}; it must be 1 or more")

    def apply(self, workload: Workload) -> Workload:
        chosen = self._chosen(workload.calls)
        if chosen.is_empty():
            return workload
        tier = pl.when(pl.col("call_no").is_in(chosen["call_no"].implode())).then(pl.lit("batch"))
        calls = workload.calls.with_columns(
            tier.otherwise("tier").cast(workload.calls.schema["tier"]).alias("tier")
        )
        return workload.with_(calls=calls, parts=self._recached(workload.parts, chosen))

    def action(self, before: Workload, after: Workload) -> str:
        moved = _moved(before, after)
        if moved.is_empty():
            return "Send calls that can wait through the batch API; none was found."
        found = moved.group_by("feature").len().sort(-pl.col("len").cast(pl.Int64), "feature")
        names = [name or "no feature" for name in found["feature"]]
        calls = count(moved.height, "call")
        return f"Send {calls} that can wait through the batch API: those of {listing(names)}."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: only bursts five times as large, 30 % of cached tokens kept. High: 98 % kept."""
        kept = min(self.cache_kept, WORST), max(self.cache_kept, BEST)
        clear = self.burst_calls if self.features else self.burst_calls * CLEARER
        return (
            replace(self, burst_calls=clear, cache_kept=kept[0]),
            replace(self, cache_kept=kept[1]),
        )

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How long the answers may take, and what becomes of cached tokens."""
        rules = self._chosen(before.calls)
        said = []
        if rules.height:
            hours = int(rules.select(pl.col("hours").max()).item())
            said.append(f"Answers may take {count(hours, 'hour')}.")
        kinds = rules["caching"].unique().sort().to_list()
        if set(kinds) - {"none"}:
            said.append(f"{self.cache_kept:.0%} of the tokens read from a cache stay cached.")
        if "none" in kinds:
            models = rules.filter(pl.col("caching") == "none")["model"].unique().sort().to_list()
            said.append(f"Nothing is cached in batches of {listing(models)}.")
        return said

    def _chosen(self, calls: pl.DataFrame) -> pl.DataFrame:
        """The calls to move, with the rule of their batch: hours, caching, write_class."""
        able = calls.filter(
            (pl.col("tier") == "standard") & pl.col("status").is_in(ANSWERED) & ~pl.col("added"),
            pl.col("sent_at").is_not_null(),
        )
        if self.features:
            names = able["feature"].unique().to_list()
            said = [name for name in names if matches(name, self.features)]
            able = able.filter(pl.col("feature").is_in(said))
        else:
            able = able.join(self._machine_made(calls), on="call_no", how="semi")
        able = able.with_columns(pl.col("sent_at").dt.date().alias("day"))
        return able.join(_rules(able), on=_KEY, maintain_order="left")

    def _machine_made(self, calls: pl.DataFrame) -> pl.DataFrame:
        """call_no of the calls that belong to nobody, of jobs that come in bursts."""
        job = pl.coalesce("feature", "template", "model").alias(_JOB)
        log = calls.filter(~pl.col("added"), pl.col("sent_at").is_not_null()).with_columns(job)
        window = log.select(pl.col("sent_at").max() - pl.col("sent_at").min()).item()
        if not window:
            return log.select("call_no").clear()
        nobody = pl.col("user_id").is_null() & (pl.len().over(conversation()) == 1)
        log = log.with_columns(nobody.alias("_nobody"))
        jobs = (
            self._runs(log)
            .group_by(_JOB)
            .agg(
                pl.col("calls").filter("burst").sum() / pl.col("calls").sum() >= self.burst_share,
                pl.col("lasted").filter("burst").sum().alias("busy") <= window * self.busy_share,
            )
        )
        jobs = jobs.filter("calls", "busy")
        return log.filter("_nobody").join(jobs, on=_JOB, how="semi").select("call_no")

    def _runs(self, log: pl.DataFrame) -> pl.DataFrame:
        """Calls of one job that follow each other closely: _JOB, calls, lasted, burst. A run is a burst
        if enough of its calls, in number and share, belong to nobody."""
        log = log.sort(_JOB, "sent_at", "call_id")
        gap = pl.col("sent_at").diff().over(_JOB)
        late = gap.is_null() | (gap > pl.duration(seconds=self.burst_gap_s))
        runs = log.with_columns(late.cum_sum().alias("run")).group_by(_JOB, "run").agg(
            pl.len().alias("calls"),
            (pl.col("sent_at").max() - pl.col("sent_at").min()).alias("lasted"),
            pl.col("_nobody").sum().alias("ownerless"),
        )  # fmt: skip
        enough = pl.col("ownerless") >= self.burst_calls
        mostly = pl.col("ownerless") >= pl.col("calls") * self.burst_share
        return runs.with_columns((enough & mostly).alias("burst"))

    def _recached(self, parts: pl.DataFrame, chosen: pl.DataFrame) -> pl.DataFrame:
        """The parts with what is left of caching in a batch: nothing, or a share of what was read.

        What is read no longer is written again where the provider charges for writing.
        """
        kind = pl.col("billing_class").cast(pl.String)
        sums = [pl.col("tokens").filter(kind == name).sum().alias(name) for name in CACHED]
        mine = parts.join(chosen.select("call_no"), on="call_no", how="semi")
        cached = mine.group_by("call_no").agg(sums).filter(pl.sum_horizontal(CACHED) > 0)
        if cached.is_empty():
            return parts
        share = Fraction(str(self.cache_kept))
        rows = cached.join(chosen.select("call_no", "caching", "write_class"), on="call_no")
        kept = pl.col("cache_read") * share.numerator // share.denominator
        lost = pl.col("cache_read") - kept
        cuts = rows.select("call_no", "caching", kept.alias("cache_read"), *(
            (pl.col(name) + pl.when(pl.col("write_class") == name).then(lost).otherwise(0))
            for name in CACHED if name != "cache_read"
        ))  # fmt: skip
        none = pl.col("caching") == "none"
        cuts = cuts.select(
            "call_no", *(pl.when(none).then(0).otherwise(name).alias(name) for name in CACHED)
        )
        return reclassify(parts, cuts)


def _rules(calls: pl.DataFrame) -> pl.DataFrame:
    """A row for each distinct _KEY that can be batched: hours, caching, write_class."""
    found = [row for key in calls.select(_KEY).unique().iter_rows() if (row := _rule(*key))]
    schema = {name: calls.schema[name] for name in _KEY}
    more = {"hours": pl.Int64, "caching": pl.String, "write_class": pl.String}
    return pl.DataFrame(found, schema={**schema, **more}, orient="row")


def _rule(provider: str, channel: str, model: str, day: Any) -> tuple[Any, ...] | None:
    rule = batch_rule(provider, channel, model, day)
    if rule is None:
        return None
    caching = caching_rule(provider, channel, model, day)
    write_class = caching.write_class if caching is not None else ""
    return (provider, channel, model, day, rule.window_hours, rule.caching, write_class)


def _moved(before: Workload, after: Workload) -> pl.DataFrame:
    """The calls of `before` that `after` has in another tier."""
    tiers = after.calls.select("call_no", pl.col("tier").alias("tier_after"))
    both = before.calls.join(tiers, on="call_no", maintain_order="left")
    return both.filter(pl.col("tier") != pl.col("tier_after"))
