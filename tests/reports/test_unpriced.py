"""Prices beside text tokens, and what has no price, as reports."""

from datetime import date
from decimal import Decimal
from typing import Any

from costscope.prices.units import UnitQuote
from costscope.reports import prices

DAY = date(2026, 11, 21)
UNITS = [
    UnitQuote("web_search", Decimal("35.0"), 1000, "a page", DAY, at_most=1),
    UnitQuote("input_image", None, 10**6, "a guide", DAY, as_text=True),
    UnitQuote("code_execution", None, 1000, "by the hour"),
]


def gap(**more: Any) -> dict[str, Any]:
    return {"provider": "openai", "channel": "direct", "model": "gpt-9", "tier": "standard",
            "what": "cache_read", "reason": "no price", "calls": 2, "number": 30, **more}  # fmt: skip


def test_units_are_shown_with_price_scale_and_source() -> None:
    found = prices.report("m", DAY, [], [], "a book", UNITS)
    (grid,) = found.tables
    assert [row[:3] for row in grid.rows] == [
        ("web search", "35", "thousand, 1 a call at most"),
        ("input image", "as text", "million"),
        ("code execution", "unknown", "thousand"),
    ]
    assert found.data["units"][0]["usd"] == "35"
    assert found.data["units"][0]["checked_on"] == "2026-11-21"
    assert found.data["units"][2]["usd"] is None


def test_what_has_no_price_is_listed_with_share_reason_and_nearest_names() -> None:
    found = prices.unpriced([gap()], [gap(what="x_search")], {"gpt-9": ["gpt-5"]}, 120, "a book")
    assert found.summary == ["30 of 120 tokens (25.0%) have no price."]
    tokens, units = found.tables
    assert list(tokens.rows) == [
        ("gpt-9", "openai", "standard", "cache read", 2, 30, "no price", "gpt-5")
    ]
    assert "nearest known names" not in [column.name for column in units.columns]
    assert found.data["unpriced"][0]["nearest"] == ["gpt-5"]
    assert found.data["unpriced_tokens"] == 30
    assert any("nothing is priced by them" in note for note in found.notes)


def test_all_priced_is_said_in_a_sentence() -> None:
    found = prices.unpriced([], [], {}, 0, "a book")
    assert (found.tables, found.summary) == ([], ["0 of 0 tokens (0.0%) have no price."])
