from collections import Counter
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest

from costscope.model import CLASSES
from costscope.prices import facts, library, match
from costscope.prices.facts import Row
from costscope.prices.quotes import TIERS
from costscope.prices.unit_names import UNITS, is_per_token

PLATFORMS = {
    "anthropic", "openai", "azure", "bedrock", "google", "deepseek", "xai", "mistral", "groq",
    "openrouter", "cohere",
}  # fmt: skip
ROWS = [row for kind in facts.KINDS for p in sorted(PLATFORMS) for row in facts.rows(kind, p)]
KEYS = {
    "rate": {"input", "output", "cache_read", "cache_write", "cache_write_1h", "hours", "weekdays_only",
             "holidays", "regions"},
    "batch": {"input", "output", "cache_read", "cache_write", "window_hours", "caching", "note", "flat"},
    "tier": {"tiers", "input", "output", "cache_read", "cache_write", "flat"},
    "fill": {"class", "of_input", "plus_input"},
    "uplift": {"regions", "except_regions", "multiplier"},
    "long_context": {"above", "comparison", "input", "output", "flat"},
    "alias": {"as"},
    "note": {"text"},
    "unit": {"units", "usd_per_thousand", "usd_per_mtok", "as_text", "fallback", "at_most", "unknown", "note"},
}  # fmt: skip


def title(row: Row) -> str:
    return f"{row.kind}:{row.platforms[0]}:{row.models[0]}:{row.since}"


@pytest.mark.parametrize("row", ROWS, ids=title)
def test_a_row_says_where_it_is_from(row: Row) -> None:
    assert len(row.source) > 3
    assert row.grade in facts.GRADES
    assert date(2026, 1, 1) <= row.checked_on <= facts.as_of()
    assert row.since < row.until
    assert set(row.platforms) <= PLATFORMS
    assert all(glob == glob.lower() for glob in row.models)


@pytest.mark.parametrize("row", [r for r in ROWS if r.kind in KEYS], ids=title)
def test_a_row_has_only_keys_that_are_read(row: Row) -> None:
    assert set(row.values) <= KEYS[row.kind]


@pytest.mark.parametrize("row", [r for r in ROWS if r.kind in ("batch", "tier")], ids=title)
def test_multipliers_are_sane(row: Row) -> None:
    for key in ("input", "output", "cache_read", "cache_write"):
        factor = row.factor(key)
        assert factor is None or Fraction(1, 2) <= factor <= 6
    assert set(row.values.get("tiers", ["batch"])) <= set(TIERS)


def test_fills_are_billing_classes_or_the_usual_write() -> None:
    filled = {row.values["class"] for row in ROWS if row.kind == "fill"}
    assert filled <= {*CLASSES, "cache_write"}


def test_aliases_lead_to_entries_that_exist() -> None:
    for row in (r for r in ROWS if r.kind == "alias"):
        provider = match.LIBRARY_IDS.get(row.platforms[0], row.platforms[0])
        models = match.providers()[provider].models
        assert row.values["as"] in {model.id.lower() for model in models}, row.values["as"]


@pytest.mark.parametrize("row", [r for r in ROWS if r.kind == "unit"], ids=title)
def test_a_unit_has_one_price_on_the_scale_of_its_name(row: Row) -> None:
    stated = {"usd_per_thousand", "usd_per_mtok", "as_text", "unknown"} & row.values.keys()
    assert len(stated) == 1
    for name in row.values["units"]:
        assert name in UNITS
        scale = (
            {"usd_per_mtok", "as_text"} if is_per_token(name) else {"usd_per_thousand", "unknown"}
        )
        assert stated <= scale


def test_the_check_of_the_library_is_of_one_release() -> None:
    assert facts.checked(library.name().split()[1]) == facts.as_of()
    assert facts.checked("0.0.1") is None


def test_every_provider_has_a_file() -> None:
    assert {platform for row in ROWS for platform in row.platforms} == PLATFORMS


def test_a_multiplier_may_be_written_as_a_fraction() -> None:
    row = next(r for r in facts.rows("tier", "openai") if "gpt-4o-mini" in r.models)
    assert row.factor("input") == Fraction(5, 3)
    assert row.factor("no such key") is None


def test_the_version_names_the_newest_check() -> None:
    assert facts.as_of() == date(2026, 11, 21)
    assert facts.version().startswith("2026-11-21 (")


def test_rates_are_exact_decimals() -> None:
    rates = [r.values[k] for r in ROWS if r.kind == "rate" for k in ("input", "output")]
    assert {type(rate) for rate in rates} <= {int, Decimal}


def test_days_of_change_are_sorted_and_finite() -> None:
    days = facts.change_days()
    assert list(days) == sorted(set(days))
    assert date.min not in days
    assert date.max not in days


def test_no_row_of_a_kind_is_written_twice() -> None:
    seen = Counter(
        (r.kind, r.platforms, r.models, r.scope, r.channels, r.since, str(sorted(r.values.items(), key=str)))
        for r in {id(row): row for row in ROWS}.values()
    )  # fmt: skip
    assert [key for key, n in seen.items() if n > 1] == []
