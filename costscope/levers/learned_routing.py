"""What if a router, learned from how good the answers in this log were, chose the model?

Not a trained product to deploy: a small model on sizes, traits and n-grams that tells how much of such
a router the log supports, and that changes nothing where it supports none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._route.even import told
from costscope.levers._route.moves import (
    CHEAP,
    GROUP,
    Targets,
    again,
    check_case,
    check_share,
    forfeited,
    lengths,
    millionths,
    moved,
    rerouted,
    ways,
)
from costscope.levers._route.study import Study, Wish, studies
from costscope.levers._route.words import points, said_of, splits
from costscope.levers._rows import added
from costscope.levers._words import count
from costscope.levers.interface import Lever
from costscope.model import Table, Workload


@dataclass(frozen=True)
class LearnedRouting(Lever):
    """Sends those calls to the cheaper model on which the log's own scores say that little is lost.

    For each pair of models that answer the same features, the chance of a good answer is learned
    from each model's judged calls; the most calls are routed that cost at most `max_loss` good
    answers. All figures of quality are out of fold.
    """

    title: ClassVar[str] = "Let a router learned from this log choose the model"
    stage: ClassVar[str] = "routing"
    flag: ClassVar[str] = "learned-route"
    effort: ClassVar[str] = "high"
    risk: ClassVar[str] = "medium"
    family: ClassVar[str] = "routing"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "Scores, thumbs or retries for some hundred calls of both models on the same features.",
        "A router in front of the models, kept up to date with new scores.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "It holds for questions like those that were judged; published routers were near chance "
        "outside the traffic that they were made from (RouteLLM's tables on MMLU and GSM8K).",
        "It supposes that nobody chose the model by how hard the question was; where somebody did, "
        "the cheaper model looks better than it is.",
    )

    cheap: dict[str, str] = field(default_factory=lambda: dict(CHEAP))
    """Model (a glob) → cheaper model of its provider that the log must show as well."""
    score_tag: str = ""
    """The tag that holds a score, a thumb or a grade; without, one called score, rating, feedback,
    thumbs or correct."""
    good_from: float | None = None
    """From which score on an answer is good; without, by the scale: half of 1, above 0 of -1 to 1, 4 of
    5."""
    max_loss: float = 0.01
    """By how much the share of good answers, of all calls, may fall: one in a hundred. A choice, not a
    measurement; the curve shows the others."""
    least: int = 100
    """Judged calls of each model below which it says "too little data"; with ten to a tenth of the
    scores, each tenth's share of good answers is known to 30 points."""
    least_minority: int = 20
    """Good and poor answers of each model that it wants at least: two dozen events for few weights."""
    sticky: bool = True
    """Let the first question of a conversation decide for all of it."""
    output_ratio: float | None = None
    """The cheaper model's reply tokens over the stronger's; without, as the log shows it on alike tasks,
    else the same length."""
    retry_share: float | None = None
    """The share of routed calls that are asked again of the stronger model; without, those whose answer
    the log has reason to think poor where the stronger model's would be good."""
    case: str = "base"
    """Which end of what is not known: low (the dearest), base or high. Low: every poor answer is asked
    again. High: only as many as the models differ by."""

    def __post_init__(self) -> None:
        check_case(self.case)
        check_share("retry_share", self.retry_share)
        check_share("max_loss", self.max_loss)
        if self.output_ratio is not None and self.output_ratio <= 0:
            raise SettingsError(f"output_ratio is {self.output_ratio}; it must be above 0")
        if self.least < 20 or self.least_minority < 5:
            raise SettingsError("least must be 20 or more, least_minority 5 or more")

    def apply(self, workload: Workload) -> Workload:
        routes = self._routes(workload)
        if routes.is_empty():
            return workload
        grown = added(workload, again(routes, pl.col("again")), "learned_routing")
        return rerouted(grown, routes)

    def action(self, before: Workload, after: Workload) -> str:
        routes = moved(before, after)
        if routes.is_empty():
            return "Learn from this log which calls a cheaper model answers well; none was found."
        calls = count(int(routes["calls"].sum()), "call")
        return f"Let a router learned from this log's scores send {calls} to a cheaper model: {ways(routes)}."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: every poor answer is asked again and replies are as long as the log allows for. High:
        only as many are asked again as the models differ by, and replies are short."""
        return replace(self, case="low"), replace(self, case="high")

    def with_retries(self, share: float) -> Self:
        """The same where this share of the routed calls is asked again of the stronger model."""
        return replace(self, retry_share=share)

    def misroute_limit(self, none: int, every: int) -> str:
        """The break-even share of misroutes in words, given what it saves with_retries(0) and
        with_retries(1), in picodollars."""
        return told(none, every)

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """Of the pair with the most judged calls, all out of fold: APGR with its interval, CPT at 50 and
        80 %, share routed, loss of good answers, and how far P(good) is off on average."""
        known = [s for s in self._studies(workload) if s.router is not None]
        if not known:
            return None
        study = max(known, key=lambda s: (min(s.judged), s.strong))
        return points(study)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What was learned from, how good it is, and what is charged."""
        found, all_studies = studies(before.log, self.wish())
        said = said_of(found, all_studies)
        routes = moved(before, after)
        if routes.height:
            said += [self._charged(study) for study in all_studies if study.useful]
            said += lengths(self._targets(), before.log, routes)
            said += filter(None, [forfeited(before, self._routes(before))])
        return said

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """The cost-quality curve of each learned router, out of fold."""
        return [splits(study) for study in self._studies(before) if study.router is not None]

    def _charged(self, study: Study) -> str:
        share = self._again(study)
        return f"{share:.1%} of the calls routed from {study.strong} are taken to be asked again of it."

    def wish(self) -> Wish:
        """What these settings ask of a log."""
        return Wish(
            tuple(self.cheap.items()), self.score_tag, self.good_from, self.least,
            self.least_minority, self.max_loss,
        )  # fmt: skip

    def _studies(self, workload: Workload) -> Sequence[Study]:
        return studies(workload.log, self.wish())[1]

    def _targets(self) -> Targets:
        return Targets(self.cheap, {}, self.output_ratio, self.case)

    def _routes(self, workload: Workload) -> pl.DataFrame:
        """The calls that go, with their targets and `again`, the share of each that is paid twice."""
        useful = [study for study in self._studies(workload) if study.useful]
        if not useful:
            return pl.DataFrame()
        calls = self._targets().of(workload)
        scores = pl.concat(
            [
                found.select(
                    "call_no",
                    (pl.col("score") >= cut.cut).alias("goes"),
                    millionths(self._again(study)).alias("again"),
                )
                for study in useful
                if (found := study.scores) is not None and (cut := study.split) is not None
            ]
        )
        calls = calls.join(scores, on="call_no", maintain_order="left")
        if self.sticky:
            calls = calls.sort("sent_at", "call_id")
            first = (pl.col("goes").first() & pl.col("goes").is_not_null()).over(GROUP)
            calls = calls.with_columns(first.alias("goes"))
        return calls.filter("goes").sort("call_no")

    def _again(self, study: Study) -> float:
        """The share of routed calls that are asked again."""
        if self.retry_share is not None:
            return self.retry_share
        split = study.held
        if split is None or split.cheap_good is None or split.strong_good is None:
            return 0.0
        poor = 1 - split.cheap_good
        return {
            "low": poor,
            "base": poor * split.strong_good,
            "high": max(0.0, split.strong_good - split.cheap_good),
        }[self.case]
