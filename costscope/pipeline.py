"""The one pass: the only module that knows every stage. Commands call it; it prints and exits never.

What few commands need is imported where it is needed: all of it takes longer than reading a small log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from costscope import plugins, second
from costscope.advise import Limits
from costscope.advise import recommend as advise_recommend
from costscope.advise import simulate as advise_simulate
from costscope.columns import NAME
from costscope.errors import ExitCode, InputError
from costscope.explain.log_texts import LogTexts
from costscope.filters import Filters, Reading
from costscope.ingest.load import Ingested, Progress
from costscope.ingest.load import ingest as load
from costscope.ingest.passing import passing
from costscope.model import CLASSES, Report, Workload
from costscope.prices import PriceBook, gaps, overrides, quotes
from costscope.prices import units as price_units
from costscope.readers import _house
from costscope.reports import attribution as attribution_report
from costscope.reports import bill as bill_report
from costscope.reports import ingest as ingest_report
from costscope.reports import prices as prices_report
from costscope.reports import rows as rows_report
from costscope.reports import simulation as simulation_report
from costscope.reports.residuals import residuals
from costscope.store import Store, query, scope

if TYPE_CHECKING:
    from costscope import gate
    from costscope.config import Config
    from costscope.explain.calls import Showing
    from costscope.levers.interface import Lever

# Thousands of small queries: starting the streaming engine costs more than most of them.
pl.Config.set_engine_affinity("in-memory")
BY_LOOKING = Reading()


def ingest(
    logs: Sequence[str],
    config: Config,
    reading: Reading = BY_LOOKING,
    *,
    again: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Read logs into the store at `config.db` and say what became of them; with `again` also those that
    it has already, whose calls are then made anew."""
    house = _house.load(reading.map) if reading.map else None
    with Store.open(config.db, create=True) as store:
        result = load(
            store, logs, reader=reading.reader, house=house, rules=reading.rules, again=again,
            progress=progress,
        )  # fmt: skip
        return _ingest_report(store, config, result)


def _ingest_report(store: Store, config: Config, result: Ingested) -> Report:
    numbers = ", ".join(str(n) for n in sorted(set(result.source_nos))) or "-1"
    calls = store.scope(f"source_no in ({numbers})", [], {})
    found = bill_report.totals(_spend(store, config, [], "UTC", "request"))
    counts = {
        "files": result.files, "bytes": result.bytes, "unchanged": result.unchanged,
        "lines": result.lines, "lines_with_calls": result.told,
        "lines_skipped": result.broken, "calls": calls, "new_calls": result.added.new,
        "updated_calls": result.added.updated, "duplicates": result.added.duplicates,
        "skipped": result.skipped, "ignored": result.ignored, "other_rules": result.other_rules,
    }  # fmt: skip
    if not calls and not result.added.duplicates:
        told = f" ({result.examples[0].reason})" if result.examples else ""
        raise InputError(f"no calls found in {result.files} files{told}")
    return ingest_report.report(counts, result.readers, found, result.examples, result.refused)


@contextmanager
def opened(
    db: Path,
    logs: Sequence[str],
    reading: Reading = BY_LOOKING,
    *,
    progress: Progress | None = None,
) -> Iterator[Store]:
    """The store to work on: the one at `db`, or one made of logs that is gone afterwards."""
    if not logs:
        with Store.open(db, create=False) as store:
            yield store
        return
    with passing(logs, reading, progress) as store:
        yield store


def bill(store: Store, config: Config, filters: Filters, group_by: Sequence[str] = (), unit: str = "request", *,
         by_segment: bool = False) -> Report:  # fmt: skip
    """Where the money went. Raises InputError where no call passes the filters."""
    keys = list(group_by) or list(bill_report.DEFAULT_GROUPS)
    _choose(store, filters, scope.keys(keys, filters.timezone))
    spend = _spend(store, config, keys, filters.timezone, unit)
    report = bill_report.report(spend, group_by, by_segment=by_segment)
    if not by_segment:
        return report
    from costscope.explain.prompts import PERIODS, made_of
    from costscope.reports import prompts as prompts_report

    units = _units(store, PriceBook.load(config.prices), filters)
    _choose(store, filters, scope.keys(PERIODS, filters.timezone))
    return prompts_report.extended(report, made_of(store, units))


def _choose(store: Store, filters: Filters, keys: dict[str, str] | None = None) -> int:
    where, values = scope.where(filters)
    calls = store.scope(where, values, keys or {})
    if not calls:
        total = store.count()
        raise InputError(
            f"no calls pass the filters, of {total}" if total else "no calls found in what was read"
        )
    return calls


def _spend(
    store: Store, config: Config, keys: Sequence[str], timezone: str, unit: str
) -> bill_report.Spend:
    book = PriceBook.load(config.prices)
    calls = _frame(store.table("scope_prices"))
    keyed, rates = book.rates(calls)
    charged = book.charged(calls)
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
        reported=store.table(
            "scope_reported", keyed=keyed.to_arrow(), charged=charged.to_arrow()
        ).to_pylist(),
        fees=store.table("scope_fees", charged=charged.to_arrow()).to_pylist(),
        fits=store.table("scope_fits").to_pylist(),
    )


