"""What if some calls were answered by an open model on GPUs of one's own?

Not a measurement of that model's answers, and not an autoscaler: the GPUs run day and night.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, NamedTuple, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._own.engines import SECOND_US, Engine, Load
from costscope.levers._own.fees import (
    DAY_US,
    MONTH_US,
    Fee,
    charged,
    exact,
    in_a_month,
    picodollars,
    span_us,
)
from costscope.levers._own.moving import HARD, asked_again, movable, named, without_traits
from costscope.levers._rows import added, by_class, conversations, with_sizes, without
from costscope.levers._words import count, duration, listing, percent
from costscope.levers.interface import Lever
from costscope.model import PICO, Column, Table, Workload
from costscope.once import once

_DEARER, _CHEAPER = Fraction(5, 3), Fraction(2, 3)
_WORST_RETRIES = 0.3


@dataclass(frozen=True)
class SelfHosting(Lever):
    """Takes calls off the bill and charges what it costs to answer them: GPU hours for the whole of
    the log's time, power and people.

    As many engines are rented as the busiest minutes of the log need. Without `features` or
    `models` it moves whole conversations of calls that the limits below find easy, which are those
    of the routing lever. A share of the calls is asked again of the model before.
    """

    title: ClassVar[str] = "Host an open model"
    stage: ClassVar[str] = "routing"
    flag: ClassVar[str] = "self-host"
    effort: ClassVar[str] = "high"
    risk: ClassVar[str] = "high"
    by_request: ClassVar[bool] = True
    order: ClassVar[int] = 2
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "An evaluation that shows that the open model answers these calls well enough.",
        "GPUs to rent or own, and people who keep an inference engine running.",
        "A way to notice a poor answer and ask the model before again.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Quality is not measured.",
        "The throughput is a vendor's benchmark at full load; your prompts and latency limits will "
        "give another.",
        "Spare GPUs against failures, storage, networks and the work of moving are not counted.",
    )

    features: tuple[str, ...] = ()
    """Features (globs) whose calls are moved, whatever they are like."""
    models: tuple[str, ...] = ()
    """Models (globs on the name without date, version and region) whose calls are moved."""
    max_query_tokens: int = 100
    max_input_tokens: int = 2_000
    max_output_tokens: int = 200
    """A call above any of these is not easy; nor is one whose query the log does not show. History
    is not counted as input."""
    keep: tuple[str, ...] = ("code", "reasoning", "tools", "image")
    """Traits that keep a call on its model: code, reasoning, tools, image, json."""
    model: str = "llama-3.3-70b"
    """What the open model is called; a name for the words, it has no price per token."""
    engine_gpus: int = 2
    """GPUs that one engine of it needs: 70 billion weights of 8 bits on two H100 of 80 GB."""
    prefill_tokens_s: int = 3_400
    decode_tokens_s: int = 6_300
    """Prompt and reply tokens a second of one GPU, batch as large as it goes. From NVIDIA's table for
    TensorRT-LLM (Llama 3.3 70B, FP8, two H100): 2,209 reply tokens a second and GPU where 1,000
    tokens go in for 1,000 out, 398 where 8,192 go in for 1,024; 1/2209 = 1/decode + 1/prefill and
    1/398 = 1/decode + 8/prefill give both rates."""
    prefix_cache: bool = True
    """Whether tokens that the provider read from its cache are read from the engine's own, as vLLM
    does by default, and take no computing. Low end: they are computed again."""
    max_utilisation: float = 0.5
    """How much of that throughput the busiest minutes may take. At full load the table's requests
    wait for tens of seconds. No general figure is published; low end half of this, high end 1.5
    times, at most 1."""
    slot_s: int = 300
    """How long the busiest minutes are, in seconds: what is asked within them is answered in them."""
    gpu_hour_usd: float = 3.0
    """Rent of one GPU for an hour, or what an own one loses in value. H100 on demand is listed from
    $2 to $5 (cloud price lists of 2026), which are the ends of the interval."""
    gpu_watts: int = 0
    """What one GPU draws with its share of the machine; 0 where the rent includes power. An eight-GPU
    DGX H100 draws up to 10.2 kW (NVIDIA's data sheet), 1,275 W for each."""
    kwh_usd: float = 0.14
    """A kilowatt hour: US businesses pay 13 to 14 cents on average (EIA, 2025)."""
    people: float = 0.25
    """Engineers who look after it, on average over the month. No figure is published. Low end twice
    this, high end half."""
    engineer_month_usd: float = 17_200.0
    """What one engineer costs a month: the mean US software developer's $144,570 a year (BLS, May
    2024) is about 70 % of what an employee costs (BLS, employer costs)."""
    retry_share: float = 0.05
    """The share of moved calls that are asked again of the model before, as in the routing lever.
    Low end 0.3, high 0; no production figure is published."""

    def __post_init__(self) -> None:
        if unknown := set(self.keep) - HARD.keys():
            raise SettingsError(f"keep has {sorted(unknown)[0]!r}; it can have: {', '.join(HARD)}")
        for name in ("engine_gpus", "prefill_tokens_s", "decode_tokens_s", "slot_s"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        for name in ("gpu_hour_usd", "gpu_watts", "kwh_usd", "people", "engineer_month_usd"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 0 or more")
        if not 0 <= self.retry_share <= 1:
            raise SettingsError(f"retry_share is {self.retry_share}; it must lie from 0 to 1")
        if not 0 < self.max_utilisation <= 1:
            raise SettingsError(
                f"max_utilisation is {self.max_utilisation}; it must be above 0, at most 1"
            )

    def apply(self, workload: Workload) -> Workload:
        found = plan(workload, self)
        if found is None or found.moved.is_empty():
            return workload
        grown = added(workload, asked_again(found.moved, self.retry_share), "self_hosting")
        kept = without(grown, found.moved["call_no"])
        return charged(kept, "self_hosting", self.fees(found))

    def action(self, before: Workload, after: Workload) -> str:
        found = plan(before, self)
        if found is None:
            return "Host an open model; too little data: it takes a log of a day or more."
        if found.moved.is_empty():
            return "Host an open model for easy calls; none was found."
        models = found.moved.group_by("model").len().sort(-pl.col("len").cast(pl.Int64), "model")
        easy = "" if self._stated else "easy "
        return (
            f"Answer {count(found.moved.height, easy + 'call')} of {listing(models['model'].to_list())} with "
            f"{self.model} on {count(self.engine.needed(found.load), 'GPU')} of your own."
        )

    def most_a_month(self, workload: Workload) -> int | None:
        """How many calls like these the GPUs that are charged for take in 30 days."""
        found = plan(workload, self)
        return None if found is None else self.engine.most_a_month(found.load)

    def scenarios(self) -> tuple[Self, Self]:
        """Low: GPUs at 5/3 of the price and half as busy, people twice, no prefix cache, 30 % asked
        again. High: 2/3 of the price, 1.5 times as busy, people half, none asked again."""
        hour, people = exact(self.gpu_hour_usd), exact(self.people)
        worst = replace(
            self, gpu_hour_usd=float(hour * _DEARER), people=float(people * 2), prefix_cache=False,
            max_utilisation=self.max_utilisation / 2,
            retry_share=max(self.retry_share, _WORST_RETRIES),
        )  # fmt: skip
        best = replace(
            self, gpu_hour_usd=float(hour * _CHEAPER), people=float(people / 2), retry_share=0.0,
            max_utilisation=min(1.0, self.max_utilisation * 1.5),
        )  # fmt: skip
        return worst, best

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """Which calls, how many GPUs and how busy, each fee, and what a month of it comes to."""
        found = plan(before, self)
        if found is None or found.moved.is_empty():
            return ()
        load, engine, moved = found.load, self.engine, found.moved.height
        how = "are named" if self._stated else "are taken to be easy by their length and traits"
        fees = self.fees(found)
        paid = [f"{f.reason} ${f.picodollars / PICO:,.2f} ({f.assumption})" for f in fees]
        return [
            f"{moved:,} of {count(found.able, 'call')} ({percent(moved, found.able)}) {how}; whether "
            f"{self.model} answers them as well is not measured, and {self.retry_share:.0%} are "
            "asked again.",
            f"{count(engine.needed(load), 'GPU')} are busy {float(engine.mean_use(load)):.1%} of the "
            f"time on average and {float(engine.peak_use(load)):.1%} in the busiest "
            f"{duration(self.slot_s)}; {self.max_utilisation:.0%} is the most that is planned for.",
            f"Charged: {', '.join(paid)}.",
            f"A month of it costs ${in_a_month(fees, load.span) / PICO:,.2f} however few calls there "
            f"are, and takes up to {engine.most_a_month(load):,} calls like these.",
        ]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """The load that the moved calls put on the engines."""
        found = plan(before, self)
        if found is None or found.moved.is_empty():
            return ()
        load, engine = found.load, self.engine
        columns = (
            Column("calls", "count"), Column("prompt tokens computed", "tokens"),
            Column("reply tokens", "tokens"), Column("GPUs", "count"), Column("mean use", "share"),
            Column("use at the peak", "share"), Column("calls a month at most", "count"),
        )  # fmt: skip
        row = (
            load.calls, int(found.moved["prefill"].sum()), int(found.moved["output_tokens"].sum()),
            engine.needed(load), float(engine.mean_use(load)), float(engine.peak_use(load)),
            engine.most_a_month(load),
        )  # fmt: skip
        return (Table("Load of the self-hosted engines", columns, [row]),)

    @property
    def engine(self) -> Engine:
        """The open model as it is set up."""
        return Engine(
            self.engine_gpus, self.prefill_tokens_s, self.decode_tokens_s,
            exact(self.max_utilisation), self.slot_s * SECOND_US,
        )  # fmt: skip

    def fees(self, found: Plan) -> list[Fee]:
        """What the engines cost over the log's time."""
        gpus = self.engine.needed(found.load)
        hours = Fraction(found.load.span, 3_600 * SECOND_US)
        spent = gpus * hours
        power = Fee(
            picodollars(spent * self.gpu_watts / 1_000 * exact(self.kwh_usd)), "power",
            f"{self.gpu_watts:,} W a GPU at ${self.kwh_usd:g} a kilowatt hour; recurs",
        )  # fmt: skip
        month = Fraction(found.load.span, MONTH_US)
        people = exact(self.people) * exact(self.engineer_month_usd) * month
        return [
            Fee(
                picodollars(spent * exact(self.gpu_hour_usd)), "GPU hours",
                f"{count(gpus, 'GPU')} at ${self.gpu_hour_usd:g} an hour for {float(hours):,.1f} "
                "hours, used or not; recurs",
            ),
            *([power] if self.gpu_watts else []),
            Fee(
                picodollars(people), "people",
                f"{self.people:g} of an engineer at ${self.engineer_month_usd:,.0f} a month; recurs",
            ),
        ]  # fmt: skip

    @property
    def _stated(self) -> bool:
        return bool(self.features or self.models)

    def easy(self) -> pl.Expr:
        """Whether a call is within the limits, from its sizes and traits."""
        return (
            pl.col("query_tokens").is_between(1, self.max_query_tokens)
            & (pl.col("input_tokens") - pl.col("history_tokens") <= self.max_input_tokens)
            & (pl.col("output_tokens") <= self.max_output_tokens)
            & without_traits(self.keep)
        )

    def chosen(self, calls: pl.DataFrame) -> pl.DataFrame:
        """Of measured calls those to move: the named ones, or conversations of easy ones."""
        if self._stated:
            return named(calls, self.features, self.models)
        easy = self.easy().fill_null(value=False)
        return calls.filter(easy.all().over("conversation"))


class Plan(NamedTuple):
    """What to move and the load that it is."""

    able: int
    """Calls that could be moved at all."""
    moved: pl.DataFrame
    """call_no, model, input_tokens, output_tokens, `prefill` (input tokens to compute)."""
    load: Load


@once
def plan(workload: Workload, lever: SelfHosting) -> Plan | None:
    """What the lever moves; None where the log has no times or spans less than a day."""
    span = span_us(workload)
    if span is None or span < DAY_US:
        return None
    talks = pl.Series("conversation", conversations(workload.calls))
    calls = movable(workload.calls[_KNOWN].hstack([talks]))
    calls = calls.filter(pl.col("sent_at").is_not_null())
    # A call without a reply is an embedding, which no chat model makes.
    calls = with_sizes(calls, workload.parts).filter(pl.col("output_tokens") > 0)
    moved = _computed(lever.chosen(calls), workload.parts, lever)
    columns = ("call_no", "model", "input_tokens", "output_tokens", "prefill")
    return Plan(calls.height, moved.select(columns), lever.engine.load(moved, span))


_KNOWN = ["call_no", "sent_at", "channel", "model", "tier", "status", "feature", "traits", "added"]


def _computed(calls: pl.DataFrame, parts: pl.DataFrame, lever: SelfHosting) -> pl.DataFrame:
    """The calls with `prefill`: their input without what an engine's prefix cache would hold."""
    if not lever.prefix_cache or calls.is_empty():
        return calls.with_columns(prefill="input_tokens")
    read = by_class(parts, calls["call_no"], ("cache_read",))[:, 0]
    return calls.with_columns(prefill=pl.col("input_tokens") - pl.Series(read))
