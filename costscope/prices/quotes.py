"""What each billing class of one model costs at one moment: the price library, corrected and
completed by our own dated facts. Exact decimals, $ per million tokens; knows neither calls nor the
user's file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import partial

from genai_prices.types import ModelPrice

from costscope.prices import library, rules
from costscope.prices.facts import Row
from costscope.prices.match import Listing
from costscope.prices.subjects import Subject

PREPAID = ("scale", "provisioned")
"""Tiers of capacity that is paid for beforehand: their tokens have no price but what the user states."""
TIERS = ("standard", "batch", "flex", "priority", "fast", "ultrafast", *PREPAID)

_TIER_WORDS = {
    "": "standard", "default": "standard", "auto": "standard", "on_demand": "standard",
    "standard_only": "standard", "on_demand_flex": "flex", "on_demand_priority": "priority",
    "provisioned_throughput": "provisioned", "reserved": "provisioned",
}  # fmt: skip

_LIFETIMES = {
    "cache_write_5m": 300, "cache_write_30m": 1800, "cache_write_1h": 3600,
    "cache_write_12h": 43200,
}  # fmt: skip


@dataclass(frozen=True)
class Quote:
    """A price in $ per million tokens, None where it is not known, and why it is that."""

    usd: Decimal | None
    source: str
    checked_on: date | None = None
    since: date | None = None
    sold: bool = True
    """False where the provider sells no such class, so that no call should ever be billed it."""

    def times(self, factor: Fraction, why: str) -> Quote:
        """The quote multiplied, with the reason added to its source."""
        if self.usd is None:
            return self
        usd = self.usd * factor.numerator / factor.denominator
        return self.because(why, usd)

    def because(self, why: str, usd: Decimal | None = None) -> Quote:
        """The quote with a reason added, and another price if one is given."""
        return replace(self, usd=self.usd if usd is None else usd, source=f"{self.source}; {why}")


Table = dict[str, Quote]
UNCHARGED = "no write charge: the input rate"
"""Why a cache write costs what input does."""
"""A quote for each charge (library.KEYS) or, in the end, for each billing class (model.CLASSES)."""


@dataclass(frozen=True)
class Moment:
    """When (naive UTC) a call was sent, its tier, and the long-context threshold it exceeds."""

    at: datetime
    tier: str = "standard"
    above: int | None = None


def tier_of(word: str | None) -> str:
    """A tier in our words; one that we do not know stays as it is, and has no price."""
    said = (word or "").strip().lower()
    return _TIER_WORDS.get(said, said)


def quote(subject: Subject, moment: Moment, multiplier: Fraction | None = None) -> Table:
    """A quote for each of the seven billing classes. `multiplier`: the user's own for this tier."""
    table = _classes(subject, moment, _tiered(subject, moment, multiplier))
    factor, why = uplift(subject, moment)
    return table if factor == 1 else {n: found.times(factor, why) for n, found in table.items()}


def uplift(subject: Subject, moment: Moment) -> tuple[Fraction, str]:
    """By what the region multiplies tokens of every class, and the source."""
    row = next(subject.in_force("uplift", moment.at), None)
    if row is None:
        return Fraction(1), ""
    factor = Fraction(str(row.values["multiplier"]))
    return factor, f"{_times(factor)} in region {subject.where}: {row.cite()}"


def tier_factor(subject: Subject, moment: Moment, charge: str) -> tuple[Fraction | None, str]:
    """By what a tier multiplies a charge or billing class, after our data, and the source."""
    row = _tier_row(subject, moment)
    if row is None and moment.tier in PREPAID:
        return None, f"no {moment.tier} price a token: that capacity is paid for beforehand"
    if row is None:
        return None, f"no {moment.tier} price of {subject.model} is known"
    factor = row.factor({"fresh": "input"}.get(charge, charge))
    if charge.startswith("cache_write"):
        factor = row.factor("cache_write") or row.factor("input")
    if factor is None:
        return None, f"no {moment.tier} price of cached tokens is known: {row.cite()}"
    return factor, f"{moment.tier} {_times(factor)}: {row.cite()}"


