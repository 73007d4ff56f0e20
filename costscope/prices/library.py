"""Numbers out of one entry of the price library: at a time, for a tier, above a prompt length.

Reads the library's price objects; its own calculator is not used (it prices one call at a time, and
gives the full price where it knows no batch price of that day).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version as installed

from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from costscope.prices import facts
from costscope.prices.match import Listing

KEYS: Mapping[str, str] = {
    "fresh": "input_mtok",
    "cache_read": "cache_read_mtok",
    "cache_write": "cache_write_mtok",
    "cache_write_1h": "cache_write_1h_mtok",
    "output": "output_mtok",
}
"""Our charge → the library's key. `cache_write` is a write of the provider's usual lifetime."""

_CONTEXTS: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    "fast": ({"speed": "fast"}, {"service_tier": "fast"}),
}
"""How the library calls our tiers; a tier it has no word for has no variant."""


@cache
def name() -> str:
    """The library with its version, as sources cite it."""
    return f"genai-prices {installed('genai-prices')}"


@cache
def checked_on() -> date | None:
    """The day on which the installed release was checked; None for another than we checked."""
    return facts.checked(installed("genai-prices"))


def standard(model: ModelInfo, at: datetime) -> tuple[ModelPrice, date | None]:
    """The standard prices at a time (naive UTC), and the day since which they hold, if stated."""
    conditional = _conditional(model)
    for price in reversed(conditional):
        if price.constraint is None or price.constraint.active(at):
            limit = price.constraint
            since = limit.start_date if isinstance(limit, StartDateConstraint) else None
            return price.prices, since
    return conditional[0].prices, None


def variant(listing: Listing, at: datetime, tier: str) -> ModelPrice | None:
    """The prices of a tier at a time, or None where the library has none *in force then*."""
    if not listing.own:
        return None
    model = listing.model
    for context in _CONTEXTS.get(tier, ()):
        for found in model.price_variants or ():
            begun = found.constraint is None or found.constraint.active(at)
            if begun and all(context.get(key) == value for key, value in found.when.items()):
                return model.get_prices(at, context)
    return None


def usd(price: ModelPrice, charge: str, above: int | None, *, inclusive: bool) -> Decimal | None:
    """$ per million tokens of a charge, for prompts longer than `above` (None: short ones)."""
    return listed(price, KEYS[charge], above, inclusive=inclusive)


def listed(price: ModelPrice, key: str, above: int | None, *, inclusive: bool) -> Decimal | None:
    """The value of one of the library's own keys, for prompts longer than `above`."""
    value = price.__dict__.get(key)
    if not isinstance(value, TieredPrices):
        return value
    best = value.base
    for tier in value.tiers:
        if above is not None and above >= threshold(tier.start, inclusive=inclusive):
            best = tier.price
    return best


def threshold(start: int, *, inclusive: bool) -> int:
    """The longest prompt that is still below a long-context step.

    The library steps above `start`. Where a provider steps at it, the library mostly writes 199999,
    but some resellers' entries write 200000.
    """
    return start - 1 if inclusive and start % 1000 == 0 else start


def thresholds(model: ModelInfo, *, inclusive: bool) -> set[int]:
    """Every prompt length above which some price of the entry steps."""
    return {
        threshold(tier.start, inclusive=inclusive)
        for price in _prices(model)
        for value in price.__dict__.values()
        if isinstance(value, TieredPrices)
        for tier in value.tiers
    }


def change_days(model: ModelInfo) -> set[date]:
    """The days on which a price of the entry begins."""
    limits = [c.constraint for c in (*_conditional(model), *(model.price_variants or ()))]
    return {limit.start_date for limit in limits if isinstance(limit, StartDateConstraint)}


def minutes(model: ModelInfo) -> set[int]:
    """The minutes of the day (UTC) at which prices change; empty for all but a few entries."""
    limits = [c.constraint for c in _conditional(model)]
    spans = [limit for limit in limits if isinstance(limit, TimeOfDateConstraint)]
    times = [time for span in spans for time in (span.start_time, span.end_time)]
    return {60 * t.hour + t.minute for t in times}


def _conditional(model: ModelInfo) -> list[ConditionalPrice]:
    if isinstance(model.prices, ModelPrice):
        return [ConditionalPrice(prices=model.prices)]
    return model.prices


def _prices(model: ModelInfo) -> Iterator[ModelPrice]:
    yield from (conditional.prices for conditional in _conditional(model))
    yield from (variant.prices for variant in model.price_variants or ())
