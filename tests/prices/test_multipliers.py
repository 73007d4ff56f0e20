"""Every figure of another price feed's table of multipliers, where that table lies beside the
repository: it agrees with ours, or the difference has a cause, and each cause its exact count."""

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from costscope.prices.quotes import Moment, Table, quote
from costscope.prices.subjects import Subject

from .test_against_litellm import COLUMNS, SELLERS

FEED = Path(__file__).parents[3] / "shared" / "data" / "price_multipliers_litellm_1.109.1.csv"
AT = datetime(2026, 11, 20, 12)
"""A Friday, outside DeepSeek's peak hours."""
TIERS = ("standard", "batch", "flex", "priority")
PRICES = {"in_per_m": "fresh", "out_per_m": "output"}
LONG = {"lc_in_x": "fresh", "lc_out_x": "output"}

IN_REGION = "a bare Bedrock id is in-region, 1.1 times the feed's global price"
CAUSES = (
    ("bedrock*|*.claude-*", "*_per_m", IN_REGION),
    ("bedrock|claude-sonnet-4-5*", "*_per_m", IN_REGION),
    ("bedrock_converse|amazon.nova-2-*", "*_per_m", IN_REGION),
    ("bedrock_converse|openai.gpt-6-*", "*_per_m", IN_REGION),
    ("deepseek|*deepseek-r1", "*", "the name ended in 2025; priced like deepseek-reasoner"),
    ("deepseek|*deepseek-v3.2", "*", "the two feeds disagree"),
    ("deepseek|*", "write_x", "the feed writes 0 for 'no charge beside input'"),
    ("deepseek|*", "*_per_m", "the feed states DeepSeek's peak price, ours is of the hour"),
    ("mistral|*mistral-large-4*", "*", "the feed has the price before 2026-10-29"),
    ("mistral|*", "*_per_m", "the two feeds disagree"),
    ("xai|*grok-code-fast*", "*", "the two feeds disagree"),
    ("vertex*|*claude-3-5-haiku*", "*", "the two feeds disagree"),
    ("vertex*|*claude-opus-5-5*", "batch_*", "the feed has Opus 5's batch rate"),
    ("*|*gemini-3.5-flash-lite", "batch_read_x", "the Gemini API publishes 0.02, Vertex half of 0.03"),
    ("azure|*gpt-4-turbo*", "*_per_m", "the two feeds disagree"),
    ("azure|azure/[eu][us]/gpt-4o*", "write_x", "the feed has the cached price in the wrong key"),
    ("openai|ft:gpt-4o-2024-11-20", "write_x", "the feed has the cached price in the wrong key"),
    ("azure|azure/[eu][us]/gpt-4*", "*", "the feed's zone prices are rounded"),
    ("groq|*safeguard*", "read_x", "the feed's price is rounded"),
    ("openai|ft:gpt-4o-2024-08-06", "batch_*", "genai-prices could not confirm the published batch price"),
    ("*|*search-preview*", "*", "genai-prices lists no such price"),
    ("*|*claude-3-opus*", "*", "genai-prices lists no such price"),
    ("*|*-tts", "*", "genai-prices lists no such price"),
    ("*|*claude-sonnet-4-*", "lc_*", "the feed keeps the step of the beta that was retired on 2026-04-30"),
    ("bedrock|*us-gov-east-1/meta.llama3-8b*", "out_per_m", "the feed has the 70B model's price"),
    ("bedrock*|*", "*", "the feed's Bedrock prices are rounded to cents"),
)  # fmt: skip
"""provider|model, column, cause; the first that fits counts. Rounding may explain a fifth at most."""
EXPECTED = {
    IN_REGION: 42,
    "genai-prices could not confirm the published batch price": 3,
    "genai-prices lists no such price": 14,
    "the Gemini API publishes 0.02, Vertex half of 0.03": 2,
    "the feed has Opus 5's batch rate": 4,
    "the feed has the 70B model's price": 1,
    "the feed has the cached price in the wrong key": 5,
    "the feed has the price before 2026-10-29": 6,
    "the feed keeps the step of the beta that was retired on 2026-04-30": 30,
    "the feed states DeepSeek's peak price, ours is of the hour": 16,
    "the feed writes 0 for 'no charge beside input'": 9,
    "the feed's Bedrock prices are rounded to cents": 59,
    "the feed's price is rounded": 1,
    "the feed's zone prices are rounded": 11,
    "the name ended in 2025; priced like deepseek-reasoner": 3,
    "the two feeds disagree": 30,
}
AGREE = {
    "in_per_m": 972,
    "out_per_m": 972,
    "read_x": 672,
    "batch_in_x": 425,
    "batch_out_x": 425,
    "prio_in_x": 228,
    "prio_out_x": 237,
    "flex_in_x": 197,
    "write_x": 281,
    "write1h_x": 184,
    "lc_in_x": 162,
    "lc_out_x": 162,
    "batch_read_x": 181,
    "batch_write_x": 72,
    "write12h_x": 11,
}
UNPRICED = {
    "bedrock": 5,
    "bedrock_converse": 3,
    "azure": 10,
    "anthropic": 1,
    "openai": 5,
    "vertex_ai-language-models": 4,
    "deepseek": 2,
    "gemini": 6,
    "mistral": 6,
}

pytestmark = pytest.mark.skipif(
    not FEED.exists(), reason=f"{FEED.name} is not beside the repository"
)


