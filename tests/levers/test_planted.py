"""Planted waste is found to the cent it is worth, lever by lever; in a clean log nothing is found."""

from functools import cache

import pytest

from costscope import plugins
from costscope.advise import recommend, simulate
from costscope.model import Workload
from costscope.prices.book import PriceBook
from tests.levers import planted

BOOK = PriceBook()


@cache
def log() -> Workload:
    return planted.planted()


@cache
def clean() -> Workload:
    return planted.clean()


def test_the_log_is_the_same_each_time() -> None:
    assert log().calls.equals(planted.planted().calls)
    assert log().parts.equals(planted.planted().parts)
    assert log().calls["call_id"].is_unique().all()


@pytest.mark.parametrize("name", planted.SECTIONS)
def test_a_lever_saves_what_was_planted_for_it(name: str) -> None:
    settings, truth = planted.truth(name)
    found = simulate(log(), [plugins.load("levers", name)(**settings)], BOOK)
    assert truth > 0
    assert abs(found.saved - truth) <= truth / 20, (found.saved, truth)
    features = log().calls.filter(log().calls["call_id"].is_in(list(found.levers[0].evidence)))
    section = next(planted.SECTIONS[name]().calls)[0]["feature"]
    assert features["feature"].unique().to_list() == [section]


@pytest.mark.parametrize("name", planted.SECTIONS)
def test_no_lever_looks_at_another_ones_section(name: str) -> None:
    settings, _ = planted.truth(name)
    found = simulate(log(), [plugins.load("levers", name)(**settings)], BOOK)
    section = next(planted.SECTIONS[name]().calls)[0]["feature"]
    most = log().calls.filter(log().calls["feature"] == section).height
    assert 0 < found.levers[0].calls <= most


def test_together_they_save_what_each_does_alone() -> None:
    names = ("response_cache", "history", "routing", "batching")
    levers = [plugins.load("levers", name)(**planted.truth(name)[0]) for name in names]
    whole = sum(planted.truth(name)[1] for name in names)
    found = simulate(log(), levers, BOOK)
    assert abs(found.saved - whole) <= whole / 20
    assert sum(lever.saved_share for lever in found.levers) == found.saved


@pytest.mark.parametrize("name", plugins.names("levers"))
def test_in_a_clean_log_nothing_is_found(name: str) -> None:
    lever = plugins.load("levers", name)()
    found = lever.apply(clean())
    idle = found is clean()
    assert idle, lever.action(clean(), found)
    assert not recommend(clean(), [lever], BOOK).levers
