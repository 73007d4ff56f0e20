"""Cost by template version: in order of appearance, the dearest kept, and what its names mean."""

from datetime import datetime
from typing import Any

from costscope.reports.templates import TOP, document, tables


def row(version: str, first: int, last: int, **more: Any) -> dict[str, Any]:
    said = {
        "feature": "chat", "template": f"system:{version}", "version": version, "declared": False,
        "first": f"2026-11-{first:02}", "since": datetime(2026, 11, first),
        "last": f"2026-11-{last:02}", "until": datetime(2026, 11, last), "calls": 2,
        "input_tokens": 200, "history_tokens": 0, "system_tokens": 50, "priced_calls": 1,
        "picodollars": 10**9,
    }  # fmt: skip
    return {**said, **more}


def test_a_version_is_a_row_with_means() -> None:
    (table,) = tables([row("v1", 1, 3)], 0)
    assert list(table.rows) == [
        ("chat", "system:v1", "v1", "2026-11-01", "2026-11-03", 2, 25, 100, 10**9, 10**9)
    ]
    assert "overlap" not in table.note
    (said,) = document([row("v1", 1, 3)])
    assert (said["since"], said["cost_usd"], said["priced_calls"]) == (
        "2026-11-01T00:00:00Z",
        "0.001",
        1,
    )


def test_versions_that_overlap_may_be_other_templates() -> None:
    assert "overlap" in tables([row("v1", 1, 5), row("v2", 4, 9)], 0)[0].note
    assert "overlap" not in tables([row("v1", 1, 5), row("v2", 5, 9)], 0)[0].note
    named = [row("v1", 1, 5, declared=True), row("v2", 4, 9, declared=True)]
    assert "overlap" not in tables(named, 0)[0].note


def test_the_dearest_are_shown_in_their_order() -> None:
    rows = [row(f"v{n}", 1, 2, picodollars=n % 7) for n in range(TOP + 3)]
    (table,) = tables(rows, 5)
    shown = [r[2] for r in table.rows]
    assert len(shown) == TOP
    assert shown == sorted(shown, key=lambda v: int(v[1:]))
    assert {"v7", "v14", "v21"}.isdisjoint(shown)
    assert "5 calls show no template" in table.note
    assert "3 more in --json" in table.note


def test_without_templates_there_is_no_table() -> None:
    assert tables([], 10) == []
    unknown = dict.fromkeys(("since", "until", "first", "last", "picodollars"))
    timeless = {**row("v1", 1, 1, priced_calls=0), **unknown}
    assert document([timeless])[0]["since"] is None
    assert tables([timeless], 0)[0].rows[0][3:5] == (None, None)
