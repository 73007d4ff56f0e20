"""The golden vectors of billing.md, section 8, that are prices: 5, 6, 11 and 12; and the rules that 3
and 4 rest on."""

from datetime import date, datetime
from decimal import ROUND_FLOOR, Decimal

import pytest

from costscope.prices import PriceBook, caching_rule
from costscope.prices.quotes import Moment, Table, quote
from costscope.prices.subjects import Subject

from .build import calls, rate_of

AT = datetime(2026, 11, 2, 12)
SOL = ("openai", "direct", "gpt-5.6-sol")
SONNET = ("anthropic", "direct", "claude-sonnet-4-5")


def of(who: tuple[str, str, str], above: int | None = None) -> Table:
    provider, channel, model = who
    return quote(Subject(provider, channel, "", model), Moment(AT, "standard", above))


def multiple(who: tuple[str, str, str], name: str) -> Decimal:
    table = of(who)
    cached, fresh = table[name].usd, table["fresh"].usd
    assert cached is not None
    assert fresh is not None
    return cached / fresh


def test_golden_3_and_4_the_rules_of_granularity_and_look_back() -> None:
    older = caching_rule("openai", "direct", "gpt-4.1", date(2026, 11, 2))
    claude = caching_rule(*SONNET, date(2026, 11, 2))
    assert older is not None
    assert claude is not None
    assert (older.granularity, older.minimum, claude.lookback) == (128, 1_024, 20)


@pytest.mark.parametrize(
    ("who", "write", "requests", "units"),
    [(SONNET, "cache_write_5m", 2, "1.35"), (SONNET, "cache_write_1h", 3, "2.2"),
     (SOL, "cache_write_30m", 10, "2.15"), (SOL, "cache_write_30m", 2, "1.35")],
)  # fmt: skip
def test_golden_5_a_prefix_is_written_once_and_read_afterwards(
    who: tuple[str, str, str], write: str, requests: int, units: str
) -> None:
    assert multiple(who, write) + (requests - 1) * multiple(who, "cache_read") == Decimal(units)


def test_golden_6_from_which_length_padding_to_the_minimum_pays() -> None:
    rule = caching_rule(*SOL, date(2026, 11, 2))
    assert rule is not None
    read, write, requests = multiple(SOL, "cache_read"), multiple(SOL, "cache_write_30m"), 10
    least = rule.minimum * (read + (write - read) / requests)
    assert least == Decimal("220.16")
    assert int(least.to_integral_value(ROUND_FLOOR)) + 1 == 221


@pytest.mark.parametrize(
    ("model", "tokens", "usd"),
    [("gpt-5.6-sol", 272_000, 4), ("gpt-5.6-sol", 272_001, 8)],
)
def test_golden_11_a_token_over_the_threshold_reprices_the_request(
    model: str, tokens: int, usd: int
) -> None:
    table = calls({"model": model, "input_tokens": tokens})
    assert rate_of(PriceBook.load().rates(table), 0, "fresh") == usd * 10**6


@pytest.mark.parametrize(("tokens", "factor"), [(199_999, 1), (200_000, 2)])
def test_golden_11_grok_is_dearer_from_the_threshold_on(tokens: int, factor: int) -> None:
    grok = {"provider": "xai", "model": "grok-4.6"}
    rates = PriceBook.load().rates(calls({**grok, "input_tokens": tokens}))
    for name in ("fresh", "cache_read", "output"):
        short = of(("xai", "direct", "grok-4.6"))[name].usd
        assert short is not None
        assert rate_of(rates, 0, name) == short * factor * 10**6


@pytest.mark.parametrize(("tokens", "factor"), [(100_000, 1), (100_001, 5)])
def test_golden_12_haiku_55_costs_five_times_above_100k(tokens: int, factor: int) -> None:
    haiku = {"provider": "anthropic", "model": "claude-haiku-5-5"}
    rates = PriceBook.load().rates(calls({**haiku, "input_tokens": tokens}))
    for name in ("fresh", "cache_read", "cache_write_5m", "cache_write_1h", "output"):
        short = of(("anthropic", "direct", "claude-haiku-5-5"))[name].usd
        assert short is not None
        assert rate_of(rates, 0, name) == short * factor * 10**6
