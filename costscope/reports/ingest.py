"""What an ingest did: files, calls, skips with their reasons, and the money in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.model import Column, Report, Skipped, Table, usd
from costscope.reports.bill import Totals
from costscope.text import many

EXAMPLES = 20


def report(counts: Mapping[str, int], readers: Mapping[str, int], found: Totals, skipped: Sequence[Skipped],
           refused: Sequence[str]) -> Report:  # fmt: skip
    """`counts` holds files, bytes, unchanged, lines (records: lines_with_calls, lines_skipped and ignored
    together), calls, new_calls, updated_calls, duplicates,
    skipped, ignored and other_rules (files whose calls were cut by other rules of the user); `found` is
    the bill of the calls of these files."""
    cost = found.known_cost
    shares = {
        "priced_token_share": found.priced_share,
        "unattributed_token_share": _share(found.segment_tokens["unattributed"], found.all_tokens),
    }
    data: dict[str, Any] = {
        "schema_version": 1,
        **counts,
        "tokens": found.all_tokens,
        "cost_usd": None if cost is None else usd(cost),
        **{name: None if share is None else round(share, 6) for name, share in shares.items()},
        "readers": dict(sorted(readers.items())),
        "skipped_examples": [
            {"source": s.source, "line": s.line, "reason": s.reason} for s in skipped[:EXAMPLES]
        ],
        "refused": list(refused[:EXAMPLES]),
    }
    return Report(
        name="ingest", title="Ingest", data=data, summary=_summary(counts, found),
        tables=[_files(readers), *_skips(skipped)], notes=_notes(counts, refused),
    )  # fmt: skip


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _summary(counts: Mapping[str, int], found: Totals) -> list[str]:
    told = f"{many(counts['files'], 'file')}: {many(counts['new_calls'], 'new call')}"
    if counts["updated_calls"]:
        told += f", {counts['updated_calls']:,} updated"
    return [f"{told}, {counts['duplicates']:,} known already, {many(counts['skipped'], 'record')} skipped.",
            f"They hold {many(counts['calls'], 'call')} with {many(found.all_tokens, 'token')}."]  # fmt: skip


def _files(readers: Mapping[str, int]) -> Table:
    columns = (Column("format"), Column("files", "count"))
    return Table("Formats", columns, sorted(readers.items()))


def _skips(skipped: Sequence[Skipped]) -> list[Table]:
    if not skipped:
        return []
    columns = (Column("file"), Column("line", "count"), Column("reason"))
    rows = [(s.source, s.line, s.reason) for s in skipped[:EXAMPLES]]
    return [Table("Skipped", columns, rows)]


def _notes(counts: Mapping[str, int], refused: Sequence[str]) -> list[str]:
    notes = [f"Not read: {reason}" for reason in refused[:EXAMPLES]]
    if counts["unchanged"]:
        notes.append(f"{counts['unchanged']:,} files have not changed since they were read.")
    if counts["ignored"]:
        notes.append(
            f"{counts['ignored']:,} records of these formats are no calls (notes, earlier stream snapshots)."
        )
    if counts["other_rules"]:
        notes.append(
            f"{counts['other_rules']:,} files were read with other [attribute] rules, and their calls keep "
            "the segments that those gave; `costscope ingest --again LOGS` reads them anew."
        )
    return notes
