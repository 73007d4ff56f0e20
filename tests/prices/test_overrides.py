from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from costscope.errors import InputError, SettingsError
from costscope.prices import PriceBook
from tests.prices.build import calls, rate_of

MILLION = 10**6


@pytest.fixture
def write(tmp_path: Path) -> Path:
    return tmp_path / "prices.toml"


def book(path: Path, text: str) -> PriceBook:
    path.write_text(text, encoding="utf-8")
    return PriceBook.load(path)


def rate(of: PriceBook, name: str = "fresh", **row: Any) -> int | None:
    return rate_of(of.rates(calls(row)), 0, name)


def test_own_prices_lie_on_top_of_the_library(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "gpt-4o*"\ninput = "2.10"\ncache_read = 0.5\n')
    assert rate(own) == 2_100_000
    assert rate(own, "cache_read") == 500_000
    assert rate(own, "output") == 10 * MILLION
    assert rate(own, model="gpt-4.1") == 2 * MILLION


def test_an_unknown_model_can_be_given_a_price(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "house-llm"\ninput = 1\noutput = "2.5"\n')
    assert rate(own, model="house-llm", provider="vllm", channel="self-hosted") == MILLION
    assert rate(own, "cache_read", model="house-llm") is None
    assert own.known("house-llm", None, date(2026, 11, 2))


def test_a_price_may_begin_on_a_day(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "gpt-4o"\nsince = 2026-10-01\ninput = 1\n')
    assert rate(own, sent_at=datetime(2026, 9, 30, 23)) == 2_500_000
    assert rate(own, sent_at=datetime(2026, 10, 1)) == MILLION


def test_the_price_that_begins_later_wins_wherever_it_stands(write: Path) -> None:
    own = book(
        write,
        '[[price]]\nmodel = "*"\nsince = 2026-10-01\ninput = 1\n'
        '[[price]]\nmodel = "*"\ninput = 5\noutput = 7\n',
    )
    assert (rate(own), rate(own, "output")) == (MILLION, 7 * MILLION)


def test_a_price_can_be_for_one_provider_or_channel(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "gpt-4o"\nprovider = "azure"\ninput = 1\n')
    assert rate(own) == 2_500_000
    assert rate(own, channel="azure") == MILLION


def test_globs_see_the_name_as_logged_and_as_listed(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "claude-sonnet-4-5"\ninput = 1\n')
    name = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
    assert rate(own, provider="anthropic", channel="bedrock", model=name) == MILLION


def test_own_multipliers_replace_what_is_known_of_a_tier(write: Path) -> None:
    own = book(
        write, '[[price]]\nmodel = "gpt-4o"\nbatch_multiplier = 0.4\nflex_multiplier = 0.6\n'
    )
    assert rate(own, tier="batch") == 1 * MILLION
    assert rate(own, tier="flex") == 1_500_000
    assert rate(own) == 2_500_000


def test_an_own_price_in_another_tier_follows_our_data(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "*"\ninput = 2\n')
    assert rate(own, tier="batch") == 1 * MILLION
    assert rate(own, tier="flex") is None


def test_discounts_come_off_everything(write: Path) -> None:
    own = book(write, '[[discount]]\nprovider = "openai"\npercent = 12\n')
    assert (rate(own), rate(own, "output")) == (2_200_000, 8_800_000)
    assert rate(own, provider="anthropic", model="claude-opus-5") == 5 * MILLION


def test_of_several_discounts_the_last_counts(write: Path) -> None:
    own = book(write, '[[discount]]\npercent = 50\n[[discount]]\nmodel = "gpt-4o"\npercent = 20\n')
    assert rate(own) == 2 * MILLION
    assert rate(own, model="gpt-4.1") == MILLION


def test_a_discount_may_be_dated(write: Path) -> None:
    own = book(write, "[[discount]]\npercent = 10\nsince = 2026-11-02\n")
    assert rate(own, sent_at=datetime(2026, 11, 1)) == 2_500_000
    assert rate(own) == 2_250_000


def test_an_own_price_holds_at_any_length(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "gemini-2.5-pro"\ninput = 1\n')
    row: dict[str, Any] = {"provider": "google", "model": "gemini-2.5-pro", "input_tokens": 300_000}
    assert rate(own, **row) == MILLION
    assert rate(own, "output", **row) == 15 * MILLION


def test_the_file_is_part_of_the_books_identity(write: Path) -> None:
    own = book(write, "[[discount]]\npercent = 1\n")
    assert own.id.startswith(PriceBook.load().id)
    assert "prices.toml" in own.id
    assert own.id != book(write, "[[discount]]\npercent = 2\n").id


def test_an_empty_file_changes_no_price(write: Path) -> None:
    assert rate(book(write, "")) == 2_500_000


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[[price]]\nmodel = 'a'\ninptu = 3\n", "price 1: 'inptu' is no known key; did you mean input?"),
        ("[[prices]]\nmodel = 'a'\n", "'prices' is no known key; did you mean price?"),
        ("[[price]]\nmodel = 'a'\n[[price]]\nmodel = 'b'\ninput = -1\n",
         "price 2: input should not be negative, but is -1"),
        ("[[price]]\nmodel = 'a'\ninput = nan\n", "price 1: input should be a number"),
        ("[[price]]\nmodel = 'a'\ninput = inf\n", "price 1: input should be a number"),
        ("[[price]]\nmodel = 'a'\ninput = true\n", "price 1: input should be a number"),
        ("[[price]]\nmodel = 'a'\ninput = 'cheap'\n", "price 1: input should be a number, not 'cheap'"),
        ("[[price]]\nmodel = 'a'\ninput = [1]\n", "price 1: input should be a number"),
        ("[[price]]\nmodel = 'a'\ninput = 1e30\n", "price 1: input should be at most 10000"),
        ("[[price]]\ninput = 1\n", "price 1: model is missing"),
        ("[[price]]\nmodel = 3\n", "price 1: model should be text"),
        ("[[price]]\nmodel = 'a'\nsince = 'May'\n", "price 1: since should be a date"),
        ("[[price]]\nmodel = 'a'\nsince = 2026-01-01T00:00:00\n", "price 1: since should be a date"),
        ("[[discount]]\nmodel = 'a'\n", "discount 1: percent is missing"),
        ("[[discount]]\npercent = 101\n", "discount 1: percent should be at most 100"),
        ("[price]\nmodel = 'a'\n", "write [[price]], with double brackets"),
        ("price = 3\n", "write [[price]], with double brackets"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_one_line_with_file_and_key(write: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as error:
        book(write, text)
    assert str(error.value).startswith(str(write))
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("raw", [b"[[price]\n", b"\xff\xfe", b"a = \n"])
def test_a_file_that_is_no_toml_is_an_input_error(write: Path, raw: bytes) -> None:
    write.write_bytes(raw)
    with pytest.raises(InputError, match="no valid TOML"):
        PriceBook.load(write)


def test_a_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.toml: cannot be read"):
        PriceBook.load(tmp_path / "gone.toml")


def test_a_write_that_costs_what_input_does_costs_what_your_input_does(write: Path) -> None:
    own = book(write, '[[price]]\nmodel = "gpt-4o"\ninput = "2.10"\n')
    assert rate(own, "cache_write_5m") == rate(own) == 2_100_000
    assert rate(own, "cache_read") == rate(PriceBook(), "cache_read")
