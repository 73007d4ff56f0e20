"""Rules that say of texts what was learned of them: regular expressions between what never changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import NamedTuple

from costscope.attribute.markers import Cut
from costscope.attribute.spans import spans
from costscope.attribute.stated import Ruled, Stated
from costscope.filters import SegmentRule
from costscope.reports.attribution import Suggested

ANCHOR, SHORT = 48, 8
"""So many characters of the template are looked for before and after what a rule names; fewer where they
fill a line, but not so few that they could stand anywhere."""
WHOLE = 160
"""Longer stretches of a template are named by their ends."""
COMMON = 0.1
"""A rule is drafted for what is so in this share of the texts, and in two of them."""
MATERIAL = 0.005
"""And for what is this share of their characters."""
QUERIES = 2
"""Where a query would be in more places, the rules name everything else."""
MOST = 16
"""Rules for one role."""
EXAMPLE = 60
_SPECIAL = frozenset(r"\.^$*+?{}[]|()")
_ORDER = ("query", "context", "system")
"""What is named first wins, so the query may be cut out of the context around it."""


class Labelled(NamedTuple):
    """A text, and the segment that was learned of each of its spans."""

    text: str
    names: Sequence[str]


class _Run(NamedTuple):
    """A stretch of one segment."""

    segment: str
    text: str


def draft(texts: Sequence[Labelled], feature: str, role: str) -> tuple[list[Suggested], float]:
    """Rules for a feature's texts of a role, and the share of their characters that the rules give the
    segment that was learned. Only texts of which each span has a name."""
    glob = "".join(f"[{c}]" if c in "*?[" else c for c in feature)
    rules = [SegmentRule(glob, *one, role=role) for one in _common(texts, role)]
    told = [_suggested(rules, nth, texts, feature) for nth in range(len(rules))]
    kept = [one for one in told if one.texts]
    return kept, _agreement([one.rule for one in kept], texts, feature)


def _common(texts: Sequence[Labelled], role: str) -> list[tuple[str, str]]:
    """(segment, regular expression) of what many texts have, in order of the segments, what says the
    most first."""
    seen: Counter[tuple[str, str]] = Counter()
    says: Counter[tuple[str, str]] = Counter()
    for labelled in texts:
        runs = _runs(labelled)
        found = list(_patterns(runs, role)) if len(runs) > 1 else []
        seen.update({one for one, _ in found})
        for one, size in found:
            says[one] += size
    least = max(2, COMMON * len(texts))
    large = MATERIAL * sum(len(text) for text, _ in texts)
    common = [one for one, n in seen.items() if n >= least and says[one] >= large]
    if sum(segment == "query" for segment, _ in common) > QUERIES:
        # What no rule names is the query anyway.
        common = [one for one in common if one[0] != "query"]
    return sorted(common, key=lambda one: (_ORDER.index(one[0]), -says[one], one[1]))[:MOST]


def _runs(labelled: Labelled) -> list[_Run]:
    text, found = labelled.text, spans(labelled.text)
    pairs = zip(labelled.names, found, strict=True)
    runs = [(name, [span for _, span in group]) for name, group in groupby(pairs, lambda p: p[0])]
    return [_Run(name, text[inner[0].start : inner[-1].stop]) for name, inner in runs]


def _patterns(runs: Sequence[_Run], role: str) -> Iterator[tuple[tuple[str, str], int]]:
    """(segment, regular expression) for each stretch that a rule can name, with its characters."""
    for i, run in enumerate(runs):
        if run.segment != "system":
            yield (run.segment, _between(runs, i)), len(run.text)
        elif role == "user" and run.text.strip():
            yield ("system", _literal(run.text.strip())), len(run.text)


def _between(runs: Sequence[_Run], i: int) -> str:
    """What stands between two pieces of the template, or one end of a place in it. What ends in a break
    stands before, and what follows one behind something else in the same place."""
    run, left, right, span = runs[i], _left(runs, i), _right(runs, i), "(?P<span>.+?)"
    before, after = _beside(runs, i - 1), _beside(runs, i + 1)
    if before not in ("", "system"):
        # Documents are many paragraphs, a query is one: the last, or the first.
        left += (".*" if run.segment == "query" else ".+?") + _break(runs[i - 1].text)
        span = r"(?P<span>\S.*?)"
    elif after == "context":
        right = _break(run.text)
    elif after == "query":
        span, right = "(?P<span>.+)", rf"{_break(run.text)}\S.*?{right}"
    return f"(?s){left}{span}{right}"


def _beside(runs: Sequence[_Run], i: int) -> str:
    return runs[i].segment if 0 <= i < len(runs) else ""


def _break(text: str) -> str:
    """What ends a stretch."""
    ending = text[len(text.rstrip()) :]
    return r"\n\n" if "\n\n" in ending else r"\n" if "\n" in ending else r"\s"


def _left(runs: Sequence[_Run], i: int) -> str:
    """The template before the place that a stretch is in; the start where there is none."""
    before = next((run for run in reversed(runs[:i]) if run.segment == "system"), None)
    return r"\A" if before is None else escaped(_tail(before.text.strip()))


def _right(runs: Sequence[_Run], i: int) -> str:
    """The template after it; the end where there is none."""
    after = next((run for run in runs[i + 1 :] if run.segment == "system"), None)
    return r"\Z" if after is None else escaped(_head(after.text.strip()))


def _head(text: str) -> str:
    """How a text begins: its first line, or so much of it as is enough, in whole words."""
    line = text.find("\n", SHORT)
    text = text if line < 0 else text[:line]
    space = text.rfind(" ", SHORT, ANCHOR)
    return (text if len(text) <= ANCHOR else text[: space if space > 0 else ANCHOR]).rstrip()


def _tail(text: str) -> str:
    """How it ends."""
    return _head(text[::-1])[::-1]


def _literal(text: str) -> str:
    """A stretch of a template as it stands; a long one by how it begins and ends."""
    if len(text) <= WHOLE:
        return escaped(text)
    return f"(?s){escaped(_head(text))}.*?{escaped(_tail(text))}"


def escaped(text: str) -> str:
    """A regular expression for this very text; what cannot be printed is written as its number."""
    return "".join(map(_escaped, text))


def _escaped(c: str) -> str:
    if c == "\n":
        return r"\n"
    if c.isprintable():
        return f"\\{c}" if c in _SPECIAL else c
    return f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"


def _suggested(
    rules: Sequence[SegmentRule], nth: int, texts: Sequence[Labelled], feature: str
) -> Suggested:
    finds = [find for one in texts if (find := _find(rules, nth, one.text, feature))]
    example = " ".join(finds[0].split()) if finds else ""
    short = example if len(example) <= EXAMPLE else f"{example[: EXAMPLE - 1]}…"
    return Suggested(rules[nth], len(finds), short)


def _find(rules: Sequence[SegmentRule], nth: int, text: str, feature: str) -> str:
    """The first that a rule finds in a text of which those before it have taken theirs."""
    before = set(_cuts(rules[:nth], text, feature)) if nth else set()
    cuts = _cuts(rules[: nth + 1], text, feature)
    new = (c for c, why in cuts if why == "user" and Ruled(c, why) not in before)
    return next((text[c.start : c.stop] for c in new if c.segment == rules[nth].segment), "")


def _cuts(rules: Sequence[SegmentRule], text: str, feature: str) -> Sequence[Ruled]:
    whole = [Ruled(Cut("", 0, len(text)), "turn")]
    held = Stated([replace(rule, slot="") for rule in rules]).of(feature)
    return held.cuts(text, rules[0].role, "message", whole) if held else whole


def _agreement(rules: Sequence[SegmentRule], texts: Sequence[Labelled], feature: str) -> float:
    """Share of the characters of texts that get the segment that was learned."""
    same = whole = 0
    for text, names in texts if rules else ():
        rest = "query" if rules[0].role == "user" else "system"
        told = [c for cut, _ in _cuts(rules, text, feature)
                for c in [cut.segment or rest] * (cut.stop - cut.start)]  # fmt: skip
        pairs = zip(names, spans(text), strict=True)
        learned = [c for name, span in pairs for c in [name] * (span.stop - span.start)]
        same += sum(a == b for a, b in zip(told, learned, strict=True))
        whole += len(text)
    return same / whole if whole else 0.0
