"""Student's t against published tables, Holm against hand work, the ratio against its definition."""

import random
from fractions import Fraction
from math import inf, isclose, sqrt

import pytest

from costscope.gate.statistics import (
    UNKNOWN,
    Change,
    Estimate,
    Moments,
    compare,
    holm,
    pooled,
    quantile,
    two_sided,
)

# Points of Student's t (two-sided 5 %, 1 % and 20 %) as tables print them, with more digits.
QUANTILES = [
    (0.975, 1, 12.706204736174694), (0.975, 2, 4.302652729749462), (0.975, 5, 2.5705818356363146),
    (0.975, 10, 2.2281388519862744), (0.975, 29, 2.045229642132703),
    (0.975, 100, 1.9839715185235518), (0.995, 10, 3.16927267261695), (0.9, 3, 1.63774435369621),
]  # fmt: skip


@pytest.mark.parametrize(("probability", "freedom", "expected"), QUANTILES)
def test_quantiles_agree_with_the_tables(probability, freedom, expected):
    assert quantile(probability, freedom) == pytest.approx(expected, abs=1e-8)


def test_one_and_two_degrees_of_freedom_have_closed_forms():
    for t in (0.1, 1, 3.7, 40):
        assert two_sided(t, 2) == pytest.approx(1 - t / sqrt(2 + t * t), abs=1e-12)
    assert two_sided(1, 1) == pytest.approx(0.5, abs=1e-12)
    assert two_sided(inf, 7) == 0
    assert two_sided(0, 7) == 1


def test_many_degrees_of_freedom_are_the_normal():
    assert quantile(0.975, 10**6) == pytest.approx(1.959963984540054, abs=1e-5)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def moments(clusters):
    """Moments of (cost, calls) pairs, one a cluster."""
    costs, calls = [c for c, _ in clusters], [n for _, n in clusters]
    return Moments(
        {"clusters": len(clusters), "cost": sum(costs), "calls": sum(calls)},
        {
            "cost*cost": float(sum(c * c for c in costs)),
            "cost*calls": float(sum(c * n for c, n in clusters)),
            "calls*calls": float(sum(n * n for n in calls)),
        },
    )


def test_the_variance_is_that_of_the_residuals():
    clusters = [(100, 1), (260, 2), (90, 1), (500, 4)]
    ratio = Fraction(950, 8)
    squares = sum((c - float(ratio) * n) ** 2 for c, n in clusters)
    found = moments(clusters).ratio("cost", "calls")
    assert found.value == ratio
    assert found.variance == pytest.approx(4 / 3 * squares / 8**2)


def test_per_conversation_the_clusters_count():
    found = moments([(100, 1), (260, 2)]).ratio("cost", "clusters")
    assert found.value == 180
    assert found.variance == pytest.approx(2 * (80**2 + 80**2) / 2**2)


def test_one_cluster_has_no_variance_and_equal_ones_none_at_all():
    assert moments([(100, 1)]).ratio("cost", "calls").variance is None
    assert moments([(7 * n, n) for n in range(1, 50)]).ratio("cost", "calls").variance == 0


def test_pooling_adds():
    one, two = moments([(100, 1)]), moments([(260, 2), (90, 1)])
    assert pooled([one, two]) == moments([(100, 1), (260, 2), (90, 1)])


def test_the_interval_covers_as_often_as_it_says():
    dice, covered = random.Random(5), 0
    for _ in range(300):
        sides = []
        for _ in range(2):
            calls = [dice.randint(1, 9) for _ in range(60)]
            moods = [dice.lognormvariate(0, 0.5) for _ in calls]
            sides.append(
                moments([(int(1000 * m * n), n) for m, n in zip(moods, calls, strict=True)])
            )
        change = compare(*(s.ratio("cost", "calls") for s in sides), 0.95, linear=False)
        covered += change.low <= 0 <= change.high
        assert (change.p <= 0.05) == (not change.low <= 0 <= change.high)
    assert 0.91 <= covered / 300 <= 0.98


def estimate(value, variance=1.0, clusters=50):
    return Estimate(Fraction(value), variance, clusters, clusters * 4)


def test_a_zero_baseline_has_no_relative_change():
    assert compare(estimate(0), estimate(5), 0.95, linear=False) == UNKNOWN
    assert compare(estimate(0), estimate(0), 0.95, linear=False) == Change(0, None, None, 1, None)


def test_a_fall_to_zero_is_a_difference():
    change = compare(estimate(20), estimate(0, 0), 0.95, linear=False)
    assert change.relative == -1
    assert change.high < 0
    assert change.p < 1e-9


def test_without_variance_only_the_change_is_known():
    change = compare(estimate(20), estimate(30, None, 1), 0.95, linear=False)
    assert change == Change(0.5, None, None, None, None)
    alone = compare(estimate(20), estimate(30, 1.0, 1), 0.95, linear=False)
    assert alone == Change(0.5, None, None, None, None)


def test_the_smallest_detectable_change_is_2_8_standard_errors():
    change = compare(estimate(100, 1.0), estimate(100, 1.0), 0.95, linear=True)
    assert isclose(change.mde, 2.8 * sqrt(2) / 100)
    assert change.p == 1
