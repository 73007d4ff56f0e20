"""Text against the bill on real logs: what is left without text is what nobody logged."""

from collections.abc import Callable
from typing import Any

import pytest

from costscope import pipeline, tokens
from costscope.attribute import fit
from costscope.config import Config
from costscope.filters import Filters

from .conftest import SHARED, needs_shared, settings

pytestmark = needs_shared
Runs = Callable[[str, int], Config]


def asked(found: Config, query: str) -> list[tuple[Any, ...]]:
    """Rows of a query on a store."""
    with pipeline.opened(found.db, []) as store:
        return list(store._db.execute(query).fetchall())


@pytest.fixture(scope="module")
def openhands(tmp_path_factory: pytest.TempPathFactory) -> Config:
    found = settings(tmp_path_factory.mktemp("openhands"))
    pipeline.ingest([str(SHARED / "data" / "openhands")], found)
    return found


HIDDEN = """
    with calls_hidden as (
        select session, call_no,
               coalesce(sum(tokens) filter (kind = 'hidden'), 0)::bigint as hidden,
               coalesce(sum(tokens) filter (kind = 'thinking' and segment = 'history'), 0)::bigint as carried
        from calls left join parts using (call_no) group by session, call_no)
    select session, (max(hidden) - min(hidden))::bigint, max(hidden)::bigint, max(carried)::bigint
    from calls_hidden group by session
"""


@pytest.mark.parametrize(
    ("provider", "files", "thinks"), [("openai", 20, True), ("anthropic", 14, False)]
)
def test_unattributed_is_constant_in_a_run(
    runs: Runs, provider: str, files: int, thinks: bool
) -> None:
    found = asked(runs(provider, files), HIDDEN)
    assert len(found) == files
    assert all(spread <= 8 for _, spread, _, _ in found)
    assert all(hidden > 1000 for _, _, hidden, _ in found)
    assert any(carried > 1000 for _, _, _, carried in found) is thinks


def test_estimates_agree_with_the_bill(runs: Runs) -> None:
    found = runs("openai", 20)
    with pipeline.opened(found.db, []) as store:
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


def test_openhands_is_within_three_percent(openhands: Config) -> None:
    rows = asked(openhands, OPENHANDS)
    assert len(rows) == 10
    for model, billed, counted, tools, provider, schemas in rows:
        (top, bottom), (_, beside) = tokens.family_ratio(model), fit.framing(provider, model)
        assert abs(counted * top / bottom + tools * beside - billed) < 0.03 * billed
        assert schemas


def test_openhands_is_split_between_tools_system_and_history(openhands: Config) -> None:
    query = """select call_no, sum(tokens) filter (segment = 'tools') > 0,
                      sum(tokens) filter (segment = 'system') > 0,
                      coalesce(sum(tokens) filter (segment = 'unattributed'), 0) <= 0.02 * sum(tokens)
               from parts join calls using (call_no) where model like 'litellm_proxy/%'
               group by call_no"""
    rows = asked(openhands, query)
    assert len(rows) == 10
    assert all(row[1:] == (True, True, True) for row in rows)
