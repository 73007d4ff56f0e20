"""`prices show` and `prices check`, and a user's own prices, as people call them."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from .conftest import Cli

OWN = """
[[discount]]
provider = "openai"
percent = 12
since = 2026-11-12

[[unit]]
name = "web_search"
model = "gpt-4o"
per_thousand = 8
"""


def data(cli: Cli, *args: str) -> Any:
    done = cli(*args, "--json")
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return json.loads(done.stdout)


def test_every_class_and_unit_has_rate_source_and_day(inside: Cli) -> None:
    shown = data(inside, "prices", "show", "claude-opus-5", "--at", "2026-11-20")
    assert {rate["tier"] for rate in shown["rates"]} == {"standard", "batch", "fast"}
    for item in (*shown["rates"], *shown["units"]):
        assert item["source"]
        assert item["checked_on"] == "2026-11-21"
    assert {unit["name"] for unit in shown["units"]} == {
        "web_search", "web_fetch", "code_execution",
    }  # fmt: skip


def test_a_model_that_is_billed_by_units_alone_is_shown(inside: Cli) -> None:
    shown = data(inside, "prices", "show", "rerank-v3.5", "--provider", "cohere")
    (unit,) = shown["units"]
    assert (unit["name"], unit["usd"], unit["per"]) == ("rerank_search", "2", 1000)


def test_a_users_units_and_discounts_are_shown_from_their_day_on(
    inside: Cli, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    for day, fresh in (("2026-11-11", "2.5"), ("2026-11-12", "2.2")):
        args = ("prices", "show", "gpt-4o", "--at", day, "--prices", "own.toml")
        shown = data(inside, *args, "--provider", "openai")
        rates = {(r["tier"], r["billing_class"]): r["usd_per_mtok"] for r in shown["rates"]}
        assert rates["standard", "fresh"] == fresh
        units = {unit["name"]: (unit["usd"], unit["source"]) for unit in shown["units"]}
        assert units["web_search"] == ("8", "own.toml")


def test_a_discount_comes_off_the_bill_from_its_day_on(
    inside: Cli, log: str, tmp_path: Path
) -> None:
    (tmp_path / "own.toml").write_text(OWN, encoding="utf-8")
    for when, factor in (("2026-11-11", 1), ("2026-11-12", Decimal("0.88"))):
        window = ("--since", when, "--until", when)
        list_price = data(inside, "report", log, *window)["totals"]["cost_usd"]
        own = data(inside, "report", log, *window, "--prices", "own.toml")["totals"]["cost_usd"]
        assert Decimal(own) == Decimal(list_price) * factor


def test_what_is_unpriced_is_listed_of_a_store_and_of_logs(
    inside: Cli, log: str, tmp_path: Path
) -> None:
    assert data(inside, "prices", "check", log)["unpriced"] == []
    row = {"model": "gpt-4oo", "provider": "openai", "prompt_tokens": 5, "completion_tokens": 1}
    (tmp_path / "odd.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert inside("ingest", "odd.jsonl").returncode == 0
    found = data(inside, "prices", "check")
    assert {(gap["model"], gap["what"]) for gap in found["unpriced"]} == {
        ("gpt-4oo", "fresh"), ("gpt-4oo", "output"),
    }  # fmt: skip
    assert "gpt-4o" in found["unpriced"][0]["nearest"]


def test_units_without_a_price_are_listed(inside: Cli, tmp_path: Path) -> None:
    row = {"model": "claude-opus-5", "input_tokens": 5, "output_tokens": 1,
           "web_search_requests": 2, "code_execution_requests": 3}  # fmt: skip
    (tmp_path / "tools.jsonl").write_text(json.dumps(row) + "\n", encoding="utf-8")
    found = data(inside, "prices", "check", "tools.jsonl")
    assert [(gap["what"], gap["number"]) for gap in found["unpriced_units"]] == [
        ("code_execution", 3)
    ]
    assert "container hour" in found["unpriced_units"][0]["reason"]
