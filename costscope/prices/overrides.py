"""The user's own prices and discounts, from a TOML file, on top of everything else.

Where several prices fit, those that begin later win, then those further down; each sets only what
it names. Where several discounts fit, the last one counts.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from fnmatch import fnmatchcase
from fractions import Fraction
from pathlib import Path
from typing import Any

from costscope.errors import InputError, SettingsError
from costscope.prices.quotes import TIERS
from costscope.prices.subjects import Subject
from costscope.prices.unit_names import UNITS, is_per_token

_CLASSES = {
    "input": "fresh", "output": "output", "cache_read": "cache_read",
    "cache_write_5m": "cache_write_5m", "cache_write_30m": "cache_write_30m",
    "cache_write_1h": "cache_write_1h", "cache_write_12h": "cache_write_12h",
}  # fmt: skip
_MULTIPLIERS = {f"{tier}_multiplier": tier for tier in TIERS if tier != "standard"}
_SELECTORS = ("model", "provider", "since")
_LARGEST = 10_000
"""$ per million tokens, and multipliers up to a hundred: tokens times rate have to fit 64 bits."""

_KEYS = {
    "price": (*_SELECTORS, *_CLASSES, *_MULTIPLIERS),
    "discount": (*_SELECTORS, "percent"),
    "unit": (*_SELECTORS, "name", "per_thousand", "per_mtok"),
}


@dataclass(frozen=True)
class Rule:
    """One [[price]], [[discount]] or [[unit]]: what it is about, and its numbers by key (a unit's: its
    price by its name)."""

    model: str
    provider: str
    since: date
    numbers: Mapping[str, Decimal]

    def is_about(self, subject: Subject, day: date) -> bool:
        """Whether it holds for a model on a day (UTC)."""
        place = subject.place
        sellers = (subject.provider.lower(), subject.channel.lower(), place.platform, place.channel)
        models = (*place.refs, *subject.known)
        return (
            self.since <= day
            and any(fnmatchcase(name, self.model) for name in models)
            and any(fnmatchcase(name, self.provider) for name in sellers)
        )


@dataclass(frozen=True)
class Override:
    """What the user's file says of one model on one day. Prices by billing class, $ per million."""

    prices: Mapping[str, Decimal]
    multipliers: Mapping[str, Fraction]
    discount: Fraction
    """What is left to pay: 1 without a discount."""
    since: date | None
    units: Mapping[str, tuple[Decimal, str]] = field(default_factory=dict)
    """Units by name: $ per thousand (per million where they are tokens), and the source."""


@dataclass(frozen=True)
class Overrides:
    """A user's price file. `digest` identifies its content; empty without a file."""

    name: str = ""
    digest: str = ""
    prices: Sequence[Rule] = ()
    discounts: Sequence[Rule] = ()
    units: Sequence[Rule] = ()

    def days(self) -> set[date]:
        """The days on which a rule begins."""
        return {rule.since for rule in (*self.prices, *self.discounts, *self.units)} - {date.min}

    def of(self, subject: Subject, day: date) -> Override | None:
        """What the file says of a model on a day, or None if it says nothing."""
        prices = [rule for rule in self.prices if rule.is_about(subject, day)]
        cuts = [rule for rule in self.discounts if rule.is_about(subject, day)]
        units = [rule for rule in self.units if rule.is_about(subject, day)]
        if not prices and not cuts and not units:
            return None
        numbers = _merged(prices)
        percent = cuts[-1].numbers["percent"] if cuts else Decimal(0)
        latest = max((rule.since for rule in prices), default=date.min)
        return Override(
            {_CLASSES[key]: usd for key, usd in numbers.items() if key in _CLASSES},
            {_MULTIPLIERS[key]: Fraction(x) for key, x in numbers.items() if key in _MULTIPLIERS},
            1 - Fraction(percent) / 100,
            None if latest == date.min else latest,
            {name: (usd, self.name) for name, usd in _merged(units).items()},
        )


def _merged(rules: Sequence[Rule]) -> dict[str, Decimal]:
    """The numbers of several rules; those that begin later win, then those further down."""
    numbers: dict[str, Decimal] = {}
    for rule in sorted(rules, key=lambda rule: rule.since):
        numbers |= rule.numbers
    return numbers


