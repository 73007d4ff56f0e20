"""What if answers whose stream somebody broke off, and that nobody went on from, had not been billed?

Not about answers of which merely the log lacks the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from costscope.columns import codes
from costscope.levers._runs import runs
from costscope.levers._waste.base import Waste, carried, known, none, sized, spoken
from costscope.levers._words import count
from costscope.model import Workload

ABORTED = (
    "incomplete", "aborted", "abort", "cancelled", "canceled", "interrupted", "disconnected",
    "client_disconnected", "timeout",
)  # fmt: skip
"""Statuses, in small letters, of calls that were broken off while the model answered."""


@dataclass(frozen=True)
class WasteAborted(Waste):
    """Drops calls that were broken off after some output was billed, where no later prompt carries
    what they had answered.

    An incomplete answer with a reason for its end did end: those are left alone, and so are calls of
    which the log has no usage or no text of the reply.
    """

    title: ClassVar[str] = "Stop streams that nobody reads"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "low"
    advice: ClassVar[str] = "Cancel the request when its reader goes away, and find out why they go"
    noun: ClassVar[str] = "aborted answer"
    prerequisites: ClassVar[Sequence[str]] = (
        "The server notices that the client is gone and closes its own request to the provider.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Whoever stopped an answer may have read enough of it. The high end saves the prompts, too, as if "
        "the calls had not been made.",
        "Some providers bill an answer to its end although the stream was closed.",
    )

    whole: bool = False
    """Drop the whole call: without its answer the prompt, too, was paid for in vain. Otherwise only
    the reply is dropped, which is the most that closing the request at once can save."""

    def found(self, workload: Workload) -> pl.DataFrame:
        broken = _broken(workload.calls).filter(~pl.col("estimated"))
        if broken.is_empty():
            return none()
        billed = sized(workload, broken).filter(pl.col("output_tokens") > 0)
        silent = _not_carried(workload.parts, billed)
        return silent.select("call_no", pl.col("status").str.to_lowercase().alias("kind"))

    def apply(self, workload: Workload) -> Workload:
        gone = known(workload, self)
        if self.whole or gone.is_empty():
            return super().apply(workload)
        parts = workload.parts
        reply = codes(parts["billing_class"], ("output",)) == 0
        lost = reply & runs(parts).of(gone["call_no"].to_numpy())
        return workload.with_(parts=parts.filter(pl.Series(~lost)))

    def scenarios(self) -> tuple[Self, Self]:
        """Low: only the reply would not have been billed. High: nor would the prompt."""
        return replace(self, whole=False), replace(self, whole=True)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """Calls that were broken off and are not in the figure."""
        broken = _broken(before.calls)
        blind = broken.filter("estimated").height
        rest = broken.height - blind - known(before, self).height
        said = []
        if blind:
            said.append(
                "Left out, because the log has no usage of them, so that their cost is unknown: "
                f"{count(blind, 'broken call')}."
            )
        if rest:
            said.append(
                "Left alone, with no output billed, no text in the log, or carried on: "
                f"{count(rest, 'broken call')}."
            )
        return said

    def action(self, before: Workload, after: Workload) -> str:
        gone = known(before, self).height
        if not gone:
            return f"{self.advice}; none was found."
        what = "all in vain" if self.whole else "of which the reply could be saved"
        return (
            f"{self.advice}: {count(gone, self.noun)} among {before.calls.height:,} calls, {what}."
        )


_KNOWN = ["call_no", "status", "finish_reason", "estimated", "added"]


def _broken(calls: pl.DataFrame) -> pl.DataFrame:
    status = pl.col("status").str.to_lowercase()
    open_end = (status != "incomplete") | pl.col("finish_reason").is_null()
    return calls[_KNOWN].filter(status.is_in(ABORTED), open_end, ~pl.col("added"))


def _not_carried(parts: pl.DataFrame, calls: pl.DataFrame) -> pl.DataFrame:
    """Those calls with a known text in their reply of which no block stands in any prompt."""
    said = spoken(parts, calls["call_no"]).filter(pl.col("content") != 0)
    calls = calls.join(said, on="call_no", how="semi", maintain_order="left")
    return calls.join(carried(parts, calls), on="call_no", how="anti", maintain_order="left")
