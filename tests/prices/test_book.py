import os
import subprocess
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costscope.model import CLASSES, Workload
from costscope.prices import PriceBook, library, match
from tests.prices.build import calls, parts, rate_of

ROOT = Path(__file__).parents[2]
BOOK = PriceBook.load()
MILLION = 10**6
MODELS = [
    ("openai", "direct", "gpt-4o"), ("openai", "direct", "gpt-5.6-sol"), ("acme", "", "house"),
    ("anthropic", "bedrock", "us.anthropic.claude-opus-4-8"), ("xai", "direct", "grok-4.6"),
    ("deepseek", "direct", "deepseek-flash"), ("google", "direct", "gemini-2.5-pro"),
]  # fmt: skip


def rate(name: str = "fresh", **row: Any) -> int | None:
    return rate_of(BOOK.rates(calls(row)), 0, name)


def workload(table: pl.DataFrame, rows: pl.DataFrame) -> Workload:
    return Workload(table.drop("input_tokens"), rows, pl.DataFrame())


def test_rates_have_the_promised_shape() -> None:
    keyed, rates = BOOK.rates(calls({}, {"model": "nope"}, {}))
    assert keyed.schema == {"call_no": pl.Int64, "rate_no": pl.UInt32}
    assert rates.schema == {
        "rate_no": pl.UInt32, "billing_class": pl.String, "rate_pd": pl.Int64, "source": pl.String,
    }  # fmt: skip
    assert keyed["call_no"].to_list() == [0, 1, 2]
    assert set(keyed["rate_no"]) == set(rates["rate_no"])
    assert rates.group_by("rate_no").agg("billing_class").height * len(CLASSES) == rates.height
    assert rates["source"].null_count() == 0


def test_bedrock_costs_less_from_the_global_profile_however_the_log_says_so() -> None:
    plain = {"provider": "anthropic", "channel": "bedrock", "model": "claude-sonnet-4-5-20250929"}
    assert rate(**plain) == rate(**plain, region="us") == 3_300_000
    assert rate(**plain, region="global") == 3_000_000
    named = {**plain, "model": "global.anthropic.claude-sonnet-4-5-20250929-v1:0"}
    assert rate(**named) == 3_000_000


def test_no_calls_have_no_rates() -> None:
    keyed, rates = BOOK.rates(calls())
    assert (keyed.height, rates.height) == (0, 0)
    assert BOOK.price(calls(), parts()).columns[-1] == "pd"


def test_a_rate_is_picodollars_a_token() -> None:
    assert (rate(), rate("output"), rate("cache_read")) == (2_500_000, 10_000_000, 1_250_000)


def test_calls_that_cost_the_same_share_a_rate() -> None:
    keyed, _ = BOOK.rates(calls({}, {"sent_at": datetime(2026, 11, 9)}, {"model": "gpt-4.1"}))
    assert keyed["rate_no"].n_unique() == 2


def test_a_call_without_a_time_is_priced_as_of_our_newest_check() -> None:
    assert BOOK.as_of == date(2026, 11, 21)
    sol: dict[str, Any] = {"provider": "openai", "model": "gpt-5.6-sol"}
    assert rate(sent_at=None, **sol) == rate(sent_at=datetime(2026, 11, 21), **sol) == 4 * MILLION


@pytest.mark.parametrize(("tokens", "fresh"), [(272_000, 4), (272_001, 8), (None, 4)])
def test_above_a_threshold_the_whole_request_costs_more(tokens: int | None, fresh: int) -> None:
    assert rate(model="gpt-5.6-sol", input_tokens=tokens) == fresh * MILLION


@pytest.mark.parametrize(("tokens", "fresh"), [(199_999, 2), (200_000, 4)])
def test_xai_counts_the_threshold_itself_as_long(tokens: int, fresh: int) -> None:
    assert rate(provider="xai", model="grok-4.6", input_tokens=tokens) == fresh * MILLION


def test_haiku_5_5_costs_five_times_above_100k() -> None:
    row: dict[str, Any] = {
        "provider": "anthropic",
        "model": "claude-haiku-5-5",
        "input_tokens": 100_001,
    }
    assert rate(**row) == 500_000


