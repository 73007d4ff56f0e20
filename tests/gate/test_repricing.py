"""Another book's prices: costs follow exactly, spreads in proportion, and no price is no change."""

import pytest

from costscope.gate.baseline import Baseline
from costscope.gate.judge import check
from costscope.gate.repricing import repriced
from tests.gate.frames import RATES, call, frame, traffic


def book(factors=None, unknown=()):
    """A price book with some classes dearer."""
    rates = {name: rate * (factors or {}).get(name, 1) for name, rate in RATES.items()}

    def reprice(items):
        return [
            None if item[0] in unknown else sum(n * rates[c] for c, n in item[4].items())
            for item in items
        ]

    return reprice


def test_the_same_prices_change_nothing():
    baseline = Baseline.from_units(traffic(1), "a", reprice=book())
    assert repriced(baseline, book()) == (baseline, ())


def test_doubled_prices_double_costs_and_quadruple_their_squares():
    old = Baseline.from_units(traffic(1), "a", reprice=book())
    new, notes = repriced(old, book(dict.fromkeys(RATES, 2)))
    before, after = old.sums.features["chat"], new.sums.features["chat"]
    assert after.sums["cost"] == 2 * before.sums["cost"]
    assert after.products["cost*cost"] == pytest.approx(4 * before.products["cost*cost"])
    assert after.products["cost*calls"] == pytest.approx(2 * before.products["cost*calls"])
    assert after.products["calls*calls"] == before.products["calls*calls"]
    assert new.sums.overall.sums["cost"] == 2 * old.sums.overall.sums["cost"]
    assert "repriced with today's prices" in notes[0]


def test_shared_conversations_are_scaled_too():
    rows = [call("a", fresh=10), call("a", feature="x", fresh=5), call("b", fresh=30),
            call("b", feature="x", fresh=1)]  # fmt: skip
    old = Baseline.from_units(frame(rows), "a", reprice=book())
    new, _ = repriced(old, book(dict.fromkeys(RATES, 3)))
    [was], [now] = old.sums.pairs.values(), new.sums.pairs.values()
    assert now[0] == pytest.approx(9 * was[0])
    assert now[2:] == was[2:]


def test_a_class_that_was_free_is_charged_for():
    old = Baseline.from_units(frame([call("a", fresh=10, cache_read=8)]), "a",
                              reprice=book({"cache_read": 0}))  # fmt: skip
    new, _ = repriced(old, book())
    assert new.sums.cells[0].cost["cache_read"] == 8 * RATES["cache_read"]


def test_a_model_without_a_price_keeps_its_cost_and_is_named():
    old = Baseline.from_units(traffic(1), "a", reprice=book())
    new, notes = repriced(old, book(dict.fromkeys(RATES, 2), unknown=("large",)))
    assert new == old
    assert notes == ("not repriced, no list price on one of the sides: large",)


def dearer(seed, factor):
    units = traffic(seed, 80)
    return frame([call(factor=factor, **clean(row)) for row in units.iter_rows(named=True)])


def clean(row):
    return {k: v for k, v in row.items() if not k.startswith("pd")}


def test_a_price_rise_is_no_regression():
    before = Baseline.from_units(traffic(1, 80), "old", reprice=book())
    double = book(dict.fromkeys(RATES, 2))
    verdict = check(dearer(1, 2), before, price_book_id="new", reprice=double)
    assert verdict.verdict == "pass"
    assert {result.relative for result in verdict.results} == {0.0}


def test_without_repricing_it_is_one_and_the_cause_is_the_price():
    before = Baseline.from_units(traffic(1, 80), "old")
    verdict = check(dearer(1, 2), before, price_book_id="new")
    assert verdict.verdict == "fail"
    assert {driver.effect for driver in verdict.results[0].drivers} == {"price"}
    assert "not repriced" in verdict.notes[0]
