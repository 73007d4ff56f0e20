"""What the traffic of one feature tells of its prompts: what never changes is template, what recurs in
changing company is retrieved context, and what is unique is the query.

Looks at which spans recur in which texts, and at nothing that they say. Deterministic, whatever the
order of the texts; silent where there is too little to learn from.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, Self

from costscope.attribute.spans import LINE, PARAGRAPH

ENOUGH = 8
"""Fewer different texts of one shape prove nothing."""
SHARE = 0.2
"""Texts of a feature that begin or end alike are of one template if they are so many of them; fewer may
only have a common subject."""
ALWAYS = 0.8
"""A span in this share of the texts is the template's; the rest left it out."""
RECURS = 0.15
"""A place of which this share of the tokens is also seen in other texts holds retrieved context."""
SPREAD = 0.4
"""In this share of the texts, at least."""
WORDS = 6
"""Tokens of a span that can be evidence; shorter ones (a brace, a greeting) recur in any text."""
ALONE = 12
"""Tokens of a line that can be evidence though nothing next to it recurs with it."""
LARGE = 4
"""A place this many times as large as the others needs half of that."""
CONTEXT = 24
"""Tokens that such a place holds in the mean, at least."""
ENDS = 0.9
"""Share of texts in which the same end must be unique for the query to be told from documents."""


ASKS = 0.5
"""Share of texts whose smaller place asks something, for the larger one to be taken for context though
it never recurs."""
BULK = 120
"""Tokens that such a place holds in the mean, at least. In a system prompt, where no query stands, it
need not be larger than others."""


class Piece(NamedTuple):
    """A span of a text: a hash that says what it is, its tokens, what begins with it (see `spans`), and
    whether it ends as a question does."""

    what: int
    tokens: int
    opens: int
    asks: bool


Text = Sequence[Piece]
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
        slots = list(slots_of(text, self.fixed))
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
        for text in alike:
            names = zip(text, rule.segments(text) or (), shape.recurring(text), strict=False)
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
    shared: Set[int]
    """Spans that are in more than one text, and not the template's."""
    pairs: Set[tuple[int, int]]
    """Neighbours that are neighbours in more than one text."""

    @classmethod
    def of(cls, texts: Sequence[Text], role: str) -> Self:
        df = Counter(what for text in texts for what in {p.what for p in text})
        beside = Counter(
            pair for text in texts for pair in {(a.what, b.what) for a, b in pairwise(text)}
        )
        least = max(ALWAYS * len(texts), ENOUGH)
        fixed = {what for what, n in df.items() if n >= least}
        shared = {what for what, n in df.items() if n > 1} - fixed
        return cls(texts, role, fixed, shared, {pair for pair, n in beside.items() if n > 1})

    def recurring(self, text: Text) -> list[bool]:
        """For each span whether it is evidence of context: it is in another text, too, with a neighbour
        or as a line of its own. Sentences alone recur wherever people write about one thing."""
        beside = [(a.what, b.what) in self.pairs for a, b in pairwise(text)]
        lines = [piece.opens >= LINE for piece in text] + [True]
        return [
            piece.what in self.shared
            and piece.tokens >= WORDS
            and (
                any(beside[max(0, i - 1) : i + 1])
                or (lines[i] and lines[i + 1] and piece.tokens >= ALONE)
            )
            for i, piece in enumerate(text)
        ]

    def rule(self) -> Rule | None:
        """What holds of these texts; None where no context shows, and no template that would part a
        query from instructions."""
        slots = [list(slots_of(text, self.fixed)) for text in self.texts]
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
        places: dict[Slot, _Place] = {}
        for key, text in enumerate(self.texts):
            for piece, slot, again in zip(text, slots[key], self.recurring(text), strict=True):
                if slot is not None:
                    places.setdefault(slot, _Place()).add(key, piece, seen=again)
        context = {s for s, p in places.items() if p.recurs(places.values(), len(self.texts))}
        if self.role == "user" and not context:
            context = {s for s, p in places.items() if p.is_bulk(places.values(), len(self.texts))}
        if self.role == "system" and self.fixed:
            # What is put into a system prompt anew each time, and is long, is no query.
            context |= {s for s, p in places.items() if p.tokens >= BULK * len(self.texts)}
        if self.role == "user" and len(context) > 1 and len(context) == len(places):
            context.remove(min(context, key=lambda slot: (places[slot].tokens, slot)))
        return context, places.keys() - context

    def _query_end(self, slots: Sequence[Sequence[Slot | None]]) -> int | None:
        """Where documents and query stand in one place: the end whose paragraph is unique in nearly all
        texts, and which asks where the other end does not. None where nothing tells."""
        ends, middle, several = {0: _Place(), -1: _Place()}, _Place(), 0
        for key, text in enumerate(self.texts):
            found, again = paragraphs_of(text, slots[key]), self.recurring(text)
            several += len(found) > 1
            for n, where in enumerate(found if len(found) > 1 else ()):
                place = ends[0] if n == 0 else ends[-1] if n == len(found) - 1 else middle
                for i in where:
                    place.add(key, text[i], seen=again[i])
        if several < max(ENOUGH, ALWAYS * len(self.texts)):
            return None
        return _query_of(ends[0], ends[-1], middle, several)


