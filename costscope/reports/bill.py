"""The bill as a report: totals, segments and groups from tokens that are summed by rate already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from costscope.model import CLASSES, SEGMENTS, Column, Report, Table, usd
from costscope.reports import fees, reconciliation, residuals, shares

TOKEN_CLASSES = ("fresh", "cache_read", "cache_write_5m", "cache_write_30m", "cache_write_1h",
                 "cache_write_12h", "output")  # fmt: skip
UNITS = {"request": "calls", "conversation": "conversations", "task": "tasks", "user": "users"}
DEFAULT_GROUPS = ("feature", "model")
"""What people are shown where they ask for no grouping."""
TOP = 12


@dataclass(frozen=True)
class Spend:
    """The store's sums, all small. `rows`: dicts with the group keys, rate_no, segment, billing_class,
    tokens. `facts`: dicts with the group keys and what is counted by call. `rates`: (rate_no, class) →
    picodollars a token or None. `models`: rate_no → model."""

    keys: Sequence[str]
    rows: Sequence[Mapping[str, Any]]
    facts: Sequence[Mapping[str, Any]]
    rates: Mapping[tuple[int, str], int | None]
    models: Mapping[int, str]
    book: str
    timezone: str
    unit: str = "request"
    reported: Sequence[Mapping[str, Any]] = ()
    """Rows for `residuals`."""
    fits: Sequence[Mapping[str, Any]] = ()
    """Rows for `reconciliation`."""
    fees: Sequence[Mapping[str, Any]] = ()
    """Rows for `fees`, with the group keys."""


@dataclass
class Totals:
    """Sums over some of the spend; money in picodollars."""

    calls: int = 0
    units: int = 0
    estimated_calls: int = 0
    timeless: int = 0
    cost: int = 0
    priced_tokens: int = 0
    tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(TOKEN_CLASSES, 0))
    reasoning: int = 0
    segment_tokens: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEGMENTS, 0))
    segment_cost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEGMENTS, 0))
    segment_priced: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SEGMENTS, 0))
    class_cost: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CLASSES, 0))
    unpriced: dict[str, int] = field(default_factory=dict)
    fees: fees.Fees = field(default_factory=dict)
    reported: int | None = None
    reported_calls: int = 0
    since: str | None = None
    until: str | None = None

    @property
    def all_tokens(self) -> int:
        """Every billed token, prompt and reply."""
        return sum(self.tokens.values())

    @property
    def priced_share(self) -> float | None:
        """Share of the tokens that have a price; None where there are no tokens."""
        return self.priced_tokens / self.all_tokens if self.all_tokens else None

    @property
    def known_cost(self) -> int | None:
        """The cost, or None where no token has a price: unknown is not zero."""
        return None if self.all_tokens and not self.priced_tokens else self.cost


def totals(spend: Spend, match: Mapping[str, Any] | None = None) -> Totals:
    """The sums over the spend's rows whose keys are as in `match`; over all without it."""
    found = Totals()
    for row in _matching(spend.rows, match):
        _add_tokens(found, row, spend)
    for fee in _matching(spend.fees, match):
        found.cost += fees.add(found.fees, fee)
    for fact in _matching(spend.facts, match):
        _add_fact(found, fact, UNITS[spend.unit])
    return found


def _matching(
    rows: Iterable[Mapping[str, Any]], match: Mapping[str, Any] | None
) -> Iterable[Mapping[str, Any]]:
    return rows if match is None else (r for r in rows if all(r[k] == v for k, v in match.items()))


def _add_tokens(found: Totals, row: Mapping[str, Any], spend: Spend) -> None:
    segment, billing_class, tokens = row["segment"], row["billing_class"], row["tokens"]
    found.tokens[billing_class] += tokens
    found.segment_tokens[segment] += tokens
    rate = spend.rates.get((row["rate_no"], billing_class))
    if rate is None:
        if tokens:
            model = spend.models[row["rate_no"]]
            found.unpriced[model] = found.unpriced.get(model, 0) + tokens
        return
    found.priced_tokens += tokens
    found.cost += tokens * rate
    found.segment_cost[segment] += tokens * rate
    found.segment_priced[segment] += tokens
    found.class_cost[billing_class] += tokens * rate


