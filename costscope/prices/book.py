"""The price book: rates of calls in bulk, money of parts and calls, and what to show of a model.

Prices hold at the call's own UTC day. Money is whole picodollars; an unknown price is null, never 0
and never another model's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from difflib import get_close_matches
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Self

import numpy as np
import polars as pl

from costscope.columns import Ints
from costscope.model import CLASSES, INPUT_CLASSES, Workload
from costscope.prices import amounts, facts, library, lookup, match, overrides, quotes, units, usage
from costscope.prices.amounts import Whole
from costscope.prices.overrides import Override, Overrides
from costscope.prices.quotes import TIERS, Moment, Quote, Table
from costscope.prices.subjects import Subject

_UNKNOWN = -1
"""Where arrays of rates have none."""
_PER_MILLION = 10**6
"""Picodollars a token for each dollar per million tokens."""

_Rates = tuple[tuple[int | None, str], ...]
_RATES = {
    "rate_no": pl.UInt32, "billing_class": pl.String, "rate_pd": pl.Int64, "source": pl.String,
}  # fmt: skip


@dataclass(frozen=True)
class Rate:
    """One price to show: $ per million tokens (None: unknown), and where it comes from."""

    billing_class: str
    usd_per_mtok: Decimal | None
    source: str
    checked_on: date | None
    since: date | None
    above_tokens: int | None
    """For prompts of more tokens than this; None: of any length, or up to the first such step."""
    tier: str = "standard"
    sold: bool = True
    """False for a class that the provider does not sell; its price is a stand-in."""


class PriceBook:
    """Dated rates of every model, from the price library, our data and the user's file."""

    def __init__(self, user: Overrides | None = None) -> None:
        self._user = user or Overrides()
        self._found: dict[lookup.Key, _Rates] = {}
        self._numbers: dict[lookup.Key, list[int]] = {}
        self._days: dict[Subject, Ints] = {}
        self._paid: dict[tuple[lookup.Key, str], int] = {}

    @classmethod
    def load(cls, user_file: Path | None = None) -> Self:
        """The book with the user's price file on top; raises InputError, SettingsError for that."""
        return cls(overrides.load(user_file))

    @cached_property
    def id(self) -> str:
        """What determines the prices: the library's version, our data's, the user's file by hash."""
        user = f" + {self._user.name} ({self._user.digest})" if self._user.digest else ""
        return f"{library.name()} + data {facts.version()}{user}"

    @cached_property
    def as_of(self) -> date:
        """The day at whose prices calls without a time are priced: that of the newest check."""
        return facts.as_of()

    def rates(self, calls: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Which rate each call has, and the rates.

        `calls`: call_no, provider, channel, region, model, tier, sent_at (UTC), input_tokens (the
        whole prompt with what was cached). Returns (call_no, rate_no u32) in the order of `calls`,
        and (rate_no, billing_class, rate_pd, source) with all seven classes of every rate; rate_pd
        is picodollars a token, null where no price is known.
        """
        numbers, found = self._keys(calls)
        distinct: dict[_Rates, int] = {}
        same = [distinct.setdefault(self._rates(key), len(distinct)) for key in found]
        rows = [
            (number, name, *rate)
            for of_classes, number in distinct.items()
            for name, rate in zip(CLASSES, of_classes, strict=True)
        ]
        of = pl.Series(np.array(same, np.int64)[numbers], dtype=pl.UInt32)
        keyed = calls.select("call_no", rate_no=of)
        return keyed, pl.DataFrame(rows, schema=_RATES, orient="row")

    def quotes(self, calls: pl.DataFrame) -> list[Table]:
        """For each of some calls (as `rates` takes them), a quote for each billing class: what `rates`
        gives as whole picodollars, with the days on which it began and was checked."""
        numbers, found = self._keys(calls)
        return [self._quote(found[n].subject, found[n].moment) for n in numbers.tolist()]

    def _keys(self, calls: pl.DataFrame) -> tuple[Ints, list[lookup.Key]]:
        length = lookup.lengths(calls["input_tokens"])
        return lookup.keys(calls, length, self.as_of, self._change_days)

    def price(self, calls: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
        """`parts` with a column `pd`: tokens times rate in picodollars (i64), null where unpriced.

        `calls` as in a Workload; a prompt's length is taken from the parts.
        """
        order = parts["billing_class"].cast(pl.Enum(CLASSES)).to_physical().cast(pl.Int64)
        prompt = parts.select("call_no", "tokens").filter(order != CLASSES.index("output"))
        lengths = prompt.group_by("call_no").agg(input_tokens=pl.col("tokens").sum())
        known = calls.drop("input_tokens", strict=False).join(lengths, on="call_no", how="left")
        keyed, rates = self.rates(known)
        numbers = parts.select("call_no").join(
            keyed, on="call_no", how="left", maintain_order="left"
        )
        place = numbers["rate_no"].cast(pl.Int64) * len(CLASSES) + order
        return parts.with_columns(pd=pl.col("tokens") * rates["rate_pd"].gather(place))

    def unit_rows(self, calls: pl.DataFrame) -> pl.DataFrame:
        """What each unit of each call costs beside its text tokens, see `units.unit_rows`. `calls` as for
        `rates`, with `units`."""
        return units.unit_rows(calls, self._quote, self._user, self.as_of)

    def charged(self, calls: pl.DataFrame) -> pl.DataFrame:
        """What is billed beside tokens: call_no, unit, number and pd (a decimal), a row for each unit of
        each call that has any. `calls` as the store's query `scope_prices` gives them."""
        rows = self.unit_rows(calls).select("call_no", "unit", "number", "pd")
        return rows.with_columns(pl.col("pd").cast(pl.Decimal(38, 0)))

    def cost(self, workload: Workload) -> pl.DataFrame:
        """What each call cost, in the order of the calls: call_no, pd (i128 picodollars of its priced
        parts and units; null if it has tokens and none of them is priced) and unpriced_tokens (i64)."""
        whole, unpriced = self.paid(workload)
        blank = (unpriced > 0) & (unpriced == usage.by_class(workload).sum(axis=1))
        pd = pl.Series("pd", whole.tolist() if whole.dtype == object else whole, pl.Int128)
        pd = pd.scatter(np.flatnonzero(blank), None)
        calls = workload.calls["call_no"]
        return pl.DataFrame([calls, pd, pl.Series("unpriced_tokens", unpriced)])

    def paid(self, workload: Workload) -> tuple[Whole, Ints]:
        """For each call, in their order, the picodollars of its priced tokens and units, and how many of
        its tokens have no price."""
        calls, tokens = workload.calls, usage.by_class(workload)
        prompt = np.einsum("ij->i", tokens[:, : len(INPUT_CLASSES)])
        number, found = lookup.keys(calls, prompt, self.as_of, self._change_days)
        rates = np.array([self._whole(key) for key in found], np.int64).reshape(-1, len(CLASSES))
        unknown, unpriced = rates == _UNKNOWN, np.zeros(len(tokens), np.int64)
        blind = np.flatnonzero(unknown.any(axis=1)[number])
        unpriced[blind] = (unknown[number[blind]] * tokens[blind]).sum(axis=1)
        whole = amounts.times(tokens, np.where(unknown, 0, rates), number)
        return amounts.plus(whole, *self._beside(calls, number, found)), unpriced

    def _beside(
        self, calls: pl.DataFrame, number: Ints, keys: Sequence[lookup.Key]
    ) -> tuple[Ints, list[int]]:
        """The places of the calls with units, and what those of them cost that have a price."""
        if "units" not in calls.columns or calls["units"].null_count() == calls.height:
            return np.zeros(0, np.int64), []
        told = np.flatnonzero(calls["units"].is_not_null())
        pairs = zip(number[told].tolist(), calls["units"].gather(told).to_list(), strict=True)
        return told, [self._units(keys[key], text) for key, text in pairs]

    def _units(self, key: lookup.Key, text: str) -> int:
        """What a call's units cost, worked out once."""
        if (key, text) not in self._paid:
            self._paid[key, text] = units.paid(key, text, self._quote, self._user)
        return self._paid[key, text]

    def describe(self, model: str, provider: str | None, at: date) -> list[Rate]:
        """Every known price of a model on a day: a Rate for each billing class of each tier that is
        sold, below and above each long-context step (and, where prices depend on the hour, for
        each price of the day). Empty for an unknown model."""
        subject = Subject(provider or "", "", "", model)
        found: list[Rate] = []
        for moment in _moments(subject, at):
            table = self._quote(subject, moment)
            if _is_priced(table):
                rates = (_rate(name, table[name], moment) for name in CLASSES)
                found += [rate for rate in rates if rate not in found]
        return found

    def known(self, model: str, provider: str | None, at: date) -> bool:
        """Whether the model has a price on a day."""
        subject = Subject(provider or "", "", "", model)
        return _is_priced(self._quote(subject, Moment(_midnight(at))))

    def nearest(self, model: str) -> list[str]:
        """Known model names most like this one, best first, for messages only: never priced by."""
        return get_close_matches(model.lower(), match.stated_names(), n=3)

    def _rates(self, key: lookup.Key) -> _Rates:
        """The rates of a key, worked out once: every what-if asks for the same ones."""
        if key not in self._found:
            table = self._quote(key.subject, key.moment)
            self._found[key] = tuple(_picodollars(table[name]) for name in CLASSES)
        return self._found[key]

    def _whole(self, key: lookup.Key) -> list[int]:
        """The same in picodollars, a number for each class."""
        if key not in self._numbers:
            rates = self._rates(key)
            self._numbers[key] = [_UNKNOWN if rate is None else rate for rate, _ in rates]
        return self._numbers[key]

    def _change_days(self, subject: Subject) -> Ints:
        if subject not in self._days:
            self._days[subject] = lookup.days({*subject.change_days, *self._user.days()})
        return self._days[subject]

    def _quote(self, subject: Subject, moment: Moment) -> Table:
        user = self._user.of(subject, moment.at.date())
        if user is None:
            return _listed(subject, moment)
        table = quotes.quote(subject, moment, user.multipliers.get(moment.tier))
        table |= {name: self._own(subject, moment, user, name) for name in user.prices}
        if "fresh" in user.prices:
            free = [
                n for n in table if n not in user.prices and quotes.UNCHARGED in table[n].source
            ]
            table |= dict.fromkeys(free, table["fresh"].because(quotes.UNCHARGED))
        if user.discount == 1:
            return table
        why = f"less {float((1 - user.discount) * 100):g} %: {self._user.name}"
        return {name: found.times(user.discount, why) for name, found in table.items()}

    def _own(self, subject: Subject, moment: Moment, user: Override, name: str) -> Quote:
        """A class that the user's file prices; in other tiers by its multiplier, else by ours."""
        usd = user.prices[name]
        listed = Quote(usd, self._user.name, None, user.since)
        if moment.tier == "standard":
            return listed
        factor, why = user.multipliers.get(moment.tier), f"{moment.tier} by the same file"
        if factor is None:
            factor, why = quotes.tier_factor(subject, moment, name)
        return Quote(None, why) if factor is None else listed.times(factor, why)


@lru_cache(maxsize=16384)
def _listed(subject: Subject, moment: Moment) -> Table:
    return quotes.quote(subject, moment)


def _picodollars(found: Quote) -> tuple[int | None, str]:
    """A quote as picodollars a token and its source; rounded half to even where it is not whole."""
    if found.usd is None:
        return None, found.source
    exact = found.usd * _PER_MILLION
    whole = int(exact.to_integral_value(ROUND_HALF_EVEN))
    return whole, found.source if whole == exact else f"{found.source}; rounded to a picodollar"


def _moments(subject: Subject, at: date) -> Iterator[Moment]:
    for tier in TIERS:
        for above in (None, *subject.thresholds):
            for minute in (0, *subject.minutes):
                yield Moment(_midnight(at) + timedelta(minutes=minute), tier, above)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _is_priced(table: Table) -> bool:
    return table["fresh"].usd is not None or table["output"].usd is not None


def _rate(name: str, found: Quote, moment: Moment) -> Rate:
    return Rate(
        name, found.usd, found.source, found.checked_on, found.since, moment.above, moment.tier,
        found.sold,
    )  # fmt: skip
