"""What it is that varies between two texts: a time, an id, a count, an order, and both side by side."""

from __future__ import annotations

import re
from itertools import takewhile

from costscope.text import safe

KINDS = (
    ("uuid", re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.I)),
    ("timestamp", re.compile(
        r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d|\b1[0-9]{9}(?:\d{3})?\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
        r"|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]* \d|\b(?:mon|tues|wednes|"
        r"thurs|fri|satur|sun)day\b", re.I)),
    ("e-mail address", re.compile(r"[\w.+-]+@[\w-]+\.\w+")),
    ("counter", re.compile(r"[#(]?\d{1,12}[.,)]?")),
    ("id", re.compile(r"(?=\S*\d)[\w-]{6,}[.,)]?")),
)  # fmt: skip
"""The first that both variants show names them; the last two must be all that varies."""
WHOLE = ("counter", "id")
AROUND = 24
LONGEST = 80


def variants(one: str, other: str) -> tuple[str, tuple[str, str]]:
    """(kind, both variants) of two texts that differ: of their first lines that do, shortened, with
    control characters written out. Kinds: those of KINDS, order, else text."""
    lines = one.splitlines() or [""], other.splitlines() or [""]
    at = next((i for i, (a, b) in enumerate(zip(*lines, strict=False)) if a != b), None)
    a, b = (text[at] if at is not None else text[-1] for text in lines)
    start, ends = _differing(a, b)
    shown = (_short(a, start, ends[0]), _short(b, start, ends[1]))
    if one != other and sorted(one.split()) == sorted(other.split()):
        return "order", shown
    return _kind(a[start : ends[0]], b[start : ends[1]]), shown


def _kind(a: str, b: str) -> str:
    for name, pattern in KINDS:
        matching = pattern.fullmatch if name in WHOLE else pattern.search
        if matching(a) and matching(b):
            return name
    return "text"


def _differing(a: str, b: str) -> tuple[int, tuple[int, int]]:
    """Where two lines begin to differ, and where in each that ends, in whole words."""
    start = _alike(a, b)
    while start and not a[start - 1].isspace():
        start -= 1
    tail = _alike(a[start:][::-1], b[start:][::-1])
    while tail and not a[len(a) - tail].isspace():
        tail -= 1
    return start, (len(a) - tail, len(b) - tail)


def _alike(a: str, b: str) -> int:
    """How many characters two texts begin with in common."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))


def _short(line: str, start: int, stop: int) -> str:
    """What differs with a little around it."""
    first, last = max(0, start - AROUND), min(len(line), stop + AROUND)
    cut = line[first:last]
    if len(cut) > LONGEST:
        cut, last = cut[:LONGEST], first + LONGEST
    return ("…" if first else "") + safe(cut) + ("…" if last < len(line) else "")