def _tier_row(subject: Subject, moment: Moment) -> Row | None:
    if moment.tier == "batch":
        return next(subject.in_force("batch", moment.at), None)
    rows = subject.in_force("tier", moment.at)
    return next((row for row in rows if moment.tier in row.values["tiers"]), None)


def _tiered(subject: Subject, moment: Moment, multiplier: Fraction | None) -> Table:
    charges = _standard(subject, moment)
    if moment.tier == "standard":
        return charges
    if multiplier is not None:
        why = f"{moment.tier} {_times(multiplier)}: the user's price file"
        return {name: found.times(multiplier, why) for name, found in charges.items()}
    row = _tier_row(subject, moment)
    if row is not None and row.values.get("flat"):
        charges = _standard(subject, replace(moment, above=None))
    return _variant(subject, moment) or {
        name: _by_tier(subject, moment, name, found) for name, found in charges.items()
    }


def _by_tier(subject: Subject, moment: Moment, charge: str, found: Quote) -> Quote:
    factor, why = tier_factor(subject, moment, charge)
    return Quote(None, why) if factor is None else found.times(factor, why)


def _variant(subject: Subject, moment: Moment) -> Table | None:
    """The library's own prices for the tier, if any are in force and no data row overrules them."""
    listing = subject.listing
    if listing is None or next(subject.in_force("rate", moment.at), None) is not None:
        return None
    price = library.variant(listing, moment.at, moment.tier)
    if price is None:
        return None
    _, since = library.standard(listing.model, moment.at)
    shown = Quote(None, f"{title(listing)}; {moment.tier} as listed", library.checked_on(), since)
    return _stepped(subject, moment, partial(_from_price, price, shown, subject.inclusive))


def _standard(subject: Subject, moment: Moment) -> Table:
    row = next(subject.in_force("rate", moment.at), None)
    if row is not None:
        return _stepped(subject, moment, partial(_from_row, row))
    listing = subject.listing
    if listing is None:
        return dict.fromkeys(library.KEYS, Quote(None, _unknown(subject)))
    price, since = library.standard(listing.model, moment.at)
    if listing.model.id.endswith(":free"):
        free = Quote(Decimal(0), f"{title(listing)}; free", library.checked_on(), since)
        return dict.fromkeys(library.KEYS, free)
    shown = Quote(None, title(listing), library.checked_on(), since)
    return _stepped(subject, moment, partial(_from_price, price, shown, subject.inclusive))


def _from_row(row: Row, charge: str, _: int | None) -> Quote:
    usd = row.values.get("input" if charge == "fresh" else charge)
    since = None if row.since == date.min else row.since
    return Quote(None if usd is None else Decimal(usd), row.cite(), row.checked_on, since)


def _from_price(
    price: ModelPrice, shown: Quote, inclusive: bool, charge: str, above: int | None
) -> Quote:
    return replace(shown, usd=library.usd(price, charge, above, inclusive=inclusive))


def title(listing: Listing) -> str:
    """The library's entry, as sources cite it."""
    return f"{library.name()}: {listing.provider}/{listing.model.id}"


def _stepped(subject: Subject, moment: Moment, find: Callable[[str, int | None], Quote]) -> Table:
    """All charges at the moment's prompt length; a step of our own where the entry has none, and none
    where the entry's is over."""
    rows = list(subject.in_force("long_context", moment.at))
    if rows and rows[0].values.get("flat") and moment.above is not None:
        why = f"at any length: {rows[0].cite()}"
        return {charge: find(charge, None).because(why) for charge in library.KEYS}
    table = {charge: find(charge, moment.above) for charge in library.KEYS}
    step = next((row for row in rows if "above" in row.values), None)
    is_long = step and moment.above is not None and moment.above >= step.values["above"]
    if not step or not is_long or table["fresh"].usd != find("fresh", None).usd:
        return table
    return {
        charge: found.times(
            step.factor("output" if charge == "output" else "input") or Fraction(1),
            f"above {step.values['above']} tokens: {step.cite()}",
        )
        for charge, found in table.items()
    }


