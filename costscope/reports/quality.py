"""How far a log can be trusted: what is missing, odd or doubtful in it, how much, where, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from costscope.model import Column, Report, Table, usd
from costscope.reports.bill import Totals
from costscope.reports.residuals import Residuals
from costscope.text import many

Severity = Literal["error", "warning", "info"]
ORDER: Mapping[Severity, int] = {"error": 0, "warning": 1, "info": 2}
WORDS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "info": "note"}
RESIDUAL = 0.01
"""A smaller share of what a model's calls cost may be rounding."""
UNEXPLAINED = 0.3
"""From this share of tokens on, what no text explains is a warning: the levers see too little."""
MANY_AGAIN = 0.1
"""From this share of records on, duplicates are worth a look: they may be calls that only look alike."""
UNREADABLE = 0.01
"""From this share of records on, what was not read makes the figures wrong."""

_CALLS: Mapping[str, tuple[Severity, str, str]] = {
    "estimated": ("warning", "calls without usage: their tokens are estimated from text",
                  "log the usage of each response; a stream has to be asked for it"),
    "ambiguous": ("warning", "calls that do not tell if their input count holds the cached tokens",
                  "log the total as well, or the provider's own usage object; a map can say it"),
    "no_model": ("warning", "calls that name no model, and so have no price", "log the model"),
    "no_time": ("warning", "calls without a time: priced at the price book's own date, in no trend",
                "log when each request started"),
    "early": ("warning", "calls dated before 2015", "see if the time is in another unit"),
    "future": ("warning", "calls dated after their file was last written, by over an hour",
               "see if the clock or the time zone is wrong"),
    "incomplete": ("warning", "streams that ended without a final usage: more may have been billed",
                   "log the last event of each stream, also of those that are cancelled"),
    "zero_usage": ("warning", "calls that went well and are billed no tokens",
                   "see if the counts are logged under another name, or before the reply is done"),
    "no_session": ("info", "calls without session or trace: each is a conversation of its own",
                   "log a session id, which the cache and history figures need"),
    "no_feature": ("info", "calls without a feature", "log what each call is for"),
    "relative_clock": ("info", "calls of a trace whose clock starts at 0, shown as from 1970 on",
                       "nothing; but prices and days of this trace mean nothing"),
    "out_of_order": ("info", "calls that are over 15 minutes older than the one before in the file",
                     "nothing, if several programs write to one log"),
    "failed_billed": ("info", "failed calls that were billed", "see what fails; it is paid for"),
    "retry": ("info", "calls that repeat another", "see what they repeat; both are paid for"),
    "retry_unknown": ("info", "calls that repeat one which is not in the log",
                      "ingest the log that has the first attempts"),
}  # fmt: skip
"""Finding of the store's query → severity, what it is, what to do."""


@dataclass(frozen=True)
class Finding:
    """One thing that is odd. `count` of `unit` out of `of`; `tokens` and `cost` (picodollars) are what is
    affected by it, None where it is not of tokens. `examples` are (place, note)."""

    id: str
    severity: Severity
    what: str
    todo: str
    count: int
    unit: str
    of: int
    tokens: int | None = None
    cost: int | None = None
    examples: Sequence[tuple[str, str]] = ()

    @property
    def share(self) -> float | None:
        """Of its unit; None where there is nothing to be a share of."""
        return self.count / self.of if self.of else None


@dataclass(frozen=True)
class Quality:
    """What the store's `doctor_*` queries gave, and the bill of the same calls. `nearest`: model without
    a price → the nearest names that have one."""

    counts: Mapping[str, int]
    calls: Sequence[Mapping[str, Any]]
    skips: Sequence[Mapping[str, Any]]
    duplicates: Sequence[Mapping[str, Any]]
    gaps: Sequence[Mapping[str, Any]]
    bill: Totals
    residuals: Residuals
    nearest: Mapping[str, Sequence[str]] = field(default_factory=dict)
    filtered: bool = False


def findings(given: Quality) -> list[Finding]:
    """Everything odd, the gravest first, then what affects the most."""
    found = [*_records(given), *_of_calls(given), *_of_money(given), *_gaps(given)]
    return sorted(found, key=lambda f: (ORDER[f.severity], -(f.share or 0), f.id))


def _records(given: Quality) -> Iterator[Finding]:
    """Of lines: those that could not be read, and those that told of a call again."""
    counts = given.counts
    skipped, again = counts["skipped"], counts["duplicates"]
    total = counts["calls"] + skipped + again
    if skipped:
        grave = skipped >= UNREADABLE * total
        yield Finding(
            "unreadable", "error" if grave else "warning", "records that could not be read",
            "see the reasons; what is not read is in no figure", skipped, "records", total,
            examples=[(s["place"], f"{s['reason']} ({s['records']:,})") for s in given.skips],
        )  # fmt: skip
    if again:
        yield Finding(
            "duplicates", "warning" if again >= MANY_AGAIN * total else "info",
            "records that tell of a call again, and are counted once",
            "nothing, if they are copies or snapshots of streams", again, "records", total,
            examples=[(d["place"], f"{d['records']:,} in this file") for d in given.duplicates],
        )  # fmt: skip


