"""What if easy calls went to a cheaper model? By feature as the user says, or by rules.

Not a learned router: it reads no text and judges no answer, it looks at lengths and traits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._retokenise import rescaled
from costscope.levers._rows import added, conversation, matches, sizes, to_fresh
from costscope.levers._words import count, listing, percent
from costscope.levers.interface import Lever
from costscope.model import Trait, Workload
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

HARD = {
    "code": Trait.CODE,
    "reasoning": Trait.REASONING,
    "tools": Trait.TOOLS_OFFERED | Trait.TOOL_CALLED,
    "image": Trait.IMAGE,
    "json": Trait.JSON_REPLY,
}

MOST = 0.8
"""Where a larger share of the calls is easy, the rules choose next to nothing."""

_LOW, _HIGH = Fraction(13, 10), Fraction(8, 10)
_KEY = ("feature", "provider", "channel", "model")


@dataclass(frozen=True)
class Routing(Lever):
    """Sends calls to another model, in whole conversations unless `sticky` is off.

    Tokens are converted between tokenizer families, the reply's length by an assumed ratio, and
    what was read from the strong model's cache counts as fresh until caching is simulated again. A
    share of the routed calls is paid twice: the cheap attempt and the strong one after it.
    """

    title: ClassVar[str] = "Send easy calls to a cheaper model"
    stage: ClassVar[str] = "routing"
    flag: ClassVar[str] = "route"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "An evaluation that shows that the cheaper model answers these calls well enough.",
        "A way to notice a poor answer and ask the stronger model again.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Quality is not measured. Routers outside the traffic that they were made for do little "
        "better than chance (RouteLLM's tables on MMLU and GSM8K).",
        "The reply's length is known only afterwards; a live router has to guess it.",
    )

    map: dict[str, str] = field(default_factory=dict)
    """Feature (a glob) → model, or "provider/model"; its calls are routed whatever they are."""
    cheap: dict[str, str] = field(default_factory=lambda: dict(CHEAP))
    """Model (a glob) → cheaper model of its provider, for calls that the rules find easy."""
    max_query_tokens: int = 100
    max_input_tokens: int = 2_000
    max_output_tokens: int = 200
    """A call above any of these is not easy; nor is one whose query the log does not show. History is
    not counted as input, so that a window over it makes no question easier."""
    keep: tuple[str, ...] = ("code", "reasoning", "tools", "image")
    """Traits that keep a call on its model: code, reasoning, tools, image, json."""
    sticky: bool = True
    """Route a conversation's calls to one model all together, or none of them."""
    output_ratio: float = 1.0
    """The cheaper model's reply length over the stronger's. Low end 1.3 times this, high 0.8."""
    retry_share: float = 0.05
    """The share of routed calls that are asked again of the stronger model. Low end 0.3, high 0; no
    production figure is published."""
    classifier_model: str = ""
    """A model that decides instead of the rules' free look; asked once a conversation (or call)."""
    classifier_tokens: int = 400
    classifier_output_tokens: int = 10

    def __post_init__(self) -> None:
        if unknown := set(self.keep) - HARD.keys():
            raise SettingsError(f"keep has {sorted(unknown)[0]!r}; it can have: {', '.join(HARD)}")
        if not 0 <= self.retry_share <= 1:
            raise SettingsError(f"retry_share is {self.retry_share}; it must lie from 0 to 1")
        if self.output_ratio <= 0:
            raise SettingsError(f"output_ratio is {self.output_ratio}; it must be above 0")

    def apply(self, workload: Workload) -> Workload:
        judged = self._judged(workload)
        routes = judged.filter("easy")
        grown = added(workload, self._escalated(routes), "routing")
        grown = added(grown, self._classified(judged), "routing")
        return _rerouted(grown, routes) if routes.height else grown

    def action(self, before: Workload, after: Workload) -> str:
        moved = _moved(before, after)
        if moved.is_empty():
            return "Send easy calls to a cheaper model; none was found."
        names = [f"{n:,} from {old} to {new}" for old, new, n in moved.iter_rows()]
        whole = " in whole conversations" if self.sticky else ""
        calls = count(int(moved["calls"].sum()), "easy call")
        return f"Send {calls}{whole} to a cheaper model: {listing(names)}."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: replies 1.3 times as long, 30 % asked again. High: 0.8 times, none asked again."""
        ratio = Fraction(str(self.output_ratio))
        worst = max(self.retry_share, 0.3)
        return (
            replace(self, output_ratio=float(ratio * _LOW), retry_share=worst),
            replace(self, output_ratio=float(ratio * _HIGH), retry_share=0.0),
        )

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """The assumptions behind the figure: reply length, escalations, tokens, classifier."""
        judged = self._judged(before)
        easy = judged.filter("easy").height
        pairs = _moved(before, after).select("model", "model_after").iter_rows()
        ratios = sorted({(new, _ratio(old, new)) for old, new in pairs})
        said = [
            f"{easy:,} of the {count(judged.height, 'call')} for which there is a cheaper model "
            f"({percent(easy, judged.height)}) are taken to be easy"
            + (": all but a blanket downgrade." if easy > MOST * judged.height else "."),
            f"The cheaper model is taken to reply at {self.output_ratio:g} times the length, and "
            f"{self.retry_share:.0%} of its calls to be asked again of the stronger one.",
        ]
        said += [
            f"{new} is taken to make {float(ratio):.2f} tokens of one of the model before it."
            for new, ratio in ratios
            if ratio != 1
        ]
        if self.classifier_model:
            said.append(f"Each decision costs a call to {self.classifier_model}.")
        return said

    def _judged(self, workload: Workload) -> pl.DataFrame:
        """The calls for which there is another model, with that model, sizes and `easy`."""
        calls = workload.calls.filter(~pl.col("added"))
        calls = calls.join(self._targets(calls), on=_KEY, nulls_equal=True, maintain_order="left")
        calls = calls.join(sizes(workload.parts), on="call_no", how="left", maintain_order="left")
        easy = (pl.col("stated") | self._easy()).fill_null(value=False)
        group = [conversation().alias("conversation"), *_KEY]
        return calls.with_columns((easy.all().over(group) if self.sticky else easy).alias("easy"))

    def _easy(self) -> pl.Expr:
        hard = 0
        for name in self.keep:
            hard |= HARD[name]
        return (
            pl.col("query_tokens").is_between(1, self.max_query_tokens)
            & (pl.col("input_tokens") - pl.col("history_tokens") <= self.max_input_tokens)
            & (pl.col("output_tokens") <= self.max_output_tokens)
            & ((pl.col("traits") & hard) == 0)
        )

    def _targets(self, calls: pl.DataFrame) -> pl.DataFrame:
        """A row for each distinct _KEY that has another model to go to."""
        schema = {name: calls.schema[name] for name in _KEY} | {
            "stated": pl.Boolean, "to_provider": pl.String, "to_channel": pl.String,
            "to_model": pl.String, "in_top": pl.Int64, "in_bottom": pl.Int64,
            "out_top": pl.Int64, "out_bottom": pl.Int64,
        }  # fmt: skip
        kinds = calls.select(_KEY).unique().iter_rows()
        rows = [row for key in kinds if (row := self._target(*key)) is not None]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def _target(
        self, feature: str | None, provider: str, channel: str, model: str
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
        prompt = _ratio(model, to[2])
        reply = prompt * Fraction(str(self.output_ratio))
        ratios = (*prompt.as_integer_ratio(), *reply.as_integer_ratio())
        return (feature, provider, channel, model, stated is not None, *to, *ratios)

    def _escalated(self, routes: pl.DataFrame) -> pl.DataFrame:
        """The second attempts, spread evenly: each routed call pays its share of one."""
        share = Fraction(str(self.retry_share))
        top, bottom = 2 * share.numerator, 2 * share.denominator
        columns = ("input_tokens", "output_tokens")
        part = [((pl.col(c) * top + share.denominator) // bottom).alias(c) for c in columns]
        return routes.select("call_no", "model", *part)

    def _classified(self, judged: pl.DataFrame) -> pl.DataFrame:
        """A call to the classifier for the first call of each conversation that is judged."""
        asked = judged.filter(~pl.col("stated") & pl.lit(bool(self.classifier_model)))
        asked = asked.sort("sent_at", "call_id")
        if self.sticky:
            group = [conversation().alias("conversation"), *_KEY]
            asked = asked.filter(pl.int_range(pl.len()).over(group) == 0)
        return asked.select(
            "call_no",
            pl.lit(self.classifier_model).alias("model"),
            pl.lit(self.classifier_tokens).alias("input_tokens"),
            pl.lit(self.classifier_output_tokens).alias("output_tokens"),
        )


def _ratio(old: str, new: str) -> Fraction:
    """Tokens of `new` for one token of `old`."""
    return Fraction(*family_ratio(new)) / Fraction(*family_ratio(old))


def _rerouted(workload: Workload, routes: pl.DataFrame) -> Workload:
    """The workload with the routed calls' model, provider and tokens changed."""
    moved = pl.col("to_model").is_not_null()
    abroad = moved & (pl.col("to_provider") != pl.col("provider"))
    calls = workload.calls.join(
        routes.select("call_no", "to_provider", "to_channel", "to_model"),
        on="call_no", how="left", maintain_order="left",
    ).with_columns(
        pl.when(abroad).then(pl.lit("standard")).otherwise("tier").alias("tier"),
        pl.when(abroad).then(None).otherwise("region").alias("region"),
        *(pl.coalesce(f"to_{name}", name).alias(name) for name in ("provider", "channel", "model")),
    )  # fmt: skip
    chosen = pl.col("call_no").is_in(routes["call_no"].implode())
    ratios = routes.select("call_no", "in_top", "in_bottom", "out_top", "out_bottom")
    return workload.with_(
        calls=calls.select(workload.calls.columns).cast(workload.calls.schema),
        parts=rescaled(to_fresh(workload.parts, chosen), ratios),
    )


def _moved(before: Workload, after: Workload) -> pl.DataFrame:
    """model, model_after, calls: the routes taken, the busiest first."""
    both = before.calls.join(after.calls.select("call_no", "model"), on="call_no", suffix="_after")
    moved = both.filter(pl.col("model") != pl.col("model_after"))
    counts = moved.group_by("model", "model_after").agg(pl.len().alias("calls"))
    return counts.sort(-pl.col("calls").cast(pl.Int64), "model", "model_after")
