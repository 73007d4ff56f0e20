"""The one pass: the only module that knows every stage. Commands call it; it prints and exits never."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from costscope import gate, plugins
from costscope.advise import recommend as advise_recommend
from costscope.advise import simulate as advise_simulate
from costscope.errors import ExitCode, InputError
from costscope.filters import Filters
from costscope.gate.sums import Priced, Reprice
from costscope.ingest.load import Ingested, Progress
from costscope.ingest.load import ingest as load
from costscope.model import CLASSES, Report, Workload
from costscope.prices import PriceBook
from costscope.reports import bill as bill_report
from costscope.reports import ingest as ingest_report
from costscope.reports import prices as prices_report
from costscope.reports import rows as rows_report
from costscope.reports import simulation as simulation_report
from costscope.reports import verdict as verdict_report
from costscope.store import Store, query, scope

if TYPE_CHECKING:
    from costscope.config import Config
    from costscope.levers.interface import Lever

STORE_NAME = "store.duckdb"


def ingest(
    logs: Sequence[str], config: Config, *, reader: str = "", progress: Progress | None = None
) -> Report:
    """Read logs into the store at `config.db` and say what became of them."""
    with Store.open(config.db, create=True) as store:
        result = load(store, logs, reader=reader, progress=progress)
        return _ingest_report(store, config, result)


def _ingest_report(store: Store, config: Config, result: Ingested) -> Report:
    numbers = ", ".join(str(n) for n in sorted(set(result.source_nos))) or "-1"
    calls = store.scope(f"source_no in ({numbers})", [], {})
    found = bill_report.totals(_spend(store, config, [], "UTC", "request"))
    counts = {
        "files": result.files, "bytes": result.bytes, "unchanged": result.unchanged,
        "lines": result.lines, "calls": calls, "new_calls": result.added.new,
        "updated_calls": result.added.updated, "duplicates": result.added.duplicates,
        "skipped": result.skipped, "ignored": result.ignored,
    }  # fmt: skip
    if not calls and not result.added.duplicates:
        told = f" ({result.examples[0].reason})" if result.examples else ""
        raise InputError(f"no calls found in {result.files} files{told}")
    return ingest_report.report(counts, result.readers, found, result.examples, result.refused)


@contextmanager
def opened(
    db: Path, logs: Sequence[str], *, reader: str = "", progress: Progress | None = None
) -> Iterator[Store]:
    """The store to work on: the one at `db`, or one made of logs that is gone afterwards."""
    if not logs:
        with Store.open(db, create=False) as store:
            yield store
        return
    with (
        tempfile.TemporaryDirectory(prefix="costscope-") as folder,
        Store.open(Path(folder) / STORE_NAME, create=True) as store,
    ):
        load(store, logs, reader=reader, progress=progress)
        yield store


def bill(store: Store, config: Config, filters: Filters, group_by: Sequence[str] = (), unit: str = "request", *,
         by_segment: bool = False) -> Report:  # fmt: skip
    """Where the money went. Raises InputError where no call passes the filters."""
    keys = list(group_by) or list(bill_report.DEFAULT_GROUPS)
    _choose(store, filters, scope.keys(keys, filters.timezone))
    return bill_report.report(
        _spend(store, config, keys, filters.timezone, unit), group_by, by_segment=by_segment
    )


def _choose(store: Store, filters: Filters, keys: dict[str, str] | None = None) -> int:
    where, values = scope.where(filters)
    calls = store.scope(where, values, keys or {})
    if not calls:
        total = store.count()
        raise InputError(
            f"no calls pass the filters, of {total}" if total else "the store holds no calls"
        )
    return calls


def _spend(
    store: Store, config: Config, keys: Sequence[str], timezone: str, unit: str
) -> bill_report.Spend:
    book = PriceBook.load(config.prices)
    calls = _frame(store.table("scope_prices"))
    keyed, rates = book.rates(calls)
    models = calls.join(keyed, on="call_no").unique("rate_no").select("rate_no", "model")
    return bill_report.Spend(
        keys=keys,
        rows=store.table("scope_spend", keyed=keyed.to_arrow()).to_pylist(),
        facts=[_told(f) for f in store.table("scope_calls_by_group").to_pylist()],
        rates={
            (n, c): pd
            for n, c, pd in rates.select("rate_no", "billing_class", "rate_pd").iter_rows()
        },
        models=dict(models.iter_rows()),
        book=book.id,
        timezone=timezone,
        unit=unit,
    )


def _told(fact: dict[str, Any]) -> dict[str, Any]:
    """A row of facts with its times as ISO text in UTC."""
    times = {n: None if fact[n] is None else fact[n].isoformat() + "Z" for n in ("since", "until")}
    return {**fact, **times}


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def workload(store: Store, filters: Filters) -> Workload:
    """The calls that pass the filters, as levers take them."""
    _choose(store, filters)
    fees = pl.DataFrame(
        schema={
            "lever": pl.String,
            "picodollars": pl.Int128,
            "reason": pl.String,
            "assumption": pl.String,
        }
    )
    return Workload(_frame(store.table("scope_calls")), _frame(store.table("scope_parts")), fees)


def levers(config: Config, flags: Sequence[str], sets: Sequence[str] = ()) -> list[Lever]:
    """The levers that some flags of `simulate` switch on, with their settings; all of them for "all"."""
    classes = plugins.all_of("levers").values()
    return [config.lever(c, sets) for c in classes if "all" in flags or c.flag in flags]


def simulate(store: Store, config: Config, filters: Filters, chosen: Sequence[Lever]) -> Report:
    """What these levers would have saved, alone and together."""
    book = PriceBook.load(config.prices)
    result = advise_simulate(workload(store, filters), chosen, book)
    return simulation_report.report(result, "simulate")


def recommend(store: Store, config: Config, filters: Filters, *, sets: Sequence[str] = (), top: int | None = None,
              effort: str | None = None, min_saved: int = 0) -> Report:  # fmt: skip
    """All levers, tuned, composed and ranked."""
    book = PriceBook.load(config.prices)
    result = advise_recommend(
        workload(store, filters), levers(config, ["all"], sets), book, top=top,
        effort=effort or "high", min_saved=min_saved,
    )  # fmt: skip
    return simulation_report.report(result, "recommend")


def baseline_write(store: Store, config: Config, filters: Filters, path: Path) -> Report:
    """Write the committed baseline of the calls that pass the filters."""
    book = PriceBook.load(config.prices)
    baseline = _baseline(store, book, filters)
    gate.write(path, baseline)
    return verdict_report.written(
        baseline.price_book_id, baseline.window, _units(store, book, filters).height, str(path)
    )


def check(store: Store, config: Config, filters: Filters, *, baseline: str | None = None,
          fail: Sequence[str] = (), warn: Sequence[str] = ()) -> tuple[Report, ExitCode]:  # fmt: skip
    """Current calls against a baseline: the report, and what the process should end with."""
    book = PriceBook.load(config.prices)
    units = _units(store, book, filters)
    before = _before(baseline or config.baseline, config, book, filters)
    rules = [*map(gate.Rule.parse, config.rules), *gate.from_flags(fail, warn)]
    verdict = gate.check(
        units, before, rules or gate.DEFAULT_RULES, gate.Settings.parse(config.check),
        price_book_id=book.id, reprice=_reprice(book, _last_day(units, book)),
    )  # fmt: skip
    return verdict_report.report(verdict), verdict.exit_code


def _before(
    ref: str | None, config: Config, book: PriceBook, filters: Filters
) -> gate.Baseline | None:
    """A baseline by its file, or made of logs on the spot; None where nothing names one."""
    if ref is None:
        default = config.db.parent / "baseline.json"
        return gate.read(default) if default.exists() else None
    if ref.endswith(".json") and not Path(ref).is_dir():
        return gate.read(ref)
    with opened(config.db, [ref]) as store:
        return _baseline(store, book, replace(filters, since=None, until=None))


def _baseline(store: Store, book: PriceBook, filters: Filters) -> gate.Baseline:
    units = _units(store, book, filters)
    first, last = units["sent_at"].min(), units["sent_at"].max()
    window = (f"{first.isoformat()}Z", f"{last.isoformat()}Z") if first and last else None  # type: ignore[union-attr]
    return gate.Baseline.from_units(
        units, book.id, window, reprice=_reprice(book, _last_day(units, book))
    )


def _units(store: Store, book: PriceBook, filters: Filters) -> pl.DataFrame:
    """A row a call with its tokens and its cost by the book, as gate.check takes them."""
    _choose(store, filters)
    units = _frame(store.table("scope_units"))
    keyed, rates = book.rates(_frame(store.table("scope_prices")))
    wide = rates.pivot(on="billing_class", index="rate_no", values="rate_pd")
    priced = units.join(keyed, on="call_no").join(wide, on="rate_no", suffix="_pd")
    writes = [c for c in CLASSES if c.startswith("cache_write")]
    return priced.with_columns(
        pd=_spent(CLASSES), unpriced_tokens=_unknown(), cache_write=pl.sum_horizontal(writes),
        pd_cache_write=_spent(writes), **{f"pd_{c}": _spent([c]) for c in ("fresh", "cache_read", "output")},
    ).sort("call_no")  # fmt: skip


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


def _last_day(units: pl.DataFrame, book: PriceBook) -> date:
    last = units["sent_at"].max()
    return book.as_of if last is None else last.date()  # type: ignore[union-attr]


def _reprice(book: PriceBook, at: date) -> Reprice:
    """The book as a function of (model, provider, channel, tier, tokens), at one day's prices."""

    def price(items: Sequence[Priced]) -> list[int | None]:
        if not items:
            return []
        calls = pl.DataFrame({
            "call_no": range(len(items)), "provider": [i[1] for i in items], "channel": [i[2] for i in items],
            "region": pl.Series([None] * len(items), dtype=pl.String), "model": [i[0] for i in items],
            "tier": [i[3] for i in items], "sent_at": pl.Series([at] * len(items)).cast(pl.Datetime("us")),
            "input_tokens": pl.Series([0] * len(items), dtype=pl.Int64),
        })  # fmt: skip
        keyed, rates = book.rates(calls)
        by = {
            (n, c): pd
            for n, c, pd in rates.select("rate_no", "billing_class", "rate_pd").iter_rows()
        }
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


def prices_show(config: Config, model: str, provider: str | None, at: date | None) -> Report:
    """What a model costs by class and tier, where each rate is from, and since when."""
    book = PriceBook.load(config.prices)
    day = at or book.as_of
    return prices_report.report(
        model, day, book.describe(model, provider, day), book.nearest(model), book.id
    )


def sql(db: Path, text: str) -> Report:
    """One read-only statement on the store."""
    return rows_report.report(query(db, text))
