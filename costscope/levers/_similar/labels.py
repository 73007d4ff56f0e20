"""Pairs of questions that somebody has labelled: whether one answer does for both. Reads them from a file,
and plays a cache over them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from costscope.errors import SettingsError
from costscope.levers._similar.embed import Embedder, batches, plain_words
from costscope.levers._similar.false import Point
from costscope.levers._similar.guards import Guards, marked
from costscope.levers._similar.pairs import Asked, Near, nearest
from costscope.levers._similar.replay import Events, Hits, Known, Rule, replay

_FOREVER = 2**40


class Pair(NamedTuple):
    """A question that is stored, another that is asked, and whether the first one's answer is right."""

    stored: str
    asked: str
    same: bool


def read_pairs(path: str) -> Sequence[Pair]:
    """The pairs in a JSON array, or of JSON lines: objects with `stored`, `asked` and `same` (true where
    it is left out). Raises SettingsError."""
    try:
        text = Path(path).read_text("utf-8")
        lines = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        return [_pair(line) for line in lines]
    except OSError as error:
        raise SettingsError(f"pairs: {path} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise SettingsError(
            f"pairs: {path} is no list of objects with stored, asked and same"
        ) from error


def _lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines() if line.strip()]


def _pair(line: Mapping[str, Any]) -> Pair:
    stored, asked, same = line["stored"], line["asked"], line.get("same", True)
    if not (isinstance(stored, str) and isinstance(asked, str) and isinstance(same, bool)):
        raise TypeError
    return Pair(stored, asked, same)


class Outcome(NamedTuple):
    """What became of the questions that were asked: how many were served rightly and wrongly, and how
    many were not served."""

    threshold: float
    right: int
    wrong: int
    miss: int


def outcomes(
    pairs: Sequence[Pair],
    way: Embedder,
    lead: float,
    thresholds: Sequence[float],
    *,
    guarded: bool = True,
) -> list[Outcome]:
    """All stored questions are there from the start, then each other one is asked; nothing is added. A
    hit is right where the question that is hit is labelled the same."""
    stored = list(dict.fromkeys(pair.stored for pair in pairs))
    asked = [pair.asked for pair in pairs]
    texts, number = _distinct(stored + asked)
    guards = Guards(marked(text if guarded else "") for text in texts)
    near = _near(texts, guards, _times(number, len(stored)), way, min(thresholds) - lead)
    right = {(pair.asked, pair.stored) for pair in pairs if pair.same}
    events = _events(number, len(stored))
    found, known = [], Known()
    for threshold in thresholds:
        hits = replay(events, near, Rule(threshold, lead, _FOREVER), known)
        good = _right(hits, stored, asked, right)
        found.append(Outcome(threshold, good, len(hits.call) - good, len(asked) - len(hits.call)))
    return found


def points(
    pairs: Sequence[Pair], way: Embedder, lead: float, thresholds: Sequence[float]
) -> list[Point]:
    """The same as points of a curve."""
    return [
        Point(o.threshold, o.right + o.wrong, 0, o.right + o.wrong, o.wrong, 0)
        for o in outcomes(pairs, way, lead, thresholds)
    ]


def _distinct(texts: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The texts that differ in words, and for each text which of them it is."""
    numbers: dict[str, int] = {}
    kept: list[str] = []
    number: list[int] = []
    for text in texts:
        plain = " ".join(plain_words(text)) or text
        if plain not in numbers:
            numbers[plain] = len(kept)
            kept.append(text)
        number.append(numbers[plain])
    return kept, np.array(number, np.int64)


def _times(number: np.ndarray, stored: int) -> tuple[np.ndarray, ...]:
    """first, last, ready, until of each text: what is stored is there before anything is asked."""
    rows = np.arange(int(number.max(initial=-1)) + 1)
    is_stored, is_asked = np.isin(rows, number[:stored]), np.isin(rows, number[stored:])
    return (
        np.where(is_stored, 0, 1),
        is_asked.astype(np.int64),
        np.where(is_stored, 0, _FOREVER),
        np.where(is_stored, 2 * _FOREVER, 0),
    )


def _near(
    texts: Sequence[str], guards: Guards, times: tuple[np.ndarray, ...], way: Embedder, floor: float
) -> Near:
    vectors = np.concatenate([way.vectors([]), *(way.vectors(some) for some in batches(texts))])
    _, group = np.unique(guards.key, return_inverse=True)
    asked = Asked(np.arange(len(texts)), group, *times)
    return nearest(asked, vectors, guards, floor)


def _events(number: np.ndarray, stored: int) -> Events:
    """All that is stored is sent, and answered, at 0; the rest is sent at 1 and answered never."""
    later = np.arange(len(number)) >= stored
    answered = np.where(later, 4 * _FOREVER, 0)
    return Events(np.arange(len(number)), number, later.astype(np.int64), answered)


def _right(
    hits: Hits, stored: Sequence[str], asked: Sequence[str], right: set[tuple[str, str]]
) -> int:
    """How many hits found a question that is labelled the same. One text is one question."""
    said: dict[str, set[str]] = {}
    for question, source in right:
        said.setdefault(question, set()).add(" ".join(plain_words(source)))
    return sum(
        " ".join(plain_words(stored[source])) in said.get(asked[call - len(stored)], ())
        for call, source in zip(hits.call.tolist(), hits.source.tolist(), strict=True)
    )
