"""What the gate looks at: the calls of a store's scope with what they cost, and the price book as a function."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, cast

import polars as pl

from costscope.gate.baseline import Baseline
from costscope.gate.sums import Priced, Reprice
from costscope.model import CLASSES
from costscope.prices import PriceBook
from costscope.store import Store


def units(store: Store, book: PriceBook) -> pl.DataFrame:
    """A row a call of the scope with its tokens, its cost by the book (`pd`, i128 picodollars; null:
    unpriced) and that of its classes, as gate.check takes them."""
    known = cast(pl.DataFrame, pl.from_arrow(store.table("scope_units")))
    calls = cast(pl.DataFrame, pl.from_arrow(store.table("scope_prices")))
    keyed, rates = book.rates(calls)
    wide = rates.pivot(on="billing_class", index="rate_no", values="rate_pd")
    beside = book.charged(calls).group_by("call_no").agg(beside=pl.col("pd").sum())
    priced = known.join(keyed, on="call_no").join(wide, on="rate_no", suffix="_pd")
    priced = priced.join(beside, on="call_no", how="left")
    writes = [c for c in CLASSES if c.startswith("cache_write")]
    more = pl.col("beside").fill_null(0).cast(pl.Int128)
    return priced.with_columns(
        pd=_spent(CLASSES) + more, unpriced_tokens=_unknown(),
        cache_write=pl.sum_horizontal(writes), pd_cache_write=_spent(writes),
        **{f"pd_{c}": _spent([c]) for c in ("fresh", "cache_read", "output")},
    ).sort("call_no")  # fmt: skip


def baseline(found: pl.DataFrame, book: PriceBook) -> Baseline:
    """What some units cost, as a baseline of the time from the first to the last of them."""
    first, last = found["sent_at"].min(), found["sent_at"].max()
    window = (f"{first.isoformat()}Z", f"{last.isoformat()}Z") if first and last else None  # type: ignore[union-attr]
    return Baseline.from_units(found, book.id, window, reprice=reprice(book, last_day(found, book)))


def last_day(found: pl.DataFrame, book: PriceBook) -> date:
    """The day of the last of some units; the book's own where none has a time."""
    last = found["sent_at"].max()
    return book.as_of if last is None else last.date()  # type: ignore[union-attr]


def reprice(book: PriceBook, at: date) -> Reprice:
    """The book as a function of (model, provider, channel, tier, tokens), at one day's prices."""

    def price(items: Sequence[Priced]) -> list[int | None]:
        if not items:
            return []
        calls = pl.DataFrame({
            "call_no": range(len(items)), "provider": [i[1] for i in items],
            "channel": [i[2] for i in items], "model": [i[0] for i in items],
            "region": pl.Series([None] * len(items), dtype=pl.String),
            "tier": [i[3] for i in items],
            "sent_at": pl.Series([at] * len(items)).cast(pl.Datetime("us")),
            "input_tokens": pl.Series([0] * len(items), dtype=pl.Int64),
        })  # fmt: skip
        keyed, rates = book.rates(calls)
        rows = rates.select("rate_no", "billing_class", "rate_pd").iter_rows()
        by = {(number, name): pd for number, name, pd in rows}
        numbers = dict(keyed.select("call_no", "rate_no").iter_rows())
        return [_item(item[4], by, numbers[i]) for i, item in enumerate(items)]

    return price


def _item(tokens: Any, rates: dict[tuple[int, str], int | None], number: int) -> int | None:
    total = 0
    for name, count in tokens.items():
        rate = rates[number, "cache_write_5m" if name == "cache_write" else name]
        if count and rate is None:
            return None
        total += count * (rate or 0)
    return total


def _spent(classes: Sequence[str]) -> pl.Expr:
    """What a call's tokens of some classes cost; null where there are some and none has a price."""
    known = pl.any_horizontal(pl.col(f"{c}_pd").is_not_null() & (pl.col(c) > 0) for c in classes)
    free = pl.sum_horizontal(classes) == 0
    amounts = (
        pl.col(c).cast(pl.Int128) * pl.col(f"{c}_pd").fill_null(0).cast(pl.Int128) for c in classes
    )
    return pl.when(known | free).then(pl.sum_horizontal(amounts))


def _unknown() -> pl.Expr:
    return pl.sum_horizontal(
        pl.when(pl.col(f"{c}_pd").is_null()).then(pl.col(c)).otherwise(0) for c in CLASSES
    )
