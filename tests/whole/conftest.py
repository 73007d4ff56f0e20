"""The pipeline on whole logs: the sample logs, and real ones where they are at hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costscope import config, pipeline, plugins
from costscope.config import Config
from costscope.filters import Filters
from costscope.store import Store

ROOT = Path(__file__).parent.parent.parent
SAMPLES = ROOT / "sample_logs"
SHARED = ROOT.parent / "shared"

needs_shared = pytest.mark.skipif(
    not SHARED.is_dir(), reason="the real logs (../shared) are not on this machine"
)


def settings(folder: Path, **flags: str | None) -> Config:
    """Default settings with the store in a folder."""
    given = {"db": str(folder / "store.duckdb"), **flags}
    return config.load(folder, {}, levers=plugins.names("levers"), flags=given)


def bill_of(folder: Path, *logs: Path, group_by: tuple[str, ...] = ()) -> dict[str, Any]:
    """The bill of some logs as JSON data, from a store that is gone afterwards."""
    found = settings(folder)
    with pipeline.opened(found.db, [str(log) for log in logs]) as store:
        return dict(pipeline.bill(store, found, Filters(), group_by).data)


@pytest.fixture(scope="session")
def sample_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Config]]:
    """The sample logs, read once."""
    found = settings(tmp_path_factory.mktemp("samples"))
    with pipeline.opened(found.db, [str(SAMPLES)]) as store:
        yield store, found
