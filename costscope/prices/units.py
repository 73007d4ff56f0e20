"""What is billed beside text tokens: server tools by the request, audio and image tokens in place of
text ones, the storage of explicit caches. From our dated data, the price library and the user's file.

A unit of which nobody knows the price is unpriced and named, never free.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import msgspec
import polars as pl

from costscope.model import PICO
from costscope.prices import library, lookup, quotes, rules
from costscope.prices.facts import Row
from costscope.prices.overrides import Override, Overrides
from costscope.prices.quotes import Moment, Table
from costscope.prices.subjects import Subject
from costscope.prices.unit_names import INSTEAD_OF, LISTED, STORAGE, UNITS, is_per_token

THOUSAND, MILLION = 1_000, 1_000_000
_ROWS = {
    "call_no": pl.Int64, "unit": pl.String, "number": pl.Int64, "pd": pl.Int128, "source": pl.String,
}  # fmt: skip
_TEXT = ("", "{}", "null")
_decode = msgspec.json.Decoder(dict[str, int]).decode

Quoting = Callable[[Subject, Moment], Table]


@dataclass(frozen=True)
class UnitQuote:
    """The price of a unit: $ for each `per` of them, None where it is not known, and why."""

    name: str
    usd: Decimal | None
    per: int
    source: str
    checked_on: date | None = None
    since: date | None = None
    as_text: bool = False
    """Costs what a text token of its class costs, whatever that is."""
    at_most: int | None = None
    """How many a single call is billed, however many it made."""

    @property
    def instead_of(self) -> str:
        """The billing class whose rate it replaces, "" for what is billed on top."""
        return INSTEAD_OF.get(self.name, "")

    @property
    def is_known(self) -> bool:
        """Whether it can be priced."""
        return self.as_text or self.usd is not None

    def times(self, factor: Fraction, why: str) -> UnitQuote:
        """The quote multiplied, with the reason added to its source."""
        if self.usd is None:
            return self
        usd = self.usd * factor.numerator / factor.denominator
        return replace(self, usd=usd, source=f"{self.source}; {why}")


def describe(
    model: str, provider: str | None, at: date, user: Overrides | None = None
) -> list[UnitQuote]:
    """Every unit of a model that something is known of on a day, priced or with the reason why not."""
    subject, moment = (
        Subject(provider or "", "", "", model),
        Moment(datetime(at.year, at.month, at.day)),
    )
    own = user.of(subject, at) if user else None
    found = (quote(subject, moment, name, own) for name in UNITS)
    return [q for q in found if q.is_known or not q.source.startswith("no price of ")]


def quote(subject: Subject, moment: Moment, name: str, user: Override | None = None) -> UnitQuote:
    """The price of one unit of a model at a moment, after the user's own prices and discounts."""
    if user is not None and name in user.units:
        usd, source = user.units[name]
        return UnitQuote(name, usd, _per(name), source, None, user.since)
    found = _listed(subject, moment, name)
    if user is not None and user.discount != 1:
        percent = float((1 - user.discount) * 100)
        found = found.times(user.discount, f"less {percent:g} %: the user's price file")
    return found


def _listed(subject: Subject, moment: Moment, name: str) -> UnitQuote:
    rows = [r for r in subject.in_force("unit", moment.at) if name in r.values["units"]]
    stated = next((row for row in rows if not row.values.get("fallback")), None)
    if stated is not None:
        return _with_region(subject, moment, _from_row(stated, name))
    found = _storage(subject, moment) if name == STORAGE else _from_library(subject, moment, name)
    if found is None and rows:
        found = _from_row(rows[0], name)
    if found is not None:
        return _with_region(subject, moment, found)
    return UnitQuote(name, None, _per(name), f"no price of {name} is known for {subject.model}")


def _from_row(row: Row, name: str) -> UnitQuote:
    values = row.values
    usd = values.get("usd_per_thousand", values.get("usd_per_mtok"))
    source = f"{values['unknown']}: {row.cite()}" if "unknown" in values else row.cite()
    return UnitQuote(
        name, None if usd is None else Decimal(usd), _per(name), source, row.checked_on,
        None if row.since == date.min else row.since, as_text=values.get("as_text", False),
        at_most=values.get("at_most"),
    )  # fmt: skip


def _from_library(subject: Subject, moment: Moment, name: str) -> UnitQuote | None:
    """The library's price: of the tier where it states one, else of the standard tier by the tier's
    multiplier; requests cost the same in every tier."""
    listing, key = subject.listing, LISTED.get(name)
    if listing is None or key is None:
        return None
    price, since = library.standard(listing.model, moment.at)
    standard = library.listed(price, key, moment.above, inclusive=subject.inclusive)
    shown = UnitQuote(
        name, standard, _per(name), quotes.title(listing), library.checked_on(), since
    )
    if moment.tier == "standard" or name not in INSTEAD_OF:
        return None if standard is None else shown
    variant = library.variant(listing, moment.at, moment.tier)
    usd = None
    if variant is not None:
        usd = library.listed(variant, key, moment.above, inclusive=subject.inclusive)
    if usd is not None:
        return replace(shown, usd=usd, source=f"{shown.source}; {moment.tier} as listed")
    factor, why = quotes.tier_factor(subject, moment, INSTEAD_OF[name])
    if standard is None:
        return None
    return replace(shown, usd=None, source=why) if factor is None else shown.times(factor, why)


