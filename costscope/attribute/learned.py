"""What the traffic of one feature tells of its prompts: what never changes is template, what recurs in
changing company is retrieved context, and what is unique is the query.

Looks at which spans recur in which texts, and at nothing that they say. Deterministic, whatever the
order of the texts; silent where there is too little to learn from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Self

from costscope.attribute.evidence import BULK, ENOUGH, Piece, Place, Text, is_query, recurring
from costscope.attribute.spans import LINE, PARAGRAPH

SHARE = 0.2
"""Texts of a feature that begin or end alike are of one template if they are so many of them; fewer may
only have a common subject."""
ALWAYS = 0.8
"""A span in this share of the texts is the template's; the rest left it out."""
Slot = tuple[int, int]
"""The template's span before a place, and the how manieth of its kind that is; (0, 0) at the start."""


@dataclass(frozen=True)
class Rule:
    """What is so of every text of one shape."""

    fixed: Set[int]
    """Spans of the template."""
    context: Set[Slot]
    """Places of retrieved context."""
    end: int | None
    """Where the query stands beside documents in one place: 0, -1, or None where it has its own."""
    rest: str
    """The segment of everything else."""

    def segments(self, text: Text) -> Sequence[str] | None:
        """A segment for each span; None where the text is not of the shape."""
        slots = slots_of(text, self.fixed)
        if self.end is None:
            return [_named(slot, self.context, self.rest) for slot in slots]
        paragraphs = paragraphs_of(text, slots)
        if len(paragraphs) < 2:
            return None
        names = ["system" if slot is None else "context" for slot in slots]
        for i in paragraphs[self.end]:
            names[i] = self.rest
        return names


@dataclass(frozen=True)
class Lesson:
    """What was learned of the texts that one feature sends in one role."""

    shapes: Mapping[tuple[int, int], Rule]
    """By the end of the text that tells a shape (0 or -1) and the span that stands there; (1, 0) is
    every other text."""
    confidence: float
    """0 to 1: how much of what is called context was seen in other texts too."""

    def segments(self, text: Text) -> Sequence[str] | None:
        """A segment for each span of a text; None where nothing was learned of its like."""
        keys = ((0, text[0].what), (-1, text[-1].what), (1, 0))
        rule = next((self.shapes[key] for key in keys if key in self.shapes), None)
        return None if rule is None or len(text) < 2 else rule.segments(text)


def learn(texts: Sequence[Text], role: str) -> Lesson:
    """What different texts, sent in one role ("user" or "system"), have in common."""
    rules: dict[tuple[int, int], Rule] = {}
    seen = told = 0
    for key, alike in _shapes(texts):
        shape = _Shape.of(alike, role)
        rule = shape.rule()
        if rule is None:
            continue
        rules[key] = rule
        for text, flags in zip(alike, recurring(alike), strict=True):
            names = zip(text, rule.segments(text) or (), flags, strict=False)
            context = [(piece, again) for piece, name, again in names if name == "context"]
            told += sum(piece.tokens for piece, _ in context)
            seen += sum(piece.tokens for piece, again in context if again)
    return Lesson(rules, seen / told if told else 0.0)


def _shapes(texts: Sequence[Text]) -> Iterator[tuple[tuple[int, int], list[Text]]]:
    """The texts parted by how they begin, else by how they end, where enough of them do so alike."""
    left, least = list(texts), max(ENOUGH, SHARE * len(texts))
    for end in (0, -1):
        alike: dict[int, list[Text]] = {}
        for text in left:
            alike.setdefault(text[end].what, []).append(text)
        yield from (((end, what), found) for what, found in alike.items() if len(found) >= least)
        left = [text for found in alike.values() if len(found) < least for text in found]
    if len(left) >= ENOUGH:
        yield (1, 0), left


