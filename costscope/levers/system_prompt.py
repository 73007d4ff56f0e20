"""What if system prompts were shorter? What they say twice, examples beyond a few, or a share of them.

No judge of wording: it finds lines that recur and examples that are marked, and cuts nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._cut.system import Wanted, found, shorter
from costscope.levers._words import count, percent
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload


@dataclass(frozen=True)
class SystemPrompt(Lever):
    """Takes out of system prompts the lines that they hold already, and what else it is told to.

    A prompt is changed in all calls that send it, so a cached one is written anew once, and read
    from then on.
    """

    title: ClassVar[str] = "Shorten system prompts"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "truncate"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "medium"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "The application's own template holds the text, and the text can be changed.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Some prompts repeat an instruction on purpose, at the beginning and at the end.",
        "Providers cache no prompt below their minimum length: a prompt that gets shorter than that may "
        "cost more.",
    )

    repeated: bool = True
    """Take out lines and paragraphs that the same prompt has word for word before. Needs the logs' text."""
    examples: int = -1
    """How many examples (few-shot) a prompt may keep, the first of them; -1 for all. Off by default: what
    an example is worth only an evaluation tells. Needs the logs' text."""
    shorten: float = 0.0
    """An assumption to try: which share of every system prompt could be written more briefly."""

    def __post_init__(self) -> None:
        if not 0 <= self.shorten < 1:
            raise SettingsError(f"shorten is {self.shorten}; it must lie from 0 to below 1")
        if self.examples < -1:
            raise SettingsError(f"examples is {self.examples}; it must be -1 or more")

    def apply(self, workload: Workload) -> Workload:
        return shorter(workload, self._wanted())

    def action(self, before: Workload, after: Workload) -> str:
        if after is before:
            return "Shorten system prompts; nothing was found that they say twice."
        had, has = (int(w.parts["tokens"].sum()) for w in (before, after))
        texts = found(before, self._wanted()).filter(pl.col("kept") < pl.col("whole"))
        prompts = (
            count(texts["content"].n_unique(), "system prompt")
            if texts.height
            else "system prompts"
        )
        share = percent(had - has, had)
        return f"Shorten {prompts}: {count(had - has, 'token')} ({share} of all) need not be sent."

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How many prompts were looked at, and what was assumed."""
        texts = found(before, self._wanted())
        read = texts.filter("read").height
        said = [
            f"Looked into {read:,} of {count(texts.height, 'text')} of system prompts: those sent most, "
            "as far as the log still has them."
        ]
        if texts.is_empty():
            said = ["No logged text is a system prompt and nothing else."]
        if self.shorten:
            said.append(f"{self.shorten:.0%} of every system prompt is assumed to be dispensable.")
        return said

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What there is in the system prompts of a log that could go."""
        texts = found(before, self._wanted())
        kinds = (("repeated lines", "again"), ("examples", "shown"))
        rows = []
        for name, column in kinds:
            some = texts.filter(pl.col(column) > 0)
            sent = pl.col("sent") * pl.col(f"{column}_tokens") // pl.col("whole")
            rows.append(
                (name, some.height, int(some[column].sum()), int(some.select(sent.sum()).item()))
            )
        return [Table("In system prompts", _COLUMNS, rows)] if any(row[1] for row in rows) else []

    def _wanted(self) -> Wanted:
        return Wanted(self.repeated, self.examples, Fraction(str(self.shorten)))


_COLUMNS = (
    Column("what"), Column("texts", "count"), Column("found", "count"), Column("tokens sent", "tokens"),
)  # fmt: skip
