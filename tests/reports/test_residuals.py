"""Reported beside computed cost: only calls that have both, the others counted."""

from dataclasses import replace
from typing import Any

from costscope.model import CLASSES
from costscope.reports import bill
from costscope.reports.residuals import Residual, document, residuals, tables
from tests.reports.test_bill import RATES, SPEND


def row(
    model: str = "known", rate_no: int = 0, reported: int | None = None, **more: Any
) -> dict[str, Any]:
    told = None if reported is None else str(reported)
    return {"model": model, "rate_no": rate_no, "reported": reported is not None, "estimated": False,
            "calls": 2, "reported_pd": told, "fees_pd": "0", "unpriced_fees": False,
            **dict.fromkeys(CLASSES, 0), **more}  # fmt: skip


ROWS = [
    row(reported=4_000_000_000, fresh=1000),
    row(reported=10_000_000, output=1),
    row(reported=7, rate_no=1, model="unheard-of", fresh=5),
    row(reported=7, fresh=5, cache_write_1h=1, calls=3),
    row(fresh=10, calls=5),
    row(reported=1, fresh=10, estimated=True),
    row(reported=0, model="zero", calls=1),
]


def test_only_calls_with_both_are_compared_and_the_others_counted() -> None:
    found = residuals(ROWS, RATES)
    assert found.rows == [
        Residual("known", 4, 4_010_000_000, 3_015_000_000),
        Residual("zero", 1, 0, 0),
    ]
    assert found.excluded == {"unreported_calls": 5, "unpriced_calls": 5, "estimated_calls": 2}
    assert found.rows[0].residual == 995_000_000
    assert found.rows[1].share is None


def test_the_document_has_exact_money() -> None:
    first = document(residuals(ROWS, RATES))["residuals"][0]
    assert first == {"model": "known", "calls": 4, "reported_usd": "0.00401",
                     "computed_usd": "0.003015", "residual_usd": "0.000995"}  # fmt: skip


def test_people_see_it_only_where_a_log_reports_a_cost() -> None:
    assert tables(residuals([row(fresh=1)], RATES), 5) == []
    (table,) = tables(residuals(ROWS, RATES), 1)
    assert len(table.rows) == 1
    assert "5 report no cost, 5 have no price, 2 show no usage" in table.note
    assert "1 more not shown" in table.note


def test_the_bill_has_the_residuals() -> None:
    report = bill.report(replace(SPEND, reported=ROWS), [])
    assert [r["model"] for r in report.data["residuals"]] == ["known", "zero"]
    assert report.data["residuals_excluded"]["unpriced_calls"] == 5
    assert report.tables[-1].title == "What the log reports and what we compute"
    assert bill.report(SPEND, []).data["residuals"] == []
