"""What if a feature's long template were trained into a smaller model's weights?

Not a training run: how much shorter the prompt can be, and how good the answers are, is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import ClassVar, NamedTuple, Self

import numpy as np
import polars as pl

from costscope.columns import Ints, codes, numbered, places
from costscope.errors import SettingsError
from costscope.levers._own.fees import DAY_US, Fee, charged, exact, span_us
from costscope.levers._own.moving import HARD, asked_again, movable, named, without_traits
from costscope.levers._own.template import shortened
from costscope.levers._prefix import ordered
from costscope.levers._retokenise import rescaled
from costscope.levers._rows import added, uncached, with_sizes
from costscope.levers._words import count, listing
from costscope.levers.interface import Lever
from costscope.model import PICO, Column, Table, Workload
from costscope.once import once
from costscope.tokens import family_ratio

_WORST_KEPT, _BEST_KEPT = 0.5, 0.1
_WORST_RETRIES = 0.3


@dataclass(frozen=True)
class FineTuning(Lever):
    """Sends features with a long template to a model trained on their answers, with less template.

    A feature is a call's feature, else its template. Its template is what stands in the system
    prompt of at least `shared` of its calls, word for word. Nothing moves until `model` is named.
    """

    title: ClassVar[str] = "Fine-tune a small model"
    stage: ClassVar[str] = "routing"
    flag: ClassVar[str] = "fine-tune"
    effort: ClassVar[str] = "high"
    risk: ClassVar[str] = "high"
    by_request: ClassVar[bool] = True
    order: ClassVar[int] = 2
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "A platform that still trains the named model: OpenAI takes jobs only from organisations that "
        "use a tuned model already, and from nobody after 6 January 2027.",
        "Some hundred to ten thousand answers to learn from, and an evaluation that shows that the "
        "tuned model answers as well.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Quality is not measured, and how much of the template can go is assumed.",
        "A tuned model lasts only as long as its base model, and has to be trained again when the "
        "template changes.",
        "Collecting examples and evaluating are not counted.",
    )

    model: str = ""
    """The tuned model as it is priced, or "provider/model": "ft:gpt-4.1-mini-2025-04-14" is on the
    price list. No default: which platform trains what for whom changes from month to month (OpenAI's
    deprecations page: self-serve fine-tuning ends on 6 January 2027)."""
    features: tuple[str, ...] = ()
    """Features (globs) to look at; all of them without one."""
    models: tuple[str, ...] = ()
    """Models (globs on the name without date, version and region) whose calls may move; all of them
    without one. A call that is cheap already may get dearer."""
    keep: tuple[str, ...] = ("tools", "image")
    """Traits that keep a call on its model: code, reasoning, tools, image, json."""
    min_calls: int = 1_000
    """A feature with fewer calls has too few examples and too little to save."""
    min_template_tokens: int = 1_000
    """A feature whose calls carry less template than this on average is left alone."""
    shared: float = 0.5
    """The share of a feature's calls that a text of the system prompt has to stand in, so that it is
    template and not the user's own."""
    kept: float = 0.2
    """How much of the template is still sent. OpenAI's first users shortened prompts by up to 90 %
    (its announcement of GPT-3.5 fine-tuning, August 2023) and so did PromptIntern (Findings of EMNLP
    2024): the high end. Half is the low end."""
    examples: int = 2_000
    """Examples trained on, as far as the feature has calls. OpenAI's guide begins with 50, OpenPipe's
    advises ten thousand to train a template away."""
    epochs: int = 3
    """How often each example is seen; OpenAI's cookbook plans with 3 for some thousand examples."""
    training_usd: float = 5.0
    """Dollars for a million trained tokens: GPT-4.1 mini on OpenAI's price list; nano is 1.50, GPT-4.1
    is 25."""
    retrain_days: int = 0
    """How many days a tuned model is used before it is trained again. Then training recurs and the
    log pays for its own days; 0: it is trained once, and the log pays for all of it."""
    retry_share: float = 0.05
    """The share of moved calls that are asked again of the model before, with the whole prompt, as
    in the routing lever. Low end 0.3, high 0; no production figure is published."""

    def __post_init__(self) -> None:
        if unknown := set(self.keep) - HARD.keys():
            raise SettingsError(f"keep has {sorted(unknown)[0]!r}; it can have: {', '.join(HARD)}")
        for name in ("kept", "shared", "retry_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie from 0 to 1")
        for name in ("min_calls", "examples", "epochs"):
            if getattr(self, name) < 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 1 or more")
        for name in ("min_template_tokens", "training_usd", "retrain_days"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 0 or more")

    def apply(self, workload: Workload) -> Workload:
        found = plan(workload, self)
        if not self.model or found.jobs.is_empty():
            return workload
        shorter = workload.with_(parts=self._shortened(ordered(workload.parts), found))
        grown = added(shorter, asked_again(found.calls, self.retry_share), "fine_tuning")
        calls = _renamed(grown.calls, found.calls["call_no"], self.model)
        return charged(grown.with_(calls=calls), "fine_tuning", self.fees(workload))

    def action(self, before: Workload, after: Workload) -> str:
        jobs = plan(before, self).jobs
        if jobs.is_empty():
            return "Fine-tune a small model; no feature has many calls with a long template."
        names = f"{count(int(jobs['calls'].sum()), 'call')} of {listing(jobs['job'].to_list())}"
        if not self.model:
            return (
                f"Fine-tune a small model for {names}; what it would save is not known until "
                "fine_tuning.model names one that you can train."
            )
        return f"Fine-tune {self.model} for {names}, and send {self.kept:.0%} of the template."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: half of the template is still sent, 30 % asked again. High: a tenth, none."""
        worst = max(self.retry_share, _WORST_RETRIES)
        return (
            replace(self, kept=max(self.kept, _WORST_KEPT), retry_share=worst),
            replace(self, kept=min(self.kept, _BEST_KEPT), retry_share=0.0),
        )

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What training costs, and what was assumed of prompts and answers."""
        if before is after:
            return ()
        paid = [
            f"{f.reason} ${f.picodollars / PICO:,.2f} ({f.assumption})" for f in self.fees(before)
        ]
        return [
            f"{self.kept:.0%} of the template is still sent, {self.retry_share:.0%} of the calls are "
            "asked again of the model before; whether the answers are as good is not measured.",
            f"Charged: {', '.join(paid)}.",
        ]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """The features whose template is long enough and shared by enough calls."""
        jobs = plan(before, self).jobs
        if jobs.is_empty():
            return ()
        columns = (
            Column("feature"), Column("calls", "count"), Column("template a call", "tokens"),
            Column("of the prompt", "share"),
        )  # fmt: skip
        shown = jobs.select("job", "calls", "mean", pl.col("template") / pl.col("input_tokens"))
        return (Table("Features that a tuned model could learn", columns, shown.rows()),)

    def fees(self, workload: Workload) -> list[Fee]:
        """What training costs, for each feature that moves."""
        span = span_us(workload) or 0
        recurs = self.retrain_days > 0 and span >= DAY_US
        part = Fraction(span, self.retrain_days * DAY_US) if recurs else Fraction(1)
        when = f"every {count(self.retrain_days, 'day')}; recurs" if recurs else "paid once"
        million = round(exact(self.training_usd) * PICO / 1_000_000)
        return [
            Fee(
                round(trained * million * part), f"training for {job}",
                f"{trained:,} tokens at ${self.training_usd:g} a million, {when}", not recurs,
            )
            for job, trained in self._trained(plan(workload, self).jobs)
        ]  # fmt: skip

    def _trained(self, jobs: pl.DataFrame) -> list[tuple[str, int]]:
        """Each feature with the tokens that training it reads: examples as they will be sent."""
        share = exact(self.kept)
        return [
            (job, min(self.examples, calls) * self.epochs * -(-round(sent + share * old) // calls))
            for job, calls, old, sent in jobs.select(
                "job", "calls", "template",
                pl.col("input_tokens") + pl.col("output_tokens") - pl.col("template"),
            ).iter_rows()
        ]  # fmt: skip

    def _shortened(self, parts: pl.DataFrame, found: Plan) -> pl.DataFrame:
        """The parts of the moved calls without a cache, less template, in the new model's tokens."""
        parts = uncached(parts, found.calls["call_no"].to_numpy())
        shorter = shortened(parts, found.template, exact(self.kept))
        return rescaled(shorter, _ratios(found.calls, self.model))


class Plan(NamedTuple):
    """Features whose template could be trained into a model."""

    jobs: pl.DataFrame
    """job, calls, input_tokens, output_tokens, template (tokens of it), mean (of it a call)."""
    calls: pl.DataFrame
    """call_no, job, model, input_tokens, output_tokens of their calls."""
    template: Ints
    """The rows of the ordered parts that hold the texts of their templates."""


@once
def plan(workload: Workload, lever: FineTuning) -> Plan:
    """The features with calls enough and a template long enough, the busiest first."""
    calls, parts = _candidates(workload.calls, lever), ordered(workload.parts)
    rows, texts = _system(parts, calls)
    uses = texts.group_by("kind", "content").agg(
        pl.col("call_no").n_unique().alias("uses"), pl.col("tokens").sum(), pl.col("calls").first()
    )
    share = exact(lever.shared)
    common = uses.filter(pl.col("uses") * share.denominator >= pl.col("calls") * share.numerator)
    sums = common.group_by("kind").agg(
        pl.col("tokens").sum().alias("template"), pl.col("calls").first()
    )
    mean = pl.col("template") // pl.col("calls")
    long = sums.with_columns(mean.alias("mean")).filter(
        (pl.col("mean") >= lever.min_template_tokens) & (pl.col("mean") > 0)
    )
    mine = calls.join(long.select("kind"), on="kind", how="semi", maintain_order="left")
    measured = with_sizes(mine, parts).filter(pl.col("input_tokens").is_not_null())
    totals = measured.group_by("kind").agg(
        pl.col("job").first(), pl.col("input_tokens", "output_tokens").sum()
    )
    jobs = long.join(totals, on="kind").sort(-pl.col("calls").cast(pl.Int64), "job").drop("kind")
    columns = ("call_no", "job", "model", "input_tokens", "output_tokens")
    found = common.join(long, on="kind", how="semi")
    at = texts.with_row_index("at").join(found, on=["kind", "content"], how="semi")["at"]
    return Plan(jobs, measured.select(columns), rows[at.sort().to_numpy()])


def _candidates(calls: pl.DataFrame, lever: FineTuning) -> pl.DataFrame:
    """The calls that may move, of features with enough of them: with `job`, `kind` (its number) and
    `calls` (of the job)."""
    able = movable(calls[_KNOWN]).filter(
        without_traits(lever.keep), pl.col("model") != _name(lever.model)[1]
    )
    able = named(able, lever.features, lever.models)
    able = able.with_columns(pl.coalesce("feature", "template").alias("job"))
    able = able.filter(pl.col("job").is_not_null())
    kind = numbered(able["job"])
    able = able.with_columns(kind=pl.Series(kind), calls=pl.Series(np.bincount(kind)[kind]))
    return able.filter(pl.col("calls") >= lever.min_calls)


_KNOWN = ["call_no", "channel", "model", "tier", "status", "feature", "template", "traits", "added"]


def _system(parts: pl.DataFrame, calls: pl.DataFrame) -> tuple[Ints, pl.DataFrame]:
    """The rows that hold known text of the system prompts of these calls; and call_no, content, tokens,
    `kind` and `calls` of each."""
    system = codes(parts["segment"], ("system",)) == 0
    rows = np.flatnonzero(system & (parts["content"].to_numpy() != 0))
    at = places(parts["call_no"].to_numpy()[rows], calls["call_no"].to_numpy())
    rows, at = rows[at >= 0], at[at >= 0]
    texts = parts[["call_no", "content", "tokens"]][rows]
    return rows, texts.hstack(calls[["kind", "calls"]][at])


def _name(model: str) -> tuple[str, str]:
    """Provider ("" where it stays as it is) and model of the setting."""
    maker, slash, name = model.partition("/")
    return (maker, name) if slash else ("", maker)


def _renamed(calls: pl.DataFrame, moved: pl.Series, model: str) -> pl.DataFrame:
    """The calls with some of them sent to a model; abroad, at that provider's standard tier."""
    maker, name = _name(model)
    rows = np.flatnonzero(places(calls["call_no"].to_numpy(), moved.to_numpy()) >= 0)
    to: list[tuple[str, Ints, str | None]] = [("model", rows, name)]
    if maker:
        other = calls["provider"].gather(rows) != maker
        abroad = rows[other.fill_null(value=False).to_numpy()]
        away = {"provider": maker, "channel": "direct", "tier": "standard", "region": None}
        to += [(column, abroad, value) for column, value in away.items()]
    return calls.with_columns(
        calls[column].scatter(some, value) for column, some, value in to if len(some)
    )


def _ratios(calls: pl.DataFrame, model: str) -> pl.DataFrame:
    """For `rescaled`: each call's ratio of tokens between its model and the new one."""
    new = Fraction(*family_ratio(_name(model)[1]))
    rows = []
    for old in calls["model"].unique(maintain_order=True):
        top, bottom = (new / Fraction(*family_ratio(old))).as_integer_ratio()
        rows.append((old, top, bottom, top, bottom))
    names = ("in_top", "in_bottom", "out_top", "out_bottom")
    schema = {"model": calls.schema["model"]} | dict.fromkeys(names, pl.Int64)
    table = pl.DataFrame(rows, schema=schema, orient="row")
    return calls.select("call_no", "model").join(table, on="model").drop("model")
