"""One call of a store with all that its waterfall shows: parts, rates, units, and texts where asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import polars as pl

from costscope.attribute.texts import border
from costscope.explain.find import find
from costscope.explain.texts import texts_again
from costscope.filters import SegmentRule
from costscope.model import CLASSES
from costscope.prices import PriceBook
from costscope.readers._house import HouseMap
from costscope.reports.explain import Rate, Step, Unit, Waterfall
from costscope.store import Store


@dataclass(frozen=True)
class Showing:
    """How much of a call is shown: every part, or those that are alike as one; and the first `width`
    characters of their texts, 0 for none. `house` is the map that its log was read by, if any, and
    `rules` are the user's."""

    every: bool = False
    width: int = 0
    house: HouseMap | None = None
    rules: tuple[SegmentRule, ...] = ()


def waterfall(store: Store, wanted: str, book: PriceBook, showing: Showing) -> Waterfall:
    """The call that is meant by an id, its beginning, or FILE:LINE, of the store's scope, which then is
    this call alone. Raises InputError where it is not one call, or its text is not to be had."""
    number = find(store, wanted)
    store.scope("call_no = ?", [number], {})
    (facts,) = store.table("explain_call").to_pylist()
    parts = store.table("explain_parts").to_pylist()
    call = cast(pl.DataFrame, pl.from_arrow(store.table("scope_prices")))
    _, rates = book.rates(call)
    paid = dict(rates.select("billing_class", "rate_pd").iter_rows())
    texts = _texts(store, facts, parts, showing) if showing.width else [None] * len(parts)
    return Waterfall(
        facts=facts,
        steps=[_step(part, paid, text) for part, text in zip(parts, texts, strict=True)],
        units=_units(call, book),
        rates=_rates(book, call, {part["billing_class"] for part in parts if part["tokens"]}),
        book=book.id,
        every=showing.every,
        told=showing.width > 0,
    )


def _step(part: Mapping[str, Any], paid: Mapping[str, int | None], text: str | None) -> Step:
    named = {name: part[name] for name in ("seq", "segment", "role", "kind", "rule")}
    billed = part["billing_class"]
    return Step(**named, billing_class=billed, tokens=part["tokens"], rate=paid[billed], text=text)


def _units(call: pl.DataFrame, book: PriceBook) -> list[Unit]:
    columns = book.unit_rows(call).select("unit", "number", "pd", "source")
    return [Unit(*row) for row in columns.iter_rows()]


def _rates(book: PriceBook, call: pl.DataFrame, used: set[str]) -> list[Rate]:
    (table,) = book.quotes(call)
    return [
        Rate(name, table[name].usd, table[name].source, table[name].checked_on, table[name].since)
        for name in CLASSES if name in used
    ]  # fmt: skip


def _texts(
    store: Store, facts: Mapping[str, Any], parts: Sequence[Mapping[str, Any]], showing: Showing
) -> list[str | None]:
    """The beginning of each part's text; None where it has none, or goes on with the one before."""
    wanted = {part["content"] for part in parts} - {0}
    texts = texts_again(facts, wanted, store.secret, showing.house, showing.rules)
    spans: dict[int, list[int]] = {}
    for row in store.table("explain_spans").to_pylist():
        spans.setdefault(row["content"], []).append(row["tokens"])
    found: list[str | None] = []
    for i, part in enumerate(parts):
        text = texts.get(part["content"])
        if text is None or (i and _place(parts[i - 1]) == _place(part)):
            found.append(None)
            continue
        block = [p for p in parts if p["seq"] == part["seq"]]
        start, stop = _stretch(part["nth"], block, text, spans.get(part["content"], []))
        found.append(text[start:stop][: showing.width])
    return found


def _place(part: Mapping[str, Any]) -> tuple[int, int]:
    return part["seq"], part["nth"]


def _stretch(
    nth: int, block: Sequence[Mapping[str, Any]], text: str, counted: list[int]
) -> tuple[int, int]:
    """Where one of the stretches of a block lies in its text, by their tokens."""
    if len({part["nth"] for part in block}) == 1:
        return 0, len(text)
    whole = sum(part["tokens"] for part in block)
    before = sum(part["tokens"] for part in block if part["nth"] < nth)
    upto = sum(part["tokens"] for part in block if part["nth"] <= nth)
    return border(text, counted, before, whole), border(text, counted, upto, whole)