def _told(fact: dict[str, Any]) -> dict[str, Any]:
    """A row of facts with its times as ISO text in UTC."""
    times = {n: None if fact[n] is None else fact[n].isoformat() + "Z" for n in ("since", "until")}
    return {**fact, **times}


def _frame(table: Any) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    return frame


def doctor(store: Store, config: Config, filters: Filters) -> Report:
    """How far the calls that pass the filters can be trusted, also where no record became a call.

    Raises InputError where the store has read nothing, or no call passes the filters."""
    from costscope.reports import quality as quality_report

    (counts,) = store.table("doctor_counts").to_pylist()
    if counts["calls"] or not counts["skipped"]:
        _choose(store, filters)
    else:
        store.scope("false", [], {})
    book = PriceBook.load(config.prices)
    keyed, rates = book.rates(_frame(store.table("scope_prices")))
    wide = rates.with_columns(pl.col("billing_class").cast(pl.String)).pivot(
        on="billing_class", on_columns=CLASSES, index="rate_no", values="rate_pd"
    )
    spend = _spend(store, config, [], filters.timezone, "request")
    bill = bill_report.totals(spend)
    return quality_report.report(quality_report.Quality(
        counts=counts,
        calls=store.table(
            "doctor_calls", keyed=keyed.to_arrow(), wide=wide.to_arrow()
        ).to_pylist(),
        skips=store.table("doctor_skips").to_pylist(),
        duplicates=store.table("doctor_duplicates").to_pylist(),
        gaps=store.table("doctor_gaps").to_pylist(),
        bill=bill,
        residuals=residuals(spend.reported, spend.rates),
        nearest={model: book.nearest(model) for model in bill.unpriced if model},
        filtered=filters != Filters(timezone=filters.timezone),
    ))  # fmt: skip


def workload(store: Store, filters: Filters, reading: Reading = BY_LOOKING) -> Workload:
    """The calls that pass the filters, as levers take them; `reading` is how the logs were read, so that
    their texts can be read again."""
    _choose(store, filters)
    fees = pl.DataFrame(
        schema={
            "lever": pl.String,
            "picodollars": pl.Int128,
            "reason": pl.String,
            "assumption": pl.String,
            "once": pl.Boolean,
        }
    )
    calls = _frame(store.table("scope_calls"))
    parts = _frame(store.table("scope_parts")).cast({pl.Categorical: NAME})
    return Workload(calls, parts, fees, texts=LogTexts(store, reading))


def levers(config: Config, flags: Sequence[str], sets: Sequence[str] = ()) -> list[Lever]:
    """The levers that some flags of `simulate` switch on, with their settings: for "all" those that need
    not be asked for by name, for "every" all."""
    every = "every" in flags
    classes = plugins.all_of("levers").values()
    return [
        config.lever(cls, sets)
        for cls in classes
        if every or cls.flag in flags or ("all" in flags and not cls.by_request)
    ]


def simulate(
    store: Store, config: Config, filters: Filters, chosen: Sequence[Lever],
    reading: Reading = BY_LOOKING,
) -> Report:  # fmt: skip
    """What these levers would have saved, alone and together."""
    book, work = PriceBook.load(config.prices), workload(store, filters, reading)
    result = advise_simulate(work, chosen, book, helper=second.begun())
    report = simulation_report.report(result, "simulate")
    if not any(lever.flag == "cache" for lever in chosen):
        return report
    from costscope import misses
    from costscope.reports import misses as misses_report

    spans = _frame(store.table("misses_spans"))
    found = misses.told(misses.find(work, book, spans), LogTexts(store, reading))
    return misses_report.extended(report, found)


def explain(
    store: Store, config: Config, filters: Filters, call: str, showing: Showing,
    reading: Reading = BY_LOOKING,
) -> Report:  # fmt: skip
    """One call part by part, by its id, the beginning of that, or FILE:LINE."""
    from costscope.explain.calls import waterfall
    from costscope.reports import explain as explain_report

    _choose(store, filters)
    house = _house.load(reading.map) if reading.map else None
    showing = replace(showing, house=house, rules=reading.rules)
    return explain_report.report(waterfall(store, call, PriceBook.load(config.prices), showing))


def attribution(store: Store, filters: Filters) -> Report:
    """What decided the segments of the calls that pass the filters, by feature."""
    _choose(store, filters)
    return attribution_report.decided(store.table("attribution").to_pylist())


def suggest(store: Store, filters: Filters, reading: Reading = BY_LOOKING) -> tuple[str, Report]:
    """Rules for the features that the filters name, as TOML and as a report."""
    from costscope.explain.suggest import suggestions

    _choose(store, filters)
    house = _house.load(reading.map) if reading.map else None
    (wanted,) = filters.feature
    found = suggestions(store, wanted, house)
    return attribution_report.toml(wanted, found), attribution_report.suggested(wanted, found)


