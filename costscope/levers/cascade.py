"""What if every call went to a cheaper model first, and to the stronger one where that fails?

Both attempts are paid. Not a judge of answers: the share that is asked again is what the log shows of
the cheap model's own bad ends, or is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._own.moving import HARD, without_traits
from costscope.levers._route.even import told
from costscope.levers._route.moves import (
    CHEAP,
    GROUP,
    MILLION,
    Targets,
    again,
    check_case,
    check_share,
    delays,
    forfeited,
    lengths,
    moved,
    rerouted,
    ways,
)
from costscope.levers._route.signals import SIGNALS, Share, share_of, signalled
from costscope.levers._rows import added, matches
from costscope.levers._words import count, listing
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload
from costscope.prices.names import base


@dataclass(frozen=True)
class Cascade(Lever):
    """Asks the cheaper model first, in whole conversations unless `sticky` is off, and the stronger
    one again for a share of the calls; both are paid, and the second attempt is uncached.

    The share is that of the cheap model's calls in this log, on the same features, that ended with
    one of `signals`, where at least `least` of them were judged at all; else it is stated or
    assumed. A judge of the answers, if the signals need one, is a call to `judge_model` for each
    cheap answer.
    """

    title: ClassVar[str] = "Ask a cheaper model first, the stronger one where it fails"
    stage: ClassVar[str] = "routing"
    flag: ClassVar[str] = "cascade"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    family: ClassVar[str] = "routing"
    order: ClassVar[int] = 1
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "A signal that tells a poor answer before a user sees it: a check, a score, an error.",
        "Answers that can wait for a second attempt, and calls whose first attempt does no harm.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "A poor answer without a signal is not asked again: quality is not measured.",
        "The cheap model's calls in the log may be easier than those that it would get.",
    )

    cheap: dict[str, str] = field(default_factory=lambda: dict(CHEAP))
    """Model (a glob) → cheaper model of its provider that is asked first."""
    features: tuple[str, ...] = ()
    """Features (globs) whose calls take part; all, without any."""
    keep: tuple[str, ...] = ("tools", "image")
    """Traits that keep a call on its model: code, reasoning, tools, image, json. An attempt that calls
    a tool has acted before anybody judged it."""
    sticky: bool = True
    """Let all calls of a conversation take part, or none."""
    signals: tuple[str, ...] = ("error", "refusal", "cut", "score", "retry")
    """What asks the stronger model: error, refusal, cut (by length), short, slow, score, retry."""
    short_tokens: int = 5
    """A reply below this many tokens is short, for the signal of that name."""
    slow_seconds: float = 0.0
    """A reply later than this is slow, for the signal of that name; 0 is never."""
    escalate_share: float | None = None
    """The share that is asked again; without, as the log shows it for the cheap model, else 0.3. Weak and
    strong models of RouteLLM on GSM8K: 36 % of the weak one's answers were wrong, 29 % mended by
    the strong one. No production figure is published."""
    least: int = 50
    """Judged calls of the cheap model on the same features below which their share of signals is not
    taken: a log without scores or retries cannot tell a poor answer from a good one."""
    judge_model: str = ""
    """A model that judges each cheap answer; without, the signals cost nothing."""
    judge_output_tokens: int = 10
    output_ratio: float | None = None
    """The cheaper model's reply tokens over the stronger's; without, as the log shows it on alike tasks,
    else the same length."""
    case: str = "base"
    """Which end of what is not known: low (the dearest), base or high. An assumed share of 0.3 is
    0.5 or 0.15 then."""

    def __post_init__(self) -> None:
        check_case(self.case)
        check_share("escalate_share", self.escalate_share)
        for name, given, known in (("keep", self.keep, HARD), ("signals", self.signals, SIGNALS)):
            if unknown := [x for x in given if x not in known]:
                raise SettingsError(f"{name} has {unknown[0]!r}; it can have: {', '.join(known)}")
        if not self.signals:
            raise SettingsError("signals is empty; a cascade needs one")
        if self.output_ratio is not None and self.output_ratio <= 0:
            raise SettingsError(f"output_ratio is {self.output_ratio}; it must be above 0")

    def apply(self, workload: Workload) -> Workload:
        routes = self._routes(workload)
        if routes.is_empty():
            return workload
        grown = added(workload, again(routes, pl.col("again")), "cascade")
        if self.judge_model:
            grown = added(grown, self._judged(routes), "cascade")
        return rerouted(grown, routes)

    def action(self, before: Workload, after: Workload) -> str:
        routes = moved(before, after)
        if routes.is_empty():
            return "Ask a cheaper model first; no call was found that could."
        calls = count(int(routes["calls"].sum()), "call")
        return (
            f"Ask a cheaper model first for {calls} ({ways(routes)}), and the stronger one "
            "again where that fails."
        )

    def delay_s(self) -> int:
        """A second at the least: a call that is asked again waits for both attempts. How much longer
        depends on the models, see `notes`."""
        return 1

    def grounded(self, workload: Workload) -> bool:
        """Whether the share that is asked again is stated, or measured for every cheap model."""
        if self.escalate_share is not None:
            return True
        shares = self._shares(workload.log, self._routes(workload))
        return all(share.calls for share in shares.values())

    def scenarios(self) -> tuple[Self, Self]:
        """Low: the most escalations that the log allows for (else half of the calls) and long replies.
        High: the fewest (else 15 %) and short replies."""
        return replace(self, case="low"), replace(self, case="high")

    def with_retries(self, share: float) -> Self:
        """The same where this share of the routed calls is asked again of the stronger model."""
        return replace(self, escalate_share=share)

    def misroute_limit(self, none: int, every: int) -> str:
        """The break-even share of misroutes in words, given what it saves with_retries(0) and
        with_retries(1), in picodollars."""
        return told(none, every)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """Where the share comes from, what is paid twice, tokens, cache and delay."""
        routes, going = moved(before, after), self._routes(before)
        if routes.is_empty() or going.is_empty():
            return ["No call of this log could be asked of a cheaper model first."]
        shares = self._shares(before.log, going)
        told = [(self._told(share), model) for model, share in shares.items()]
        said = [
            text.format(models=listing([model for other, model in told if other == text]))
            for text in dict.fromkeys(text for text, _ in told)
        ]
        said += lengths(self._targets(), before.log, routes)
        said += filter(None, [forfeited(before, going)])
        said += delays(before.log, routes)
        said.append("A call that is asked again waits for both attempts, one after the other.")
        return said

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """The signals of the cheap models that are in the log."""
        names = {base(new) for new in moved(before, after)["model_after"]}
        counts = self._counts(before.log).filter(pl.col("base").is_in(sorted(names)))
        if counts.is_empty():
            return []
        rows = counts.drop("feature").group_by("base").sum().sort("base")
        columns = [Column("cheap model"), Column("calls", "count")]
        columns += [Column(name, "count") for name in ("judged", *self.signals, "any")]
        cells = rows.select("base", "calls", "judged", *self.signals, "any")
        return [Table("What the cheap model's calls in this log ended with", columns, cells.rows())]

    def _targets(self) -> Targets:
        return Targets(self.cheap, {}, self.output_ratio, self.case)

    def _counts(self, log: Workload) -> pl.DataFrame:
        return signalled(log, self.signals, self.short_tokens, round(self.slow_seconds * 1e6))

    def _shares(self, log: Workload, routes: pl.DataFrame) -> dict[str, Share]:
        """For each cheap model, by name, the share of the calls routed to it that is asked again."""
        kinds = routes.select("to_model", "feature").unique().rows()
        features: dict[str, set[str | None]] = {}
        for model, feature in sorted(kinds, key=itemgetter(0)):
            features.setdefault(model, set()).add(feature)
        if (stated := self.escalate_share) is not None:
            return dict.fromkeys(
                features, Share(min(1.0, stated * 5 / 3), stated, stated / 2, 0, 0)
            )
        assumed = Share(0.5, 0.3, 0.15, 0, 0)
        return {
            model: share_of(self._counts(log), base(model), known, self.least) or assumed
            for model, known in features.items()
        }

    def _told(self, share: Share) -> str:
        """What is known of a cheap model's share; {models} stands for it."""
        first = "of the calls asked of {models} first are asked again"
        if self.escalate_share is not None:
            return f"{share.of(self.case):.0%} {first}, as stated."
        if not share.calls:
            return (
                f"{share.of(self.case):.0%} {first}: an assumption, since the log judges fewer than "
                f"{self.least} of its calls on these features."
            )
        return (
            f"{share.base:.1%} {first}: in this log {share.hits:,} of its {share.calls:,} judged calls on "
            f"these features ended with {' or '.join(self.signals)} (95 % from {share.high:.1%} to "
            f"{share.low:.1%})."
        )

    def _routes(self, workload: Workload) -> pl.DataFrame:
        """The calls that take part, with their targets and `again` in millionths."""
        calls = self._targets().of(workload)
        able = without_traits(self.keep) & pl.col("input_tokens").is_not_null()
        if self.features:
            known = calls["feature"].unique()
            taking = [x for x in known if x is not None and matches(x, self.features)]
            able &= pl.col("feature").is_in(taking)
        able = able.fill_null(value=False)
        routes = calls.filter(able.all().over(GROUP) if self.sticky else able)
        shares = self._shares(workload.log, routes)
        millions = {model: round(share.of(self.case) * MILLION) for model, share in shares.items()}
        share = pl.col("to_model").replace_strict(millions, default=0, return_dtype=pl.Int64)
        return routes.with_columns(share.alias("again"))

    def _judged(self, routes: pl.DataFrame) -> pl.DataFrame:
        """A call to the judge for each cheap answer: it reads prompt and reply."""
        return routes.select(
            "call_no",
            pl.lit(self.judge_model).alias("model"),
            pl.col("input_tokens") + pl.col("output_tokens"),
            pl.lit(self.judge_output_tokens, pl.Int64).alias("output_tokens"),
        )
