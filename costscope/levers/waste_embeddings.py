"""What if each text had been embedded once, and its vector kept?

Not about generation, and not about similar texts: the same text, letter by letter, by the same model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import polars as pl

from costscope.levers._prefix import rehash
from costscope.levers._rows import IS_OUTPUT
from costscope.levers._runs import runs
from costscope.levers._waste.base import Waste, known, none
from costscope.levers._words import count, percent
from costscope.model import ANSWERED, Workload
from costscope.once import once

EMBEDDING = r"(?i)embed|(^|[/.])(voyage|bge|gte|e5|multilingual-e5)-"
"""Names of embedding models: most have the word in them (text-embedding-3, gemini-embedding, titan-embed,
nomic-embed, Cohere's embed-); Voyage's and the open families BGE, GTE and E5 do not."""

RERANKING = r"(?i)rerank"
"""Rerankers of the same families judge a text beside a question, so a text comes again with reason."""

_BLOCK = ("call_no", "seq")


@dataclass(frozen=True)
class WasteEmbeddings(Waste):
    """Drops texts that the same model had embedded before, and calls that embed nothing else.

    A text gives the same vector every time, so the first is kept for ever. Texts that the log does
    not have, and tokens that no text explains, stay billed.
    """

    title: ClassVar[str] = "Embed each text once"
    effort: ClassVar[str] = "low"
    risk: ClassVar[str] = "low"
    advice: ClassVar[str] = "Keep the vectors of texts by their hash and embed only what is new"
    noun: ClassVar[str] = "embedding call"
    prerequisites: ClassVar[Sequence[str]] = (
        "A store of vectors, keyed by model, settings and a hash of the text.",
    )
    caveats: ClassVar[Sequence[str]] = (
        "The same text embedded on purpose with another dimension or for another task (query or "
        "document) is another vector; only the low end, which compares whole requests, tells them apart.",
    )

    whole: bool = False
    """Only drop calls whose whole request, settings included, was made before."""

    def found(self, workload: Workload) -> pl.DataFrame:
        """The calls that would embed nothing new."""
        calls, texts = embedded(workload)
        if calls.is_empty():
            return none()
        asked = calls.filter(pl.col("request_hash") != 0)
        asked = asked.sort("sent_at", "call_id", nulls_last=True)
        again = asked.filter(~pl.struct("model", "request_hash").is_first_distinct())["call_no"]
        if not self.whole:
            text = (pl.col("content") != 0).any()
            left = texts.group_by("call_no").agg(pl.col("new").any(), text.alias("text"))
            again = pl.concat([again, left.filter("text", ~pl.col("new"))["call_no"]]).unique()
        return again.to_frame().select("call_no", pl.lit("nothing new").alias("kind"))

    def apply(self, workload: Workload) -> Workload:
        workload = super().apply(workload)
        texts = embedded(workload)[1]
        old = texts.filter(~pl.col("new") & (pl.col("content") != 0))
        if self.whole or old.is_empty():
            return workload
        parts = workload.parts
        rows = runs(parts).rows(old["call_no"].unique().to_numpy())
        few = parts[list(_BLOCK)][rows].with_columns(row=pl.Series(rows))
        keep = np.ones(parts.height, bool)
        keep[few.join(old, on=_BLOCK, how="semi")["row"].to_numpy()] = False
        return workload.with_(parts=rehash(parts.filter(pl.Series(keep))))

    def scenarios(self) -> tuple[Self, Self]:
        """Low: only whole requests, settings included. High: as set."""
        return replace(self, whole=True), self

    def action(self, before: Workload, after: Workload) -> str:
        had, has = (int(w.parts["tokens"].sum()) for w in (before, after))
        if had == has:
            return f"{self.advice}; none was found."
        whole = int(embedded(before)[1]["tokens"].sum())
        return (
            f"{self.advice}: {count(had - has, 'token')} ({percent(had - has, whole)} of all that were "
            f"embedded) were embedded before, among them {count(known(before, self).height, 'whole call')}."
        )


_KNOWN = [
    "call_no", "call_id", "provider", "model", "sent_at", "status", "request_hash", "added",
]  # fmt: skip


@once
def embedded(workload: Workload) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The answered calls of embedding models that have no output; and of their blocks call_no, seq,
    content, tokens, `new`: whether this is the first time, or it is not known what it is."""
    model = pl.col("model")
    named = model.str.contains(EMBEDDING) & ~model.str.contains(RERANKING)
    calls = workload.calls[_KNOWN].filter(named, pl.col("status").is_in(ANSWERED), ~pl.col("added"))
    rows = runs(workload.parts).rows(calls["call_no"].to_numpy())
    parts = workload.parts[["call_no", "seq", "content", "billing_class", "tokens"]][rows]
    spoke = parts.filter(IS_OUTPUT & (pl.col("tokens") > 0)).select("call_no")
    calls = calls.join(spoke, on="call_no", how="anti", maintain_order="left")
    blocks = parts.group_by(_BLOCK).agg(pl.col("content").first(), pl.col("tokens").sum())
    facts = calls.select("call_no", "provider", "model", "sent_at", "call_id")
    blocks = blocks.join(facts, on="call_no").sort("sent_at", "call_id", "seq", nulls_last=True)
    # A block without a hash is no text; where it was billed for nothing, nothing depends on it.
    silent = (pl.col("content") == 0) & (pl.col("tokens") > 0)
    first = pl.struct("provider", "model", "content").is_first_distinct() & (pl.col("content") != 0)
    return calls, blocks.select(*_BLOCK, "content", "tokens", (first | silent).alias("new"))