def test_days_are_utc_days() -> None:
    late = datetime(2025, 6, 10, 1, tzinfo=timezone(timedelta(hours=9)))  # still the 9th in UTC
    table = calls({"model": "o3"}).with_columns(
        sent_at=pl.lit(late).dt.convert_time_zone("Asia/Tokyo")
    )
    assert rate_of(BOOK.rates(table), 0, "fresh") == 10 * MILLION
    naive = table.with_columns(sent_at=pl.lit(datetime(2025, 6, 10)))
    assert rate_of(BOOK.rates(naive), 0, "fresh") == 2 * MILLION


def test_the_hour_counts_where_prices_depend_on_it() -> None:
    flash: dict[str, Any] = {"provider": "deepseek", "model": "deepseek-flash"}
    assert rate(sent_at=datetime(2026, 11, 3, 3, 59), **flash) == 300_000
    assert rate(sent_at=datetime(2026, 11, 3, 4, 0), **flash) == 150_000
    assert rate(sent_at=datetime(2026, 11, 7, 3, 0), **flash) == 150_000


def test_quotes_say_when_each_rate_began_and_was_checked() -> None:
    table = calls({}, {"model": "nope"}, {"provider": "anthropic", "model": "claude-sonnet-4-6"})
    keyed, rates = BOOK.rates(table)
    found = BOOK.quotes(table)
    for quoted, number in zip(found, keyed["rate_no"], strict=True):
        for name, pd in rates.filter(rate_no=number).select("billing_class", "rate_pd").iter_rows():
            usd = quoted[name].usd
            assert pd == (None if usd is None else usd * MILLION)
    assert found[0]["fresh"].checked_on is not None
    assert found[1]["fresh"].usd is None
    assert found[2]["fresh"].since == date(2026, 3, 13)


def test_nulls_are_unknown_not_errors() -> None:
    blank: dict[str, Any] = dict.fromkeys(("provider", "channel", "region", "model", "tier"))
    assert rate(**blank) is None


def test_categorical_names_are_fine() -> None:
    table = calls({}).with_columns(pl.col("model", "tier").cast(pl.Categorical))
    assert rate_of(BOOK.rates(table), 0, "fresh") == 2_500_000


def test_a_rate_that_is_no_whole_picodollar_is_rounded_half_to_even_and_says_so() -> None:
    row = {"provider": "openrouter", "channel": "openrouter", "model": "google/gemini-3.8-flash"}
    assert rate("cache_write_5m", **row) == 866_667
    _, rates = BOOK.rates(calls(row))
    assert rates.filter(pl.col("rate_pd") == 866_667)["source"].str.contains("rounded").all()


@pytest.mark.parametrize(("usd", "pd"), [("0.0000005", 0), ("0.0000015", 2), ("0.0000025", 2)])
def test_halves_of_a_picodollar_go_to_the_even_one(tmp_path: Path, usd: str, pd: int) -> None:
    path = tmp_path / "prices.toml"
    path.write_text(f'[[price]]\nmodel = "*"\ninput = "{usd}"\n', encoding="utf-8")
    assert rate_of(PriceBook.load(path).rates(calls({})), 0, "fresh") == pd


def test_only_known_prices_of_the_library_are_no_whole_picodollars() -> None:
    odd = {
        provider.id
        for provider in match.providers().values()
        for model in provider.models
        for charge in library.KEYS
        if (usd := library.usd(library.standard(model, datetime(2026, 11, 2))[0], charge, None,
                               inclusive=False)) is not None and usd * MILLION % 1
    }  # fmt: skip
    assert odd <= {"openrouter", "huggingface_together"}


def test_parts_are_tokens_times_rate() -> None:
    rows = parts((0, "fresh", 100), (0, "cache_read", 1000), (0, "output", 7), (1, "fresh", 5))
    priced = BOOK.price(calls({}, {"model": "nope"}), rows)
    assert priced["pd"].to_list() == [250_000_000, 1_250_000_000, 70_000_000, None]
    assert priced.drop("pd").equals(rows)


def test_the_length_of_a_prompt_comes_from_its_parts() -> None:
    rows = parts((0, "fresh", 2), (0, "cache_read", 271_999), (0, "output", 10_000))
    table = calls({"model": "gpt-5.6-sol", "input_tokens": 1})
    assert BOOK.price(table, rows)["pd"].to_list()[0] == 2 * 8 * MILLION
    short = parts((0, "fresh", 1), (0, "cache_read", 271_999), (0, "output", 10_000))
    assert BOOK.price(table, short)["pd"].to_list()[0] == 4 * MILLION


