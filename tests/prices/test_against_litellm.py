"""Our multipliers against those of another price feed, where its table lies beside the repository.

Multipliers are of the standard input price, as in the table. Differences that we know of are listed
with the reason; a new one fails.
"""

import csv
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from costscope.prices.quotes import Moment, Table, quote
from costscope.prices.rules import caching_rule
from costscope.prices.subjects import Subject

FEED = Path(__file__).parents[3] / "shared" / "data" / "price_multipliers_litellm_1.109.1.csv"
AT = datetime(2026, 11, 21, 12)
SELLERS = {
    "anthropic": ("anthropic", "direct"), "openai": ("openai", "direct"), "azure": ("openai", "azure"),
    "bedrock": ("aws", "bedrock"), "bedrock_converse": ("aws", "bedrock"), "xai": ("xai", "direct"),
    "deepseek": ("deepseek", "direct"), "gemini": ("google", "direct"), "groq": ("groq", "direct"),
    "mistral": ("mistral", "direct"), "vertex_ai-anthropic_models": ("anthropic", "vertex"),
    "vertex_ai-language-models": ("google", "vertex"),
}  # fmt: skip
COLUMNS = {
    "read_x": ("standard", "cache_read", "fresh"), "write_x": ("standard", "write", "fresh"),
    "write1h_x": ("standard", "cache_write_1h", "fresh"),
    "write12h_x": ("standard", "cache_write_12h", "fresh"),
    "batch_in_x": ("batch", "fresh", "fresh"), "batch_out_x": ("batch", "output", "output"),
    "batch_read_x": ("batch", "cache_read", "fresh"), "batch_write_x": ("batch", "write", "fresh"),
    "flex_in_x": ("flex", "fresh", "fresh"), "prio_in_x": ("priority", "fresh", "fresh"),
    "prio_out_x": ("priority", "output", "output"),
}  # fmt: skip
FAMILIES = re.compile(
    r"claude-|gpt-[456]|^o\d|/o\d|gemini-[2-4]|grok-|deepseek-|mistral|codestral|gpt-oss|nova-"
)
KNOWN = (
    ("azure/[eu][us]/gpt-4*", "read_x", "the feed's zone prices are rounded"),
    ("azure/[eu][us]/gpt-4*", "batch_in_x", "the feed's zone prices are rounded"),
    (
        "azure/[eu][us]/gpt-4o*",
        "write_x",
        "the feed's 'write' is the cached price in the wrong key",
    ),
    ("ft:gpt-4o-2024-11-20", "write_x", "the feed's 'write' is the cached price in the wrong key"),
    ("ft:gpt-4o-2024-08-06", "batch_*", "genai-prices could not confirm the published batch price"),
    ("gpt-4o-search-preview*", "*", "genai-prices lists no cached or batch price"),
    ("*claude-3-opus-20240229*", "*", "genai-prices lists no cached price on Bedrock"),
    ("*claude-opus-5-5*", "batch_*", "2.50 of 4.00 on Vertex: the rate of the dearer Opus 5"),
    (
        "*gemini-3.5-flash-lite",
        "batch_read_x",
        "the Gemini API publishes 0.02, Vertex half of 0.03",
    ),
    ("gemini*-tts", "read_x", "genai-prices lists no cached price"),
    ("deepseek*", "write_x", "the feed writes 0 for 'no charge beside input'"),
    ("deepseek/deepseek-r1", "read_x", "the name ended in 2025; priced like deepseek-reasoner"),
    ("deepseek/deepseek-v3.2", "read_x", "genai-prices lists no cached price"),
    ("mistral/mistral-large-4*", "read_x", "0.14 of 1.36 before the price of 2026-10-29"),
    ("xai/grok-code-fast*", "read_x", "the feeds disagree on the model's price"),
    ("groq/openai/gpt-oss-safeguard-20b", "read_x", "the feed's price is rounded"),
    ("mistral.ministral-3-*", "*", "Bedrock's prices are rounded to cents"),
    ("*mistral-large-3*", "prio_*", "Bedrock's prices are rounded to cents"),
    ("mistral.magistral*", "prio_*", "Bedrock's prices are rounded to cents"),
    ("*gpt-oss-safeguard*", "*", "Bedrock's prices are rounded to cents"),
    ("*mistral.voxtral*", "*", "Bedrock's prices are rounded to cents"),
)

