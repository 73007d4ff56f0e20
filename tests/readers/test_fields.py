"""Times, money, dimensions and tags under the names and in the forms that logs give them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costscope.readers import _fields, _names

EXACT = 1793600488_123_456
MICROS = st.integers(10**14, 10**17 - 1)
"""1973 to 5138: where the size of a number tells its unit."""


@pytest.mark.parametrize(
    "value",
    [
        "2026-11-02T06:21:28.123456Z", "2026-11-02T06:21:28.123456z", "2026-11-02 06:21:28.123456",
        "2026-11-02T06:21:28.1234569", "2026-11-02T06:21:28.123456789+00:00",
        "2026-11-02 06:21:28,123456", "2026-11-02 06:21:28.123456 UTC",
        "2026-11-02 06:21:28.123456789 +0000 UTC", "2026-11-02T08:21:28.123456+02:00",
        "2026-11-02T08:21:28.123456+0200", "2026-11-01 22:21:28.123456 -0800 PST",
        " 2026-11-02T06:21:28.123456Z ", "1793600488.123456", "1793600488123.456", "1793600488123456",
        "1793600488123456789", 1793600488.123456, 1793600488123.456, 1793600488123456,
        1793600488123456789, Decimal("1793600488.123456"),
    ],
)  # fmt: skip
def test_one_moment_in_many_forms(value: Any) -> None:
    if isinstance(value, Decimal):
        value = str(value)
    assert _fields.micros(value) == EXACT


def test_dates_are_midnight_and_not_small_numbers() -> None:
    midnight = 1793577600 * 10**6
    assert _fields.micros("2026-11-02") == _fields.micros("20261102") == midnight


@pytest.mark.parametrize("value", [None, ""])
def test_nothing_is_no_time(value: Any) -> None:
    assert _fields.micros(value) is None


@pytest.mark.parametrize(
    "value",
    ["yesterday", "12:30", True, False, -1, 3.5, 12, 99_999_999, float("nan"), float("inf"), 1e30, 10**40,
     "9" * 50, "²", "1" * 5000, [], {}, "0001-01-01T00:00:00+23:00", "2026-13-01", "9" * 21],
)  # fmt: skip
def test_what_is_no_time_is_said_to_be_none(value: Any) -> None:
    with pytest.raises(ValueError, match="not a time: "):
        _fields.micros(value)


@given(MICROS, st.integers(-12 * 60, 14 * 60))
def test_a_time_survives_every_way_to_write_it(micros: int, offset: int) -> None:
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    local = moment.astimezone(timezone(timedelta(minutes=offset)))
    assert _fields.micros(moment.isoformat()) == micros
    assert _fields.micros(local.isoformat()) == micros
    assert _fields.micros(moment.replace(tzinfo=None).isoformat(" ")) == micros
    assert _fields.micros(micros) == micros
    assert _fields.micros(str(micros)) == micros
    assert _fields.micros(f"{micros // 10**6}.{micros % 10**6:06}") == micros


@given(st.integers(10**17, 9 * 10**18))
def test_nanoseconds_lose_only_what_is_below_a_microsecond(nanos: int) -> None:
    assert _fields.micros(nanos) == nanos // 1000


@given(st.integers(0, 10**16))
def test_money_is_exact(picodollars: int) -> None:
    assert _fields.picodollars(str(Decimal(picodollars).scaleb(-12))) == picodollars


@pytest.mark.parametrize(
    ("value", "picodollars"),
    [("0.0000987", 98_700_000), (9.87e-05, 98_700_000), ("9.87E-5", 98_700_000), ("$1.25", 1_250_000_000_000),
     (0, 0), (3, 3 * 10**12), (None, None), ("", None), ("1e-999999", 0)],
)  # fmt: skip
def test_dollars_become_whole_picodollars(value: Any, picodollars: int | None) -> None:
    assert _fields.picodollars(value) == picodollars


@pytest.mark.parametrize(
    "value", ["free", True, -0.1, "-1", float("nan"), float("inf"), 1e13, "1e999999", [], {}]
)
def test_what_is_no_cost_is_said_to_be_none(value: Any) -> None:
    with pytest.raises(ValueError, match="not a cost: "):
        _fields.picodollars(value)


def facts(outer: Any = None, metadata: Any = None, more: Any = None) -> _fields.Facts:
    return _fields.facts(metadata or {}, outer or {}, more or {})


@pytest.mark.parametrize("name", _names.DIMENSIONS)
def test_each_name_of_a_dimension_is_known_in_every_spelling(name: str) -> None:
    for alias in _names.DIMENSIONS[name]:
        words = alias.split("_")
        camel = words[0] + "".join(w.title() for w in words[1:])
        for spelling in (alias, alias.upper(), camel, "-".join(words), " ".join(words).title()):
            assert facts({spelling: "x"}).dimensions == {name: "x"}, spelling


def test_records_of_the_same_names_have_facts_of_their_own() -> None:
    for n in (1, 2):
        found = facts(
            {"team": f"t{n}", "cost_usd": n, "shade": f"s{n}", "latency_ms": n}, {"ts": 10**9 + n}
        )
        assert found.dimensions == {"team": f"t{n}"}
        assert (found.tags, found.reported_pd) == ({"shade": f"s{n}"}, n * 10**12)
        assert (found.sent_at, found.latency_us) == ((10**9 + n) * 10**6, n * 1000)


@pytest.mark.parametrize("huge", [float("inf"), 10**400])
def test_numbers_past_every_range_lose_no_call(huge: float) -> None:
    names = ("status_code", "latency_ms", "latency", "timestamp", "cost_usd")
    found = facts(dict.fromkeys(names, huge), {"team": "a"})
    assert (found.dimensions, found.code, found.sent_at) == ({"team": "a"}, None, None)
    assert (found.latency_us, found.reported_pd) == (None, None)


def test_plans_of_records_with_very_many_names_are_not_remembered() -> None:
    _fields._planned_again.cache_clear()
    many = {f"n{i}": "x" for i in range(_fields.MAX_PLANNED)}
    assert facts(many, {"team": "a"}).dimensions == {"team": "a"}
    assert _fields._planned_again.cache_info().currsize == 0
    assert facts(many).tags == many
    assert _fields._planned_again.cache_info().currsize == 1


def test_of_tag_fields_the_surest_overwrites_the_others() -> None:
    found = facts({"labels": ["a:1", "b:1"], "tags": {"a": "2"}}, {"labels": {"b": "3"}})
    assert found.tags == {"a": "2", "b": "3"}
    assert facts({"tags": {"a": 1}}, {"tags": {"a": 2}}).tags == {"a": "2"}


def test_the_surest_name_wins_then_the_place() -> None:
    found = facts({"user": "b", "username": "c", "feature": "x"}, {"user_id": "a", "app": "y"})
    assert found.dimensions == {"user_id": "a", "feature": "x"}
    assert facts({"team": "outer"}, {"team": "inner"}).dimensions == {"team": "inner"}


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (3, "3"), (3.0, "3"), (2.5, "2.5"), (True, "true"), (False, "false"), ("", None),
     (None, None), ({}, None), ([1], None)],
)  # fmt: skip
def test_a_dimension_is_a_scalar_as_text(value: Any, text: str | None) -> None:
    assert facts({"feature": value}).dimensions.get("feature") == text


def test_a_text_is_no_name() -> None:
    found = facts(
        {
            "prompt_template": "You are\nkind.",
            "template_id": "kind",
            "feature": "x" * 201,
            "team": "a\nb",
        }
    )
    assert found.dimensions == {"team": "a\nb", "template": "kind"}


def test_an_empty_name_leaves_room_for_the_next() -> None:
    assert facts({"user_id": "", "username": "ann"}).dimensions == {"user_id": "ann"}


@pytest.mark.parametrize(
    ("fields", "sent", "latency"),
    [
        ({"start_time": 1793600488, "end_time": 1793600490}, 1793600488, 2_000_000),
        ({"start_time": 1793600488, "timestamp": 1793600499}, 1793600488, None),
        ({"end_time": 1793600490, "latency_ms": 500}, 1793600489.5, 500_000),
        ({"end_time": 1793600490}, 1793600490, None),
        ({"timestamp": 1793600488, "end_time": 1793600480}, 1793600488, None),
        ({"timestamp": "?", "created_at": 1793600488}, 1793600488, None),
        ({"time": 3.5, "ts": 1793600488}, 1793600488, None),
        ({"latency": 1.5}, None, 1_500_000),
        ({"latency": 900, "start_time": 1793600488, "end_time": 1793600489}, 1793600488, 1_000_000),
        ({"latency": 900, "duration_ms": 40}, None, 40_000),
        ({"latency_ms": "12.5"}, None, 12_500),
        ({"latency_ms": -1, "latency_s": "x", "elapsed_ms": 3}, None, 3_000),
        ({"latency_ms": float("nan"), "latency": True}, None, None),
        ({"response_time": 0.7, "created": 1793600488}, 1793600488, None),
    ],
)  # fmt: skip
def test_start_and_latency(fields: Any, sent: float | None, latency: int | None) -> None:
    found = facts(fields)
    assert found.sent_at == (None if sent is None else round(sent * 10**6))
    assert found.latency_us == (latency or None)


def test_the_record_knows_its_time_better_than_metadata_does() -> None:
    found = facts(
        {"timestamp": 1793600488}, {"timestamp": 1, "date": "2020-01-01"}, {"created": 1793600000}
    )
    assert found.sent_at == 1793600488 * 10**6
    assert facts({}, {}, {"created": 1793600000}).sent_at == 1793600000 * 10**6


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["a", "k:v", " k2 : v2 ", 3, None, {}, "u:http://x"],
         {"a": "true", "k": "v", "k2": "v2", "3": "true", "u": "http://x"}),
        ({"k": 1, "n": None, "deep": {}}, {"k": "1"}),
        ('["a", "k:v"]', {"a": "true", "k": "v"}),
        ('{"k": "v"}', {"k": "v"}),
        ("a, b", {"a": "true", "b": "true"}),
        (3, {}), (None, {}), ("", {}), ([""], {}), ("[broken", {"[broken": "true"}),
    ],
)  # fmt: skip
def test_tags_in_their_forms(tags: Any, expected: dict[str, str]) -> None:
    assert facts({"tags": tags}).tags == expected


def test_what_else_is_said_becomes_tags() -> None:
    found = facts(
        {"env": "prod", "shard": 3, "ok": True, "none": None, "many": [1], "text": "x", "id": 1},
        {"env": "test", "x": "y" * 201, "lines": "a\nb", "tags": ["env2:z"], "prompt_tokens": 3},
    )
    assert found.tags == {"env": "test", "env2": "z", "ok": "true", "shard": "3"}
    assert facts({"tags": {"a": 1, "b": 1}}, {"tags": {"a": 2}}).tags == {"a": "2", "b": "1"}


@pytest.mark.parametrize(
    ("fields", "code"),
    [({"status_code": 429}, 429), ({"httpStatus": "503"}, 503), ({"status_code": "?", "response_code": 404}, 404),
     ({"status_code": 7}, None), ({"status_code": [500]}, None), ({}, None)],
)  # fmt: skip
def test_an_http_status(fields: Any, code: int | None) -> None:
    assert facts(fields).code == code


def test_a_cost_that_is_none_leaves_room_for_the_next() -> None:
    found = facts({"cost": {"input": 1}, "total_cost": "0.5"}, {"cost_usd": "unknown"})
    assert found.reported_pd == 5 * 10**11
