"""What if prompts said the same in fewer tokens? JSON without indentation, lean tables, no idle white
space, long blocks once. Lossless but for what a setting says, and counted again, not estimated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import polars as pl

from costscope.errors import SettingsError
from costscope.levers._compact.measure import SEGMENTS
from costscope.levers._compact.rows import changed, changes, sorted_parts, told
from costscope.levers._rows import IS_OUTPUT
from costscope.levers._words import count, listing, percent
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload
from costscope.once import once
from costscope.tokens import is_exact

WAYS = {
    "json": "JSON without white space",
    "tables": "tables as tab-separated lines",
    "html": "white space in HTML",
    "space": "trailing spaces and blank lines",
    "paragraphs": "long paragraphs once",
    "encoded": "base64 and hexadecimal left out",
    "repeats": "long blocks once",
}
"""What each way is called, in the order in which they are tried."""


@dataclass(frozen=True)
class Compaction(Lever):
    """Rewrites texts of prompts so that they say the same in fewer tokens.

    Texts are read again from the log and counted before and after with the model's vocabulary, or the
    nearest that is bundled; a block's billed tokens shrink in that proportion. What would get longer
    stays as it is. Ways are measured one after another, so that leaving one out makes the figure of
    the others rather too low. Tool definitions and tool calls stay: providers write them out anew.
    """

    title: ClassVar[str] = "Say the same in fewer tokens"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "compact"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "The application builds the prompt itself, or something in front of the provider may rewrite it.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "An agent that edits files by exact match needs the white space of what it has read.",
        "The alignment of table columns and the classes of HTML tables are lost; no cell is.",
        "What differs from call to call must be rewritten the same way each time, or the provider's "
        "cached prefix breaks.",
    )

    segments: tuple[str, ...] = ("system", "tools", "context", "history")
    """Which segments to touch. The user's own query stays as it was typed, in the history of later turns
    too, unless it is named here."""
    json: bool = True
    """Take white space out of JSON; it parses to the same value."""
    tables: bool = True
    """Markdown tables and plain HTML tables as tab-separated lines, with every cell."""
    html: bool = True
    """Collapse runs of white space in HTML to one space, as HTML itself reads them."""
    space: bool = True
    """Take away spaces at the ends of lines, and blank lines that follow another; not in code."""
    paragraphs: bool = True
    """Long paragraphs once within a text, with a pointer to the first in place of the others."""
    repeats: bool = True
    """The same with whole blocks (a file that was read twice) within a prompt. The low end does not."""
    encoded: bool = False
    """Take long base64 and hexadecimal out. This loses them: a model cannot read what is encoded, but
    it may have to pass it on. Off for that reason."""

    def __post_init__(self) -> None:
        for name in self.segments:
            if name not in SEGMENTS:
                known = ", ".join(SEGMENTS)
                raise SettingsError(f"segments has {name!r}; it can be: {known}")

    def apply(self, workload: Workload) -> Workload:
        rows = _found(workload, self)
        return changed(sorted_parts(workload), rows) if rows.height else workload

    def action(self, before: Workload, after: Workload) -> str:
        rows = _found(before, self)
        if rows.is_empty():
            return "Write prompts in fewer tokens; nothing was found that could be shorter."
        saved = {name: int(rows[name].sum()) for name in WAYS}
        best = sorted((name for name in WAYS if saved[name]), key=lambda name: -saved[name])
        total = int((rows["had"] - rows["has"]).sum())
        whole = int(before.parts.filter(~IS_OUTPUT)["tokens"].sum())
        return (
            f"Write prompts in fewer tokens ({listing([WAYS[name] for name in best])}): "
            f"{count(total, 'token')} ({percent(total, whole)} of all input) need not be sent."
        )

    def scenarios(self) -> tuple[Self, Self]:
        """Low: whole blocks are repeated as they are. High: as set."""
        return replace(self, repeats=False), self

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How many texts could be read, how they were counted, and what is not lossless."""
        known = told(before.log, self.segments, self.ways())
        said = []
        if known.read < known.wanted:
            said.append(
                "Left as logged, because the log no longer has their text: "
                f"{count(known.wanted - known.read, 'text')} of {known.wanted:,}."
            )
        models = before.calls["model"].unique().sort().to_list() if after is not before else []
        if guessed := [name or "unnamed ones" for name in models if not is_exact(name)]:
            said.append(
                "Counted with the nearest vocabulary, since their own is not public or not bundled: "
                f"{listing(guessed)}."
            )
        if self.encoded:
            said.append("Base64 and hexadecimal are taken out, which is not lossless.")
        return said

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What each way saves, and what becomes of each segment."""
        rows = _found(before, self)
        return [] if rows.is_empty() else [_by_way(rows), _by_segment(before, after)]

    def ways(self) -> tuple[str, ...]:
        """The ways of rewriting a text that are switched on."""
        return tuple(name for name in WAYS if name != "repeats" and getattr(self, name))


@once
def _found(workload: Workload, lever: Compaction) -> pl.DataFrame:
    """The rows of the workload, sorted, that a lever changes."""
    return changes(sorted_parts(workload), lever.segments, lever.ways(), repeats=lever.repeats)


def _by_way(rows: pl.DataFrame) -> Table:
    found = [
        (said, rows.filter(pl.col(name) > 0).height, int(rows[name].sum()))
        for name, said in WAYS.items()
    ]
    columns = [Column("what"), Column("blocks", "count"), Column("tokens saved", "tokens")]
    kept = [row for row in found if row[1]]
    return Table(
        "Tokens by kind of compaction", columns, sorted(kept, key=lambda row: (-row[2], row[0]))
    )


def _by_segment(before: Workload, after: Workload) -> Table:
    had, has = (
        w.parts.filter(~IS_OUTPUT)
        .group_by(pl.col("segment").cast(pl.String))
        .agg(pl.col("tokens").sum())
        for w in (before, after)
    )
    both = had.join(has, on="segment", suffix="_after").filter(
        pl.col("tokens") != pl.col("tokens_after")
    )
    rows = both.sort(pl.col("tokens_after") - pl.col("tokens"), "segment").rows()
    columns = [
        Column("segment"),
        Column("tokens before", "tokens"),
        Column("tokens after", "tokens"),
    ]
    return Table("Compacted segments", columns, rows)
