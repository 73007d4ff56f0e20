"""Golden rates: $ per million tokens by hand from billing facts and price lists."""

from datetime import datetime
from decimal import Decimal

import pytest

from costscope.model import CLASSES
from costscope.prices.quotes import Moment, Table, quote, tier_of
from costscope.prices.subjects import Subject

NOON = datetime(2026, 11, 2, 12)


def prices(
    who: tuple[str, str, str],
    tier: str = "standard",
    at: datetime = NOON,
    above: int | None = None,
    region: str = "",
) -> Table:
    provider, channel, model = who
    return quote(Subject(provider, channel, region, model), Moment(at, tier, above))


def usd(table: Table, *classes: str) -> tuple[str | None, ...]:
    found = (table[name].usd for name in classes)
    return tuple(None if price is None else f"{price.normalize():f}" for price in found)


SHOWN = ("fresh", "cache_read", "cache_write_5m", "cache_write_1h", "output")
SONNET = ("anthropic", "direct", "claude-sonnet-4-5-20250929")
GPT4O = ("openai", "direct", "gpt-4o")
SOL = ("openai", "direct", "gpt-5.6-sol")


def test_all_seven_classes_are_there() -> None:
    for who in (GPT4O, ("openai", "direct", "foo")):
        assert set(prices(who)) == set(CLASSES)


def test_claude_charges_two_kinds_of_writes() -> None:
    assert usd(prices(SONNET), *SHOWN) == ("3", "0.3", "3.75", "6", "15")


def test_openai_before_5_6_charges_input_for_a_write_and_says_so() -> None:
    table = prices(GPT4O)
    assert usd(table, *SHOWN) == ("2.5", "1.25", "2.5", "2.5", "10")
    assert "no write charge" in table["cache_write_30m"].source


def test_openai_since_5_6_charges_for_writes_by_lifetime() -> None:
    table = prices(SOL)
    assert usd(table, "fresh", "cache_write_30m", "cache_write_12h") == ("4", "5", "10")
    assert usd(table, "cache_write_5m", "cache_write_1h") == ("5", "10")
    assert "no cache_write_1h is sold" in table["cache_write_1h"].source


@pytest.mark.parametrize(
    ("who", "read"),
    [(("anthropic", "direct", "claude-opus-5-5"), "0.2"), (("anthropic", "direct", "claude-fable-5-1"), "0.25"),
     (("openai", "direct", "gpt-4.1"), "0.5"), (("openai", "direct", "gpt-6.1-sol"), "0.1"),
     (("xai", "direct", "grok-4.5"), "0.3"), (("mistral", "direct", "codestral-latest"), "0.03"),
     (("openai", "direct", "gpt-4o-2024-05-13"), None), (("openai", "direct", "gpt-5-pro"), None)],
)  # fmt: skip
def test_a_cache_read_costs_what_is_listed_or_is_unknown(
    who: tuple[str, str, str], read: str | None
) -> None:
    assert usd(prices(who), "cache_read") == (read,)


def test_a_price_holds_at_the_calls_own_day() -> None:
    o3 = ("openai", "direct", "o3")
    assert usd(prices(o3, at=datetime(2025, 6, 9, 23, 59)), "fresh", "output") == ("10", "40")
    assert usd(prices(o3, at=datetime(2025, 6, 10)), "fresh", "output") == ("2", "8")
    assert usd(prices(SOL, at=datetime(2026, 8, 20)), "fresh") == ("5",)


@pytest.mark.parametrize("at", [datetime(2025, 3, 1), datetime(2026, 9, 1), NOON])
def test_batch_is_half_also_before_the_library_knows_of_it(at: datetime) -> None:
    table = prices(GPT4O, "batch", at)
    assert usd(table, "fresh", "cache_read", "output") == ("1.25", "1.25", "5")
    assert usd(prices(SONNET, "batch", at), *SHOWN) == ("1.5", "0.15", "1.875", "3", "7.5")


@pytest.mark.parametrize(
    ("who", "tier", "expected"),
    [(SOL, "flex", ("2.5", "0.25", "15")), (SOL, "priority", ("10", "1", "60")),
     (("openai", "direct", "gpt-4o-mini"), "priority", ("0.25", "0.125", "1")),
     (("openai", "direct", "o4-mini"), "priority", ("2", "0.5", "8")),
     (("openai", "direct", "gpt-6.1-sol"), "ultrafast", ("12", "0.6", "60")),
     (("google", "direct", "gemini-2.5-flash"), "batch", ("0.15", "0.03", "1.25")),
     (("google", "direct", "gemini-2.5-flash"), "priority", ("0.54", "0.054", "4.5")),
     (("groq", "direct", "openai/gpt-oss-120b"), "batch", ("0.075", "0.075", "0.3")),
     (("xai", "direct", "grok-4.3"), "batch", ("1", "0.16", "2")),
     (("anthropic", "direct", "claude-opus-4-6"), "fast", ("30", "3", "150")),
     (("openai", "azure", "gpt-5"), "batch", ("0.625", "0.0625", "5"))],
)  # fmt: skip
def test_tiers_in_august(who: tuple[str, str, str], tier: str, expected: tuple[str, ...]) -> None:
    table = prices(who, tier, datetime(2026, 8, 1))
    assert usd(table, "fresh", "cache_read", "output") == expected


