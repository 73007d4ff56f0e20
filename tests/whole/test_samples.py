"""The sample story from end to end: the bill adds up, levers compose, the gate finds the cause."""

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from costscope import gate, pipeline
from costscope.config import Config
from costscope.errors import ExitCode, InputError
from costscope.filters import Filters
from costscope.renderers.json import Json
from costscope.store import Store
from tests.cli.conftest import environment

from .conftest import SAMPLES, bill_of

MONDAY = datetime(2026, 11, 9, tzinfo=UTC)
Sample = tuple[Store, Config]


def test_segments_and_classes_and_groups_add_up_to_the_same_bill(sample_store: Sample) -> None:
    data = pipeline.bill(*sample_store, Filters(), ["feature"]).data
    totals = data["totals"]
    tokens = sum(n for name, n in totals["tokens"].items() if name != "reasoning")
    assert tokens == sum(s["tokens"] for s in totals["segments"].values())
    money = sum(Decimal(s["cost_usd"]) for s in totals["segments"].values())
    assert (
        money == Decimal(totals["cost_usd"]) == sum(Decimal(g["cost_usd"]) for g in data["groups"])
    )


def test_every_call_is_billed_its_parts_exactly(sample_store: Sample) -> None:
    store, _ = sample_store
    work = pipeline.workload(store, Filters())
    units = (
        work.parts.group_by("call_no", "billing_class")
        .sum()
        .select("call_no", "billing_class", "tokens")
    )
    billed = {(c, str(b)): n for c, b, n in units.iter_rows()}
    for row in store.table("scope_units").to_pylist():
        for name in ("fresh", "cache_read", "cache_write_5m", "cache_write_1h", "output"):
            assert billed.get((row["call_no"], name), 0) == row[name]


@pytest.fixture(scope="module")
def all_levers(sample_store: Sample) -> dict[str, Any]:
    store, found = sample_store
    return dict(pipeline.simulate(store, found, Filters(), pipeline.levers(found, ["all"])).data)


def test_shares_add_up_and_no_dollar_is_saved_twice(all_levers: dict[str, Any]) -> None:
    shares = sum(Decimal(lever["saved_share_usd"]) for lever in all_levers["levers"])
    added = sum(Decimal(lever["saved_usd"]) for lever in all_levers["levers"])
    combined = all_levers["combined"]
    assert shares == added == Decimal(combined["saved_usd"])
    whole = Decimal(all_levers["baseline"]["cost_usd"])
    assert whole - Decimal(combined["saved_usd"]) == Decimal(combined["cost_usd"]) > 0


