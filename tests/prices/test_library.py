"""Our compiled rates against the library's own calculator, and our multipliers against its variants."""

from datetime import datetime
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price
from genai_prices.types import ModelInfo

from costscope.prices import library, match, quotes
from costscope.prices.quotes import Moment, quote
from costscope.prices.subjects import Subject

NOON = datetime(2026, 11, 2, 12)
OURS = {theirs: ours for ours, theirs in match.LIBRARY_IDS.items()}
TEXT = ("anthropic", "openai", "google", "mistral", "groq", "xai")
TOKENS = {"fresh": 700, "cache_read": 11_000, "cache_write_5m": 1300, "output": 170}

KNOWN = {
    ("gpt-5.4", "batch", "cache_read", 272_000): "0.13 is listed rounded below the step only",
    ("gpt-5.4", "flex", "cache_read", 272_000): "0.13 is listed rounded below the step only",
    ("gpt-image-1", "batch", "cache_read", None): "listed rounded: 0.63",
    ("gpt-image-1.5", "batch", "cache_read", None): "listed rounded: 0.63",
    ("o4-mini", "flex", "cache_read", None): "listed rounded: 0.138",
}


def entries() -> list[tuple[str, ModelInfo]]:
    return [
        (provider, model)
        for provider in TEXT
        for model in match.providers()[match.LIBRARY_IDS.get(provider, provider)].models
        if model.price_variants
    ]


@pytest.mark.parametrize(
    ("provider", "model", "long"),
    [("openai", "gpt-4o", False), ("openai", "gpt-5.6-sol", True), ("anthropic", "claude-opus-5", False),
     ("anthropic", "claude-haiku-5-5", True), ("google", "gemini-2.5-pro", True),
     ("x-ai", "grok-4.6", True), ("openai", "o3", False), ("mistral", "mistral-medium-latest", False)],
)  # fmt: skip
@pytest.mark.parametrize(
    "at", [datetime(2025, 3, 1), datetime(2026, 3, 1), datetime(2026, 8, 25), NOON]
)
def test_the_sum_is_the_librarys(provider: str, model: str, long: bool, at: datetime) -> None:
    subject = Subject(OURS.get(provider, provider), "", "", model)
    tokens = TOKENS | ({"fresh": 400_000} if long else {})
    if quote(subject, Moment(at))["cache_write_5m"].source.endswith("input rate"):
        tokens["cache_write_5m"] = 0
    if quote(subject, Moment(at))["cache_read"].usd is None:
        tokens["cache_read"] = 0
    table = quote(subject, Moment(at, above=subject.thresholds[-1] if long else None))
    ours = sum((table[name].usd or 0) * n for name, n in tokens.items()) / 1_000_000
    usage = Usage(
        input_tokens=sum(n for name, n in tokens.items() if name != "output"),
        cache_read_tokens=tokens["cache_read"], cache_write_tokens=tokens["cache_write_5m"],
        output_tokens=tokens["output"],
    )  # fmt: skip
    assert (
        ours
        == calc_price(usage, model, provider_id=provider, genai_request_timestamp=at).total_price
    )


@pytest.mark.parametrize("tier", ["batch", "flex", "priority", "fast"])
def test_our_multipliers_give_the_prices_that_the_library_lists_since_october(tier: str) -> None:
    compared, astray = 0, {}
    for provider, model in entries():
        subject = Subject(provider, "", "", model.id)
        for above in (None, *subject.thresholds):
            listed, ours = both(subject, Moment(datetime(2026, 11, 21), tier, above))
            for charge, usd in listed.items():
                if "tts" not in model.id and usd is not None:
                    compared += 1
                    if ours[charge] != usd:
                        astray[(model.id, tier, charge, above)] = (usd, ours[charge])
    assert compared > 20
    assert set(astray) == {key for key in KNOWN if key[1] == tier}


def both(
    subject: Subject, moment: Moment
) -> tuple[dict[str, Decimal | None], dict[str, Decimal | None]]:
    listed = quotes._variant(subject, moment)
    if listed is None:
        return {}, {}
    row = quotes._tier_row(subject, moment)
    flat = row is not None and row.values.get("flat")
    charges = quotes._standard(subject, Moment(moment.at) if flat else moment)
    ours = {name: quotes._by_tier(subject, moment, name, found) for name, found in charges.items()}
    return {k: v.usd for k, v in listed.items()}, {k: v.usd for k, v in ours.items()}


def test_variants_hold_only_for_a_providers_own_entries() -> None:
    azure = Subject("azure", "azure", "", "gpt-4o").listing
    own = Subject("openai", "", "", "gpt-4o").listing
    assert azure is not None
    assert own is not None
    assert library.variant(azure, NOON, "batch") is None
    assert library.variant(own, NOON, "batch") is not None
    assert library.variant(own, datetime(2026, 10, 13), "batch") is None


def test_a_threshold_is_moved_only_where_it_counts_as_long_itself() -> None:
    assert library.threshold(200_000, inclusive=True) == 199_999
    assert library.threshold(199_999, inclusive=True) == 199_999
    assert library.threshold(200_000, inclusive=False) == 200_000
