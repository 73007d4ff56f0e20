"""What prompts are made of, as further tables and keys of the bill: growth, templates, and what is never
the same twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from costscope.model import Report
from costscope.reports import growth, templates, volatile

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Prompts:
    """Sums over some calls, as rows with calls, input_tokens, history_tokens, system_tokens (system
    prompt and tool definitions), priced_calls and picodollars (None: unpriced)."""

    by_turn: Rows
    """feature, `from` and `to`: the user's turns of a conversation."""
    by_call: Rows
    """Likewise, the calls of a conversation."""
    over_time: Rows
    """feature, template, period (day, week or month) and its `start`."""
    templates: Rows
    """feature, template, version, whether the log itself names it (`declared`), since and until (naive
    UTC), and the days of these in the time zone asked for (`first`, `last`)."""
    nameless: int
    """Calls that show no template: neither a name nor a system text that recurs."""
    volatile: Rows
    """As the store's query `prompts_volatile` gives them."""


def extended(report: Report, found: Prompts) -> Report:
    """The bill with what its prompts are made of."""
    return replace(
        report,
        data={
            **report.data,
            "growth": growth.document(found.by_turn, found.by_call, found.over_time),
            "templates": templates.document(found.templates),
            "volatile": volatile.document(found.volatile),
        },
        tables=[
            *report.tables,
            *growth.tables(found.by_turn, found.by_call, found.over_time),
            *templates.tables(found.templates, found.nameless),
            *volatile.tables(found.volatile),
        ],
    )