def _unknown(subject: Subject) -> str:
    if not subject.model.strip():
        return "no price of a call that names no model"
    if subject.place.platform == "self-hosted":
        return "self-hosted models have no price per token"
    return f"no price of {subject.model} is known" + (
        f" at {subject.place.platform}" if subject.place.platform else ""
    )


def _classes(subject: Subject, moment: Moment, charges: Table) -> Table:
    """From charges to billing classes; what is missing is filled from our data or unknown."""
    read = charges["cache_read"]
    filled = _filled(subject, moment, charges, "cache_read") if read.usd is None else None
    return {
        **_writes(subject, moment, charges),
        "fresh": charges["fresh"],
        "cache_read": filled or _explained(charges, "cache_read", "cached tokens"),
        "output": _explained(charges, "output", "output"),
    }


def _filled(subject: Subject, moment: Moment, charges: Table, name: str) -> Quote | None:
    """A class that our data states as a multiple of the input price."""
    for row in subject.in_force("fill", moment.at):
        factor = row.factor("of_input")
        if row.values["class"] == name and factor is not None and charges["fresh"].usd is not None:
            return charges["fresh"].times(factor, f"{_times(factor)} input: {row.cite()}")
    return None


def _explained(charges: Table, charge: str, what: str) -> Quote:
    """A charge; where it is missing though the model has a price, the source says so."""
    found = charges[charge]
    is_gap = found.usd is None and charges["fresh"].usd is not None
    if not is_gap or found.source.startswith("no "):
        return found
    return found.because(f"no price of {what} is listed")


def _writes(subject: Subject, moment: Moment, charges: Table) -> Table:
    rule = rules.rule_at(subject.place, moment.at.date())
    sold = _sold(subject, moment, charges, (rule and rule.write_class) or "cache_write_5m")
    if sold:
        return {name: _nearest(name, sold) for name in _LIFETIMES}
    if rule is not None and not rule.write_charged:
        uncharged = charges["fresh"].because(UNCHARGED)
        return dict.fromkeys(_LIFETIMES, uncharged)
    return dict.fromkeys(_LIFETIMES, _explained(charges, "cache_write", "cache writes"))


def _sold(subject: Subject, moment: Moment, charges: Table, usual: str) -> Table:
    """The write classes that a provider sells; `usual` is that of its usual lifetime."""
    is_listed = charges["cache_write"].usd is not None
    usually = _with_input(subject, moment, charges) if is_listed else None
    first = usually or _filled(subject, moment, charges, usual)
    if first is None:
        return {}
    sold = {usual: first}
    for name in ("cache_write_1h", "cache_write_12h"):
        found = charges.get(name)
        if found is None or found.usd is None:
            found = _filled(subject, moment, charges, name)
        if found is not None:
            sold[name] = found
    return sold


def _with_input(subject: Subject, moment: Moment, charges: Table) -> Quote:
    """The usual write, plus input where only its storage is listed (OpenRouter's Gemini)."""
    write, fresh = charges["cache_write"], charges["fresh"]
    if write.usd is None or fresh.usd is None or write.usd >= fresh.usd:
        return write
    rows = subject.in_force("fill", moment.at)
    row = next((r for r in rows if r.values.get("plus_input")), None)
    if row is None:
        return write
    return write.because(f"plus input: {row.cite()}", write.usd + fresh.usd)


def _nearest(name: str, sold: Table) -> Quote:
    """A lifetime that is not sold costs what the shortest one costs that lasts as long."""
    if name in sold:
        return sold[name]
    longer = [other for other in sold if _LIFETIMES[other] > _LIFETIMES[name]]
    lasts = _LIFETIMES.__getitem__
    other = min(longer, key=lasts) if longer else max(sold, key=lasts)
    stand_in = sold[other].because(f"no {name} is sold: priced as {other}")
    return replace(stand_in, sold=False)


def _times(factor: Fraction) -> str:
    return f"x{float(factor):g}"
