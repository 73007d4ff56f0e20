"""Real logs as workloads, where they are at hand."""

from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import pytest

from costscope.filters import Filters
from costscope.ingest.load import ingest
from costscope.model import Workload
from costscope.pipeline import workload
from costscope.store import Store

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with the real logs; skips a test where it is missing."""
    if not SHARED.is_dir():
        pytest.skip("the real logs (../shared) are not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def ingested(
    shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, str], Workload]:
    """A folder of the real logs, of which only files that fit a glob, as a workload; read once."""

    @cache
    def of(folder: str, glob: str = "*") -> Workload:
        return read(sorted((shared / folder).glob(glob)), tmp_path_factory.mktemp("store"))

    return of


def read(logs: Iterable[Path], folder: Path) -> Workload:
    with Store.open(folder / "store.duckdb", create=True) as store:
        ingest(store, [str(path) for path in logs])
        return workload(store, Filters())
