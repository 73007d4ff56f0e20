"""Neighbours in blocks are those of one plain product, and a replay is what is said of it in words."""

import numpy as np
import pytest

from costscope.levers._similar import pairs
from costscope.levers._similar.guards import Guards, marked
from costscope.levers._similar.pairs import Asked, nearest
from costscope.levers._similar.replay import SAME, Events, Rule, replay

HOUR = 3_600


def made(count, groups, seed=1):
    """Random vectors asked at random times, and guards that tell nothing apart."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(count, 8)).astype(np.float32)
    vectors /= np.sqrt((vectors * vectors).sum(axis=1, keepdims=True))
    first = rng.integers(0, 1_000, count)
    last = first + rng.integers(0, 50, count)
    asked = Asked(
        np.arange(count), rng.integers(0, groups, count), first, last, first + 5, last + 5 + 300
    )
    return asked, vectors, Guards(marked("") for _ in range(count))


def plain(asked, vectors, floor):
    """The same in words: one pair after the other."""
    found = {}
    for i in range(len(vectors)):
        near = [
            (-round(float(vectors[i] @ vectors[j]), 4), j)
            for j in range(len(vectors))
            if i != j and asked.group[i] == asked.group[j] and vectors[i] @ vectors[j] >= floor
            and asked.ready[j] < asked.last[i] and asked.until[j] >= asked.first[i]
        ]  # fmt: skip
        found[i] = [j for _, j in sorted(near)[: pairs.MOST]]
    return found


@pytest.mark.parametrize(("rows", "columns"), [(1_024, 16_384), (7, 11)])
def test_blocks_find_what_a_plain_product_finds(monkeypatch, rows, columns):
    monkeypatch.setattr(pairs, "ROWS", rows)
    monkeypatch.setattr(pairs, "COLUMNS", columns)
    monkeypatch.setattr(pairs, "MOST", 4)
    asked, vectors, guards = made(120, 3)
    near = nearest(asked, vectors, guards, 0.3)
    other = {i: near.other[near.starts[i] : near.starts[i + 1]].tolist() for i in range(120)}
    assert other == plain(asked, vectors, 0.3)
    assert max(map(len, other.values())) == 4
    assert near.agrees.all()


def test_nothing_has_no_neighbours():
    asked, vectors, guards = made(0, 1)
    assert nearest(asked, vectors, guards, 0.5).starts.tolist() == [0]


def near(**likeness):
    """Neighbours by hand: near(ab=0.9) has a and b 0.9 alike, both ways."""
    both = {**likeness, **{name[::-1]: x for name, x in likeness.items()}}
    rows = sorted(both.items(), key=lambda item: (item[0][0], -item[1]))
    row = np.array(["abcd".index(name[0]) for name, _ in rows])
    return pairs.Near(
        np.searchsorted(row, np.arange(5)),
        np.array(["abcd".index(name[1]) for name, _ in rows]),
        np.array([x for _, x in rows]),
        np.ones(len(rows), bool),
    )


def hits(near, *asked, ttl=HOUR, threshold=0.8, lead=0.05):
    """Who is served from whom: asked are (question, sent, answered)."""
    question, sent, answered = (np.array(column) for column in zip(*asked, strict=True))
    which = np.array(["abcd".index(name) for name in question])
    found = replay(
        Events(np.arange(len(which)), which, sent, answered), near, Rule(threshold, lead, ttl)
    )
    return [tuple(hit) for hit in zip(*(column.tolist() for column in found), strict=True)]


def test_a_replay_serves_the_nearest_that_is_there():
    like = near(ab=0.9, ac=0.82)
    assert hits(like, ("b", 0, 1), ("c", 0, 1), ("a", 2, 3)) == [(2, 0, 0.9)]
    assert hits(like, ("b", 0, 9), ("c", 0, 1), ("a", 2, 3)) == [(2, 1, 0.82)]
    assert hits(like, ("b", 0, 1), ("a", 2, 3), ("a", 4, 5)) == [(1, 0, 0.9), (2, 0, 0.9)]
    assert hits(like, ("b", 0, 1), ("b", 2, 3)) == [(1, 0, SAME)]


def test_a_replay_wants_a_lead():
    close = near(ab=0.9, ac=0.86)
    asked = ("b", 0, 1), ("c", 0, 1), ("a", 2, 3)
    assert hits(close, *asked) == []
    assert hits(close, *asked, lead=0.04) == [(2, 0, 0.9)]
    assert hits(near(ab=0.9, ac=0.85), *asked) == [(2, 0, 0.9)]


def test_a_nearest_that_the_guards_reject_lets_no_farther_one_in():
    like = near(ab=0.95, ac=0.85)
    asked = ("b", 0, 1), ("c", 0, 1), ("a", 2, 3)
    rejected = like._replace(agrees=like.likeness != 0.95)
    assert hits(like, *asked) == [(2, 0, 0.95)]
    assert hits(rejected, *asked) == []
    assert hits(rejected, *asked[1:]) == [(1, 0, 0.85)]


def test_a_hit_is_not_stored_so_chains_do_not_creep():
    like = near(ab=0.9, bc=0.9, ac=0.5)
    assert hits(like, ("a", 0, 1), ("b", 2, 3), ("c", 4, 5)) == [(1, 0, 0.9)]
