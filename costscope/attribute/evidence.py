"""The evidence by which retrieved context is told from a query: what recurs, what is long, what asks.

Knows spans of texts and the places where they stand, not how texts are parted into places.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from costscope.attribute.spans import LINE

ENOUGH = 8
"""Fewer different texts of one shape prove nothing."""
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


def recurring(texts: Sequence[Text]) -> list[list[bool]]:
    """For each span of each text whether it is evidence of context: it is in another text, too, with a
    neighbour or as a line of its own. Sentences alone recur wherever people write about one thing."""
    df = Counter(what for text in texts for what in {p.what for p in text})
    pairs = Counter(
        pair for text in texts for pair in {(a.what, b.what) for a, b in pairwise(text)}
    )
    return [_recurring(text, df, pairs) for text in texts]


def _recurring(text: Text, df: Counter[int], pairs: Counter[tuple[int, int]]) -> list[bool]:
    beside = [pairs[a.what, b.what] > 1 for a, b in pairwise(text)]
    lines = [piece.opens >= LINE for piece in text] + [True]
    return [
        df[piece.what] > 1
        and piece.tokens >= WORDS
        and (
            any(beside[max(0, i - 1) : i + 1])
            or (lines[i] and lines[i + 1] and piece.tokens >= ALONE)
        )
        for i, piece in enumerate(text)
    ]


@dataclass
class Place:
    """What stands in one place of the texts of a shape: the sums over what is different there."""

    tokens: int = 0
    seen: int = 0
    """Tokens of spans that recur elsewhere."""
    contents: int = 0
    asking: int = 0
    known: int = 0
    """Contents in which something recurs elsewhere."""

    @classmethod
    def of(cls, contents: Collection[Text]) -> Place:
        """From the different contents of the place."""
        place = cls()
        for content, again in zip(contents, recurring(list(contents)), strict=True):
            place.add(content, again)
        return place

    def add(self, content: Text, again: Sequence[bool]) -> None:
        """Take in a content, and which of its spans recur."""
        self.contents += 1
        self.tokens += sum(piece.tokens for piece in content)
        self.seen += sum(p.tokens for p, seen in zip(content, again, strict=True) if seen)
        self.known += any(again)
        self.asking += any(piece.asks for piece in content)

    @property
    def mean(self) -> float:
        """Tokens of a content."""
        return self.tokens / max(self.contents, 1)

    @property
    def is_often(self) -> bool:
        """Whether enough different things stood here to learn from."""
        return self.contents >= ENOUGH

    def recurs(self, places: Collection[Place]) -> bool:
        """Whether enough of it is seen elsewhere too; less will do for by far the largest place."""
        others = [p.mean for p in places if p is not self]
        large = bool(others) and self.mean >= LARGE * max(others)
        spread = self.is_often and self.known >= SPREAD * self.contents
        least = RECURS / 2 if large else RECURS
        return spread and self.mean >= CONTEXT and self.seen >= least * self.tokens

    def is_bulk(self, places: Collection[Place]) -> bool:
        """Whether it is long, and another place, by far smaller, asks in most texts."""
        others = [p for p in places if p is not self]
        asked = any(p.is_often and p.asking >= ASKS * p.contents for p in others)
        largest = max((p.mean for p in others), default=0)
        return asked and self.mean >= max(BULK, LARGE * largest)


def is_query(place: Place, rest: Place, other: Place) -> bool:
    """Whether one end of documents and query in one place is the query: small beside the rest, unique
    in nearly all texts, and either the rest recurs or this end asks and the other does not."""
    small = rest.mean >= max(CONTEXT, LARGE * place.mean)
    unique = place.known <= (1 - ENDS) * place.contents
    recurs = rest.seen >= RECURS * rest.tokens and rest.known >= SPREAD * rest.contents
    asks = place.asking >= ASKS * place.contents and other.asking < place.asking / 2
    return small and unique and (recurs or (asks and rest.mean >= BULK))
