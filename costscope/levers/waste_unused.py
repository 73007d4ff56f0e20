"""What if answers that were replaced by another answer to the same prompt had not been asked for?

Not about answers that a person may have read: only what the log itself shows to be left behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import polars as pl

from costscope.levers._waste.base import Waste, none, prompts_with, spoken
from costscope.levers._words import count
from costscope.model import ANSWERED, Workload

CONVERSATION = pl.coalesce("session", "trace")
_KNOWN = ["call_no", "session", "trace", "request_hash", "status", "added"]
_SAME = ("_conversation", "request_hash")


@dataclass(frozen=True)
class WasteUnused(Waste):
    """Drops a call where another call of the conversation made the same request, later prompts
    carry that other answer, and none carries anything of this one.

    Whether an answer is used outside of the conversation no log tells, so an answer that is merely
    missing from later prompts is not counted: it may be a title, a verdict, or the last word.
    """

    title: ClassVar[str] = "Ask once where one answer is used"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    advice: ClassVar[str] = "Do not ask again for what is answered already"
    noun: ClassVar[str] = "answer that nobody used"
    prerequisites: ClassVar[Sequence[str]] = (
        "It is known why the prompt was asked more than once: a race, a fallback, a person who wanted "
        "another answer, a vote.",
    )
    caveats: ClassVar[Sequence[str]] = ("Several answers to choose from can be worth their price.",)

    def found(self, workload: Workload) -> pl.DataFrame:
        asked = _asked(workload)
        if asked.is_empty():
            return none()
        said = _carried(workload, asked)
        told = said.group_by("call_no").agg(
            pl.col("carried").any(), (pl.col("content") != 0).all().alias("known")
        )
        asked = asked.join(told, on="call_no").with_columns(
            pl.col("carried").any().over(_SAME).alias("_other")
        )
        unused = asked.filter("_other", "known", ~pl.col("carried"))
        return unused.select("call_no", pl.lit("another answer was used").alias("kind"))

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """What can be told at all."""
        asked = _asked(before)
        if asked.is_empty():
            return [
                "No request was made twice in one conversation, so nothing tells which answers were used."
            ]
        carried = _carried(before, asked).filter("carried").select("call_no").unique().height
        if not carried:
            return [
                f"Too little data: {count(asked.height, 'call')} made a request that was made more than "
                "once, and no later prompt carries any of the answers."
            ]
        return [
            f"{count(asked.height, 'call')} made a request that their conversation made more than once; "
            f"the answers of {carried} are carried on."
        ]


def _asked(workload: Workload) -> pl.DataFrame:
    """Calls whose request some other call of their conversation has too: call_no and _SAME."""
    calls = workload.calls[_KNOWN].filter(
        (pl.col("request_hash") != 0) & ~pl.col("added") & pl.col("status").is_in(ANSWERED),
        CONVERSATION.is_not_null(),
        pl.col("request_hash").is_duplicated(),
    ).select("call_no", "request_hash", CONVERSATION.alias("_conversation"))  # fmt: skip
    return calls.filter(pl.struct(_SAME).is_duplicated())


def _carried(workload: Workload, asked: pl.DataFrame) -> pl.DataFrame:
    """The blocks of these calls' replies, and whether a prompt of the conversation has them: call_no,
    content, carried. What is thought is no answer."""
    said = spoken(workload.parts, asked["call_no"]).filter(pl.col("segment") == "output")
    said = said.select("call_no", "content").unique()
    said = said.join(asked.select("call_no", "_conversation"), on="call_no")
    inside = workload.calls.select("call_no", CONVERSATION.alias("_conversation"))
    texts = said["content"].filter(said["content"] != 0)
    there = prompts_with(workload.parts, texts).join(inside, on="call_no")
    there = there.select("_conversation", "content", carried=pl.lit(value=True)).unique()
    found = said.join(there, on=["_conversation", "content"], how="left")
    return found.select("call_no", "content", pl.col("carried").fill_null(value=False))
