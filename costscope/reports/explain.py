"""One call as a waterfall: what each part of it cost, along its prompt, up to what the call was billed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from itertools import accumulate, groupby
from typing import Any

from costscope.model import Column, Report, Table, usd
from costscope.text import safe

_DECIMALS = range(4, 10)
"""Dollars are shown with as many decimals as make every row exact, as far as that is readable."""
_FACTS = (
    "call_id", "model", "provider", "channel", "region", "tier", "status", "finish_reason",
    "session", "trace", "task", "feature", "team", "user_id", "tenant", "template",
    "template_version", "temperature", "retry_of", "estimated", "ambiguous",
)  # fmt: skip


@dataclass(frozen=True)
class Step:
    """One part of a call, or several alike; `rate` in picodollars a token, None where unpriced."""

    seq: int
    segment: str
    role: str
    kind: str
    rule: str
    billing_class: str
    tokens: int
    rate: int | None
    parts: int = 1
    text: str | None = None
    """Its beginning, where it was asked for and the log has it; a part that is billed in two classes
    has it once."""

    @property
    def cost(self) -> int | None:
        """Picodollars; None where unpriced."""
        return 0 if not self.tokens else None if self.rate is None else self.tokens * self.rate

    @property
    def what(self) -> str:
        """Its kind; of a text, who says it."""
        kind = self.kind.replace("_", " ")
        return self.role if kind == "text" else f"{self.role} image" if kind == "image" else kind


@dataclass(frozen=True)
class Unit:
    """What is billed beside text tokens: so many of it, for so many picodollars; None: unpriced."""

    name: str
    number: int
    cost: int | None
    source: str


@dataclass(frozen=True)
class Rate:
    """What one billing class of the call costs, $ per million tokens, and who says so."""

    billing_class: str
    usd_per_mtok: Decimal | None
    source: str
    checked_on: date | None
    since: date | None


@dataclass(frozen=True)
class Waterfall:
    """A call as the store has it (`facts`: a row of the table calls with path and reader), its parts in
    order, its units, and the rates that it was priced by."""

    facts: Mapping[str, Any]
    steps: Sequence[Step]
    units: Sequence[Unit]
    rates: Sequence[Rate]
    book: str
    every: bool = False
    """Show every part, instead of those that are alike as one."""
    told: bool = False
    """Whether texts were asked for."""

    @property
    def cost(self) -> int | None:
        """What the call costs by the price book, as far as it has prices; None where it has none."""
        costs = [*(s.cost for s in self.steps), *(u.cost for u in self.units)]
        known = [cost for cost in costs if cost is not None]
        return None if None in costs and not any(known) else sum(known)

    @property
    def unpriced(self) -> int:
        """Tokens that no price is known of."""
        return sum(s.tokens for s in self.steps if s.cost is None)


def report(found: Waterfall) -> Report:
    """The call; its rows add up to what it costs. Unknown is null in the JSON, a dash in the tables."""
    rows = list(found.steps) if found.every else list(folded(found.steps))
    tables = [_waterfall(found, rows), _rates(found.rates)]
    if found.told:
        tables.insert(1, _texts(found, rows))
    name = found.facts["call_id"] or _place(found.facts)
    return Report(
        "explain", f"Call {name}", _data(found), list(_summary(found)),
        [table for table in tables if table.rows], list(_notes(found)),
    )  # fmt: skip


def folded(steps: Iterable[Step]) -> Iterator[Step]:
    """Parts that follow each other in one segment and billing class, gathered by kind and rule."""
    for _, run in groupby(steps, lambda s: (s.segment, s.billing_class)):
        alike: dict[tuple[str, str, str], Step] = {}
        for step in run:
            key = (step.role, step.kind, step.rule)
            known = alike.get(key)
            alike[key] = step if known is None else _together(known, step)
        yield from alike.values()


def _together(a: Step, b: Step) -> Step:
    return replace(a, parts=a.parts + b.parts, tokens=a.tokens + b.tokens)


def _running(costs: Iterable[int | None]) -> list[int]:
    """The sum of what is known up to each row."""
    return list(accumulate(cost or 0 for cost in costs))


def _data(found: Waterfall) -> dict[str, Any]:
    facts, sent = found.facts, found.facts["sent_at"]
    totals = _running([*(s.cost for s in found.steps), *(u.cost for u in found.units)])
    at = iter(totals)
    return {
        "schema_version": 1,
        "call": {
            **{name: facts[name] for name in _FACTS},
            "sent_at": None if sent is None else _iso(sent),
            "latency_ms": None if facts["latency_us"] is None else facts["latency_us"] / 1000,
            "source": facts["path"], "line": facts["line"], "reader": facts["reader"],
        },
        "cost_usd": _usd(found.cost),
        "reported_cost_usd": _usd(_reported(facts)),
        "unpriced_tokens": found.unpriced,
        "tokens": {"input": _tokens(found, reply=False), "output": _tokens(found, reply=True)},
        "parts": [_part(step, next(at), told=found.told) for step in found.steps],
        "units": [
            {"name": u.name, "number": u.number, "cost_usd": _usd(u.cost), "total_usd": usd(next(at)),
             "source": u.source}
            for u in found.units
        ],
        "rates": [
            {"billing_class": r.billing_class, "usd_per_mtok": _plain(r.usd_per_mtok),
             "since": _day(r.since), "checked_on": _day(r.checked_on), "source": r.source}
            for r in found.rates
        ],
        "price_book": found.book,
    }  # fmt: skip


def _part(step: Step, total: int, *, told: bool) -> dict[str, Any]:
    return {
        "seq": step.seq, "segment": step.segment, "role": step.role, "kind": step.kind,
        "rule": step.rule, "billing_class": step.billing_class, "tokens": step.tokens,
        "usd_per_mtok": _plain(_per_million(step.rate)), "cost_usd": _usd(step.cost),
        "total_usd": usd(total), **({"text": step.text} if told else {}),
    }  # fmt: skip


def _waterfall(found: Waterfall, rows: Sequence[Step]) -> Table:
    costs = [*(s.cost for s in rows), *(u.cost for u in found.units)]
    shown, totals = _amounts([*costs, found.cost]), _amounts(_running(costs), costs)
    totals = ["" if found.cost is None else total for total in totals]
    cells: list[tuple[Any, ...]] = [
        (i + 1, s.segment, s.what, s.rule, s.parts, s.billing_class.replace("_", " "), s.tokens,
         _plain(_per_million(s.rate)), shown[i], totals[i])
        for i, s in enumerate(rows)
    ]  # fmt: skip
    for i, unit in enumerate(found.units, len(rows)):
        what = unit.name.replace("_", " ")
        cells.append((i + 1, "", what, "", unit.number, "by number", "", "", shown[i], totals[i]))
    everything = sum(s.tokens for s in rows)
    cells.append(("", "total", "", "", "", "", everything, "", shown[-1], ""))
    columns = (
        Column("", "count"), Column("segment"), Column("what"), Column("rule"), Column("parts", "count"),
        Column("billed as"), Column("tokens", "tokens"), Column("$/Mtok", "number"),
        Column("cost", "usd"), Column("so far", "usd"),
    )  # fmt: skip
    note = "" if len(rows) == len(found.steps) else (
        "parts of one segment that follow each other are gathered by what they are; --all shows each"
    )  # fmt: skip
    first = 0 if found.told else 1  # the number is what texts are found by
    return Table("Along the prompt", columns[first:], [row[first:] for row in cells], note)


def _amounts(costs: Sequence[int | None], alike: Sequence[int | None] = ()) -> list[str | None]:
    """Dollars as text, all with the same number of decimals (that of `alike`, where it is given)."""
    known = [cost for cost in alike or costs if cost is not None]
    places = next(
        (n for n in _DECIMALS if all(cost % 10 ** (12 - n) == 0 for cost in known)), _DECIMALS[-1]
    )
    return [None if cost is None else _dollars(cost, places) for cost in costs]


def _dollars(cost: int, places: int) -> str:
    sign = "-" if cost < 0 else ""
    return f"{sign}${abs(Decimal(cost).scaleb(-12)):,.{places}f}"


def _texts(found: Waterfall, rows: Sequence[Step]) -> Table:
    """The beginning of each part that has text, with the number of its row."""
    places = _places(found.steps) if not found.every else list(range(1, len(rows) + 1))
    cells = [
        (place, s.segment, s.what, s.tokens, safe(s.text))
        for place, s in zip(places, found.steps, strict=True) if s.text is not None
    ]  # fmt: skip
    columns = (Column("row", "count"), Column("segment"), Column("what"), Column("tokens", "tokens"),
               Column("begins"))  # fmt: skip
    return Table("What they say", columns, cells)


def _places(steps: Sequence[Step]) -> list[int]:
    """For each part the number of the row that it is gathered in."""
    found, row = list[int](), 0
    for _, run in groupby(steps, lambda s: (s.segment, s.billing_class)):
        alike: dict[tuple[str, str, str], int] = {}
        for step in run:
            found.append(row + alike.setdefault((step.role, step.kind, step.rule), len(alike) + 1))
        row += len(alike)
    return found


def _rates(rates: Sequence[Rate]) -> Table:
    columns = (Column("billing class"), Column("$ per million", "number"), Column("since"),
               Column("checked on"), Column("source"))  # fmt: skip
    cells = [
        (r.billing_class.replace("_", " "), _plain(r.usd_per_mtok), _day(r.since) or "",
         _day(r.checked_on) or "", r.source)
        for r in rates
    ]  # fmt: skip
    return Table("What it was priced by", columns, cells)


def _summary(found: Waterfall) -> Iterator[str]:
    facts = found.facts
    who = f"{facts['model'] or '(no model)'} of {facts['provider'] or '(no provider)'}"
    if facts["channel"] not in ("direct", facts["provider"], ""):
        who += f" through {facts['channel']}"
    ends = [facts["tier"] + " tier", facts["status"], facts["finish_reason"]]
    yield ", ".join([who, facts["region"] or "", *filter(None, ends)]).replace(", ,", ",")
    sent, took = facts["sent_at"], facts["latency_us"]
    when = "without a time" if sent is None else f"{sent:%Y-%m-%d %H:%M:%S} UTC"
    yield when + ("" if took is None else f", took {took / 10**6:,.2f} s")
    names = (
        "feature",
        "session",
        "trace",
        "task",
        "team",
        "tenant",
        "template",
        "template_version",
    )
    known = {**facts, "trace": facts["trace"] if facts["trace"] != facts["session"] else None}
    told = [f"{name.replace('_', ' ')} {known[name]}" for name in names if known[name]]
    told += [f"user {facts['user_id']}"] * bool(facts["user_id"])
    if told:
        yield ", ".join(told)
    yield f"{_place(facts)}, read as {facts['reader']}"
    yield _money(found)
    if shares := _shares(found):
        yield shares


def _money(found: Waterfall) -> str:
    spent, said = found.cost, _reported(found.facts)
    cost = "no price is known" if spent is None else f"{_rounded(spent)} by the price book"
    told = "the log reports none" if said is None else f"the log reports {_rounded(said)}"
    if said and spent is not None:
        told += f" ({(spent - said) / said:+.2%})".replace("%", " %")
    reply = _tokens(found, reply=True)
    return f"{_tokens(found, reply=False):,} tokens in, {reply:,} out: {cost}; {told}."


def _shares(found: Waterfall) -> str:
    """The two segments, or units, that cost the most."""
    spent: dict[str, int] = {}
    for name, cost in [
        *((step.segment, step.cost) for step in found.steps),
        *((unit.name.replace("_", " "), unit.cost) for unit in found.units),
    ]:
        spent[name] = spent.get(name, 0) + (cost or 0)
    whole = sum(spent.values())
    top = sorted(spent.items(), key=lambda item: (-item[1], item[0]))[:2]
    named = [f"{name} ({cost / whole:.0%})".replace("%", " %") for name, cost in top if cost]
    return f"Most of it: {' and '.join(named)}." if named else ""


def _notes(found: Waterfall) -> Iterator[str]:
    facts = found.facts
    if facts["estimated"]:
        yield "The log shows no usage: these tokens are counted from its text."
    if facts["ambiguous"]:
        yield "The log does not tell if its input count holds the cached tokens; the source's habit decided."
    if facts["retry_of"]:
        yield f"It repeats the call {facts['retry_of']}; both were paid for."
    if found.unpriced:
        yield f"{found.unpriced:,} tokens have no price, and are in no dollar figure."
    for unit in found.units:
        yield f"{unit.name.replace('_', ' ')}: {unit.source}"
    if any(s.segment == "unattributed" for s in found.steps):
        yield "unattributed: billed, but no logged text explains it (unlogged tool schemas, hidden prompts)."
    yield f"Prices: {found.book}."


def _tokens(found: Waterfall, *, reply: bool) -> int:
    return sum(s.tokens for s in found.steps if (s.billing_class == "output") == reply)


def _place(facts: Mapping[str, Any]) -> str:
    return f"{facts['path']}:{facts['line']}"


def _reported(facts: Mapping[str, Any]) -> int | None:
    return None if facts["reported_pd"] is None else int(facts["reported_pd"])


def _rounded(picodollars: int) -> str:
    """Dollars for a sentence: six decimals below a dollar."""
    dollars = Decimal(picodollars).scaleb(-12)
    return f"${dollars:,.2f}" if abs(dollars) >= 1 else f"${dollars:.6f}"


def _per_million(rate: int | None) -> Decimal | None:
    return None if rate is None else Decimal(rate) / 10**6


def _usd(picodollars: int | None) -> str | None:
    return None if picodollars is None else usd(picodollars)


def _plain(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")


def _iso(moment: datetime) -> str:
    return moment.isoformat() + "Z"


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()