class Figure(NamedTuple):
    """One figure of the feed and ours; None where we have none."""

    who: str
    column: str
    theirs: Decimal
    ours: Decimal | None

    @property
    def agrees(self) -> bool:
        off = Decimal("0.002") if self.column not in PRICES else self.theirs / 100
        return self.ours is not None and abs(self.ours - self.theirs) <= off

    @property
    def cause(self) -> str:
        fits = (
            why
            for who, column, why in CAUSES
            if fnmatchcase(self.who, who) and fnmatchcase(self.column, column)
        )
        why = next(fits, "")
        is_near = self.ours and abs(self.ours - self.theirs) <= self.theirs / 5
        return why if "rounded" not in why or is_near else ""


@cache
def rows() -> tuple[tuple[dict[str, str], Subject], ...]:
    with FEED.open(encoding="utf-8") as file:
        return tuple(
            (row, Subject(*SELLERS[row["provider"]], region(row), row["model"]))
            for row in csv.DictReader(file)
        )


def region(row: dict[str, str]) -> str:
    return "global" if row["provider"].startswith("vertex") else ""


@cache
def figures() -> tuple[Figure, ...]:
    return tuple(figure for row, subject in rows() for figure in compared(row, subject))


def compared(row: dict[str, str], subject: Subject) -> Iterator[Figure]:
    tables = {tier: quote(subject, Moment(AT, tier)) for tier in TIERS}
    standard = tables["standard"]
    if standard["fresh"].usd is None:
        return
    who = f"{row['provider']}|{row['model']}"
    for column, name in PRICES.items():
        if row[column]:
            yield Figure(who, column, Decimal(row[column]), standard[name].usd)
    for column, (tier, name, unit) in COLUMNS.items():
        if row[column]:
            known = {"write": "cache_write_30m" if "gpt" in row["model"] else "cache_write_5m"}
            ours = ratio(tables[tier], known.get(name, name), standard, unit)
            yield Figure(who, column, Decimal(row[column]), ours)
    for column, name in LONG.items() if row["lc"] else ():
        yield Figure(who, column, Decimal(row[column]), long(row, subject, standard, name))


def long(row: dict[str, str], subject: Subject, standard: Table, name: str) -> Decimal | None:
    """Our long-context multiple at the feed's threshold: above it, at xAI from it on."""
    limit = 1000 * int(row["lc"].removesuffix("k")) - (row["provider"] == "xai")
    if limit not in subject.thresholds:
        return None
    return ratio(quote(subject, Moment(AT, "standard", limit)), name, standard, name)


def ratio(table: Table, name: str, standard: Table, unit: str) -> Decimal | None:
    above, below = table[name].usd, standard[unit].usd
    return above / below if above is not None and below else None


def test_every_difference_has_a_cause_and_each_cause_its_count() -> None:
    astray = [figure for figure in figures() if not figure.agrees]
    assert [figure for figure in astray if not figure.cause] == []
    assert Counter(figure.cause for figure in astray) == EXPECTED


def test_how_many_figures_agree() -> None:
    agree = Counter(figure.column for figure in figures() if figure.agrees)
    assert agree == AGREE


def test_which_models_of_the_feed_have_no_price_here() -> None:
    unpriced = Counter(
        row["provider"] for row, subject in rows() if not any(True for _ in compared(row, subject))
    )
    assert unpriced == UNPRICED


def test_xai_steps_at_its_threshold_and_the_others_above_it() -> None:
    ends = Counter(
        (row["provider"] == "xai", step % 1000)
        for row, subject in rows()
        if row["lc"]
        for step in subject.thresholds
    )
    assert set(ends) == {(True, 999), (False, 0)}


@pytest.mark.parametrize(
    ("provider", "channel", "region", "model", "factor"),
    [
        ("anthropic", "direct", "us", "claude-opus-5", "1.1"),
        ("anthropic", "direct", "us", "claude-sonnet-4-5", "1"),
        ("anthropic", "direct", "global", "claude-opus-5", "1"),
        ("openai", "direct", "eu", "gpt-5.4", "1.1"),
        ("openai", "direct", "us", "gpt-6-sol", "1.1"),
        ("openai", "direct", "eu", "gpt-5", "1"),
        ("anthropic", "vertex", "europe-west1", "claude-opus-5", "1.1"),
        ("anthropic", "vertex", "global", "claude-opus-5", "1"),
        ("openai", "azure", "eu", "gpt-5.4", "1.1"),
        ("mistral", "direct", "eu", "mistral-large-latest", "1.1"),
    ],
)
def test_regions_multiply_every_class(
    provider: str, channel: str, region: str, model: str, factor: str
) -> None:
    here = quote(Subject(provider, channel, region, model), Moment(AT))
    there = quote(
        Subject(provider, channel, "global" if channel == "vertex" else "", model), Moment(AT)
    )
    for name in ("fresh", "cache_read", "output"):
        assert here[name].usd == there[name].usd * Decimal(factor)  # type: ignore[operator]


def test_a_bedrock_profile_of_a_region_costs_a_tenth_more() -> None:
    ids = (
        "global.anthropic.claude-opus-4-8",
        "us.anthropic.claude-opus-4-8",
        "anthropic.claude-opus-4-8",
    )
    fresh = [quote(Subject("anthropic", "bedrock", "", i), Moment(AT))["fresh"].usd for i in ids]
    assert fresh == [Decimal(5), Decimal("5.5"), Decimal("5.5")]