@pytest.mark.parametrize(
    ("name", "calls", "least", "most"),
    [
        ("routing", 1000, "1.0", "3.0"),
        ("batching", 488, "0.45", "0.46"),
        ("prompt_cache", 100, "0.30", "0.60"),
        ("response_cache", 80, "0.04", "0.07"),
    ],
)
def test_the_planted_waste_is_found(
    all_levers: dict[str, Any], name: str, calls: int, least: str, most: str
) -> None:
    (lever,) = (lever for lever in all_levers["levers"] if lever["name"] == name)
    assert Decimal(least) < Decimal(lever["saved_alone_usd"]) < Decimal(most)
    assert lever["applies_to"]["calls"] >= calls
    assert lever["evidence"]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the demo says as JSON, as a process of its own in an empty folder, which stays empty. Where a
    core is to spare, it begins a second one."""
    folder, env = tmp_path_factory.mktemp("nothing"), environment(PYTHONHASHSEED="7")
    del env["POLARS_MAX_THREADS"]
    done = subprocess.run(
        [sys.executable, "-m", "costscope", "demo", "--json"],
        cwd=folder, env=env,
        capture_output=True, text=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert list(folder.iterdir()) == []
    return dict(json.loads(done.stdout))


def test_the_demo_needs_nothing(demo: dict[str, Any]) -> None:
    assert list(demo) == ["schema_version", "report", "recommend"]
    assert demo["report"]["totals"]["calls"] > 0


def test_recommendations_are_the_same_bytes_twice(
    sample_store: Sample, demo: dict[str, Any]
) -> None:
    """In another process, with other hashes of words, from a store of its own."""
    here = json.loads(Json().render(pipeline.recommend(*sample_store, Filters())))
    assert json.dumps(here) == json.dumps(demo["recommend"])


@pytest.fixture(scope="module")
def first_week(sample_store: Sample, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("week") / "baseline.json"
    pipeline.baseline_write(*sample_store, Filters(until=MONDAY), path)
    return path


def test_the_second_week_fails_and_the_cause_is_named(
    sample_store: Sample, first_week: Path
) -> None:
    report, code = pipeline.check(*sample_store, Filters(since=MONDAY), baseline=str(first_week))
    assert code is ExitCode.FAILED
    failed = [r for r in report.data["rules"] if r["verdict"] == "fail"]
    assert {r["segment"] for r in failed} == {"overall", "support-chat"}
    for rule in failed:
        assert "v3 → v4" in rule["drivers"][0]["name"]
        assert "context tokens" in rule["drivers"][0]["name"]
        amounts = sum(Decimal(d["amount_usd"]) for d in rule["drivers"])
        assert amounts == Decimal(rule["change"])


def test_the_first_week_passes_against_itself(sample_store: Sample, first_week: Path) -> None:
    report, code = pipeline.check(*sample_store, Filters(until=MONDAY), baseline=str(first_week))
    assert code is ExitCode.OK
    assert report.data["verdict"] == "pass"
    assert {Decimal(r["change"]) for r in report.data["rules"]} == {Decimal(0)}


def test_a_broken_baseline_is_an_error_and_no_verdict(sample_store: Sample, tmp_path: Path) -> None:
    broken = tmp_path / "baseline.json"
    broken.write_text('{"schema_version": 1, "cells": [')
    with pytest.raises(InputError, match=r"baseline\.json"):
        pipeline.check(*sample_store, Filters(), baseline=str(broken))


def test_a_baseline_can_be_logs(sample_store: Sample) -> None:
    report, code = pipeline.check(*sample_store, Filters(), baseline=str(SAMPLES))
    assert (code, report.data["verdict"]) == (ExitCode.OK, "pass")


def test_the_committed_baseline_holds_no_users_and_no_sessions(
    first_week: Path, sample_store: Sample
) -> None:
    text = first_week.read_text(encoding="utf-8")
    calls = pipeline.workload(sample_store[0], Filters()).calls
    for column in ("user_id", "session"):
        assert not [value for value in calls[column].drop_nulls().unique() if f'"{value}"' in text]
    assert gate.read(first_week).sums.features


def test_the_same_calls_as_parquet_give_the_same_report(tmp_path: Path) -> None:
    log = SAMPLES / "openai_chat.jsonl.gz"
    with gzip.open(log, "rt", encoding="utf-8") as file:
        records = [json.loads(line) for line in file][:400]
    (tmp_path / "lines.jsonl").write_text("".join(json.dumps(r) + "\n" for r in records))
    columns = {key: [_cell(record.get(key)) for record in records] for key in records[0]}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    keys = ("feature", "model", "user", "day", "template_version")
    lines = bill_of(tmp_path, tmp_path / "lines.jsonl", group_by=keys)
    rows = bill_of(tmp_path, tmp_path / "rows.parquet", group_by=keys)
    assert json.dumps(lines) == json.dumps(rows)
    assert lines["totals"]["calls"] == 400


def _cell(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, (dict, list)) else value


def test_plain_rows_as_parquet_give_the_same_report(tmp_path: Path) -> None:
    records = [json.loads(line) for line in (SAMPLES / "rows.jsonl").read_text().splitlines()]
    pq.write_table(pa.Table.from_pylist(records), tmp_path / "rows.parquet")
    lines = bill_of(tmp_path, SAMPLES / "rows.jsonl", group_by=("feature", "day"))
    assert json.dumps(lines) == json.dumps(
        bill_of(tmp_path, tmp_path / "rows.parquet", group_by=("feature", "day"))
    )
