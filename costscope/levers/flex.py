"""What if calls that can wait some minutes went to the provider's flex tier, at its lower rates?

Not the batch API: a flex call is answered at once, if slowly, or refused while the provider is busy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._batch.flex_rule import flex_rule
from costscope.levers._batch.jobs import (
    CLEARER,
    USUAL,
    Waits,
    able,
    in_tier,
    owners,
    ruled,
    untimed,
    waiting,
)
from costscope.levers._batch.words import sold
from costscope.levers._words import count, listing
from costscope.levers.interface import Lever
from costscope.model import Table, Workload

WORST = Fraction(1, 5)
"""The pessimistic end's share of calls that flex refuses. Nobody publishes one."""

TIMEOUT_S = 900
"""The time limit that OpenAI's docs on flex processing advise, 15 minutes; no other figure of how long
an answer takes is published."""


@dataclass(frozen=True)
class Flex(Lever):
    """Moves calls that can wait to the flex tier, where the provider sells one for their model.

    What can wait is found as batching finds it, but a flex call waits minutes instead of hours, and
    caching goes on as in the standard tier. Together with batching it takes what batching leaves.
    """

    title: ClassVar[str] = "Use the flex tier instead of batches"
    stage: ClassVar[str] = "batching"
    flag: ClassVar[str] = "batch"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    family: ClassVar[str] = "waiting"
    rewrites_prompts: ClassVar[bool] = False
    prerequisites: ClassVar[Sequence[str]] = (
        "The request parameter service_tier, and a timeout of 15 minutes (OpenAI's advice).",
        "Calls that are refused are tried again later, or sent to the standard tier.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "That a call can wait is concluded from when it was made; only its owner knows.",
        "How often flex refuses is not published; the share is assumed.",
        "It is an alternative to batching: together, flex takes only what batching leaves.",
    )

    features: tuple[str, ...] = ()
    """Features (globs) whose calls can wait, whatever the log looks like."""
    tags: tuple[str, ...] = ()
    """Tags whose calls can wait, each a key, = and a glob: "priority=low", "job=nightly-*"."""
    never: tuple[str, ...] = ()
    """Features (globs) whose calls must not wait, whatever the log looks like."""
    burst_calls: int = 20
    """Calls that make a burst, as for batching; its other rules hold too, at their defaults."""
    refused_share: float = 0.05
    """The share of calls that flex refuses for want of room, which are then made in the standard tier
    (a refusal itself is free, OpenAI's docs). No figure is published. Low end 0.2, high 0."""

    def __post_init__(self) -> None:
        self._waits().check()
        if not 0 <= self.refused_share <= 1:
            raise SettingsError(f"refused_share is {self.refused_share}; it must lie from 0 to 1")

    def apply(self, workload: Workload) -> Workload:
        moved = self._taken(self._chosen(workload))
        if moved.is_empty():
            return workload
        return workload.with_(calls=in_tier(workload, moved, "flex"))

    def delay_s(self) -> int:
        """How long a client is told to wait for an answer: see TIMEOUT_S."""
        return TIMEOUT_S

    def action(self, before: Workload, after: Workload) -> str:
        moved = self._taken(self._chosen(before))
        if moved.is_empty():
            return "Send calls that can wait to the flex tier; none was found."
        calls = count(moved.height, "call")
        return f"Send {calls} that can wait to the flex tier: those of {listing(owners(moved))}."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: only jobs five times as large, a fifth refused. High: none refused."""
        said = self.features or self.tags
        clear = self.burst_calls if said else self.burst_calls * CLEARER
        worst = max(self.refused_share, float(WORST))
        return (
            replace(self, burst_calls=clear, refused_share=worst),
            replace(self, refused_share=0.0),
        )

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What is refused, for which models no flex tier is sold, and how long the calls took."""
        waits = self._able(before)
        chosen = self._chosen(before)
        said = []
        if chosen.height:
            stay = count(chosen.height - self._taken(chosen).height, "call")
            said.append(
                f"{self.refused_share:.0%} of the calls are taken to be refused, and made in the "
                f"standard tier ({stay})."
            )
        none = waits.join(chosen, on="call_no", how="anti")
        if none.height:
            models = none["model"].unique().sort().to_list()
            said.append(
                f"No flex tier is sold for the models of {count(none.height, 'call')} that can wait: "
                f"{listing(models)}."
            )
        slowest = chosen.select(pl.col("latency_us").max()).item()
        if slowest is not None:
            said.append(
                f"The slowest of them took {slowest / 1e6:.0f} s in the standard tier; flex takes "
                "longer, by how much is not published."
            )
        return [*said, *untimed(before)]

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """At what rates the models of these calls are sold in the flex tier."""
        chosen = self._chosen(before)
        return (sold(chosen),) if chosen.height else ()

    def _waits(self) -> Waits:
        return USUAL._replace(
            features=self.features, tags=self.tags, never=self.never, burst_calls=self.burst_calls
        )

    def _able(self, workload: Workload) -> pl.DataFrame:
        """The calls of the standard tier that can wait, with JOB, WHY and day."""
        return able(waiting(workload.log, self._waits()), workload.calls)

    def _chosen(self, workload: Workload) -> pl.DataFrame:
        """Those for whose model there is a flex tier."""
        return ruled(self._able(workload), _sold_at, {"flex": pl.Boolean})

    def _taken(self, chosen: pl.DataFrame) -> pl.DataFrame:
        """All but those that are refused, which are spread evenly over the time."""
        share = Fraction(str(self.refused_share))
        top, bottom = share.numerator, share.denominator
        nth = pl.int_range(pl.len())
        refused = (nth + 1) * top // bottom > nth * top // bottom
        return chosen.sort("sent_at", "call_id").filter(~refused)


def _sold_at(*place: Any) -> tuple[bool] | None:
    return None if flex_rule(*place) is None else (True,)
