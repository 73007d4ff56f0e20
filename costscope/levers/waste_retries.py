"""What if attempts that failed, and were made again, had not been billed in vain?

Not about attempts that failed and were given up, and not about refused requests, which cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar, Self

import polars as pl

from costscope.columns import places
from costscope.errors import SettingsError
from costscope.levers._rows import by_class, without
from costscope.levers._waste.base import CALLER, SECONDS, Waste, known, none, sized
from costscope.levers._waste.written import inherited
from costscope.levers._words import count
from costscope.model import ANSWERED, Workload
from costscope.once import once
from costscope.prices.rules import caching_rule

QUICK_S = 60
"""The pessimistic end takes only what was sent again within a minute: no person is that patient with
an error, and clients wait half a second to 8 seconds between attempts (OpenAI's and Anthropic's SDKs)."""


@dataclass(frozen=True)
class WasteRetries(Waste):
    """Drops billed attempts that failed or broke off and were followed by another attempt.

    That another followed is what the log says (`retry_of`), or the same request of the same caller
    soon after. The last attempt always stays. Attempts whose log has no usage are left alone: what
    they cost nobody knows. What a failed attempt had put into the provider's cache, so that the next
    one read it, the attempt that stays pays for.
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
    """Also drop attempts that were answered, where the log says that they were repeated and that the
    repetition was answered too. Somebody may have read the first answer, so only the optimistic end
    counts them."""

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

    def apply(self, workload: Workload) -> Workload:
        gone = known(workload, self)
        if gone.is_empty():
            return workload
        left = without(workload, gone["call_no"])
        heirs = _heirs(workload, gone, self)
        return inherited(workload, left, heirs) if heirs.height else left

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
        if owed := _read(before, self) - _read(after, self, before):
            said.append(
                f"The attempts that stay pay for {count(owed, 'token')} that they had read from the "
                "provider's cache, where the failed ones had put them."
            )
        return said


_KNOWN = [
    "call_no", "call_id", "session", "trace", "user_id", "sent_at", "status", "request_hash",
    "estimated", "retry_of", "added",
]  # fmt: skip


@once
def repeated(calls: pl.DataFrame, lever: WasteRetries) -> pl.DataFrame:
    """The attempts that were made again: _KNOWN, `next` (the call_no of the attempt that followed), and
    `said`: whether the log names it."""
    calls = calls[_KNOWN].filter(~pl.col("added"))
    failed = calls.filter(pl.col("status") != "ok")
    named = calls.filter(pl.col("retry_of").is_not_null())
    if failed.is_empty() and named.is_empty():
        return failed.with_columns(next="call_no", said=pl.lit(value=True))
    said = _followed(failed, named)
    if lever.answered:
        # Where the retry failed, the first answer is the one that was used.
        fine = pl.col("status") == "ok"
        said = pl.concat([said, _followed(calls.filter(fine), named.filter(fine))])
    said = said.filter(pl.col("retry_of").is_null() | (pl.col("retry_of") != pl.col("call_id")))
    soon = _soon(calls, failed, lever.within_s).join(said, on="call_no", how="anti")
    both = [said.with_columns(said=pl.lit(value=True)), soon.with_columns(said=pl.lit(value=False))]
    return pl.concat(both)


_PLACED = ["call_no", "provider", "channel", "model", "sent_at", "status", "tier"]


def _followed(first: pl.DataFrame, named: pl.DataFrame) -> pl.DataFrame:
    """Those of `first` that some of `named` repeat by their own word, with `next`, the first of these."""
    if named.is_empty():
        return first.clear().with_columns(next="call_no")
    again = named.sort("sent_at", "call_id").select(call_id="retry_of", next="call_no")
    again = again.unique("call_id", keep="first", maintain_order=True)
    return first.join(again, on="call_id", maintain_order="left")


def _heirs(workload: Workload, gone: pl.DataFrame, lever: WasteRetries) -> pl.DataFrame:
    """call_no, `heir` (the attempt that stays) and `implicit` (whether the provider caches by itself) of
    attempts that go and that the simulator of caching does not see: what a failed call put into the
    cache, its retry would."""
    at = places(gone["call_no"].to_numpy(), workload.calls["call_no"].to_numpy())
    unseen = (pl.col("status") == "error") | (pl.col("tier") == "batch")
    hidden = workload.calls[_PLACED][at].filter(unseen)
    rows = repeated(workload.calls, lever).select("call_no", "next") if hidden.height else gone
    follow = dict(rows.join(gone, on="call_no", how="semi").iter_rows()) if hidden.height else {}
    day = pl.col("sent_at").dt.date()
    found = [
        (call, heir, _implicit(*place))
        for call, *place in hidden.select(
            "call_no", "provider", "channel", "model", day
        ).iter_rows()
        if (heir := _last(call, follow)) is not None
    ]
    schema = {"call_no": pl.Int64, "heir": pl.Int64, "implicit": pl.Boolean}
    return pl.DataFrame(found, schema=schema, orient="row")


def _read(workload: Workload, lever: WasteRetries, log: Workload | None = None) -> int:
    """Tokens that the attempts which stay read from a cache."""
    log = log or workload
    heirs = _heirs(log, known(log, lever), lever)["heir"].unique()
    return int(by_class(workload.parts, heirs, ("cache_read",)).sum())


def _last(call: int, follow: Mapping[int, int]) -> int | None:
    """The attempt at the end of a chain of attempts; None where each names another of them."""
    seen = {call}
    while (call := follow[call]) in follow:
        if call in seen:
            return None
        seen.add(call)
    return call


def _implicit(provider: str, channel: str, model: str, day: date | None) -> bool:
    rule = caching_rule(provider, channel, model, day) if day is not None else None
    return rule is not None and rule.mode == "implicit"


def _soon(calls: pl.DataFrame, failed: pl.DataFrame, within_s: int) -> pl.DataFrame:
    """Failed calls after which the same caller sent the same request again. Of an answer that broke
    off, the caller has to be known: strangers may well ask the same."""
    able = (pl.col("request_hash") != 0) & pl.col("sent_at").is_not_null()
    same = calls.filter(able).join(
        failed.filter(able).select("request_hash").unique(), on="request_hash", how="semi"
    )
    key = ("request_hash", CALLER)
    same = same.sort("sent_at", "call_id").with_columns(
        (pl.col("sent_at").shift(-1).over(key) - pl.col("sent_at")).alias("_wait"),
        pl.col("call_no").shift(-1).over(key).alias("next"),
    )
    # Of the same moment are calls made side by side, or one logged twice: neither is a retry.
    later = pl.col("_wait") > pl.duration(seconds=0)
    soon = later & (pl.col("_wait") <= pl.duration(microseconds=within_s * SECONDS))
    sure = ~pl.col("status").is_in(ANSWERED) | CALLER.is_not_null()
    return same.filter(pl.col("status") != "ok", soon, sure).drop("_wait")