def slots_of(text: Text, fixed: Set[int]) -> Iterator[Slot | None]:
    """For each span the place that it stands in, None for the template's own."""
    passed: Counter[int] = Counter()
    slot = (0, 0)
    for piece in text:
        if piece.what in fixed:
            passed[piece.what] += 1
            slot = (piece.what, passed[piece.what])
            yield None
        else:
            yield slot


@dataclass
class _Place:
    """What stands in one place of the texts of a shape."""

    tokens: int = 0
    seen: int = 0
    """Tokens of spans that recur elsewhere."""
    texts: set[int] = field(default_factory=set)
    asking: set[int] = field(default_factory=set)
    known: set[int] = field(default_factory=set)
    """Texts in which something here recurs elsewhere."""

    def add(self, key: int, piece: Piece, *, seen: bool) -> None:
        """Take in a span of a text."""
        self.tokens += piece.tokens
        self.texts.add(key)
        if seen:
            self.seen += piece.tokens
            self.known.add(key)
        if piece.asks:
            self.asking.add(key)

    def recurs(self, places: Collection[_Place], texts: int) -> bool:
        """Whether enough of it is seen elsewhere too; less will do for by far the largest place."""
        others = [p.tokens for p in places if p is not self]
        large = bool(others) and self.tokens >= LARGE * max(others)
        least = RECURS / 2 if large else RECURS
        spread = len(self.known) >= SPREAD * texts
        return spread and self.tokens >= CONTEXT * texts and self.seen >= least * self.tokens

    def is_bulk(self, places: Collection[_Place], texts: int) -> bool:
        """Whether it is long, and another place, by far smaller, asks in most texts."""
        others = [p for p in places if p is not self]
        asked = any(len(p.asking) >= ASKS * texts for p in others)
        largest = max((p.tokens for p in others), default=0)
        return asked and self.tokens >= max(BULK * texts, LARGE * largest)


def _query_of(first: _Place, last: _Place, middle: _Place, texts: int) -> int | None:
    """Which end of documents and query in one place is the query: 0, -1, or None where nothing tells."""
    for end, place, other in ((-1, last, first), (0, first, last)):
        rest = other.tokens + middle.tokens
        small = rest >= max(CONTEXT * texts, LARGE * place.tokens)
        unique = len(place.known) <= (1 - ENDS) * texts
        known = other.known | middle.known
        recurs = other.seen + middle.seen >= RECURS * rest and len(known) >= SPREAD * texts
        asks = len(place.asking) >= ASKS * texts and len(other.asking) < len(place.asking) / 2
        if small and unique and (recurs or (asks and rest >= BULK * texts)):
            return end
    return None


def _named(slot: Slot | None, context: Set[Slot], rest: str) -> str:
    return "system" if slot is None else "context" if slot in context else rest


def paragraphs_of(text: Text, slots: Sequence[Slot | None]) -> list[range]:
    """The paragraphs of what is not the template's; its lines where it is all one paragraph."""
    free = [i for i, slot in enumerate(slots) if slot is not None]
    first = {i for i in free if i - 1 not in free}
    levels = ([i for i in free if i in first or text[i].opens >= n] for n in (PARAGRAPH, LINE))
    starts = next((found for found in levels if len(found) > 1), free[:1])
    return [
        range(a, b) for a, b in zip(starts, [*starts[1:], free[-1] + 1 if free else 0], strict=True)
    ]