def load(path: Path | None) -> Overrides:
    """The user's price file, or none. InputError if it cannot be read; SettingsError, naming file
    and key, if a key is unknown or a value impossible.

        [[price]]
        model = "gpt-4o*"            # glob, on the name as logged, without prefixes, or as listed
        provider = "azure"           # optional glob, on provider, channel or platform
        since = 2026-01-01           # optional
        input = "2.10"               # $ per million tokens, at any prompt length
        output = "8.40"              # and cache_read, cache_write_5m, _30m, _1h, _12h
        batch_multiplier = 0.5       # and flex_, priority_, fast_, ultrafast_, scale_,
                                     # provisioned_multiplier

        [[discount]]
        provider = "anthropic"       # or model
        percent = 12

        [[unit]]
        name = "web_search"          # a unit of the price book, see `prices show`
        per_thousand = "8"           # $; per_mtok for audio and image tokens
    """
    if path is None:
        return Overrides()
    try:
        raw = path.read_bytes()
        document = tomllib.loads(raw.decode("utf-8"), parse_float=Decimal)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: is no valid TOML: {error}") from error
    _check_keys(document, _KEYS, str(path))
    rules = {kind: _rules(kind, document.get(kind, []), path) for kind in _KEYS}
    digest = hashlib.sha256(raw).hexdigest()[:12]
    return Overrides(path.name, digest, rules["price"], rules["discount"], rules["unit"])


def _rules(kind: str, tables: Any, path: Path) -> tuple[Rule, ...]:
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise SettingsError(f"{path}: write [[{kind}]], with double brackets, once per {kind}")
    return tuple(_rule(kind, table, f"{path}: {kind} {i}") for i, table in enumerate(tables, 1))


def _rule(kind: str, table: dict[str, Any], where: str) -> Rule:
    _check_keys(table, _KEYS[kind], where)
    if kind == "price" and "model" not in table:
        raise SettingsError(f'{where}: model is missing; write model = "*" for all')
    if kind == "discount" and "percent" not in table:
        raise SettingsError(f"{where}: percent is missing")
    since = table.get("since", date.min)
    if not isinstance(since, date) or isinstance(since, datetime):
        raise SettingsError(f"{where}: since should be a date such as 2026-01-31")
    numbers = {
        key: _number(value, key, where)
        for key, value in table.items()
        if key not in _SELECTORS and key != "name"
    }
    if kind == "unit":
        numbers = _unit(table, numbers, where)
    return Rule(_glob(table, "model", where), _glob(table, "provider", where), since, numbers)


def _unit(
    table: Mapping[str, Any], numbers: Mapping[str, Decimal], where: str
) -> dict[str, Decimal]:
    """A unit's price by its name, with the scale that its name asks for."""
    name = table.get("name")
    if not isinstance(name, str) or name not in UNITS:
        raise SettingsError(f"{where}: name should be one of {', '.join(UNITS)}")
    scale = "per_mtok" if is_per_token(name) else "per_thousand"
    if set(numbers) != {scale}:
        raise SettingsError(f"{where}: {name} is priced by {scale}, and by that alone")
    return {name: numbers[scale]}


def _glob(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key, "*")
    if not isinstance(value, str) or not value:
        raise SettingsError(f'{where}: {key} should be text, such as "gpt-4o*"')
    return value.lower()


def _number(value: Any, key: str, where: str) -> Decimal:
    try:
        number = Decimal(str(value)) if not isinstance(value, bool) else Decimal("NaN")
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise SettingsError(f"{where}: {key} should be a number, not {value!r}")
    if number < 0:
        raise SettingsError(f"{where}: {key} should not be negative, but is {value}")
    limit = _LARGEST if key in _CLASSES or key in ("per_thousand", "per_mtok") else 100
    if number > limit:
        raise SettingsError(f"{where}: {key} should be at most {limit}, but is {value}")
    return number


def _check_keys(table: Mapping[str, Any], known: Collection[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known are: {', '.join(known)}"
            raise SettingsError(f"{where}: {key!r} is no known key; {hint}")
