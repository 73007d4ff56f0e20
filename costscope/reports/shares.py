"""What each group spends on each part of its prompts, as shares of its tokens and of its cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from costscope.model import SEGMENTS, Column, Table

if TYPE_CHECKING:
    from costscope.reports.bill import Totals

TOP = 31
"""So many groups are shown: a month of days."""
Groups = Sequence[tuple[tuple[Any, ...], "Totals"]]


def tables(group_by: Sequence[str], groups: Groups, names: Mapping[str, str]) -> list[Table]:
    """Two tables, a row a group and a column for each segment that any of them has; `names` are the
    segments' names for people."""
    shown = [(key, t) for key, t in groups[:TOP] if t.calls]
    segments = [n for n in SEGMENTS if any(t.segment_tokens[n] for _, t in shown)]
    by = ", ".join(group_by)
    more = f"{len(groups) - TOP} more not shown; --json has all" if len(groups) > TOP else ""
    tokens = [
        (*_named(key), t.all_tokens, *(_share(t.segment_tokens[n], t.all_tokens) for n in segments))
        for key, t in shown
    ]
    cost = [(*_named(key), t.known_cost, *(_paid(t, n) for n in segments)) for key, t in shown]
    keys, parts = [Column(key) for key in group_by], [Column(names[n], "share") for n in segments]
    return [
        Table(f"Tokens by part of the prompt and {by}",
              [*keys, Column("tokens", "tokens"), *parts], tokens, more),
        Table(f"Cost by part of the prompt and {by}",
              [*keys, Column("cost", "usd"), *parts], cost, more),
    ]  # fmt: skip


def _named(key: Sequence[Any]) -> tuple[Any, ...]:
    return tuple("(none)" if k in (None, "") else k for k in key)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _paid(found: Totals, name: str) -> float | None:
    """None where the segment has tokens, but none with a price."""
    if found.segment_tokens[name] and not found.segment_priced[name]:
        return None
    return _share(found.segment_cost[name], found.cost)