pytestmark = pytest.mark.skipif(
    not FEED.exists(), reason=f"{FEED.name} is not beside the repository"
)


def rows() -> Iterator[tuple[dict[str, str], Subject]]:
    with FEED.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if FAMILIES.search(row["model"]):
                region = "global" if row["provider"].startswith("vertex") else ""
                yield row, Subject(*SELLERS[row["provider"]], region, row["model"])


def multiple(tables: dict[str, Table], column: str, model: str) -> Decimal | None:
    tier, name, unit = COLUMNS[column]
    if name == "write":
        name = "cache_write_30m" if "gpt" in model else "cache_write_5m"
    above, below = tables[tier][name].usd, tables["standard"][unit].usd
    return above / below if above is not None and below else None


def is_known(model: str, column: str) -> bool:
    return any(fnmatchcase(model, glob) and fnmatchcase(column, key) for glob, key, _ in KNOWN)


def test_multipliers_agree_but_for_known_differences() -> None:
    compared, astray = 0, []
    for row, subject in rows():
        tables = {
            t: quote(subject, Moment(AT, t)) for t in ("standard", "batch", "flex", "priority")
        }
        if tables["standard"]["fresh"].usd is None:
            continue
        for column in (c for c in COLUMNS if row[c]):
            compared += 1
            ours = multiple(tables, column, row["model"])
            if ours is None or abs(ours - Decimal(row[column])) > Decimal("0.002"):
                astray.append((row["model"], column, row[column], ours))
    assert [found for found in astray if not is_known(*found[:2])] == []
    assert compared > 1500


def test_the_feed_and_we_know_the_same_main_models() -> None:
    mine = [(r["model"], s.listing or s.about("rate")) for r, s in rows() if r["provider"] in (
        "anthropic", "openai", "groq", "xai")]  # fmt: skip
    unknown = {model for model, found in mine if not found}
    assert unknown <= {"claude-mythos-preview", "gpt-6-astra-law"}


def test_minimum_prefixes_agree_but_where_sources_are_in_conflict() -> None:
    astray = {
        (row["provider"], row["model"].rpartition(".")[2])
        for row, s in rows()
        if row["cache_min"]
        and ((rule := caching_rule(s.provider, s.channel, s.model, AT.date())) is None
             or rule.minimum != int(float(row["cache_min"])))
    }  # fmt: skip
    assert astray == {
        ("anthropic", "claude-mythos-preview"),  # 512 by the feed, 2,048 by Anthropic's docs
        ("bedrock_converse", "claude-opus-4-7"),  # 4,096 in AWS's own table
        ("vertex_ai-language-models", "1-pro-preview"),  # 6,144 in Vertex's docs
        ("vertex_ai-language-models", "1-pro-preview-customtools"),
        ("vertex_ai-language-models", "7-flash"),
        ("vertex_ai-language-models", "8-flash"),
    }


def test_every_known_difference_is_still_there() -> None:
    gone = []
    seen = [(row, subject) for row, subject in rows()]
    for glob, key, reason in KNOWN:
        hits = [
            row["model"]
            for row, subject in seen
            for column in (c for c in COLUMNS if row[c] and fnmatchcase(c, key))
            if fnmatchcase(row["model"], glob) and differs(row, subject, column)
        ]
        gone += [] if hits else [(glob, key, reason)]
    assert gone == []


def differs(row: dict[str, str], subject: Subject, column: str) -> bool:
    tables = {tier: quote(subject, Moment(AT, tier)) for tier in {"standard", COLUMNS[column][0]}}
    ours = multiple(tables, column, row["model"])
    return ours is None or abs(ours - Decimal(row[column])) > Decimal("0.002")