def test_costs_are_exact_sums_and_unknown_is_not_zero() -> None:
    rows = parts(
        (0, "fresh", 100), (0, "output", 10), (1, "fresh", 9), (3, "fresh", 7), (3, "cache_read", 3)
    )  # fmt: skip
    table = calls({}, {"model": "nope"}, {}, {"model": "gpt-5-pro"})
    cost = BOOK.cost(workload(table, rows))
    assert cost.schema == {"call_no": pl.Int64, "pd": pl.Int128, "unpriced_tokens": pl.Int64}
    assert cost["pd"].to_list() == [350_000_000, None, 0, 7 * 15_000_000]
    assert cost["unpriced_tokens"].to_list() == [0, 9, 0, 3]


def test_sums_do_not_overflow_64_bits() -> None:
    rows = parts(*[(0, "output", 9 * 10**11)] * 20)
    cost = BOOK.cost(workload(calls({}), rows))
    assert cost["pd"].item() == 20 * 9 * 10**11 * 10_000_000 > 2**63


names = st.sampled_from(MODELS)
rows = st.lists(
    st.tuples(
        names, st.sampled_from(["standard", "batch", "flex", None]),
        st.datetimes(datetime(2025, 1, 1), datetime(2026, 12, 31)), st.integers(0, 400_000),
    ), min_size=1, max_size=12,
)  # fmt: skip


@given(rows)
@settings(max_examples=30, deadline=None)
def test_the_order_of_calls_changes_no_price(drawn: list[tuple[Any, ...]]) -> None:
    table = calls(*[
        dict(zip(("provider", "channel", "model"), who, strict=True), tier=tier, sent_at=at, input_tokens=n)
        for who, tier, at, n in drawn
    ])  # fmt: skip
    keyed, rates = BOOK.rates(table)
    again = BOOK.rates(table.reverse())
    assert again[1].equals(rates)
    assert again[0].sort("call_no").equals(keyed)


@given(rows)
@settings(max_examples=30, deadline=None)
def test_in_bulk_and_alone_a_call_costs_the_same(drawn: list[tuple[Any, ...]]) -> None:
    table = calls(*[
        dict(zip(("provider", "channel", "model"), who, strict=True), tier=tier, sent_at=at, input_tokens=n)
        for who, tier, at, n in drawn
    ])  # fmt: skip
    bulk = BOOK.rates(table)
    for i in range(table.height):
        alone = BOOK.rates(table[i : i + 1])
        assert rate_of(bulk, i, "fresh") == rate_of(alone, i, "fresh")
        assert rate_of(bulk, i, "output") == rate_of(alone, i, "output")


def test_a_model_is_described_by_tier_and_length() -> None:
    found = BOOK.describe("gpt-5.6-sol", "openai", date(2026, 11, 2))
    fresh = {(r.tier, r.above_tokens): r.usd_per_mtok for r in found if r.billing_class == "fresh"}
    assert fresh[("standard", None)] == 4
    assert fresh[("standard", 272_000)] == 8
    assert fresh[("batch", None)] == 2
    assert fresh[("priority", 272_000)] == 16
    assert ("ultrafast", None) not in fresh
    assert {r.billing_class for r in found} == set(CLASSES)
    assert {r.since for r in found} == {date(2026, 8, 21)}


def test_prices_that_depend_on_the_hour_are_all_described() -> None:
    found = BOOK.describe("deepseek-flash", "deepseek", date(2026, 11, 3))
    assert {r.usd_per_mtok for r in found if r.billing_class == "fresh"} == {
        Decimal("0.15"), Decimal("0.3"),
    }  # fmt: skip
    assert {r.checked_on for r in found} == {date(2026, 11, 21)}


def test_an_unknown_model_is_described_by_nothing() -> None:
    assert BOOK.describe("gpt-4o-ultra-9000", "openai", BOOK.as_of) == []
    assert not BOOK.known("gpt-4o-ultra-9000", None, BOOK.as_of)
    assert BOOK.known("gpt-4o", None, BOOK.as_of)


def test_the_nearest_names_help_with_typing_errors() -> None:
    assert BOOK.nearest("claude-sonet-4-5")[0] == "claude-sonnet-4-5"
    assert BOOK.nearest("zzzzzzzz") == []


