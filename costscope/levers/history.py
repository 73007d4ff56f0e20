"""What if less of a conversation's past were sent along? A window, a summary, what is relevant, or the
past without its old tool results.

Never a cut through system, tools, context or query.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Self

import numpy as np
import polars as pl

from costscope.columns import codes
from costscope.errors import SettingsError
from costscope.levers._cut.cut import Flags, cut, in_block, scaled
from costscope.levers._cut.history import ages, curve
from costscope.levers._cut.recall import recalled, unread
from costscope.levers._cut.summary import Summary, summed_up
from costscope.levers._cut.turns import IS_HISTORY, UNITS, Window, left, turns_of
from costscope.levers._prefix import ordered
from costscope.levers._words import count, percent
from costscope.levers.interface import Lever
from costscope.model import Table, Workload

MODES = ("window", "summary", "relevant", "tool_results")

PLACEHOLDER = 10
"""Tokens of the words that stand where a tool's result was, such as "[old tool result cleared]"."""

LONGER = 4
"""How many times as long a summary is under the pessimistic assumption."""

_DONE = {
    "window": "Send only the last {} of a conversation",
    "summary": "Send a summary and the last {} of a conversation",
    "relevant": "Send the last {} of a conversation and what is relevant of the others",
    "tool_results": "Clear the results of tools that are older than {}",
}


