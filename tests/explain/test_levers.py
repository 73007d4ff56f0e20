"""A lever by its name: settings with what they mean, how its figure is made, and the figure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from costscope import pipeline, plugins
from costscope.explain.levers import described, lever_named
from costscope.filters import Filters
from costscope.levers.interface import STACK
from costscope.reports import lever as lever_report
from tests.explain.logs import log, settings


@pytest.mark.parametrize(
    ("word", "name"),
    [("prompt_cache", "prompt_cache"), ("prompt-cache", "prompt_cache"), ("cache", "prompt_cache"),
     ("route", "routing"), ("msg_1", ""), ("", "")],
)  # fmt: skip
def test_a_lever_is_meant_by_its_name_or_its_flag(word: str, name: str) -> None:
    assert lever_named(word) == name


@pytest.mark.parametrize("name", plugins.names("levers"))
def test_every_lever_says_how_it_is_set_and_counted(name: str) -> None:
    lever = plugins.load("levers", name)()
    report = lever_report.report(described(lever, None))
    assert report.title.endswith(f"({name})")
    assert report.data["figures"] is None
    assert all(s["value"] == s["default"] for s in report.data["settings"])
    assert lever_report.FORMULAS[lever.stage] in report.notes
    assert any("name LOGS" in note for note in report.notes)


def test_each_stage_has_its_formula() -> None:
    assert set(lever_report.FORMULAS) == set(STACK)


def test_a_setting_has_the_words_that_stand_below_it_and_the_value_in_force() -> None:
    lever = replace(plugins.load("levers", "prompt_cache")(), ttl="1h")
    data = lever_report.report(described(lever, None)).data
    ttl = next(s for s in data["settings"] if s["name"] == "ttl")
    assert (ttl["value"], ttl["default"]) == ("1h", "5m")
    assert ttl["about"].startswith("Lifetime of explicit marks")


def test_with_a_log_its_figures_are_those_of_simulate(tmp_path: Path) -> None:
    found = settings(tmp_path)
    lever = plugins.load("levers", "batching")()
    with pipeline.opened(found.db, [str(log(tmp_path / "a.jsonl"))]) as store:
        shown = pipeline.explain_lever(lever, store, found, Filters())
        alone = pipeline.simulate(store, found, Filters(), [lever])
    assert {"schema_version": 1, **shown.data["figures"]} == dict(alone.data)
    titles = [table.title for table in shown.tables]
    assert titles[:2] == ["Settings", "On this log"]
    rows: dict[str, Any] = {row[0]: row[1] for row in shown.tables[1].rows}
    assert rows["it saves"] == alone_saved(alone.data)
    assert rows["they cost"] >= rows["those cost"] >= 0


def alone_saved(data: Mapping[str, Any]) -> int:
    (only,) = data["levers"]
    return int(Decimal(only["saved_alone_usd"]).scaleb(12))


def test_a_class_without_source_has_settings_without_words() -> None:
    made: Any = dataclass(frozen=True)(
        type(
            "Made", (plugins.load("levers", "batching"),), {"__doc__": "Made here.", "name": "made"}
        )
    )
    found = described(made(), None)
    assert found.about == "Made here."
    assert {s.about for s in found.settings} == {""}