def test_the_id_names_library_and_data() -> None:
    assert BOOK.id.startswith("genai-prices 0.2.3 + data 2026-11-21 (")
    assert BOOK.id == PriceBook.load().id


PROGRAM = """
import socket
socket.socket.connect = socket.getaddrinfo = None  # offline: any use is a TypeError
import polars as pl
from costscope.prices import PriceBook
names = ["gpt-4o", "claude-opus-5", "grok-4.6", "house", "deepseek-flash", "gemini-2.5-pro"]
blank = [None] * len(names)
calls = pl.DataFrame({
    "call_no": range(len(names)), "provider": blank, "channel": blank, "region": blank,
    "model": names, "tier": blank, "sent_at": blank, "input_tokens": blank,
})
book = PriceBook.load()
for table in book.rates(calls):
    print(table.write_csv())
print(book.id, book.describe("gpt-5.6-sol", None, book.as_of), book.nearest("gpt-4"))
"""


def test_the_book_does_not_depend_on_the_hash_seed() -> None:
    said = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1
    assert "2500000" in said.pop()


def test_many_calls_are_priced_without_a_loop_over_them(monkeypatch: pytest.MonkeyPatch) -> None:
    quoted: list[Any] = []
    monkeypatch.setattr(PriceBook, "_quote", counting(PriceBook._quote, quoted))
    table = pl.concat(
        [calls(*[{"model": m, "provider": p, "channel": c} for p, c, m in MODELS])] * 2000
    )
    PriceBook.load().rates(table.with_columns(call_no=pl.int_range(pl.len())))
    assert len(quoted) == len(MODELS)


def counting(real: Any, into: list[Any]) -> Any:
    def counted(*args: Any) -> Any:
        into.append(args)
        return real(*args)

    return counted


def test_units_are_part_of_what_a_call_costs() -> None:
    plain = calls({}, {}).drop("input_tokens")
    asked = plain.with_columns(units=pl.Series(['{"web_search": 3}', None]))
    spent = parts((0, "fresh", 1000), (1, "fresh", 1000))
    fees = pl.DataFrame()
    without = PriceBook().cost(Workload(plain, spent, fees))["pd"].to_list()
    with_units = PriceBook().cost(Workload(asked, spent, fees))["pd"].to_list()
    each = PriceBook().unit_rows(asked.with_columns(input_tokens=pl.lit(1000)))["pd"].sum()
    assert each > 0
    assert with_units == [without[0] + each, without[1]]


def test_what_units_cost_is_the_sum_of_their_rows() -> None:
    told = [
        ("gemini-2.5-flash", "google", '{"web_search": 5}'), ("gemini-2.5-flash", "google", "{}"),
        ("claude-sonnet-4-5", "anthropic", '{"web_search": 2, "nobody_knows": 7}'),
        ("claude-sonnet-4-5", "anthropic", '{"nobody_knows": 7}'), ("gpt-4o", "openai", None),
        ("gpt-realtime", "openai", '{"input_audio": 900, "cache_audio": 100}'),
    ] * 2  # fmt: skip
    asked = calls(*[{"model": m, "provider": p} for m, p, _ in told]).with_columns(
        units=pl.Series([text for _, _, text in told])
    )
    spent = parts(*[(n, "fresh", 1000) for n in range(len(told))])
    beside = BOOK.unit_rows(asked).group_by("call_no").agg(pl.col("pd").sum())
    found = BOOK.cost(Workload(asked.drop("input_tokens"), spent, pl.DataFrame()))["pd"]
    plain = BOOK.cost(Workload(asked.drop("units", "input_tokens"), spent, pl.DataFrame()))["pd"]
    expected = dict(beside.iter_rows())
    assert (found - plain).to_list() == [expected.get(n, 0) for n in range(len(told))]
    assert sum(expected.values()) > 0


def test_units_beyond_64_bits_are_as_exact() -> None:
    asked = calls({}, {}).with_columns(units=pl.Series([f'{{"web_search": {10**15}}}', None]))
    spent = parts((0, "fresh", 1000), (1, "fresh", 1000))
    found = BOOK.cost(Workload(asked.drop("input_tokens"), spent, pl.DataFrame()))["pd"].to_list()
    each = BOOK.unit_rows(asked)["pd"].item()
    assert found == [each + found[1], 1000 * 2_500_000]
    assert each > 2**63
