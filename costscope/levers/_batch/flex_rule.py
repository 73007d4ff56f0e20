"""Which models are sold in the flex tier, and at what share of the standard rates. Not a lever."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from costscope.prices import match, names


class FlexRule(NamedTuple):
    """The flex tier's multipliers of the standard rates; None where no price is known."""

    input: Fraction
    cache_read: Fraction | None
    source: str


@lru_cache(maxsize=16384)
def flex_rule(provider: str, channel: str, model: str, on: date) -> FlexRule | None:
    """The flex tier of a model on a day (UTC); None where none is known to be sold."""
    rows = match.rows_about("tier", names.place(provider or "", channel or "", model))
    row = next((r for r in rows if "flex" in r.values["tiers"] and r.is_on(on)), None)
    share = row.factor("input") if row is not None else None
    if row is None or share is None:
        return None
    return FlexRule(share, row.factor("cache_read"), row.cite())
