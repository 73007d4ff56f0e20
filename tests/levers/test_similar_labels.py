"""Labelled pairs: how they are read, and how a budget of false hits holds on pairs that were held out."""

import importlib.util
from functools import cache
from pathlib import Path

import polars as pl
import pytest

from costscope.errors import SettingsError
from costscope.levers._similar import embed as _embed
from costscope.levers._similar.false import Point, lowest, needed
from costscope.levers._similar.labels import Pair, outcomes, read_pairs
from costscope.plugins import load
from tests.levers.asking import asked, log

ROOT = Path(__file__).parents[2]


@cache
def bench():
    spec = importlib.util.spec_from_file_location(
        "bench_semantic", ROOT / "tests/bench/semantic.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ways():
    skip = pytest.mark.skipif(
        not _embed.has_model(), reason="the extra `semantic` is not installed"
    )
    return [
        pytest.param(_embed.WORDLLAMA, marks=skip, id="wordllama"),
        pytest.param(_embed.LETTERS_ALONE, id="letters"),
    ]


@pytest.mark.parametrize("way", ways())
def test_gptcache_pairs_at_three_thresholds(shared, way):
    pairs = bench().pairs_of(shared / "gptcache" / "mock_data.json")
    assert len(pairs) == 999
    found = outcomes(pairs, way, bench().LEAD, list(bench().PUBLISHED))
    for outcome in found:
        right, wrong, miss = bench().PUBLISHED[outcome.threshold]
        assert outcome.right + outcome.wrong + outcome.miss == right + wrong + miss == 999
        # Guarded, it serves fewer, and falsely a smaller share of them than is published.
        assert outcome.wrong * (right + wrong) < wrong * max(outcome.right + outcome.wrong, 1)
    assert [o.right for o in found] == sorted(o.right for o in found)


@pytest.mark.parametrize("way", ways())
def test_a_budget_of_two_percent_holds_on_held_out_pairs(shared, way):
    pairs = bench().pairs_of(shared / "gptcache" / "mock_data.json")
    found = [bench().held_out(pairs, way, seed) for seed in range(2)]
    assert all((one.false_share() or 0) < 0.03 for one in found)
    if way is _embed.WORDLLAMA:
        assert all(one.outcome.right > 100 for one in found)


def test_reviews_that_only_sound_alike_are_not_answered_for_each_other(shared):
    reviews = pl.read_parquet(shared / "vcache" / "sample_data.parquet").head(150)
    work = log(*(
        asked(f"r{i}", 60 * i, text, answer)
        for i, (text, answer) in enumerate(reviews.select("text", "response").iter_rows())
    ))  # fmt: skip
    used = load("levers", "semantic_cache")(local="letters")
    assert used.apply(work) is work
    assert "too little data" in used.action(work, work) or "none was found" in used.action(
        work, work
    )


def test_right_wrong_and_missed_by_hand():
    pairs = [
        Pair("How do I reset my password?", "please, how do I reset my password", True),
        Pair("Which forms are due in a quarter?", "In a quarter, which forms are due?", False),
        Pair("When does the shop open?", "Where can I park a lorry?", True),
    ]
    assert outcomes(pairs, _embed.LETTERS_ALONE, 0.05, [0.6]) == [(0.6, 1, 1, 1)]
    assert outcomes(pairs, _embed.LETTERS_ALONE, 0.05, [0.99]) == [(0.99, 0, 0, 3)]


def test_the_least_number_of_hits_that_shows_a_budget():
    # Wilson: z² / (n + z²) <= b, with z² = 3.8415: n >= 3.8415 · 0.98 / 0.02 = 188.2.
    assert needed(0.02) == 189
    assert Point(0.9, 189, 0, 189, 0, 0).ends()[1] <= 0.02 < Point(0.9, 188, 0, 188, 0, 0).ends()[1]


def test_the_lowest_threshold_that_every_curve_that_can_tell_allows():
    good = [
        Point(0.9, 300, 0, 300, 0, 0),
        Point(0.8, 400, 0, 400, 1, 0),
        Point(0.7, 500, 0, 500, 9, 0),
    ]
    few = [Point(t, 5, 0, 5, 5, 0) for t in (0.9, 0.8, 0.7)]
    bad = [Point(t, 500, 0, 500, 50, 0) for t in (0.9, 0.8, 0.7)]
    assert lowest([good], 0.02) == 0.8
    assert lowest([good, few], 0.02) == 0.8
    assert lowest([few], 0.02) is None
    assert lowest([good, bad], 0.02) is None
    assert lowest([], 0.02) is None


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[1]",
        '[{"stored": "a"}]',
        '[{"stored": "a", "asked": 3}]',
        '{"stored": "a", "asked": "b", "same": 1}',
    ],
)
def test_a_file_that_is_no_list_of_pairs_is_refused(tmp_path, text):
    path = tmp_path / "pairs.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match="no list of objects"):
        read_pairs(str(path))


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(SettingsError, match="cannot be read"):
        read_pairs(str(tmp_path / "none.json"))