def explain_lever(
    lever: Lever, store: Store | None, config: Config, filters: Filters,
    reading: Reading = BY_LOOKING,
) -> Report:  # fmt: skip
    """One lever as it is set, with what it alone would have saved, where there is a log."""
    from costscope.explain.levers import described
    from costscope.reports import lever as lever_report

    result = None
    if store is not None:
        book = PriceBook.load(config.prices)
        result = advise_simulate(workload(store, filters, reading), [lever], book)
    return lever_report.report(described(lever, result))


def recommend(
    store: Store, config: Config, filters: Filters, limits: Limits | None = None,
    sets: Sequence[str] = (), reading: Reading = BY_LOOKING,
) -> Report:  # fmt: skip
    """All levers within some limits, tuned, composed and ranked."""
    book, work = PriceBook.load(config.prices), workload(store, filters, reading)
    given = work, levers(config, ["every"], sets), book, limits
    result = advise_recommend(*given, helper=second.begun())
    return simulation_report.report(result, "recommend")


def baseline_write(store: Store, config: Config, filters: Filters, path: Path) -> Report:
    """Write the committed baseline of the calls that pass the filters."""
    from costscope import gate
    from costscope.reports import verdict as verdict_report

    book = PriceBook.load(config.prices)
    baseline = _baseline(store, book, filters)
    gate.write(path, baseline)
    return verdict_report.written(
        baseline.price_book_id, baseline.window, _units(store, book, filters).height, str(path)
    )


def check(store: Store, config: Config, filters: Filters, *, baseline: str | None = None,
          fail: Sequence[str] = (), warn: Sequence[str] = (),
          reading: Reading = BY_LOOKING) -> tuple[Report, ExitCode]:  # fmt: skip
    """Current calls against a baseline: the report, and what the process should end with."""
    from costscope import gate
    from costscope.gate import units as gate_units
    from costscope.reports import verdict as verdict_report

    book = PriceBook.load(config.prices)
    units = _units(store, book, filters)
    before = _before(baseline or config.baseline, config, book, filters, reading)
    rules = [*map(gate.Rule.parse, config.rules), *gate.from_flags(fail, warn)]
    verdict = gate.check(
        units, before, rules or gate.DEFAULT_RULES, gate.Settings.parse(config.check),
        price_book_id=book.id, reprice=gate_units.reprice(book, gate_units.last_day(units, book)),
    )  # fmt: skip
    return verdict_report.report(verdict), verdict.exit_code


def _before(
    ref: str | None, config: Config, book: PriceBook, filters: Filters, reading: Reading
) -> gate.Baseline | None:
    """A baseline by its file, or made of logs on the spot; None where nothing names one."""
    from costscope import gate

    if ref is None:
        default = config.db.parent / "baseline.json"
        return gate.read(default) if default.exists() else None
    if ref.endswith(".json") and not Path(ref).is_dir():
        return gate.read(ref)
    with opened(config.db, [ref], reading) as store:
        return _baseline(store, book, replace(filters, since=None, until=None))


def _baseline(store: Store, book: PriceBook, filters: Filters) -> gate.Baseline:
    from costscope.gate import units as gate_units

    return gate_units.baseline(_units(store, book, filters), book)


def _units(store: Store, book: PriceBook, filters: Filters) -> pl.DataFrame:
    """A row a call with its tokens and its cost by the book, as gate.check takes them."""
    from costscope.gate import units as gate_units

    _choose(store, filters)
    return gate_units.units(store, book)


def prices_show(config: Config, model: str, provider: str | None, at: date | None) -> Report:
    """What a model costs by class, tier and unit, where each rate is from, and since when."""
    book = PriceBook.load(config.prices)
    day = at or book.as_of
    beside = price_units.describe(model, provider, day, overrides.load(config.prices))
    return prices_report.report(
        model, day, book.describe(model, provider, day), book.nearest(model), book.id, beside
    )


def prices_check(store: Store, config: Config, filters: Filters) -> Report:
    """What the calls that pass the filters use that has no price."""
    book = PriceBook.load(config.prices)
    _choose(store, filters)
    calls, used = _frame(store.table("scope_prices")), _frame(store.table("scope_units"))
    beside = price_units.unit_rows(calls, quotes.quote, overrides.load(config.prices), book.as_of)
    tokens = gaps.unpriced_tokens(used, *book.rates(calls)).to_dicts()
    nearest = {row["model"]: book.nearest(row["model"]) for row in tokens if row["model"]}
    return prices_report.unpriced(
        tokens, gaps.unpriced_units(calls, beside).to_dicts(), nearest,
        sum(int(used[name].sum()) for name in CLASSES), book.id,
    )  # fmt: skip


def sql(db: Path, text: str) -> Report:
    """One read-only statement on the store."""
    return rows_report.report(query(db, text))
