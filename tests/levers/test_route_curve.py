"""The core of learned routing: RouteLLM's measures, n-grams, the regression, folds and splits."""

import numpy as np
import pytest

from costscope.levers._route.curve import curve, interval
from costscope.levers._route.learn import Judged
from costscope.levers._route.model import BITS, Examples, fitted, grams, learned, out_of_fold


def test_the_measures_are_those_of_routellm():
    """Four questions, of which the strong model wins the second and the last. A router that asks it for
    the last, then the second: PGR 0, 1/2, 1, 1, 1 at 0, 1/4 ... 1; the trapezoids add up to
    (1/4 + 3/4 + 1 + 1) / 4 = 0.75, and half the gap costs one call in four."""
    gain, weight = np.array([0, 1, 0, 1]), np.ones(4)
    found = curve([0.9, 0.2, 0.8, 0.1], gain, weight)
    assert found.recovered.tolist() == [0, 0.5, 1, 1, 1]
    assert found.apgr == pytest.approx(0.75)
    assert (found.cpt(0.5), found.cpt(0.8)) == (pytest.approx(0.25), pytest.approx(0.4))


def test_a_router_that_tells_nothing_apart_is_a_coin():
    found = curve(np.zeros(10), np.ones(10), np.ones(10))
    assert (found.apgr, found.cpt(0.5), found.cpt(0.8)) == (0.5, 0.5, 0.8)
    assert found.at(0.3) == pytest.approx(0.3)


def test_a_perfect_router_and_its_opposite_add_up_to_one():
    gain = np.repeat([1, 0], [29, 71])
    best, worst = (curve(sign * gain, gain, np.ones(100)) for sign in (-1, 1))
    assert best.apgr == pytest.approx(1 - 0.29 / 2)
    assert best.apgr + worst.apgr == pytest.approx(1)


def test_without_a_gap_there_is_no_curve():
    assert curve([1, 2], [0, 0], [1, 1]) is None
    assert curve([], [], []) is None


def test_the_interval_holds_the_figure_and_is_the_same_every_time():
    gain, score = np.tile([1, 0, 0, 1], 50), np.tile([0.1, 0.8, 0.9, 0.3], 50)
    low, high = interval(score, gain, np.ones(200))
    assert low < curve(score, gain, np.ones(200)).apgr < high
    assert interval(score, gain, np.ones(200)) == (low, high)


def test_grams_are_the_same_for_case_and_digits_and_differ_for_words():
    one, other, third, empty = grams(["Add 17 and 4", "add 25 AND 9", "Prove it", ""])
    assert (one == other).all()
    assert (one != third).any()
    assert (one.sum(), empty.sum()) == (9, 0)  # "add 00 and 0" has nine windows of four
    assert one.shape == (2**BITS,)


def test_the_regression_finds_the_weights_that_made_the_answers():
    """On points at -1 and 1 with 20 % and 80 % good, log-odds are ln 4 times x where nothing is
    penalised."""
    rows = np.repeat([[-1.0], [1.0]], 100, axis=0).astype(np.float32)
    good = np.tile(np.repeat([1.0, 0.0], [20, 80]), 2)
    good[100:] = 1 - good[100:]
    (model,) = fitted(rows, good.astype(np.float32), [1e-6])
    assert model.weights[0] == pytest.approx(np.log(4), abs=1e-2)
    assert model.bias == pytest.approx(0, abs=1e-2)


def noise(n=600, seed=0):
    """Examples whose goodness has nothing to do with what was asked."""
    rng = np.random.default_rng(seed)
    return Examples(
        np.zeros((n, 4), np.float32), rng.normal(size=(n, 3)).astype(np.float32),
        rng.integers(0, 2, n).astype(np.float32), rng.integers(0, 5, n),
    )  # fmt: skip


def test_out_of_fold_nothing_is_learned_from_noise():
    examples = noise()
    (chances,) = out_of_fold(examples, examples)
    found = curve(-chances, 1 - examples.good, np.ones(600))
    assert abs(found.apgr - 0.5) < 0.06


def test_a_fold_is_predicted_by_a_model_that_has_not_seen_it():
    examples = noise()
    flipped = Examples(
        examples.counts, examples.numbers,
        np.where(examples.fold == 2, 1 - examples.good, examples.good), examples.fold,
    )  # fmt: skip
    held = examples.fold == 2
    (one,), (other,) = out_of_fold(examples, examples), out_of_fold(flipped, flipped)
    assert (one[held] == other[held]).all()
    assert (one[~held] != other[~held]).any()
    assert learned(examples, 2).logistic.bias == learned(flipped, 2).logistic.bias


def test_the_split_takes_the_most_calls_that_lose_little():
    """Ten equal bins. The strong model is always good, the cheap one only in the upper six; with 5 % to
    lose those go and nothing else, since each further tenth loses ten points."""
    score = np.repeat(np.arange(10), 10).astype(np.float32)
    cheap = (score >= 4).astype(np.float32)
    judged = Judged(
        score, cheap, score, np.ones(100, np.float32), np.tile(range(5), 20), np.tile(range(5), 20)
    )
    for found in (judged.split(0.05), judged.held_out(0.05)):
        assert (found.routed, found.loss, found.cheap_good) == (pytest.approx(0.6), 0, 1)
    assert judged.split(0.1).routed == pytest.approx(0.7)
    assert judged.split(0.1).loss == pytest.approx(0.1)
