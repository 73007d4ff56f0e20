"""Real runs of agents whose tool schemas were never logged: what stays unattributed is one figure for a run.
Skipped where the logs are missing."""

from collections import defaultdict
from collections.abc import Callable

import pytest

from costscope import pipeline
from costscope.config import Config

from .conftest import needs_shared

pytestmark = needs_shared
Picked = Callable[[str], Config]


def unattributed(found: Config) -> dict[str, list[int]]:
    """Run → unattributed tokens of each of its calls."""
    with pipeline.opened(found.db, []) as store:
        rows = store._db.execute(
            "select session, coalesce(sum(tokens) filter (segment = 'unattributed'), 0)::bigint "
            "from calls join parts using (call_no) group by session, call_no order by session, call_no"
        ).fetchall()
    by_run = defaultdict(list)
    for run, tokens in rows:
        by_run[run].append(tokens)
    return by_run


def spreads(by_run: dict[str, list[int]]) -> list[int]:
    return [max(found) - min(found) for found in by_run.values()]


def test_it_is_constant_though_bills_hold_a_half_or_a_third_of_the_prompt(picked: Picked) -> None:
    # Seven replies of these runs make two or three tool calls at once, and their usage is the prompt's
    # tokens divided by that number.
    by_run = unattributed(picked("*__gpt-4o__*"))
    assert sorted(map(len, by_run.values())) == [5, 13, 18, 33, 80]
    assert max(spreads(by_run)) <= 8
    # Two runs had 29 tools and three had 4.
    levels = sorted(found[0] for found in by_run.values())
    assert levels[4] - levels[3] <= 8
    assert levels[2] - levels[0] <= 30
    assert 3200 < levels[4] < 3350


def test_it_is_constant_though_a_tool_result_was_logged_and_not_sent(picked: Picked) -> None:
    assert max(spreads(unattributed(picked("*incomplete_runs*")))) <= 8


@pytest.mark.parametrize(
    ("pattern", "schemas"),
    # By a reconstruction of Claude's tokenizer (ctok 1.3.0), every run of a set of tools is billed the
    # same beside its user's message, to the token: 4,555, 4,108 and 8,835. That has no room for the
    # first of two system messages (5,692); the second is 399, and the only one of the last set 6,163.
    [
        ("*2025-12-24_19-36*rerun_a[1d]*", 4555 - 399),
        ("*vllm_sonnet45_rerun_2*", 4108 - 399),
        ("*claude*2026-01-23*", 8835 - 6163),
    ],
)
def test_it_is_the_schemas_with_claude(picked: Picked, pattern: str, schemas: int) -> None:
    by_run = unattributed(picked(pattern))
    assert max(spreads(by_run)) <= 8
    off = sorted(abs(found[0] - schemas) for found in by_run.values())
    assert off[len(off) // 2] <= 0.15 * schemas