@dataclass(frozen=True)
class _Shape:
    """Texts of one template."""

    texts: Sequence[Text]
    role: str
    fixed: Set[int]

    @classmethod
    def of(cls, texts: Sequence[Text], role: str) -> Self:
        df = Counter(what for text in texts for what in {p.what for p in text})
        least = max(ALWAYS * len(texts), ENOUGH)
        return cls(texts, role, {what for what, n in df.items() if n >= least})

    def rule(self) -> Rule | None:
        """What holds of these texts; None where no context shows, and no template that would part a
        query from instructions."""
        slots = [slots_of(text, self.fixed) for text in self.texts]
        context, others = self._context(slots)
        if self.role == "system":
            return Rule(self.fixed, context, None, "system") if context else None
        if len(others) + len(context) == 1:
            end = self._query_end(slots)
            return None if end is None else Rule(self.fixed, context, end, "query")
        return Rule(self.fixed, context, None, "query") if context or self.fixed else None

    def _context(self, slots: Sequence[Sequence[Slot | None]]) -> tuple[set[Slot], set[Slot]]:
        """The places that hold retrieved context, and the others. Of places that all look like it the
        smallest is the query, if there are several."""
        held: dict[Slot, dict[Hashable, list[Piece]]] = {}
        for text, own in zip(self.texts, slots, strict=True):
            for slot, found in groupby(zip(own, text, strict=True), key=itemgetter(0)):
                if slot is not None:
                    pieces = [piece for _, piece in found]
                    # What is the same throughout says nothing of company that changes.
                    held.setdefault(slot, {}).setdefault(tuple(p.what for p in pieces), pieces)
        places = {slot: Place.of(contents.values()) for slot, contents in held.items()}
        context = {s for s, p in places.items() if p.recurs(places.values())}
        if self.role == "user" and not context:
            context = {s for s, p in places.items() if p.is_bulk(places.values())}
        if self.role == "system" and self.fixed:
            # What is put into a system prompt anew each time, and is long, is no query.
            context |= {s for s, p in places.items() if p.is_often and p.mean >= BULK}
        if self.role == "user" and len(context) > 1 and len(context) == len(places):
            context.remove(min(context, key=lambda slot: (places[slot].mean, slot)))
        return context, places.keys() - context

    def _query_end(self, slots: Sequence[Sequence[Slot | None]]) -> int | None:
        """Where documents and query stand in one place: the end whose paragraph is unique in nearly all
        texts, and which asks where the other end does not. None where nothing tells."""
        parted = [
            (text, paragraphs_of(text, own)) for text, own in zip(self.texts, slots, strict=True)
        ]
        several = [(text, found) for text, found in parted if len(found) > 1]
        if len(several) < max(ENOUGH, ALWAYS * len(self.texts)):
            return None
        ends, rests = (Place(), Place()), (Place(), Place())
        for (text, found), seen in zip(several, recurring([t for t, _ in several]), strict=True):
            for place, where in ((ends[0], found[:1]), (rests[0], found[1:]),
                                 (ends[-1], found[-1:]), (rests[-1], found[:-1])):  # fmt: skip
                at = [i for paragraph in where for i in paragraph]
                place.add([text[i] for i in at], [seen[i] for i in at])
        asked = {end: is_query(ends[end], rests[end], ends[~end]) for end in (-1, 0)}
        return next((end for end, is_query in asked.items() if is_query), None)


def slots_of(text: Text, fixed: Set[int]) -> list[Slot | None]:
    """For each span the place that it stands in, None for the template's own."""
    found: list[Slot | None] = []
    passed: dict[int, int] = {}
    slot = (0, 0)
    for what, _, _, _ in text:
        if what in fixed:
            passed[what] = passed.get(what, 0) + 1
            slot = (what, passed[what])
            found.append(None)
        else:
            found.append(slot)
    return found


def _named(slot: Slot | None, context: Set[Slot], rest: str) -> str:
    return "system" if slot is None else "context" if slot in context else rest


def paragraphs_of(text: Text, slots: Sequence[Slot | None]) -> list[range]:
    """The paragraphs of what is not the template's; its lines where it is all one paragraph. None where
    all is the template's."""
    free = [i for i, slot in enumerate(slots) if slot is not None]
    first = {i for i in free if i == 0 or slots[i - 1] is None}
    levels = ([i for i in free if i in first or text[i].opens >= n] for n in (PARAGRAPH, LINE))
    starts = next((found for found in levels if len(found) > 1), free[:1])
    stops = [*starts[1:], *(i + 1 for i in free[-1:])]
    return [range(a, b) for a, b in zip(starts, stops, strict=True)]
