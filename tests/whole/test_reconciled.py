"""Text against the bill on real logs: what is left without text is what nobody logged."""

from pathlib import Path
from typing import Any

import pytest

from costscope import pipeline, tokens
from costscope.attribute import fit
from costscope.filters import Filters

from .conftest import SHARED, needs_shared, settings
from .test_real_logs import expanded

pytestmark = needs_shared


def asked(folder: Path, logs: list[Path], query: str) -> list[tuple[Any, ...]]:
    """Rows of a query on the store of some logs."""
    found = settings(folder)
    with pipeline.opened(found.db, [str(log) for log in logs]) as store:
        return list(store._db.execute(query).fetchall())


HIDDEN = """
    with calls_hidden as (
        select session, call_no,
               coalesce(sum(tokens) filter (kind = 'hidden'), 0)::bigint as hidden,
               coalesce(sum(tokens) filter (kind = 'thinking' and segment = 'history'), 0)::bigint as carried
        from calls left join parts using (call_no) group by session, call_no)
    select session, (max(hidden) - min(hidden))::bigint, max(hidden)::bigint, max(carried)::bigint
    from calls_hidden group by session
"""


@pytest.mark.parametrize(("provider", "hides"), [("openai", True), ("anthropic", False)])
def test_unattributed_is_constant_in_a_run(tmp_path: Path, provider: str, hides: bool) -> None:
    runs = asked(tmp_path, [expanded(tmp_path, provider, 14)], HIDDEN)
    constant = [spread <= 8 for _, spread, _, _ in runs]
    assert len(runs) == 14
    assert sum(constant) >= 13
    # Of Claude's runs more text was logged than was billed: nothing is left, and nothing made up.
    assert any(hidden > 1000 for _, _, hidden, _ in runs) is hides
    assert any(carried > 1000 for _, _, _, carried in runs) is hides


def test_estimates_agree_with_the_bill(tmp_path: Path) -> None:
    found = settings(tmp_path)
    with pipeline.opened(found.db, [str(expanded(tmp_path, "openai", 14))]) as store:
        report = pipeline.bill(store, found, Filters())
    entries = {e["model"]: e for e in report.data["reconciliation"]}
    gpt5 = entries["gpt-5-2025-08-07"]
    assert gpt5["exact"]
    assert gpt5["fitted"]
    assert gpt5["error_median"] < 0.002
    assert gpt5["error_p90"] < 0.01 < gpt5["default_p90"]
    assert any("gpt-5-2025-08-07" in note for note in report.notes)


OPENHANDS = """
    with blocks as (
        select distinct call_no, seq, kind, content from parts
        where billing_class <> 'output' and rule <> 'usage')
    select model, any_value(fresh + cache_read) as billed, sum(counted)::bigint,
           count(*) filter (kind in ('tool_call', 'tool_result')), any_value(provider),
           bool_or(kind = 'tool_schema')
    from blocks join texts using (content) join calls using (call_no)
    where model like 'litellm_proxy/%' group by call_no, model
"""


def test_openhands_is_within_three_percent(tmp_path: Path) -> None:
    rows = asked(tmp_path, [SHARED / "data" / "openhands"], OPENHANDS)
    assert len(rows) == 10
    for model, billed, counted, tools, provider, schemas in rows:
        (top, bottom), (_, beside) = tokens.family_ratio(model), fit.framing(provider, model)
        assert abs(counted * top / bottom + tools * beside - billed) < 0.03 * billed
        assert schemas


def test_openhands_is_split_between_tools_system_and_history(tmp_path: Path) -> None:
    query = """select call_no, sum(tokens) filter (segment = 'tools') > 0,
                      sum(tokens) filter (segment = 'system') > 0,
                      coalesce(sum(tokens) filter (segment = 'unattributed'), 0) <= 0.02 * sum(tokens)
               from parts join calls using (call_no) where model like 'litellm_proxy/%'
               group by call_no"""
    rows = asked(tmp_path, [SHARED / "data" / "openhands"], query)
    assert len(rows) == 10
    assert all(row[1:] == (True, True, True) for row in rows)