@dataclass(frozen=True)
class History(Lever):
    """Shortens history that is older than the last `turns` turns before the current one.

    Whole turns go, so a tool call never loses its result. Prefixes are made anew, and what was read
    from the provider's cache behind the first gap counts as fresh until caching is simulated again.
    """

    title: ClassVar[str] = "Send fewer old turns"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "truncate"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "high"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "The application builds the prompt itself and does not leave history to the provider.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Answers will differ wherever they needed what was dropped; nothing here measures that.",
        "A window that moves with every turn breaks the provider's cached prefix behind the system "
        "prompt; that loss is in the figure where the log shows caching.",
    )

    turns: int = 6
    """How many turns before the current one are kept as they are. An assumption, near the 5 that
    LangChain's ConversationBufferWindowMemory keeps; what a conversation needs only its answers tell."""
    mode: str = "window"
    """What becomes of older ones: "window" (dropped), "summary" (one block of `summary_tokens` instead),
    "relevant" (dropped but for those that share words with the question; needs the logs' text), or
    "tool_results" (results of tools are cleared and all else stays, as Anthropic's context editing
    does it)."""
    unit: str = ""
    """What a turn is: "user", a message of the user and all up to the next; or "step", a reply of the
    model and what its tools gave back, where messages of the user always stay. Empty: steps for
    "tool_results", else messages of the user. An agent's run is one turn, and many steps."""
    stride: int = 0
    """The cut moves on by so many turns at a time; until it does, prompts begin alike and can be cached.
    0: by one, and for a summary or results of tools by as many as `turns`."""
    summary_model: str = ""
    """The model that writes the summaries; empty for the call's own, the dearest choice."""
    summary_tokens: int = 256
    """How long a summary is (the default of LangMem's SummarizationNode). Low end: four times that."""
    recall: int = 3
    """How many old turns are brought back where `mode` is "relevant"."""

    def __post_init__(self) -> None:
        for name, least in (("turns", 0), ("stride", 0), ("summary_tokens", 1), ("recall", 0)):
            if getattr(self, name) < least:
                value = f"{name} is {getattr(self, name)}"
                raise SettingsError(f"{value}; it must be {least} or more")
        if self.mode not in MODES:
            raise SettingsError(f"mode is {self.mode!r}; it can be: {', '.join(MODES)}")
        if self.unit not in ("", *UNITS):
            raise SettingsError(f"unit is {self.unit!r}; it can be: {', '.join(UNITS)}")

    def apply(self, workload: Workload) -> Workload:
        parts = ordered(workload.parts)
        if not parts.select(IS_HISTORY.any()).item():
            return workload
        turns = turns_of(parts, self._unit)
        old = turns.old(self._window)
        if self._unit == "step":
            old &= codes(parts["role"], ("user",)) != 0
        if not old.any():
            return workload
        if self.mode == "tool_results":
            return cut(workload, parts.with_columns(_cleared(parts, old)))
        if self.mode == "summary":
            summary = Summary(self.summary_model, self.summary_tokens)
            return summed_up(workload, parts, turns, old, self._window, summary)
        if self.mode == "relevant":
            old = old & ~recalled(workload, parts, turns, old, self.recall)
        return cut(workload, parts.with_columns(left(parts, turns, old)))

    def action(self, before: Workload, after: Workload) -> str:
        had, has = (_sent(w) for w in (before, after))
        far = count(self.turns, self._noun)
        what = _DONE[self.mode].format(far).replace("last 1 ", "last ")
        if had == has:
            steps = ages(before, "step").beyond(self.turns)[0] if self._unit == "user" else 0
            runs = (
                f" in turns; in steps (unit = step) {count(steps, 'call')} would be cut"
                if steps
                else ""
            )
            return f"{what}; none is longer{runs}."
        share = percent(had - has, had)
        return f"{what}: {count(had - has, 'token')} ({share} of all) need not be sent."

    def scenarios(self) -> tuple[Self, Self]:
        """Low: summaries four times as long. High: as set. Without summaries both are as set."""
        if self.mode != "summary":
            return self, self
        return replace(self, summary_tokens=self.summary_tokens * LONGER), self

    def variants(self) -> Sequence[Self]:
        """Old results of tools cleared, in large jumps and in smaller ones; windows that move in jumps as long
        as they are, the longest first; and the default, which moves each turn. None if anything was set
        by hand."""
        if any(getattr(self, f.name) != f.default for f in fields(self)):
            return (self,)
        cleared = (replace(self, mode="tool_results", turns=10, stride=jump) for jump in (40, 10))
        jumping = (replace(self, turns=turns, stride=turns) for turns in (20, 12, self.turns))
        return (*cleared, *jumping, self)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How much of the log the cut reaches, and what was assumed of summaries and texts."""
        calls = pl.col("call_no").filter(IS_HISTORY).n_unique()
        had, has = (w.parts.select(calls).item() for w in (before, after))
        by = "replies of the model" if self._unit == "step" else "user messages"
        none = f"; {count(had - has, 'call')} would send none" if had > has else ""
        said = [f"{count(had, 'call')} sent history{none}. "
                f"Turns are counted by {by}{_RUN if self._unit == 'user' else ''}."]  # fmt: skip
        if self._window.stride > 1:
            said.append(f"The cut moves {count(self._window.stride, self._noun)} at a time.")
        if self.mode == "summary" and after is not before:
            said.append(self._written(after))
        if self.mode == "relevant" and (silent := unread(before)):
            said.append("History that cannot be read again counts as not relevant, in "
                        f"{count(silent, 'call')}.")  # fmt: skip
        return said

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What windows of other lengths would leave out, by turns and by steps."""
        return curve(before)

    @property
    def _unit(self) -> str:
        return self.unit or ("step" if self.mode == "tool_results" else "user")

    @property
    def _noun(self) -> str:
        return "step" if self._unit == "step" else "turn"

    @property
    def _window(self) -> Window:
        several = self.mode in ("summary", "tool_results")
        return Window(self.turns, self.stride or (max(self.turns, 1) if several else 1))

    def _written(self, after: Workload) -> str:
        mine = after.calls.filter(pl.col("added") & (pl.col("lever") == "history"))
        model = self.summary_model or "the call's own model"
        return (f"{count(mine.height, 'summary call')} to {model} are paid for; each reads what has "
                f"come since the last summary and writes {self.summary_tokens} tokens.")  # fmt: skip


_RUN = ", so a long run of tools is one turn"


def _cleared(parts: pl.DataFrame, old: Flags) -> pl.Series:
    """`_left` where the results of tools among the `old` rows are replaced by a few words."""
    results = old & (codes(parts["kind"], ("tool_result",)) == 0)
    whole = in_block(parts)
    return scaled(parts, np.where(results, np.minimum(whole, PLACEHOLDER), -1), whole)


def _sent(workload: Workload) -> int:
    """Tokens of the calls of the log itself."""
    new = workload.calls.filter("added")["call_no"]
    own = (
        workload.parts.filter(~pl.col("call_no").is_in(new.implode()))
        if len(new)
        else workload.parts
    )
    return int(own["tokens"].sum())
