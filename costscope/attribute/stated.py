"""What a user says of segments, applied to a message: it wins over every mark in the text."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from itertools import islice, pairwise
from typing import NamedTuple

from costscope.attribute import json_spans
from costscope.attribute.markers import Cut
from costscope.config.regexes import ending
from costscope.filters import SegmentRule

MAX_TEXT = 100_000
"""Characters. No rule looks at a longer text: a search may take the square of its length, or more
where a pattern has several open repeats: minutes, in a text of this size that is made for it."""
MAX_MATCHES = 1_000
"""Of one rule in one text, so that parts stay few."""
MAX_FEATURES = 4_096
"""So many features are known by their rules at once."""


class Ruled(NamedTuple):
    """A cut, and what decided it."""

    cut: Cut
    rule: str


class Stated:
    """The rules of a run; `of` gives those of a feature. Equal sets of rules are one object, by which
    what is known of a text can be kept."""

    def __init__(self, rules: Sequence[SegmentRule] = ()) -> None:
        self._rules = [_Rule(rule) for rule in rules]
        self._of: dict[str | None, RuleSet | None] = {}
        self._sets: dict[tuple[int, ...], RuleSet] = {}

    def of(self, feature: str | None) -> RuleSet | None:
        """What holds for the calls of a feature; None for nothing."""
        if not self._rules:
            return None
        if feature not in self._of:
            if len(self._of) >= MAX_FEATURES:
                self._of.clear()
            self._of[feature] = self._chosen(feature or "")
        return self._of[feature]

    def _chosen(self, feature: str) -> RuleSet | None:
        held = [n for n, r in enumerate(self._rules) if fnmatchcase(feature, r.stated.feature)]
        if not held:
            return None
        return self._sets.setdefault(tuple(held), RuleSet([self._rules[n] for n in held]))


class RuleSet:
    """The rules of some features, in order."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = rules

    def cuts(self, text: str, role: str, slot: str, cuts: Sequence[Ruled]) -> Sequence[Ruled]:
        """The cuts of a message with what these rules find in it. Where two find the same the first has
        it, and what none finds stays as it was cut."""
        held = [r for r in self._rules if r.holds(role, slot)] if len(text) <= MAX_TEXT else []
        claimed: list[Cut] = []
        for rule in held:
            found = [Cut(rule.stated.segment, *span) for span in rule.spans(text)]
            claimed = sorted([*claimed, *_left(found, claimed)], key=lambda cut: cut.start)
        named = list(_together(text, claimed))
        return _laid(text, named, cuts) if named else cuts


class _Rule:
    """A rule ready for use."""

    def __init__(self, stated: SegmentRule) -> None:
        self.stated = stated
        self._regex = re.compile(stated.regex) if stated.regex else None
        self._ending = ending(stated.regex) if stated.regex else ""
        named = self._regex.groupindex if self._regex else {}
        first = 1 if self._regex and self._regex.groups else 0
        self._group: str | int = "span" if "span" in named else next(iter(named), first)

    def holds(self, role: str, slot: str) -> bool:
        """Whether it speaks of messages of this role in this slot."""
        return self.stated.role in ("", role) and self.stated.slot in ("", slot)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """What it finds, without the white space at its ends, in order."""
        if self._regex is None:
            found = iter(json_spans.found(text, self.stated.path))
        else:
            last = text.rfind(self._ending)
            upto = last + len(self._ending) if self._ending else len(text)
            searched = self._regex.finditer(text, 0, upto) if last >= 0 else iter(())
            found = (match.span(self._group) for match in searched)
        inner = (_stripped(text, *span) for span in islice(found, MAX_MATCHES))
        return [(start, stop) for start, stop in inner if start < stop]


def _stripped(text: str, start: int, stop: int) -> tuple[int, int]:
    """A span without the white space at its ends; one that a match left out is empty."""
    inner = text[start:stop] if start >= 0 else ""
    return start + len(inner) - len(inner.lstrip()), start + len(inner.rstrip())


def _left(found: Iterable[Cut], claimed: Sequence[Cut]) -> Iterator[Cut]:
    """What is left of cuts (which may overlap) where others, in order, have been made."""
    done = 0
    for cut in sorted(found, key=lambda cut: (cut.start, -cut.stop)):
        at = max(cut.start, done)
        for other in _from(claimed, at):
            if other.start >= cut.stop:
                break
            if other.start > at:
                yield cut._replace(start=at, stop=other.start)
            at = max(at, other.stop)
        if at < cut.stop:
            yield cut._replace(start=at)
        done = max(done, cut.stop)


def _from(cuts: Sequence[Cut], at: int) -> Iterator[Cut]:
    """Cuts in order from the first that ends after a place."""
    return islice(cuts, bisect_right(cuts, at, key=lambda cut: cut.stop), None)


def _together(text: str, cuts: Iterable[Cut]) -> Iterator[Cut]:
    """Cuts in order, those of one segment with only white space between them as one; none is blank."""
    last: Cut | None = None
    for cut in cuts:
        if not text[cut.start : cut.stop].strip():
            continue
        if last and last.segment == cut.segment and not text[last.stop : cut.start].strip():
            last = last._replace(stop=cut.stop)
            continue
        if last:
            yield last
        last = cut
    if last:
        yield last


def _laid(text: str, named: Sequence[Cut], cuts: Sequence[Ruled]) -> list[Ruled]:
    """The text once, in order: what a user named, and between that what it was cut into. White space
    alone goes with what stands before it, or at the start with what follows."""
    found: list[Ruled] = []
    for before, cut in pairwise([Cut("", 0, 0), *named, Cut("", len(text), len(text))]):
        if text[before.stop : cut.start].strip():
            found += _clipped(cuts, before.stop, cut.start)
        elif found:
            found[-1] = Ruled(found[-1].cut._replace(stop=cut.start), found[-1].rule)
        else:
            cut = cut._replace(start=0)
        if cut.start < cut.stop:
            found.append(Ruled(cut, "user"))
    return found


def _clipped(cuts: Sequence[Ruled], start: int, stop: int) -> Iterator[Ruled]:
    """What of cuts lies in a stretch."""
    first = bisect_right(cuts, start, key=lambda ruled: ruled.cut.stop)
    for cut, rule in islice(cuts, first, None):
        if cut.start >= stop:
            return
        yield Ruled(cut._replace(start=max(cut.start, start), stop=min(cut.stop, stop)), rule)
