"""Provider rules that are not rates: how a provider caches prompts, and what its batch API does.

The facts are rows of `data/*.toml`; these functions answer for one model on one day.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

from costscope.prices import match, names
from costscope.prices.facts import Row
from costscope.prices.names import Place

Mode = Literal["explicit", "implicit", "breakpoint"]
Settings = Literal["", "messages", "prompt"]
Stacking = Literal["stacks", "none", "standard"]


@dataclass(frozen=True)
class CachingRule:
    """How prompts of a model are cached. Lengths in tokens, lifetimes in seconds."""

    mode: Mode
    """explicit: only at the request's own marks. breakpoint: at marks, and by default at one that
    the provider sets. implicit: by itself, wherever a prefix recurs."""
    minimum: int
    """Shorter prefixes are not cached, silently."""
    granularity: int
    """A hit is cut down to a multiple of this."""
    ttls: tuple[int, ...]
    """The lifetimes that can be had, or, where none can be chosen, the likely ones."""
    default_ttl: int
    lookback: int | None
    """How many block ends are searched for a hit, the mark counted; None: no limit known."""
    write_charged: bool
    """Whether a write costs more than input."""
    write_class: str
    """Billing class of a write of the default lifetime, "" where writes are not charged."""
    scope_note: str
    """Who shares a cache entry, in words."""
    source: str
    grade: str
    checked_on: date
    boundary: int | None = None
    """Entries end only at multiples of this, whatever the granularity of what is reported."""
    explicit_lookback: int | None = None
    """As `lookback`, for marks that the request sets itself."""
    whole_units: bool = False
    """Entries end only where a prompt or a reply ended, and where two requests parted: what they
    have in common is stored when the second comes, and read by the third."""
    settings: Settings = ""
    """What is read anew where settings of a request change that the provider names: the whole prompt, its
    messages behind tools and system prompt, or nothing that is known."""
    max_breakpoints: int | None = None
    clock: str = "last_use"
    """When a lifetime begins: request_start or last_use (of the request that wrote or read)."""
    refreshed_by: tuple[str, ...] = ("write", "read")
    interplay: str = ""
    """How writing and reading are charged against input, in words."""
    storage_usd: Decimal | None = None
    """What an explicitly created cache costs: $ per million tokens and hour."""
    note: str = ""


@dataclass(frozen=True)
class BatchRule:
    """What a provider's batch API charges: multipliers of the standard rates."""

    input_multiplier: Decimal
    output_multiplier: Decimal
    window_hours: int
    """How long it may take: a limit or a target, see `note`."""
    caching: Stacking
    """stacks: cached tokens are discounted too. standard: they keep the standard cached rate. none:
    batch requests are not cached."""
    source: str
    grade: str
    checked_on: date
    note: str = ""


@lru_cache(maxsize=16384)
def caching_rule(provider: str, channel: str, model: str, on: date) -> CachingRule | None:
    """How a model's prompts are cached on a day (UTC); None where they are not, or not known."""
    return rule_at(names.place(provider or "", channel or "", model), on)


@lru_cache(maxsize=16384)
def batch_rule(provider: str, channel: str, model: str, on: date) -> BatchRule | None:
    """What batching a model does on a day (UTC); None where no batch API is known for it."""
    row = _row("batch", names.place(provider or "", channel or "", model), on)
    if row is None:
        return None
    values = row.values
    return BatchRule(
        input_multiplier=Decimal(str(values["input"])),
        output_multiplier=Decimal(str(values["output"])),
        window_hours=values["window_hours"],
        caching=values["caching"],
        source=row.source,
        grade=row.grade,
        checked_on=row.checked_on,
        note=values.get("note", ""),
    )


@lru_cache(maxsize=16384)
def rule_at(place: Place, on: date) -> CachingRule | None:
    """`caching_rule` for a place."""
    row = _row("caching", place, on)
    if row is None or row.values["mode"] == "none":
        return None
    rule = _caching(row)
    note = _row("note", place, on)
    if note is None:
        return rule
    return replace(rule, scope_note=f"{rule.scope_note}; {note.values['text']}")


def _row(kind: str, place: Place, on: date) -> Row | None:
    return next((row for row in match.rows_about(kind, place) if row.is_on(on)), None)


def _caching(row: Row) -> CachingRule:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in row.values.items()
    }
    if "storage_usd" in values:
        values["storage_usd"] = Decimal(values["storage_usd"])
    shown = {"source": row.source, "grade": row.grade, "checked_on": row.checked_on}
    return CachingRule(**{"lookback": None, **values, **shown})
