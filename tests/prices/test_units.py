"""What is billed beside text tokens, alone and over a table of calls."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from costscope.errors import SettingsError
from costscope.prices import overrides, quotes, units
from costscope.prices.overrides import Overrides
from costscope.prices.quotes import Moment
from costscope.prices.subjects import Subject

from .build import NOON, calls

USD = 10**12
OLD = datetime(2025, 6, 1)


def priced(
    *rows: tuple[dict[str, Any], dict[str, int] | None], user: Overrides | None = None
) -> pl.DataFrame:
    """Unit rows of calls of some columns with some units."""
    table = calls(*(row for row, _ in rows)).with_columns(
        units=pl.Series([None if u is None else json.dumps(u) for _, u in rows], dtype=pl.String)
    )

    return units.unit_rows(table, quotes.quote, user or Overrides(), date(2026, 11, 21))


def pd(
    *rows: tuple[dict[str, Any], dict[str, int] | None], user: Overrides | None = None
) -> list[Any]:
    return priced(*rows, user=user)["pd"].to_list()


def listed(name: str, provider: str, model: str, at: datetime = NOON) -> units.UnitQuote:
    """The price of a unit by the library and our data alone."""
    return units.quote(Subject(provider, "", "", model), Moment(at), name)


CLAUDE = {"provider": "anthropic", "model": "claude-sonnet-4-5"}
GEMINI = {"provider": "google", "model": "gemini-2.5-flash"}
VOICE = {"provider": "openai", "model": "gpt-realtime"}


@pytest.mark.parametrize(
    ("name", "provider", "model", "usd", "per"),
    [
        ("web_search", "anthropic", "claude-opus-5", "10", 1000),
        ("web_fetch", "anthropic", "claude-opus-5", "0", 1000),
        ("web_search", "openai", "gpt-5.4", "10", 1000),
        ("web_search", "openai", "gpt-4o-search-preview", "25", 1000),
        ("file_search", "openai", "gpt-4.1", "2.5", 1000),
        ("web_search", "google", "gemini-2.5-pro", "35", 1000),
        ("web_search", "google", "gemini-3.8-flash", "14", 1000),
        ("x_search", "xai", "grok-4.5", "5", 1000),
        ("rerank_search", "cohere", "rerank-v3.5", "2", 1000),
        ("input_audio", "openai", "gpt-realtime", "32", 1_000_000),
        ("cache_audio", "openai", "gpt-realtime", "0.4", 1_000_000),
        ("output_image", "google", "gemini-2.5-flash-image", "30", 1_000_000),
        ("cache_storage", "google", "gemini-3.8-flash", "0.5", 1_000_000),
        ("citation", "perplexity", "sonar-deep-research", "2", 1_000_000),
    ],
)
def test_what_a_unit_costs(name: str, provider: str, model: str, usd: str, per: int) -> None:
    found = listed(name, provider, model)
    assert (found.usd, found.per) == (Decimal(usd), per)
    assert found.source
    assert found.checked_on == date(2026, 11, 21)


@pytest.mark.parametrize(
    ("name", "provider", "model"),
    [("web_search", "openai", "no-such-model"), ("code_execution", "anthropic", "claude-opus-5"),
     ("input_audio", "anthropic", "claude-opus-5"), ("web_search", "mistral", "mistral-large-latest")],
)  # fmt: skip
def test_what_nobody_knows_has_no_price(name: str, provider: str, model: str) -> None:
    assert not listed(name, provider, model).is_known


def test_prices_of_units_are_dated() -> None:
    audio = "input_audio", "openai", "gpt-4o-audio-preview"
    assert [listed(*audio, at).usd for at in (datetime(2024, 11, 1), OLD)] == [
        Decimal(100),
        Decimal(40),
    ]
    storage = "cache_storage", "google", "gemini-3.8-flash"
    assert [listed(*storage, datetime(year, 1, 5)).usd for year in (2026, 2027)] == [
        Decimal("0.5"),
        Decimal(1),
    ]


def test_requests_of_tools_cost_what_they_cost_in_every_tier() -> None:
    rows = [({**CLAUDE, "tier": tier}, {"web_search": 3}) for tier in ("standard", "batch")]
    assert pd(*rows) == [3 * USD // 100, 3 * USD // 100]


def test_other_tokens_cost_the_difference_to_text() -> None:
    text, audio = 4 * USD // 10**6, 32 * USD // 10**6
    assert pd((VOICE, {"input_audio": 100})) == [100 * (audio - text)]
    assert pd((VOICE, {"cache_audio": 100})) == [0]
    assert pd((GEMINI, {"input_image": 100})) == [0]


def test_other_tokens_follow_the_tier_as_listed_or_by_its_multiplier() -> None:
    batch = {**GEMINI, "tier": "batch"}
    assert pd((batch, {"input_audio": 10})) == [10 * (USD // 2 - 15 * USD // 100) // 10**6]
    flash = {**GEMINI, "tier": "flex"}
    assert pd((flash, {"input_audio": 10})) == [10 * (USD // 2 - 15 * USD // 100) // 10**6]


def test_a_grounded_prompt_is_billed_once_before_gemini_3() -> None:
    newer = {"provider": "google", "model": "gemini-3.8-flash"}
    found = pd((GEMINI, {"web_search": 4}), (newer, {"web_search": 4}))
    assert found == [35 * USD // 1000, 4 * 14 * USD // 1000]


def test_a_unit_without_a_price_is_named_and_not_zero() -> None:
    rows = priced(
        (CLAUDE, {"web_search": 1, "code_execution": 2}), (CLAUDE, None), (CLAUDE, {}),
        ({"model": "who-knows", "provider": ""}, {"input_audio": 9, "web_search": 1}),
    )  # fmt: skip
    assert list(rows.select("call_no", "unit", "pd").iter_rows()) == [
        (0, "code_execution", None), (0, "web_search", USD // 100),
        (3, "input_audio", None), (3, "web_search", None),
    ]  # fmt: skip


def test_calls_without_units_cost_no_work() -> None:
    assert priced((CLAUDE, None), (CLAUDE, {})).is_empty()


def test_a_region_makes_tokens_dearer_and_no_requests() -> None:
    here = {"provider": "openai", "model": "gpt-5.4", "region": "eu"}
    assert pd((here, {"web_search": 1})) == [USD // 100]
    subject, moment = Subject("google", "vertex", "", "gemini-2.5-flash"), Moment(NOON)
    assert units.quote(subject, moment, "input_audio").usd == 1


@pytest.fixture
def own(tmp_path: Path) -> Any:
    def write(text: str) -> Overrides:
        path = tmp_path / "prices.toml"
        path.write_text(text, encoding="utf-8")
        return overrides.load(path)

    return write


def test_a_user_prices_units_and_discounts_them(own: Any) -> None:
    search = own("[[unit]]\nname = 'web_search'\nprovider = 'anthropic'\nper_thousand = 8\n")
    assert pd((CLAUDE, {"web_search": 1}), ({}, {"web_search": 1}), user=search) == [
        8 * USD // 1000, USD // 100,
    ]  # fmt: skip
    less = own("[[discount]]\nprovider = 'anthropic'\npercent = 12\n")
    assert pd((CLAUDE, {"web_search": 1}), user=less) == [88 * USD // 10000]


def test_a_users_unit_may_begin_on_a_day(own: Any) -> None:
    late = own("[[unit]]\nname = 'x_search'\nper_thousand = 1\nsince = 2026-11-03\n")
    rows = [({"sent_at": datetime(2026, 11, d)}, {"x_search": 1}) for d in (2, 3)]
    assert pd(*rows, user=late) == [None, USD // 1000]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[unit]]\nper_thousand = 1", "unit 1: name should be one of web_search"),
        ("[[unit]]\nname = 'x'\nper_thousand = 1", "unit 1: name should be one of web_search"),
        ("[[unit]]\nname = 'web_search'\nper_mtok = 1", "web_search is priced by per_thousand"),
        ("[[unit]]\nname = 'input_audio'\nper_thousand = 1", "input_audio is priced by per_mtok"),
    ],
)
def test_a_wrong_unit_is_one_line(own: Any, text: str, says: str) -> None:
    with pytest.raises(SettingsError, match=says):
        own(text)


def test_what_is_shown_of_a_model_names_what_has_no_price() -> None:
    shown = units.describe("claude-opus-5", "anthropic", NOON.date())
    assert {q.name: q.is_known for q in shown} == {
        "web_search": True, "web_fetch": True, "code_execution": False,
    }  # fmt: skip
