"""Findings: what is odd by itself, how grave it is, and that shares are of the right whole."""

from datetime import datetime
from typing import Any

from costscope.reports.bill import Totals
from costscope.reports.quality import _CALLS, Finding, Quality, findings, report
from costscope.reports.residuals import Residual, Residuals

COUNTS = {"files": 2, "calls": 100, "skipped": 0, "duplicates": 0}


def quality(**changes: Any) -> Quality:
    bill = changes.pop("bill", Totals(calls=100, cost=10**12, priced_tokens=1000))
    bill.tokens["fresh"] = 1000
    given: dict[str, Any] = {"counts": COUNTS, "calls": [], "skips": [], "duplicates": [], "gaps": [],
                             "bill": bill, "residuals": Residuals()}  # fmt: skip
    return Quality(**{**given, **changes})


def only(**changes: Any) -> Finding:
    (found,) = findings(quality(**changes))
    return found


def of_calls(name: str, calls: int = 5) -> dict[str, Any]:
    return {"finding": name, "calls": calls, "tokens": 50, "picodollars": str(10**11),
            "places": ["a.jsonl:1", "a.jsonl:7"]}  # fmt: skip


def test_a_good_log_has_no_findings() -> None:
    found = report(quality())
    assert found.data["findings"] == []
    assert found.summary == ["nothing odd in 100 calls of 2 files."]
    assert found.tables == []


def test_unread_records_are_an_error_from_one_in_a_hundred_on() -> None:
    skips = [{"reason": "not valid JSON", "records": 1, "total": 1, "place": "a.jsonl:3"}]
    few = only(counts={**COUNTS, "calls": 999, "skipped": 1}, skips=skips)
    assert (few.severity, few.share) == ("warning", 0.001)
    many = only(counts={**COUNTS, "calls": 98, "skipped": 1, "duplicates": 0}, skips=skips)
    assert many.severity == "error"
    assert many.examples == [("a.jsonl:3", "not valid JSON (1)")]


def test_duplicates_are_a_share_of_all_records() -> None:
    found = only(
        counts={**COUNTS, "duplicates": 100}, duplicates=[{"place": "b:1", "records": 100}]
    )
    assert (found.id, found.count, found.of, found.share) == ("duplicates", 100, 200, 0.5)
    assert found.severity == "warning"
    assert only(counts={**COUNTS, "duplicates": 5}).severity == "info"


def test_findings_of_calls_have_what_they_cost() -> None:
    (found,) = report(quality(calls=[of_calls("estimated")])).data["findings"]
    assert (found["count"], found["of"], found["share"]) == (5, 100, 0.05)
    assert (found["tokens"], found["token_share"]) == (50, 0.05)
    assert (found["cost_usd"], found["cost_share"]) == ("0.10", 0.1)
    assert found["examples"][1] == {"place": "a.jsonl:7", "note": ""}


def test_every_finding_of_the_query_is_known_and_says_what_to_do() -> None:
    rows = [of_calls(name) for name in _CALLS]
    found = findings(quality(calls=rows))
    assert {f.id for f in found} == set(_CALLS)
    assert all(f.what and f.todo for f in found)
    severities = [f.severity for f in found]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)


def test_what_has_no_price_names_models_and_their_nearest() -> None:
    bill = Totals(calls=1, unpriced={"gpt-9x": 400, "": 100})
    found = only(bill=bill, nearest={"gpt-9x": ["gpt-4"]})
    assert (found.severity, found.count, found.share) == ("error", 500, 0.5)
    assert found.examples == [("gpt-9x", "the nearest known names: gpt-4"), ("(no model)", "")]


def test_unexplained_tokens_are_a_warning_where_there_are_many() -> None:
    few, many = Totals(calls=1), Totals(calls=1)
    few.segment_tokens["unattributed"], many.segment_tokens["unattributed"] = 299, 300
    assert only(bill=few).severity == "info"
    assert only(bill=many).severity == "warning"


def test_a_residual_counts_from_one_per_cent_on() -> None:
    rows = [
        Residual("near", 5, 1000, 991),
        Residual("off", 3, 1000, 900),
        Residual("free", 2, 0, 7),
    ]
    found = only(residuals=Residuals(rows))
    assert (found.count, found.cost) == (5, 93)
    assert found.examples == [
        ("off", "we compute 10.0 % less than the log says"), ("free", "reported as free"),
    ]  # fmt: skip


def test_gaps_are_told_with_their_ends() -> None:
    gap = {"before": datetime(2026, 11, 1, 9), "after": datetime(2026, 11, 9, 8, 30), "gaps": 4}
    found = only(gaps=[gap])
    assert (found.count, found.share) == (4, None)
    assert found.examples == [("2026-11-01 09:00", "to 2026-11-09 08:30")]