def _storage(subject: Subject, moment: Moment) -> UnitQuote | None:
    rule = rules.rule_at(subject.place, moment.at.date())
    if rule is None or rule.storage_usd is None:
        return None
    source = f"{rule.source} [{rule.grade}]"
    return UnitQuote(STORAGE, rule.storage_usd, MILLION, source, rule.checked_on)


def _with_region(subject: Subject, moment: Moment, found: UnitQuote) -> UnitQuote:
    """Tokens of any kind are dearer in some regions; requests are not."""
    if not found.instead_of:
        return found
    factor, why = quotes.uplift(subject, moment)
    return found if factor == 1 else found.times(factor, why)


def _per(name: str) -> int:
    return MILLION if is_per_token(name) else THOUSAND


def unit_rows(calls: pl.DataFrame, quoting: Quoting, user: Overrides, as_of: date) -> pl.DataFrame:
    """What each unit of each call costs on top of its text tokens.

    `calls`: as `PriceBook.rates` takes them, with `units`: JSON objects of numbers by name, or null.
    `quoting` is the book's own quote of the billing classes, `user` the user's prices, `as_of` the day
    of calls without a time. Returns call_no, unit, number, pd (i128 picodollars, null where unpriced;
    below 0 where a token costs less than a text one) and source, for calls with units only, in the
    order of `calls`.
    """
    told = calls.filter(pl.col("units").is_not_null() & ~pl.col("units").is_in(_TEXT))
    if told.is_empty():
        return pl.DataFrame(schema=_ROWS)
    numbers, keys = lookup.keys(
        told,
        lookup.lengths(told["input_tokens"]),
        as_of,
        lambda subject: lookup.days({*subject.change_days, *user.days()}),
    )
    rows = told.select("call_no", "units", key=pl.Series(numbers)).join(
        _opened(told["units"].unique(maintain_order=True)), on="units", maintain_order="left"
    )
    pairs = rows.select("key", "unit").unique(maintain_order=True)
    priced = [_each(keys[key], unit, quoting, user) for key, unit in pairs.iter_rows()]
    rates = pairs.with_columns(
        each=pl.Series([each for each, _, _ in priced], dtype=pl.Int128),
        most=pl.Series([most for _, most, _ in priced], dtype=pl.Int64),
        source=pl.Series([source for _, _, source in priced], dtype=pl.String),
    )
    billed = pl.min_horizontal("number", "most").cast(pl.Int128)
    return rows.join(rates, on=("key", "unit"), how="left", maintain_order="left").select(
        "call_no", "unit", "number", pd=pl.col("each") * billed, source="source"
    )


def paid(key: lookup.Key, text: str, quoting: Quoting, user: Overrides) -> int:
    """What the units of one call cost that have a price: `pd` of its `unit_rows`, added up. `text` is
    its `units`."""
    cost = 0
    for name, number in _decode(text).items() if text not in _TEXT else ():
        each, most, _ = _each(key, name, quoting, user)
        cost += (each or 0) * (number if most is None else min(number, most))
    return cost


def _opened(texts: pl.Series) -> pl.DataFrame:
    """(units, unit, number) of distinct JSON texts; a number of 0 is nothing."""
    found = [
        (text, name, number)
        for text in texts
        for name, number in sorted(_decode(text).items())
        if number
    ]
    schema = {"units": pl.String, "unit": pl.String, "number": pl.Int64}
    return pl.DataFrame(found, schema=schema, orient="row")


def _each(
    key: lookup.Key, name: str, quoting: Quoting, user: Overrides
) -> tuple[int | None, int | None, str]:
    """(picodollars of one unit beside its text rate, how many are billed at most, source)."""
    found = quote(key.subject, key.moment, name, user.of(key.subject, key.moment.at.date()))
    if found.as_text:
        return 0, None, found.source
    if found.usd is None:
        return None, None, found.source
    each = picodollars(found.usd, found.per)
    if found.instead_of:
        text = quoting(key.subject, key.moment)[found.instead_of].usd
        if text is None:
            return None, None, f"no price of {found.instead_of} to put it in place of"
        each -= picodollars(text, MILLION)
    return each, found.at_most, found.source


def picodollars(usd: Decimal, per: int) -> int:
    """$ for so many as whole picodollars for one, rounded half to even."""
    return int((usd * PICO / per).to_integral_value(ROUND_HALF_EVEN))
