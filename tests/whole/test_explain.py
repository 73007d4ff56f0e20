"""`explain` on whole logs: every call adds up to its bill, and every format can be read again."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costscope import pipeline
from costscope.config import Config
from costscope.explain.calls import Showing, waterfall
from costscope.filters import Filters
from costscope.prices import PriceBook
from costscope.reports.explain import Waterfall
from costscope.store import Store

from .conftest import ROOT, SHARED, needs_shared, settings

FORMATS = ROOT / "tests" / "readers" / "samples"
BUCKETS = ("fresh", "cache_read", "cache_write_5m", "cache_write_30m", "cache_write_1h",
           "cache_write_12h", "output")  # fmt: skip


def some(store: Store, step: int, showing: Showing) -> Iterator[Waterfall]:
    """Every so many calls of a store, each checked against its own counts and the book's own sum."""
    book = PriceBook()
    costs = {
        row["call_no"]: row for row in book.cost(pipeline.workload(store, Filters())).to_dicts()
    }
    calls = store.table("explain_call").to_pylist()
    for facts in sorted(calls, key=lambda c: c["call_no"])[::step]:
        store.scope("call_no = ?", [facts["call_no"]], {})
        found = waterfall(store, f"{facts['path']}:{facts['line']}", book, showing)
        cost = costs[facts["call_no"]]
        assert sum(s.tokens for s in found.steps) == sum(facts[name] for name in BUCKETS)
        # Where no token has a price the book has no sum, though units may have one.
        assert (found.cost or 0) == cost["pd"] or cost["pd"] is None
        assert cost["pd"] is not None or not any(s.cost for s in found.steps)
        assert found.unpriced == cost["unpriced_tokens"]
        yield found


def texts(found: Waterfall) -> list[str]:
    return [s.text for s in found.steps if s.text]


def test_rows_add_up_in_the_sample_logs_and_texts_are_found(
    sample_store: tuple[Store, Config],
) -> None:
    found = list(some(sample_store[0], 180, Showing(width=20)))
    assert len(found) > 15
    assert sum(bool(texts(one)) for one in found) > 10


def test_every_format_can_be_read_again(tmp_path: Path) -> None:
    config = settings(tmp_path)
    pipeline.ingest([str(FORMATS)], config)
    with Store.open(config.db, create=False) as store:
        read = {f.facts["reader"] for f in some(store, 3, Showing(width=20)) if texts(f)}
    assert len(read) > 25


@needs_shared
@pytest.mark.parametrize("name", ["openhands", "langsmith"])
def test_real_calls_add_up_and_can_be_read_again(tmp_path: Path, name: str) -> None:
    config = settings(tmp_path)
    pipeline.ingest([str(SHARED / "data" / name)], config)
    with Store.open(config.db, create=False) as store:
        found = list(some(store, 2, Showing(width=20)))
    assert any(texts(one) for one in found)


@needs_shared
def test_real_transcripts_add_up_and_can_be_read_again(
    claude_code: tuple[dict[str, Any], Config],
) -> None:
    with Store.open(claude_code[1].db, create=False) as store:
        assert any(texts(one) for one in list(some(store, 90, Showing(width=20))))
