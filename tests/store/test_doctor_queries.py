"""The queries behind `doctor`: which calls have which finding, what they cost, and where they stand."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from costscope.model import CLASSES
from costscope.store import SourceState, Store

from .tables import SOURCE, add, calls, parts

DAY = 86_400 * 10**6
NOW = 1_795_000_000 * 10**6
GOOD = {"session": "s", "feature": "f", "sent_at": NOW}
WRITTEN = SOURCE._replace(modified=(NOW + DAY) * 1000)


def found(path: Path, *rows: dict[str, Any], source: SourceState = WRITTEN) -> dict[str, Any]:
    """Finding → its row, for calls with rates of 2 picodollars a token, but none for the output of m2."""
    with Store.open(path, create=True) as store:
        with store.transaction():
            store.save_sources([source])
            store.add(calls(*rows), parts(*rows))
        store.scope("true", [], {})
        numbers = [r["call_no"] for r in store.table("scope_prices").to_pylist()]
        models = [r["model"] for r in store.table("scope_prices").to_pylist()]
        keyed = pa.table({"call_no": numbers, "rate_no": [int(m == "m2") for m in models]})
        rates: dict[str, Any] = {c: pa.array([2, 2], pa.int64()) for c in CLASSES}
        rates["output"] = pa.array([2, None], pa.int64())
        wide = pa.table({"rate_no": [0, 1], **rates})
        table = store.table("doctor_calls", keyed=keyed, wide=wide)
        return {r["finding"]: r for r in table.to_pylist()}


@pytest.mark.parametrize(
    ("row", "finding"),
    [
        ({"estimated": True}, "estimated"),
        ({"ambiguous": True}, "ambiguous"),
        ({"session": None}, "no_session"),
        ({"feature": None}, "no_feature"),
        ({"sent_at": None}, "no_time"),
        ({"model": ""}, "no_model"),
        ({"sent_at": 5 * DAY}, "early"),
        ({"sent_at": 5 * DAY, "tags": '{"clock": "relative"}'}, "relative_clock"),
        ({"sent_at": NOW + 2 * DAY}, "future"),
        ({"status": "incomplete"}, "incomplete"),
        ({"status": "error"}, "failed_billed"),
        ({"retry_of": "nobody"}, "retry_unknown"),
        ({"retry_of": "me", "call_id": "me"}, "retry"),
        ({"fresh": 0, "output": 0}, "zero_usage"),
    ],
)
def test_each_oddity_is_one_finding(tmp_path: Path, row: dict[str, Any], finding: str) -> None:
    rows = found(tmp_path / "s.duckdb", {"identity": "a", **GOOD, **row})
    assert set(rows) == {finding}
    assert rows[finding]["calls"] == 1
    assert rows[finding]["places"] == ["a.jsonl:1"]


def test_a_good_call_and_a_failed_one_that_cost_nothing_are_no_findings(tmp_path: Path) -> None:
    failed = {"identity": "b", **GOOD, "status": "error", "fresh": 0, "output": 0}
    assert found(tmp_path / "s.duckdb", {"identity": "a", **GOOD}, failed) == {}


def test_findings_add_up_tokens_and_cost_as_far_as_there_are_prices(tmp_path: Path) -> None:
    odd = [{"identity": f"c{n}", **GOOD, "session": None, "line": n} for n in (5, 3, 9, 1)]
    unpriced = {"identity": "u", **GOOD, "session": None, "line": 2, "model": "m2"}
    row = found(tmp_path / "s.duckdb", *odd, unpriced)["no_session"]
    assert (row["calls"], row["tokens"], row["picodollars"]) == (5, 35, "56")
    assert row["places"] == ["a.jsonl:1", "a.jsonl:2", "a.jsonl:3"]


def test_order_is_that_of_lines(tmp_path: Path) -> None:
    minute = 60 * 10**6
    times = [(1, 0), (2, -10), (3, 30), (4, -30)]
    rows = [{"identity": f"t{n}", **GOOD, "line": n, "sent_at": NOW + m * minute} for n, m in times]
    row = found(tmp_path / "s.duckdb", *rows)["out_of_order"]
    assert row["places"] == ["a.jsonl:4"]


def test_gaps_are_silences_beyond_the_log_s_own_rhythm(tmp_path: Path) -> None:
    def gaps(name: str, days: list[int]) -> list[Any]:
        with Store.open(tmp_path / name, create=True) as store:
            add(store, *({"identity": f"g{d}", **GOOD, "sent_at": NOW + d * DAY} for d in days))
            store.scope("true", [], {})
            found: list[Any] = store.table("doctor_gaps").to_pylist()
            return found

    (gap,) = gaps("one", [*range(20), 40])
    assert (gap["after"] - gap["before"]).days == 21
    assert gap["gaps"] == 1
    assert gaps("weekly", list(range(0, 140, 7))) == []
    assert gaps("single", [1]) == []