def _of_calls(given: Quality) -> Iterator[Finding]:
    for row in given.calls:
        severity, what, todo = _CALLS[row["finding"]]
        cost = None if row["picodollars"] is None else int(row["picodollars"])
        yield Finding(
            row["finding"], severity, what, todo, row["calls"], "calls", given.bill.calls,
            row["tokens"], cost, [(place, "") for place in row["places"]],
        )  # fmt: skip


def _of_money(given: Quality) -> Iterator[Finding]:
    bill = given.bill
    if bill.unpriced:
        names = sorted(bill.unpriced, key=lambda m: (-bill.unpriced[m], m))
        count = sum(bill.unpriced.values())
        yield Finding(
            "unpriced", "error", f"tokens of {many(len(names), 'model')} without a price, in no dollar figure",
            "give them a price in a file of your own (--prices)", count, "tokens", bill.all_tokens,
            count, examples=[(m or "(no model)", _near(given.nearest.get(m, ()))) for m in names[:5]],
        )  # fmt: skip
    hidden = bill.segment_tokens["unattributed"]
    if hidden:
        grave = hidden >= UNEXPLAINED * bill.all_tokens
        yield Finding(
            "unattributed", "warning" if grave else "info",
            "tokens that were billed and that no logged text explains",
            "log prompts whole, with system prompt and tool definitions", hidden, "tokens",
            bill.all_tokens, hidden, bill.segment_cost["unattributed"],
        )  # fmt: skip
    yield from _residuals(given)


def _near(names: Sequence[str]) -> str:
    return f"the nearest known names: {', '.join(names)}" if names else ""


def _residuals(given: Quality) -> Iterator[Finding]:
    """Models whose reported and computed cost differ by more than rounding."""
    off = [r for r in given.residuals.rows if r.share is None or abs(r.share) > RESIDUAL]
    off = [r for r in off if r.residual]
    if off:
        yield Finding(
            "residual", "warning", "calls of models whose reported cost is not what we compute",
            "see `costscope report`; a discount or a wrong unit can be the reason",
            sum(r.calls for r in off), "calls", given.bill.calls, None, sum(r.residual for r in off),
            [(r.model, _difference(r.share)) for r in off[:5]],
        )  # fmt: skip


def _difference(share: float | None) -> str:
    if share is None:
        return "reported as free"
    return (
        f"we compute {abs(100 * share):.1f} % {'less' if share > 0 else 'more'} than the log says"
    )


def _gaps(given: Quality) -> Iterator[Finding]:
    if given.gaps:
        yield Finding(
            "gaps", "info", "long silences between calls", "see if a log is missing",
            given.gaps[0]["gaps"], "gaps", 0,
            examples=[(f"{g['before']:%Y-%m-%d %H:%M}", f"to {g['after']:%Y-%m-%d %H:%M}") for g in given.gaps],
        )  # fmt: skip


def report(given: Quality) -> Report:
    """The findings, for people and as the JSON of `doctor --json`."""
    found = findings(given)
    bill, counts = given.bill, given.counts
    data = {
        "schema_version": 1,
        "files": counts["files"],
        "calls": bill.calls,
        "skipped": counts["skipped"],
        "duplicates": counts["duplicates"],
        "tokens": bill.all_tokens,
        "cost_usd": None if bill.known_cost is None else usd(bill.known_cost),
        "findings": [_json(f, bill) for f in found],
    }
    notes = [
        "Records that could not be read and duplicates are those of all files, whatever the filters."
    ]
    return Report(
        "doctor", "Data quality", data, summary=[_summary(found, given)], tables=_tables(found),
        notes=notes if given.filtered else [],
    )  # fmt: skip


def _json(found: Finding, bill: Totals) -> dict[str, Any]:
    return {
        "id": found.id,
        "severity": found.severity,
        "what": found.what,
        "count": found.count,
        "unit": found.unit,
        "of": found.of or None,
        "share": _rounded(found.share),
        "tokens": found.tokens,
        "token_share": _part(found.tokens, bill.all_tokens),
        "cost_usd": None if found.cost is None else usd(found.cost),
        "cost_share": _part(found.cost, bill.cost),
        "examples": [{"place": place, "note": note} for place, note in found.examples],
        "todo": found.todo,
    }


def _part(part: int | None, whole: int) -> float | None:
    return None if part is None or not whole else _rounded(part / whole)


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _summary(found: Sequence[Finding], given: Quality) -> str:
    counted = Counter(f.severity for f in found)
    said = [many(counted[s], WORDS[s]) for s in ORDER if counted[s]]
    told = ", ".join(said) or "nothing odd"
    calls, files = many(given.bill.calls, "call"), many(given.counts["files"], "file")
    return f"{told} in {calls} of {files}."


def _tables(found: Sequence[Finding]) -> list[Table]:
    if not found:
        return []
    columns = (
        Column("severity"), Column("what"), Column("how many", "count"), Column("share", "share"),
        Column("what to do"),
    )  # fmt: skip
    rows = [(f.severity, f"{f.what} ({f.id})", f.count, f.share, f.todo) for f in found]
    tables = [Table("Findings", columns, rows)]
    places = [(f.id, place, note) for f in found for place, note in f.examples]
    if places:
        shown = (Column("finding"), Column("where"), Column("note"))
        tables.append(Table("Examples", shown, places))
    return tables
