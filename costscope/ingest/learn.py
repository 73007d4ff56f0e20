"""After reading: what the prompts of each feature have in common is learned, and their parts told apart.

Works on what the store keeps of texts (which spans recur where), a feature at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Any

import numpy as np
import pyarrow as pa

from costscope.attribute.evidence import ENOUGH, Piece
from costscope.attribute.learned import Lesson, learn
from costscope.store import Store

SAMPLE = 5_000
"""So many different texts of a feature are learned from; what is learned holds for all of them."""
ROWS = 200_000
"""So many stretches are written together."""
TEXTS = 1_000
"""So many texts are made of the rows at a time."""
_DEFAULT = {"user": ("query", "turn"), "system": ("system", "structure")}
_LESSONS = pa.schema([
    ("feature", pa.string()), ("role", pa.string()), ("content", pa.uint64()), ("nth", pa.int32()),
    ("segment", pa.string()), ("rule", pa.string()), ("lower", pa.int64()), ("upper", pa.int64()),
    ("whole", pa.int64()),
])  # fmt: skip


def relearn(store: Store) -> None:
    """Learn again from the features that new calls belong to, and tell their parts apart. Tokens of
    calls, blocks and billing classes stay as they are. Inside the running transaction."""
    found = store.table("learn_groups", {"first_new": store.first_new, "enough": ENOUGH})
    waiting: list[dict[str, Any]] = []
    for (feature, role), rows in _each(store, found):
        waiting += _lessons(rows, feature, role)
        if len(waiting) >= ROWS:
            store.relabel(pa.Table.from_pylist(waiting, _LESSONS))
            waiting = []
    if waiting:
        store.relabel(pa.Table.from_pylist(waiting, _LESSONS))


def groups(store: Store) -> list[tuple[str | None, str]]:
    """The features of the store, and the roles in which each sends enough texts to learn from."""
    rows = store.table("learn_groups", {"first_new": 0, "enough": ENOUGH})
    return list(zip(rows["feature"].to_pylist(), rows["role"].to_pylist(), strict=True))


def lesson_of(
    store: Store, feature: str | None, role: str
) -> tuple[Lesson, dict[int, list[Piece]]]:
    """What the texts of a feature in a role teach; and these texts, content hash → spans."""
    one = pa.table({"feature": pa.array([feature], pa.string()), "role": [role], "texts": [0]})
    ((_, rows),) = _each(store, one)
    texts = {content: pieces for content, _, pieces in _texts(rows)}
    return learn(list(islice(texts.values(), SAMPLE)), role), texts


def _each(store: Store, groups: pa.Table) -> Iterator[tuple[tuple[str | None, str], pa.Table]]:
    """The feature and role of each group, and its texts. They are asked for together as long as they are
    no more than a sample: a query takes longer than a few hundred texts."""
    batch = np.cumsum(groups["texts"].to_numpy()) // SAMPLE
    for which in np.unique(batch).tolist():
        some = np.flatnonzero(batch == which)
        asked = groups.slice(some[0], len(some))
        rows = store.table("learn_texts", batch_groups=asked.append_column("grp", pa.array(some)))
        ends = np.searchsorted(rows["grp"].to_numpy(), some, side="right").tolist()
        for named, start, stop in zip(asked.to_pylist(), [0, *ends], ends, strict=False):
            yield (named["feature"], named["role"]), rows.slice(start, stop - start)


def _lessons(rows: pa.Table, feature: str | None, role: str) -> Iterator[dict[str, Any]]:
    """Rows for the stretches of the texts whose parts are to be told apart, or no longer are."""
    texts = _texts(rows)
    sample = list(islice(texts, SAMPLE))
    lesson = learn([pieces for _, _, pieces in sample], role)
    for content, was_learned, text in chain(sample, texts):
        names = lesson.segments(text)
        if names is not None or was_learned:
            default, rule = _DEFAULT[role]
            named = names or [default] * len(text)
            rule = rule if names is None else "learned"
            yield from _stretches((feature, role, content), named, text, rule)


def _texts(rows: pa.Table) -> Iterator[tuple[int, bool, list[Piece]]]:
    """Each text's hash, whether its parts are told apart already, and its spans."""
    content, learned = rows["content"].to_numpy(), rows["was_learned"].to_numpy()
    spans, which = _different([rows[name].to_numpy() for name in Piece._fields])
    first = np.flatnonzero(np.diff(content, prepend=~content[:1]))
    stops = [*first[1:].tolist(), len(content)]
    for batch in range(0, len(first), TEXTS):
        at = first[batch : batch + TEXTS].tolist()
        upto = stops[batch : batch + TEXTS]
        pieces = [spans[nth] for nth in which[at[0] : upto[-1]].tolist()]
        named = zip(content[at].tolist(), learned[at].tolist(), at, upto, strict=True)
        for text, was_learned, start, stop in named:
            yield text, was_learned, pieces[start - at[0] : stop - at[0]]


def _different(columns: Sequence[np.ndarray]) -> tuple[list[Piece], np.ndarray]:
    """The different pieces among rows, most of which recur, and of each row which one it is."""
    order = np.lexsort(columns)
    new = np.zeros(len(order), bool)
    new[:1] = True
    for column in columns:
        new[1:] |= column[order[1:]] != column[order[:-1]]
    which = np.zeros(len(order), np.int64)
    which[order] = np.cumsum(new) - 1
    first = order[new]
    return [*map(Piece._make, zip(*(c[first].tolist() for c in columns), strict=True))], which


def _stretches(
    of: tuple[str | None, str, int], named: Sequence[str], text: Sequence[Piece], rule: str
) -> Iterator[dict[str, Any]]:
    """Rows for the stretches of a text that are of one segment."""
    feature, role, content = of
    upper, whole = 0, sum(piece.tokens for piece in text)
    pairs = zip(named, text, strict=True)
    for nth, (segment, pieces) in enumerate(groupby(pairs, key=itemgetter(0))):
        lower, upper = upper, upper + sum(piece.tokens for _, piece in pieces)
        yield {
            "feature": feature, "role": role, "content": content, "nth": nth, "segment": segment,
            "rule": rule, "lower": lower, "upper": upper, "whole": whole,
        }  # fmt: skip
