"""What if easy calls went to a cheaper model? By feature as the user says, or by rules.

Not a learned router: it reads no text and judges no answer, it looks at lengths and traits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._own.moving import HARD
from costscope.levers._route.even import told
from costscope.levers._route.evidence import based, evidence
from costscope.levers._route.moves import (
    CHEAP,
    GROUP,
    Targets,
    again,
    check_case,
    check_share,
    delays,
    forfeited,
    lengths,
    millionths,
    moved,
    rerouted,
    ways,
)
from costscope.levers._route.rules import hardness
from costscope.levers._route.study import in_one_vocabulary, pairs
from costscope.levers._route.words import by_feature, measured
from costscope.levers._rows import added, sizes
from costscope.levers._words import count, percent
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload

MOST = 0.8
"""Where a larger share of the calls is easy, the rules choose next to nothing."""

NEARLY = 0.95
"""From this share of a feature's calls on, the rules choose nothing within it."""

LOOSER = (0.25, 0.5, 1.0, 2.0, 4.0)
"""By how much the limits are multiplied in the table of what they let through."""


@dataclass(frozen=True)
class Routing(Lever):
    """Sends calls to another model, in whole conversations unless `sticky` is off.

    Tokens are converted between tokenizer families, the reply's length as the log shows it on alike
    tasks (else by an assumed ratio), and what was read from the strong model's cache counts as
    fresh until caching is simulated again. A share of the routed calls is paid twice: the cheap
    attempt and the strong one after it.
    """

    title: ClassVar[str] = "Send easy calls to a cheaper model"
    stage: ClassVar[str] = "routing"
    flag: ClassVar[str] = "route"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    family: ClassVar[str] = "routing"
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
    output_ratio: float | None = None
    """The cheaper model's reply tokens over the stronger's; without, as the log shows it on alike tasks,
    else the same length. Low end 1.3 times a length that the log does not show, high 0.8."""
    retry_share: float = 0.05
    """The share of routed calls that are asked again of the stronger model. Low end 0.3, high 0; no
    production figure is published."""
    case: str = "base"
    """Which end of what is not known: low (the dearest), base or high."""
    classifier_model: str = ""
    """A model that decides instead of the rules' free look; asked once a conversation (or call)."""
    classifier_tokens: int = 400
    classifier_output_tokens: int = 10

    def __post_init__(self) -> None:
        if unknown := set(self.keep) - HARD.keys():
            raise SettingsError(f"keep has {sorted(unknown)[0]!r}; it can have: {', '.join(HARD)}")
        check_case(self.case)
        check_share("retry_share", self.retry_share)
        if self.output_ratio is not None and self.output_ratio <= 0:
            raise SettingsError(f"output_ratio is {self.output_ratio}; it must be above 0")

    def apply(self, workload: Workload) -> Workload:
        judged = self._judged(workload)
        routes = judged.filter("easy")
        grown = workload
        if self._share() and routes.height:
            grown = added(grown, again(routes, millionths(self._share())), "routing")
        if self.classifier_model:
            grown = added(grown, self._classified(judged), "routing")
        return rerouted(grown, routes) if routes.height else grown

    def action(self, before: Workload, after: Workload) -> str:
        gone = moved(before, after)
        if gone.is_empty():
            return "Send easy calls to a cheaper model; none was found."
        whole = " in whole conversations" if self.sticky else ""
        blanket, routed = self._blanket_tokens(self._judged(before))
        plain = blanket >= NEARLY * routed
        calls = count(int(gone["calls"].sum()), "call" if plain else "easy call")
        said = f"Send {calls}{whole} to a cheaper model: {ways(gone)}."
        if not plain:
            return said
        return f"{said} It is a blanket downgrade: nearly every call of their features goes."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: replies as long as the log allows for (else 1.3 times), 30 % asked again. High: as short
        as that (else 0.8 times), none asked again."""
        return replace(self, case="low"), replace(self, case="high")

    def with_retries(self, share: float) -> Self:
        """The same where this share of the routed calls is asked again of the stronger model."""
        return replace(self, retry_share=share)

    def misroute_limit(self, none: int, every: int) -> str:
        """The break-even share of misroutes in words, given what it saves with_retries(0) and
        with_retries(1), in picodollars."""
        return told(none, every)

    def blanket(self, workload: Workload) -> pl.Series:
        """Numbers of the calls that go because nearly all of their feature and model go: no rule tells
        them from others."""
        return _blanket(self._judged(workload))["call_no"].sort()

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """The rules against the scores of the log: judged calls, APGR with its interval (0.5 is a coin),
        CPT at 50 and 80 %. None without scores for both models of a route."""
        found = evidence(workload.log)
        if not found.kind:
            return None
        calls = workload.log.calls.filter(~pl.col("added")).join(found.calls, on="call_no")
        sized = calls.join(sizes(workload.log.parts), on="call_no", how="left")
        alike = in_one_vocabulary(based(sized))
        ranked = alike.with_columns((-hardness(self)).alias("rank"))
        return measured(ranked.sort("call_no"), pairs(workload.log, self.cheap))

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """The assumptions behind the figure: reply length, escalations, tokens, cache, classifier."""
        judged = self._judged(before)
        routes = moved(before, after)
        easy = judged.filter("easy").height
        said = [
            f"{easy:,} of the {count(judged.height, 'call')} for which there is a cheaper model "
            f"({percent(easy, judged.height)}) are taken to be easy"
            + (", in effect a blanket downgrade." if easy > MOST * judged.height else "."),
            *self._proven(before),
        ]
        if routes.height:
            said += self._undistinguished(judged)
            said.append(
                f"{self._share():.0%} of the routed calls are taken to be asked again of the stronger "
                "model, and both attempts are paid."
            )
            said += lengths(self._targets(), before.log, routes)
            said += delays(before.log, routes)
            said += filter(None, [forfeited(before, judged.filter("easy"))])
        if self.classifier_model:
            said.append(f"Each decision costs a call to {self.classifier_model}.")
        return said

    def _proven(self, workload: Workload) -> list[str]:
        """Whether the rules' order is better than chance by the log's own scores."""
        found = self.backtest(workload)
        if found is None:
            return []
        better = "better" if found["apgr_low"] > 0.5 else "no better"
        return [
            f"By the {found['judged_calls']:,} judged calls of this log the rules are {better} than chance: "
            f"APGR {found['apgr']:.2f}, 95 % from {found['apgr_low']:.2f} to {found['apgr_high']:.2f}, where a "
            "coin has 0.5."
        ]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What would go with tighter and looser limits, and which features go as a whole."""
        judged = self._judged(before)
        return [self._loosened(judged), by_feature(judged)] if judged.height else []

    def _share(self) -> float:
        worst = max(self.retry_share, 0.3)
        return {"low": worst, "base": self.retry_share, "high": 0.0}[self.case]

    def _targets(self) -> Targets:
        return Targets(self.cheap, self.map, self.output_ratio, self.case)

    def _judged(self, workload: Workload) -> pl.DataFrame:
        """The calls for which there is another model, with that model, sizes, `hardness`, `easy`."""
        calls = self._targets().of(workload)
        hard = pl.when("stated").then(0.0).otherwise(hardness(self))
        hard = hard.max().over(GROUP) if self.sticky else hard
        return calls.with_columns(hard.alias("hardness"), (hard <= 1).alias("easy"))

    def _undistinguished(self, judged: pl.DataFrame) -> list[str]:
        """How much of what is routed is routed because everything is."""
        whole, routed = self._blanket_tokens(judged)
        if not whole:
            return []
        return [
            f"{percent(whole, routed)} of the routed tokens are of features of which {NEARLY:.0%} of "
            "the calls or more go: a blanket downgrade, where no rule tells easy calls from hard ones."
        ]

    def _blanket_tokens(self, judged: pl.DataFrame) -> tuple[int, int]:
        """Tokens that are routed because everything is, and all that are routed."""
        tokens = (pl.col("input_tokens") + pl.col("output_tokens")).sum()
        whole = _blanket(judged).select(tokens).item() or 0
        return whole, judged.filter("easy").select(tokens).item() or 0

    def _loosened(self, judged: pl.DataFrame) -> Table:
        tokens = pl.col("input_tokens") + pl.col("output_tokens")
        rows = []
        for by in LOOSER:
            going = judged.filter(pl.col("hardness") <= by)
            rows.append(
                (by, going.height, going.height / judged.height, going.select(tokens.sum()).item())
            )
        columns = (
            Column("limits times", "number"), Column("calls", "count"),
            Column("share of calls", "share"), Column("tokens", "tokens"),
        )  # fmt: skip
        return Table("What the rules let through", columns, rows)

    def _classified(self, judged: pl.DataFrame) -> pl.DataFrame:
        """A call to the classifier for the first call of each conversation that is judged."""
        asked = judged.filter(~pl.col("stated")).sort("sent_at", "call_id")
        if self.sticky:
            asked = asked.filter(pl.int_range(pl.len()).over(GROUP) == 0)
        return asked.select(
            "call_no",
            pl.lit(self.classifier_model).alias("model"),
            pl.lit(self.classifier_tokens).alias("input_tokens"),
            pl.lit(self.classifier_output_tokens).alias("output_tokens"),
        )


def _blanket(judged: pl.DataFrame) -> pl.DataFrame:
    """The easy calls of the features and models of which nearly every call is easy."""
    return judged.filter(
        pl.col("easy") & (pl.col("easy").mean().over("feature", "model") >= NEARLY)
    )
