"""The bill from small sums: exact money, unknown shown as unknown, groups that add up."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from costscope.reports.bill import Spend, report, totals

RATES = {(0, "fresh"): 3_000_000, (0, "cache_read"): 300_000, (0, "output"): 15_000_000}


def row(
    feature: str, segment: str, billing_class: str, tokens: int, rate_no: int = 0
) -> dict[str, Any]:
    return {
        "feature": feature, "model": "known" if rate_no == 0 else "unheard-of", "rate_no": rate_no,
        "segment": segment, "billing_class": billing_class, "tokens": tokens,
    }  # fmt: skip


def fact(feature: str, model: str, calls: int, **more: Any) -> dict[str, Any]:
    counted = {
        "conversations": calls // 2,
        "users": 1,
        "tasks": 0,
        "estimated_calls": 0,
        "timeless": 0,
    }
    told = {
        "reported_calls": 0,
        "reported_pd": None,
        "since": None,
        "until": None,
        "output": 0,
        "reasoning": 0,
    }
    return {"feature": feature, "model": model, "calls": calls, **counted, **told, **more}


SPEND = Spend(
    keys=("feature", "model"),
    rows=[
        row("chat", "system", "cache_read", 1_000_000),
        row("chat", "query", "fresh", 100_000),
        row("chat", "output", "output", 20_000),
        row("jobs", "unattributed", "fresh", 50_000, rate_no=1),
    ],
    facts=[
        fact("chat", "known", 10, since="2026-11-02T00:00:00Z", until="2026-11-03T00:00:00Z", reasoning=5_000),
        fact("jobs", "unheard-of", 4, reported_calls=4, reported_pd="120000000000", since="2026-11-01T00:00:00Z"),
    ],
    rates=RATES, models={0: "known", 1: "unheard-of"}, book="a book", timezone="UTC",
)  # fmt: skip


def test_money_is_exact_and_unpriced_tokens_are_in_no_figure() -> None:
    data = report(SPEND, []).data["totals"]
    assert data["cost_usd"] == "0.90"
    assert data["priced_token_share"] == round(1_120_000 / 1_170_000, 6)
    assert data["unpriced_models"] == ["unheard-of"]
    assert data["segments"]["unattributed"] == {"tokens": 50_000, "cost_usd": None}
    assert data["segments"]["history"] == {"tokens": 0, "cost_usd": "0.00"}


def test_what_the_log_reports_stands_beside_what_it_costs() -> None:
    data = report(SPEND, []).data["totals"]
    assert (data["reported_cost_usd"], data["reported_calls"]) == ("0.12", 4)


def test_the_window_is_the_first_and_last_call_of_all_groups() -> None:
    window = report(SPEND, []).data["window"]
    assert (window["since"], window["until"]) == ("2026-11-01T00:00:00Z", "2026-11-03T00:00:00Z")


def test_groups_add_up_to_the_totals_and_the_dearest_comes_first() -> None:
    data = report(SPEND, ["feature"]).data
    assert [g["key"] for g in data["groups"]] == [{"feature": "chat"}, {"feature": "jobs"}]
    for name in ("fresh", "cache_read", "output", "reasoning"):
        assert sum(g["tokens"][name] for g in data["groups"]) == data["totals"]["tokens"][name]
    assert sum(g["calls"] for g in data["groups"]) == data["totals"]["calls"] == 14


def test_a_group_without_any_price_is_unknown_with_a_reason_and_not_zero() -> None:
    jobs = report(SPEND, ["feature"]).data["groups"][1]
    assert jobs["cost_usd"] is None
    assert "no price" in jobs["cost_usd_reason"]
    assert jobs["unit"]["cost_usd"] is None


def test_days_are_in_order_of_time_whatever_they_cost() -> None:
    days = [{**r, "day": d} for r, d in zip(SPEND.rows, ("b", "a", "a", "c"), strict=True)]
    facts = [{**SPEND.facts[0], "day": d} for d in "cab"]
    spend = replace(SPEND, keys=("day",), rows=days, facts=facts)
    assert [g["key"]["day"] for g in report(spend, ["day"]).data["groups"]] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("unit", "count"), [("request", 14), ("conversation", 7), ("user", 2), ("task", 0)]
)
def test_units(unit: str, count: int) -> None:
    found = report(replace(SPEND, unit=unit), []).data["totals"]["unit"]
    assert (found["name"], found["count"]) == (unit, count)
    assert (found["cost_usd"] is None) == (count == 0)


def test_the_order_of_rows_does_not_matter() -> None:
    other = replace(SPEND, rows=SPEND.rows[::-1], facts=SPEND.facts[::-1])
    assert report(other, ["feature"]) == report(SPEND, ["feature"])


def test_notes_name_what_is_unpriced_with_its_tokens() -> None:
    (note, *_) = report(SPEND, []).notes
    assert "unheard-of (50,000 tokens)" in note


def test_nothing_at_all_costs_nothing() -> None:
    empty = totals(replace(SPEND, rows=[], facts=[]))
    assert (empty.all_tokens, empty.known_cost, empty.priced_share) == (0, 0, None)


FEES = [
    {"feature": "chat", "model": "known", "unit": "web_search", "number": 3, "pd": "30000000000", "unpriced": False},
    {"feature": "chat", "model": "odd", "unit": "web_search", "number": 2, "pd": None, "unpriced": True},
    {"feature": "jobs", "model": "odd", "unit": "rerank_search", "number": 1, "pd": None, "unpriced": True},
]  # fmt: skip


def test_what_is_billed_beside_tokens_is_in_the_bill_and_what_has_no_price_is_named() -> None:
    whole = report(replace(SPEND, fees=FEES), ["feature"])
    data = whole.data["totals"]
    assert data["cost_usd"] == "0.93"
    assert data["fees"] == {
        "rerank_search": {"number": 1, "cost_usd": None},
        "web_search": {"number": 5, "cost_usd": "0.03"},
    }
    parts = [Decimal(s["cost_usd"] or 0) for s in data["segments"].values()]
    beside = [Decimal(f["cost_usd"] or 0) for f in data["fees"].values()]
    assert sum(parts) + sum(beside) == Decimal(data["cost_usd"])
    assert [g["cost_usd"] for g in whole.data["groups"]] == ["0.93", None]
    assert any("2 web search of odd" in note for note in whole.notes)
