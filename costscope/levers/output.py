"""What if replies were shorter? Capped, stopped where they go on after their answer, or structured.

Only the reply itself: what later calls repeat of it as history stays as the log has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._cut.replies import Rules, cap_of, cut_short, repeated, replies, shorter
from costscope.levers._words import count, percent
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload

PERCENTILES = (0.5, 0.75, 0.9, 0.95, 0.99)

_LENGTH = ("length", "max_tokens", "MAX_TOKENS", "max_output_tokens")
"""What providers call the end of a reply that reached its cap."""


@dataclass(frozen=True)
class Output(Lever):
    """Caps replies at a percentile of their feature's lengths, where the feature has enough of them.

    A cap counts all that is billed as output, so hidden reasoning too, as the providers' own caps do.
    Replies that call tools or are JSON are left alone: cut, they are worth nothing.
    """

    title: ClassVar[str] = "Cap the longest replies"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "truncate"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "high"
    rewrites_prompts: ClassVar[bool] = False
    prerequisites: ClassVar[Sequence[str]] = (
        "Whoever gets an answer that ends in the middle can do without the rest of it.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "A cap cuts, it does not make a model brief: the answers beyond it end in the middle.",
        "Later calls that repeat a reply as history are billed as logged, so what they would save, and "
        "what their caches would lose, is not in the figure.",
    )

    percentile: float = 0.99
    """Where replies are cut, as a share of a feature's replies (of a model, if they have no feature) that
    are not longer; 1 for no cap. By default one answer in a hundred, the runaways, is cut."""
    least_calls: int = 100
    """Of a feature with fewer replies no percentile is taken: one in a hundred of fewer is no reply."""
    repeat_share: float = 0.0
    """The share of cut answers that are asked again without a cap, at full length. No figure for it is
    published: the low end of the interval takes all of them, the high end and this none."""
    stop: bool = False
    """Also end replies where they begin to speak for the user ("User: …", "Question: …"), as a stop
    sequence would. Reads all replies again."""
    structured_ratio: float = 1.0
    """An assumption to try: how long a structured reply is for one of prose. 1: as long."""

    def __post_init__(self) -> None:
        for name in ("percentile", "repeat_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must lie from 0 to 1")
        if self.least_calls < 1:
            raise SettingsError(f"least_calls is {self.least_calls}; it must be 1 or more")
        if not 0 < self.structured_ratio <= 1:
            ratio = f"structured_ratio is {self.structured_ratio}"
            raise SettingsError(f"{ratio}; it must lie above 0, up to 1")

    def apply(self, workload: Workload) -> Workload:
        found = self._found(workload)
        if found.is_empty():
            return workload
        return repeated(shorter(workload, found), found, Fraction(str(self.repeat_share)))

    def action(self, before: Workload, after: Workload) -> str:
        found = self._found(before)
        capped = found.filter("capped")
        if found.is_empty():
            return "Cap the longest replies; no feature has enough of them that are long."
        if capped.is_empty():
            return f"End {count(found.height, 'answer')} sooner, by stop sequences or structure."
        caps = capped.unique("job").sort("capped_tokens", "job", descending=[True, False])
        named = ", ".join(f"{x['job']} at {x['cap']:,}" for x in caps.head(3).iter_rows(named=True))
        more = f" and {caps.height - 3} more" if caps.height > 3 else ""
        return f"Cap replies ({named}{more} tokens): {count(capped.height, 'answer')} would be cut."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: every cut answer is asked again, at full length. High: none is."""
        return replace(self, repeat_share=1.0), replace(self, repeat_share=0.0)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """Which share of answers is cut, which were cut already, and which were left alone."""
        rows = replies(before, self.least_calls)
        found = self._found(before)
        capped = int(found["capped"].sum()) if found.height else 0
        ended = before.calls.filter(pl.col("finish_reason").is_in(_LENGTH)).height
        said = [f"{count(capped, 'answer')} of {rows.height:,} ({percent(capped, rows.height)}) would "
                "end in the middle. The history of later calls still holds whole replies."]  # fmt: skip
        if ended:
            said.append(f"{count(ended, 'answer')} of the log ended at a cap already.")
        if few := rows.filter("prose", ~pl.col("enough"))["job"].n_unique():
            said.append(f"{count(few, 'feature')} with fewer than {self.least_calls:,} replies in prose: "
                        "too little data for a percentile.")  # fmt: skip
        if self.stop:
            said.append(
                f"{count(found.filter('stopped').height, 'answer')} went on to speak for the user."
            )
        if self.structured_ratio < 1:
            said.append(
                f"Prose is assumed to be {self.structured_ratio:g} times as long when structured."
            )
        return said

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What caps at several percentiles would cut, over all features that have enough replies."""
        rows = replies(before, self.least_calls).filter("enough", "prose")
        if rows.is_empty():
            return ()
        return [Table("Caps by percentile", _COLUMNS, [_row(rows, p) for p in PERCENTILES], _NOTE)]

    def _found(self, workload: Workload) -> pl.DataFrame:
        rules = Rules(
            self.percentile, self.least_calls, self.stop, Fraction(str(self.structured_ratio))
        )
        return cut_short(workload, rules)


def _row(rows: pl.DataFrame, percentile: float) -> tuple[Any, ...]:
    """percentile, answers cut, their share, tokens beyond the caps, their share of all output."""
    over = rows.join(cap_of(rows, "tokens", percentile), on="job")
    over = over.filter(pl.col("tokens") > pl.col("cap"))
    beyond, whole = int((over["tokens"] - over["cap"]).sum()), int(rows["tokens"].sum())
    return (
        percentile,
        over.height,
        over.height / rows.height,
        beyond,
        beyond / whole if whole else None,
    )


_COLUMNS = (
    Column("percentile", "share"), Column("answers cut", "count"), Column("of all", "share"),
    Column("tokens beyond", "tokens"), Column("of all output", "share"),
)  # fmt: skip
_NOTE = "Answers that call tools or are JSON, and features with too few replies, are not in it."
