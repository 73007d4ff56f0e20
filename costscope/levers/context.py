"""What if less retrieved context were sent along? Chunks sent twice, the last in rank, or off the question.

Never the results of tools, which are an agent's observations and not a choice of documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from costscope.errors import SettingsError
from costscope.levers._cut.chunks_cut import Limits, counts, pieces, shorter
from costscope.levers._words import count, percent
from costscope.levers.interface import Lever
from costscope.model import Column, Table, Workload

BOLDEST = 0.8
"""From which resemblance on Lee et al. (2022) take two documents for the same."""


@dataclass(frozen=True)
class Context(Lever):
    """Sends each chunk of retrieved context once, and, if asked to, only the first or nearest of them.

    A chunk is a block of its own, or a part of one that a number, a tag or a fence sets off, or else
    a paragraph; the latter two need the log's text. What is left of a block keeps its place.
    """

    title: ClassVar[str] = "Send less retrieved context"
    stage: ClassVar[str] = "truncation"
    flag: ClassVar[str] = "truncate"
    effort: ClassVar[str] = "medium"
    risk: ClassVar[str] = "medium"
    rewrites_prompts: ClassVar[bool] = True
    prerequisites: ClassVar[Sequence[str]] = (
        "The application puts the retrieved context into the prompt itself.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "Answers are not judged: a chunk that is nearly another may hold the one word that matters.",
        "Context that only traffic tells apart from the rest of its text is left as it is.",
        "Context of earlier turns, which prompts send again as history, is left as it is too: in "
        "conversations a cut breaks the cache once a turn, and the figure is rather too low.",
    )

    duplicates: bool = True
    """Drop a chunk that is nearly one before it in the same context."""
    similarity: float = 0.9
    """From which resemblance (Jaccard index of runs of five words) on two chunks are the same; 1: only word
    for word. Low end 1, high end 0.8."""
    repeats: bool = False
    """Drop a chunk, too, that an earlier turn of the same prompt holds. Off, because together with a
    window over history the only copy could go."""
    top_k: int = 0
    """How many chunks a call may have, the first of them (retrievers put the best first); 0 for all.
    Paragraphs that nothing sets off are not counted as chunks."""
    max_tokens: int = 0
    """How many tokens of chunks a call may have, whole chunks from the first on; 0 for no limit. The first
    chunk always stays."""
    min_overlap: float = 0.0
    """Which share of the question's words, the rarer ones counting more, a chunk must have; 0 for no
    threshold. The best chunk of a call always stays. Needs the log's text."""

    def __post_init__(self) -> None:
        if not 0 < self.similarity <= 1:
            raise SettingsError(f"similarity is {self.similarity}; it must lie above 0, up to 1")
        if not 0 <= self.min_overlap <= 1:
            raise SettingsError(f"min_overlap is {self.min_overlap}; it must lie from 0 to 1")
        for name in ("top_k", "max_tokens"):
            if getattr(self, name) < 0:
                raise SettingsError(f"{name} is {getattr(self, name)}; it must be 0 or more")

    def apply(self, workload: Workload) -> Workload:
        return shorter(workload, self._limits())

    def action(self, before: Workload, after: Workload) -> str:
        if after is before:
            return "Send each chunk of retrieved context once; none was found that could go."
        had, has = (int(w.parts["tokens"].sum()) for w in (before, after))
        calls = count(counts(before, self._limits()).calls, "call")
        share = percent(had - has, had)
        return (
            f"Send less retrieved context in {calls}: {count(had - has, 'token')} "
            f"({share} of all) need not be sent."
        )

    def scenarios(self) -> tuple[Self, Self]:
        """Low: only chunks that are the same word for word. High: from a resemblance of 0.8 on."""
        boldest = min(self.similarity, BOLDEST)
        return replace(self, similarity=1.0), replace(self, similarity=boldest)

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """How much context there is, and how much of it could not be looked into."""
        found = counts(before, self._limits())
        if not found.blocks:
            return ["No retrieved context was found; the results of tools are left as they are."]
        said = [f"Retrieved context: {count(found.blocks, 'block')} with "
                f"{count(found.chunks, 'chunk')}."]  # fmt: skip
        if found.unread:
            said.append(f"{count(found.unread, 'block')} of them cannot be read again; each "
                        "counts as one chunk.")  # fmt: skip
        return said

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What each rule finds by itself, settings aside."""
        if pieces(before, self.similarity).is_empty():
            return ()
        rules = {
            "again in the same context": Limits(similarity=self.similarity),
            "again in a later turn": Limits(similarity=self.similarity, repeats=True),
        }
        found = {name: counts(before, limits) for name, limits in rules.items()}
        rows = [(name, x.calls, x.dropped, x.tokens) for name, x in found.items()]
        return [Table("Chunks sent more than once", _COLUMNS, rows, _NOTE)]

    def _limits(self) -> Limits:
        return Limits(
            self.duplicates, self.similarity, self.repeats, self.top_k, self.max_tokens, self.min_overlap
        )  # fmt: skip


_COLUMNS = (
    Column("chunk"), Column("calls", "count"), Column("chunks", "count"), Column("tokens", "tokens"),
)  # fmt: skip
_NOTE = "Chunks of later turns include those of the same context."