def _add_fact(found: Totals, fact: Mapping[str, Any], unit: str) -> None:
    found.calls += fact["calls"]
    found.units += fact[unit]
    found.estimated_calls += fact["estimated_calls"]
    found.timeless += fact["timeless"]
    found.reasoning += fact["reasoning"] or 0
    if fact["reported_calls"]:
        found.reported = (found.reported or 0) + int(fact["reported_pd"])
        found.reported_calls += fact["reported_calls"]
    for name, pick in (("since", min), ("until", max)):
        if fact[name] is not None:
            known = getattr(found, name)
            setattr(found, name, fact[name] if known is None else pick(known, fact[name]))


def report(spend: Spend, group_by: Sequence[str], *, by_segment: bool = False) -> Report:
    """The bill. Raises nothing: what is unknown is null in the JSON and a dash in the tables. With
    `by_segment`, people also see what each group spends on each part of its prompts."""
    whole = totals(spend)
    groups = _groups(spend, group_by) if group_by else []
    compared = residuals.residuals(spend.reported, spend.rates)
    data = {
        "schema_version": 1,
        "window": {"since": whole.since, "until": whole.until, "timezone": spend.timezone},
        "price_book": spend.book,
        "totals": _json(whole, spend.unit),
        "groups": [
            {"key": dict(zip(group_by, key, strict=True)), **_json(t, spend.unit)}
            for key, t in groups
        ],
        **residuals.document(compared),
        **reconciliation.document(spend.fits),
    }
    tables = [_segment_table(whole), _class_table(whole), *fees.tables(whole.fees)]
    if group_by:
        tables.append(_group_table(group_by, groups, whole, spend.unit))
    else:
        tables += [
            _group_table([k], _groups(spend, [k]), whole, spend.unit) for k in DEFAULT_GROUPS
        ]
    if by_segment:
        keys = list(group_by) or [DEFAULT_GROUPS[0]]
        tables += shares.tables(keys, groups or _groups(spend, keys), _SEGMENT_NAMES)
    tables += residuals.tables(compared, TOP)
    return Report(
        name="report", title="The bill", data=data, summary=_summary(whole), tables=tables,
        notes=_notes(whole, spend),
    )  # fmt: skip


def _groups(spend: Spend, group_by: Sequence[str]) -> list[tuple[tuple[Any, ...], Totals]]:
    """Totals by group: the dearest first, but times in order of time."""
    keys = {tuple(fact[k] for k in group_by) for fact in spend.facts}
    found = [(key, totals(spend, dict(zip(group_by, key, strict=True)))) for key in keys]
    named = sorted(found, key=lambda item: tuple((k is not None, str(k)) for k in item[0]))
    if group_by[0] in ("hour", "day", "week", "month"):
        return named
    return sorted(named, key=lambda item: -item[1].cost)


