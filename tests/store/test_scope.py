"""Filters and group keys as SQL: any name and any value, and never more than that."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from costscope.errors import SettingsError
from costscope.filters import Filters
from costscope.store import Store, scope
from tests.store.tables import add

DAY = 86_400 * 10**6
ODD = "a\"b'c\\d.e[0]*$;--"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.duckdb", create=True) as opened:
        add(
            opened,
            {"identity": "a", "feature": "chat", "team": "red", "sent_at": 0},
            {"identity": "b", "feature": "chat/long", "tags": '{"env": "prod"}', "sent_at": DAY - 1},
            {"identity": "c", "model": "gpt-5", "tags": json.dumps({"env": "test", ODD: "odd"}), "sent_at": DAY},
            {"identity": "d", "sent_at": None},
        )  # fmt: skip
        yield opened


def passing(store: Store, **filters: object) -> int:
    where, values = scope.where(Filters(**filters))  # type: ignore[arg-type]
    return store.scope(where, values, {})


@pytest.mark.parametrize(
    ("filters", "calls"),
    [
        ({}, 4),
        ({"feature": ("chat",)}, 1),
        ({"feature": ("chat*",)}, 2),
        ({"feature": ("chat", "*long")}, 2),
        ({"feature": ("",)}, 2),
        ({"model": ("gpt-[56]",)}, 1),
        ({"team": ("red",), "feature": ("chat*",)}, 1),
        ({"tags": (("env", "p*"),)}, 1),
        ({"tags": (("env", "prod"), ("env", "test"))}, 2),
        ({"tags": (("env", "test"), (ODD, "odd"))}, 1),
        ({"tags": (("none", "*"),)}, 4),
        ({"feature": ("'; drop table calls; --",)}, 0),
        ({"since": datetime(1970, 1, 2, tzinfo=UTC)}, 1),
        ({"until": datetime(1970, 1, 2, tzinfo=UTC)}, 2),
    ],
)
def test_filters(store: Store, filters: dict[str, object], calls: int) -> None:
    assert passing(store, **filters) == calls
    assert store.count() == 4


def groups(store: Store, *names: str, timezone: str = "UTC") -> list[tuple[object, ...]]:
    store.scope("true", [], scope.keys(names, timezone))
    rows = store.table("scope_calls_by_group").to_pylist()
    return [(*(r[n] for n in names), r["calls"]) for r in rows]


def test_group_keys(store: Store) -> None:
    assert groups(store, "team", "feature") == [
        ("red", "chat", 1), (None, "chat/long", 1), (None, None, 2),
    ]  # fmt: skip
    assert groups(store, "tag.env") == [("prod", 1), ("test", 1), (None, 2)]


def test_days_are_those_of_the_time_zone(store: Store) -> None:
    assert groups(store, "day") == [("1970-01-01", 2), ("1970-01-02", 1), (None, 1)]
    east = groups(store, "day", timezone="Asia/Tokyo")
    assert east == [("1970-01-01", 1), ("1970-01-02", 2), (None, 1)]
    assert groups(store, "hour", timezone="America/St_Johns")[0] == ("1969-12-31T20:00", 1)
    assert groups(store, "week")[0] == ("1969-12-29", 3)
    assert groups(store, "month")[0] == ("1970-01", 3)


def test_any_name_of_a_tag_can_be_grouped_by(store: Store) -> None:
    assert groups(store, f"tag.{ODD}") == [("odd", 1), (None, 3)]


def test_an_unknown_key_is_told_with_those_that_exist() -> None:
    with pytest.raises(SettingsError, match="cannot group by 'colour'; there are: feature, team"):
        scope.keys(["colour"], "UTC")
