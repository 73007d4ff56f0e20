"""What if agents that make the same tool call, with the same result, again and again had been stopped?

Not about tools that are used often: only steps after which nothing in the conversation was new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._rows import conversation
from costscope.levers._waste.base import KEPT_HISTORY, Waste, known, none
from costscope.levers._waste.steps import steps
from costscope.levers._words import count
from costscope.model import Workload


@dataclass(frozen=True)
class WasteLoops(Waste):
    """Drops the calls that made a tool call for the Nth time and more, with the same arguments and the
    same result, while nothing else in their conversation was new.

    A step that was not seen before, an answer without a tool, and a step whose result the log does
    not show all count as new. Cycles of several steps are loops as well.
    """

    title: ClassVar[str] = "Stop agents that go round in circles"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    advice: ClassVar[str] = "Stop an agent, or tell it, when a step brings what it brought before"
    noun: ClassVar[str] = "looping call"
    prerequisites: ClassVar[Sequence[str]] = (
        "The agent's loop is your own code, and can compare a step with those before it.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Waiting for something by asking after it again and again looks the same; there the tool could "
        "do the waiting.",
        "A stopped agent may need another answer to go on, which is not in the figure.",
        KEPT_HISTORY,
    )

    times: int = 4
    """From which time on a step is waste. OpenHands calls an agent stuck after four equal pairs of
    action and observation, and after three if they are errors."""

    def __post_init__(self) -> None:
        if self.times < 2:
            raise SettingsError(f"times is {self.times}; it must be 2 or more")

    def found(self, workload: Workload) -> pl.DataFrame:
        made = steps(workload, self.times)
        if made.is_empty():
            return none()
        key = ["conversation", "asked", "told"]
        made = made.sort("conversation", "rank")
        seen = pl.int_range(pl.len()).over(key) > 0
        made = made.with_columns(_new=(~seen | pl.col("told").is_null()).cum_sum().over(key[0]))
        since = [*key, "_new"]
        nth = pl.int_range(1, pl.len() + 1).over(since)
        alone = pl.col("asked") == pl.col("asked").shift(1).over(key[0])
        kind = pl.when(alone.fill_null(value=False)).then(pl.lit("the same step"))
        made = made.with_columns(
            nth.alias("_nth"), kind.otherwise(pl.lit("a cycle of steps")).alias("kind")
        )
        return made.filter(pl.col("told").is_not_null(), pl.col("_nth") >= self.times).select(
            "call_no", "kind"
        )

    def scenarios(self) -> tuple[Self, Self]:
        """Low: twice as many times. High: from the third time on."""
        return replace(self, times=2 * self.times), replace(self, times=min(self.times, 3))

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """In how many conversations there are loops."""
        gone = known(before, self)
        if gone.is_empty():
            return []
        mine = before.calls.join(gone, on="call_no", how="semi")
        where = mine.select(conversation().n_unique()).item()
        return [
            f"Loops are in {count(where, 'conversation')}; the first {self.times - 1} times of a step are "
            "kept, and whatever is new starts the count again."
        ]