@pytest.mark.parametrize(
    ("who", "tier"),
    [(GPT4O, "flex"), (GPT4O, "scale"), (SONNET, "priority"), (("xai", "direct", "grok-4.5"), "batch"),
     (("deepseek", "direct", "deepseek-flash"), "batch")],
)  # fmt: skip
def test_a_tier_without_a_known_price_is_unpriced_not_full_price(
    who: tuple[str, str, str], tier: str
) -> None:
    table = prices(who, tier)
    assert usd(table, *CLASSES) == (None,) * 7
    assert f"no {tier} price" in table["fresh"].source


def test_bedrock_batches_have_no_cached_price() -> None:
    who = ("anthropic", "bedrock", "us.anthropic.claude-opus-4-8")
    assert usd(prices(who, "batch"), "fresh", "cache_read") == ("2.75", None)


def test_a_long_prompt_reprices_everything() -> None:
    assert usd(prices(SOL, above=272_000), *SHOWN) == ("8", "0.8", "10", "20", "30")
    haiku = ("anthropic", "direct", "claude-haiku-5-5")
    assert usd(prices(haiku, above=100_000), *SHOWN) == ("0.5", "0.05", "0.625", "1", "2.5")
    beta = prices(SONNET, "batch", datetime(2026, 4, 30), above=200_000)
    assert usd(beta, "fresh", "output") == ("3", "11.25")


def test_a_step_that_is_over_is_over() -> None:
    before = prices(SONNET, "standard", datetime(2026, 4, 30), above=200_000)
    after = prices(SONNET, "standard", datetime(2026, 5, 1), above=200_000)
    assert [usd(table, "fresh", "output") for table in (before, after)] == [
        ("6", "22.5"),
        ("3", "15"),
    ]
    assert "retired on 2026-04-30" in after["fresh"].source


def test_thresholds_are_exclusive_but_for_xai() -> None:
    assert Subject(*GPT4O[:2], "", "gpt-5.6-sol").thresholds == (272_000,)
    assert Subject("xai", "", "", "grok-4.6").thresholds == (199_999,)
    assert Subject("openrouter", "", "", "x-ai/grok-4.6").thresholds == (199_999,)
    assert Subject("google", "", "", "gemini-2.5-pro").thresholds == (200_000,)


def test_priority_of_gpt_5_4_costs_the_same_at_any_length() -> None:
    who = ("openai", "direct", "gpt-5.4")
    for at in (datetime(2026, 8, 1), NOON):
        assert usd(prices(who, "priority", at, 272_000), "fresh", "output") == ("5", "30")