def _json(found: Totals, unit: str) -> dict[str, Any]:
    unpriced = sorted(found.unpriced)
    cost = found.known_cost
    per_unit = None if cost is None or not found.units else usd(cost // found.units)
    return {
        "calls": found.calls,
        "cost_usd": None if cost is None else usd(cost),
        **(
            {"cost_usd_reason": "no price is known for any of these models"} if cost is None else {}
        ),
        "reported_cost_usd": None if found.reported is None else usd(found.reported),
        "reported_calls": found.reported_calls,
        "estimated_calls": found.estimated_calls,
        "unit": {"name": unit, "count": found.units, "cost_usd": per_unit},
        "priced_token_share": _rounded(found.priced_share),
        "unpriced_models": unpriced,
        "tokens": {**found.tokens, "reasoning": found.reasoning},
        "segments": {
            name: {"tokens": found.segment_tokens[name], "cost_usd": _segment_cost(found, name)}
            for name in SEGMENTS
        },
        "fees": fees.document(found.fees),
    }


def _segment_cost(found: Totals, name: str) -> str | None:
    known = found.segment_priced[name] or not found.segment_tokens[name]
    return usd(found.segment_cost[name]) if known else None


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


_SEGMENT_NAMES = {
    "system": "system prompt", "tools": "tool definitions", "context": "retrieved context",
    "history": "history", "query": "query", "unattributed": "unattributed", "output": "reply",
    "reasoning": "reasoning",
}  # fmt: skip


def _segment_table(found: Totals) -> Table:
    rows = [
        (
            _SEGMENT_NAMES[n], found.segment_tokens[n],
            _share(found.segment_tokens[n], found.all_tokens),
            found.segment_cost[n] if found.segment_priced[n] else None,
            _share(found.segment_cost[n], found.cost),
        )
        for n in SEGMENTS if found.segment_tokens[n]
    ]  # fmt: skip
    rows.append(
        (
            "total",
            found.all_tokens,
            1.0 if found.all_tokens else None,
            None if found.known_cost is None else sum(found.segment_cost.values()),
            _share(sum(found.segment_cost.values()), found.cost),
        )
    )
    columns = (Column("part of the prompt"), Column("tokens", "tokens"), Column("of tokens", "share"),
               Column("cost", "usd"), Column("of cost", "share"))  # fmt: skip
    note = "unattributed: billed, but no logged text explains it (unlogged tool schemas, hidden prompts)"
    return Table(
        "Where it goes", columns, rows, note if found.segment_tokens["unattributed"] else ""
    )


def _class_table(found: Totals) -> Table:
    rows = [
        (n.replace("_", " "), found.tokens[n], found.class_cost[n] if found.priced_tokens else None,
         _share(found.class_cost[n], found.cost))
        for n in TOKEN_CLASSES if found.tokens[n]
    ]  # fmt: skip
    columns = (
        Column("billing class"),
        Column("tokens", "tokens"),
        Column("cost", "usd"),
        Column("of cost", "share"),
    )
    return Table("How it is billed", columns, rows)


def _group_table(
    group_by: Sequence[str], groups: list[tuple[tuple[Any, ...], Totals]], whole: Totals, unit: str
) -> Table:
    rows = [
        (*("(none)" if k in (None, "") else k for k in key), t.calls, t.all_tokens, t.known_cost,
         _share(t.cost, whole.cost), None if t.known_cost is None or not t.units else t.cost // t.units)
        for key, t in groups[:TOP] if t.calls
    ]  # fmt: skip
    columns = (*(Column(k) for k in group_by), Column("calls", "count"), Column("tokens", "tokens"),
               Column("cost", "usd"), Column("of cost", "share"), Column(f"per {unit}", "usd"))  # fmt: skip
    rest = len(groups) - TOP
    note = f"{rest} more not shown; --json has all" if rest > 0 else ""
    return Table(f"By {', '.join(group_by)}", columns, rows, note)


def _summary(found: Totals) -> list[str]:
    cost = found.known_cost
    spent = "an unknown amount (no model has a price)" if cost is None else f"${_cents(cost)}"
    lines = [f"{found.calls:,} calls, {found.all_tokens:,} tokens, {spent}."]
    top = sorted(((c, n) for n, c in found.segment_cost.items() if c), reverse=True)[:2]
    if top and found.cost:
        named = " and ".join(f"{_SEGMENT_NAMES[n]} ({100 * c / found.cost:.0f} %)" for c, n in top)
        lines.append(f"Most of it: {named}.")
    return lines


def _cents(picodollars: int) -> str:
    """Dollars with cents for a sentence; small sums with four decimals."""
    dollars = picodollars / 10**12
    return f"{dollars:,.2f}" if dollars >= 1 else f"{dollars:.4f}"


def _notes(found: Totals, spend: Spend) -> list[str]:
    notes = []
    if found.unpriced:
        share = 1 - (found.priced_share or 0)
        names = ", ".join(
            f"{m or '(no model)'} ({n:,} tokens)" for m, n in sorted(found.unpriced.items())
        )
        notes.append(
            f"Without a price, and not in any dollar figure: {names}; {100 * share:.2f} % of tokens."
        )
    notes += fees.notes(found.fees)
    if found.estimated_calls:
        notes.append(
            f"{found.estimated_calls:,} calls show no usage; their tokens are estimated from text."
        )
    if found.reported is not None:
        notes.append(
            f"The log itself reports ${_cents(found.reported)} for {found.reported_calls:,} of the calls."
        )
    if found.timeless:
        notes.append(
            f"{found.timeless:,} calls have no time; they are priced at the price book's own date."
        )
    notes += reconciliation.notes(spend.fits)
    notes.append(f"Prices: {spend.book}. Days are {spend.timezone} days.")
    return notes
