"""What if attempts that failed, and were made again, had not been billed in vain?

Not about attempts that failed and were given up, and not about refused requests, which cost nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._waste.base import CALLER, SECONDS, Waste, known, none, sized
from costscope.levers._words import count
from costscope.model import ANSWERED, Workload

QUICK_S = 60
"""The pessimistic end takes only what was sent again within a minute: no person is that patient with
an error, and clients wait half a second to 8 seconds between attempts (OpenAI's and Anthropic's SDKs)."""


@dataclass(frozen=True)
class WasteRetries(Waste):
    """Drops billed attempts that failed or broke off and were followed by another attempt.

    That another followed is what the log says (`retry_of`), or the same request of the same caller
    soon after. The last attempt always stays. Attempts whose log has no usage are left alone: what
    they cost nobody knows.
    """

    title: ClassVar[str] = "Stop paying for failed attempts"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "low"
    advice: ClassVar[str] = "Remove what makes attempts fail and be made again"
    noun: ClassVar[str] = "billed attempt"
    prerequisites: ClassVar[Sequence[str]] = (
        "What made the attempts fail can be removed: a time limit that is too short, a reply that "
        "does not parse, a client that gives up while the model still answers.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Not every failure can be prevented; the provider's own outages will come again.",
    )

    within_s: int = 600
    """How soon the same request has to follow, in seconds, where the log names no retry. The time
    limit of OpenAI's and Anthropic's SDKs is 10 minutes, after which they try again by themselves."""
    answered: bool = False
    """Also drop attempts that were answered, where the log says that they were repeated. Somebody may
    have read the first answer, so only the optimistic end counts them."""

    def __post_init__(self) -> None:
        if self.within_s <= 0:
            raise SettingsError(f"within_s is {self.within_s}; it must be above 0")

    def found(self, workload: Workload) -> pl.DataFrame:
        again = repeated(workload.calls, self)
        if again.is_empty():
            return none()
        billed = sized(workload, again.filter(~pl.col("estimated")))
        billed = billed.filter(pl.col("input_tokens") + pl.col("output_tokens") > 0)
        how = pl.when("said").then(pl.lit("its retry is named")).otherwise(pl.lit("sent again"))
        return billed.select("call_no", pl.format("{}, {}", "status", how).alias("kind"))

    def scenarios(self) -> tuple[Self, Self]:
        """Low: sent again within a minute, or named by the log. High: answered ones that the log says
        were repeated, too."""
        return replace(self, within_s=min(self.within_s, QUICK_S)), replace(self, answered=True)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """Attempts that are not in the figure, and why."""
        again = repeated(before.calls, self)
        blind = again.filter("estimated").height
        free = again.height - blind - known(before, self).height
        said = []
        if blind:
            said.append(
                "Left out, because the log has no usage of them, so that their cost is unknown: "
                f"{count(blind, 'failed attempt')} that came again."
            )
        if free:
            said.append(
                f"Not billed, so nothing to save: {count(free, 'failed attempt')} that came again."
            )
        return said


def repeated(calls: pl.DataFrame, lever: WasteRetries) -> pl.DataFrame:
    """The attempts that were made again: the columns of `calls`, and `said`: whether the log names the
    retry."""
    calls = calls.filter(~pl.col("added"))
    failed = calls.filter(pl.col("status") != "ok")
    named = calls.filter(pl.col("retry_of").is_not_null())
    if failed.is_empty() and named.is_empty():
        return failed.with_columns(said=pl.lit(value=True))
    first = calls if lever.answered else failed
    said = first.join(named.select(call_id="retry_of").unique(), on="call_id", how="semi")
    said = said.filter(pl.col("retry_of").is_null() | (pl.col("retry_of") != pl.col("call_id")))
    soon = _soon(calls, failed, lever.within_s).join(said, on="call_no", how="anti")
    both = [said.with_columns(said=pl.lit(value=True)), soon.with_columns(said=pl.lit(value=False))]
    return pl.concat(both)


def _soon(calls: pl.DataFrame, failed: pl.DataFrame, within_s: int) -> pl.DataFrame:
    """Failed calls after which the same caller sent the same request again. Of an answer that broke
    off, the caller has to be known: strangers may well ask the same."""
    able = (pl.col("request_hash") != 0) & pl.col("sent_at").is_not_null()
    same = calls.filter(able).join(
        failed.filter(able).select("request_hash").unique(), on="request_hash", how="semi"
    )
    key = ("request_hash", CALLER)
    same = same.sort("sent_at", "call_id").with_columns(
        (pl.col("sent_at").shift(-1).over(key) - pl.col("sent_at")).alias("_wait")
    )
    soon = pl.col("_wait") <= pl.duration(microseconds=within_s * SECONDS)
    sure = ~pl.col("status").is_in(ANSWERED) | CALLER.is_not_null()
    return same.filter(pl.col("status") != "ok", soon, sure).drop("_wait")