@pytest.mark.parametrize(
    ("who", "region", "fresh"),
    [(("anthropic", "bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"), "", "3.3"),
     (("anthropic", "bedrock", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"), "", "3"),
     (("anthropic", "bedrock", "us-gov.anthropic.claude-sonnet-4-5-20250929-v1:0"), "", "3.6"),
     (("anthropic", "bedrock", "us.anthropic.claude-3-7-sonnet-20250219-v1:0"), "", "3"),
     (("amazon", "bedrock", "eu.amazon.nova-lite-v1:0"), "", "0.078"),
     (("amazon", "bedrock", "us.amazon.nova-lite-v1:0"), "", "0.06"),
     (("openai", "bedrock", "global.openai.gpt-5.4"), "", "2.5"),
     (("anthropic", "vertex", "claude-opus-4-5@20251101"), "us-east5", "5.5"),
     (("anthropic", "vertex", "claude-opus-4-5@20251101"), "global", "5"),
     (("anthropic", "vertex", "claude-opus-4-5@20251101"), "", "5"),
     (("google", "vertex", "gemini-2.5-pro"), "us-central1", "1.25"),
     (("anthropic", "direct", "claude-opus-4-6"), "us", "5.5"),
     (("anthropic", "direct", "claude-opus-4-5"), "us", "5"),
     (("openai", "direct", "gpt-5.4"), "eu", "2.75"), (("openai", "direct", "gpt-4o"), "eu", "2.5"),
     (("openai", "azure", "azure/eu/gpt-4o"), "", "2.75"), (("openai", "azure", "azure/eu/gpt-6-sol"), "", "2.4"),
     (("openai", "azure", "gpt-4o"), "eastus", "2.5")],
)  # fmt: skip
def test_regions_can_cost_more(who: tuple[str, str, str], region: str, fresh: str) -> None:
    assert usd(prices(who, region=region), "fresh") == (fresh,)


@pytest.mark.parametrize(
    ("at", "fresh"),
    [(datetime(2026, 11, 2, 2), "0.3"), (datetime(2026, 11, 2, 4), "0.15"),
     (datetime(2026, 11, 2, 9, 59), "0.3"), (datetime(2026, 11, 1, 2), "0.15"),
     (datetime(2026, 10, 1, 2), "0.15")],
)  # fmt: skip
def test_deepseek_has_peak_hours_on_working_days(at: datetime, fresh: str) -> None:
    assert usd(prices(("deepseek", "direct", "deepseek-flash"), at=at), "fresh") == (fresh,)


@pytest.mark.parametrize(
    ("at", "fresh", "output"),
    [(datetime(2025, 3, 1, 12), "0.27", "1.1"), (datetime(2025, 3, 1, 20), "0.135", "0.55"),
     (datetime(2025, 9, 10), "0.56", "1.68"), (datetime(2026, 1, 1), "0.28", "0.42"),
     (datetime(2026, 5, 1), "0.14", "0.28")],
)  # fmt: skip
def test_deepseek_chat_changed_often(at: datetime, fresh: str, output: str) -> None:
    table = prices(("deepseek", "direct", "deepseek-chat"), at=at)
    assert usd(table, "fresh", "output") == (fresh, output)


def test_openrouter_lists_only_the_storage_of_a_gemini_write() -> None:
    table = prices(("google", "openrouter", "google/gemini-2.5-pro"))
    assert usd(table, "fresh", "cache_write_5m") == ("1.25", "1.625")


def test_what_is_free_is_zero_and_what_is_unknown_is_not() -> None:
    free = prices(("openrouter", "openrouter", "deepseek/deepseek-r1:free"))
    assert usd(free, "fresh", "output") == ("0", "0")
    assert usd(prices(("openai", "direct", "omni-moderation-latest")), "fresh") == (None,)
    assert usd(prices(("vllm", "self-hosted", "gpt-4o")), "fresh") == (None,)


@pytest.mark.parametrize(
    "who",
    [("deepseek", "", "deepseek-v4-flash-foo"), ("anthropic", "", "claude-mythos-5-1-foo"),
     ("google", "", "gemini-2.5-computer-use-foo"), ("openai", "", "ft:gpt-9:acme::1")],
)  # fmt: skip
def test_our_own_prices_are_no_siblings_either(who: tuple[str, str, str]) -> None:
    assert usd(prices(who), *CLASSES) == (None,) * 7


def test_a_gateways_prefix_is_no_part_of_the_name() -> None:
    table = prices(("anthropic", "direct", "litellm_proxy/claude-sonnet-4-20250514"))
    assert usd(table, "fresh", "output") == ("3", "15")


def test_an_unknown_model_says_so() -> None:
    assert (
        prices(("openai", "direct", "gpt-9"))["fresh"].source
        == "no price of gpt-9 is known at openai"
    )


def test_sources_name_entry_and_grade() -> None:
    table = prices(GPT4O, "batch", datetime(2026, 8, 1))
    assert table["fresh"].source.startswith("genai-prices 0.2.3: openai/gpt-4o; batch x0.5: OpenAI")
    assert table["fresh"].source.endswith("[P]")
    row = prices(("anthropic", "direct", "claude-mythos-5-1"))["fresh"]
    assert (row.usd, str(row.checked_on)) == (Decimal(10), "2026-11-21")


@pytest.mark.parametrize(
    ("word", "tier"),
    [(None, "standard"), ("", "standard"), ("default", "standard"), ("STANDARD", "standard"),
     ("ON_DEMAND_FLEX", "flex"), ("batch", "batch"), ("scale", "scale")],
)  # fmt: skip
def test_tiers_have_many_words(word: str | None, tier: str) -> None:
    assert tier_of(word) == tier


def test_a_proxy_that_charges_list_prices_knows_no_night_discount() -> None:
    night = datetime(2025, 9, 4, 19, 44)
    direct, proxy = (
        ("deepseek", "direct", f"{door}deepseek-chat") for door in ("", "litellm_proxy/")
    )
    assert usd(prices(direct, at=night), "fresh", "cache_read", "output") == (
        "0.135",
        "0.035",
        "0.55",
    )
    assert usd(prices(proxy, at=night), "fresh", "cache_read", "output") == ("0.27", "0.07", "1.1")


def test_a_call_without_a_model_says_so() -> None:
    assert (
        prices(("google", "direct", ""))["fresh"].source == "no price of a call that names no model"
    )
