"""The pipeline on whole logs: the sample logs, and real ones where they are at hand."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
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


@pytest.fixture(scope="session")
def claude_code(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Config]:
    """The real transcripts, read once: what their ingest said, and where the store is."""
    found = settings(tmp_path_factory.mktemp("claude_code"))
    return dict(pipeline.ingest([str(SHARED / "data" / "claude_code")], found).data), found


@pytest.fixture(scope="session")
def expanded(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """The first runs of the benchmark as calls of a provider; made once."""

    @cache
    def of(provider: str, files: int) -> Path:
        folder = tmp_path_factory.mktemp(provider) / provider
        tool = SHARED / "tools" / "expand_trajectories.py"
        subprocess.run(
            [sys.executable, str(tool), str(SHARED / "data" / "iso_bench"), str(folder),
             "--provider", provider, "--files", str(files)],
            check=True, capture_output=True,
        )  # fmt: skip
        return folder

    return of


@pytest.fixture(scope="session")
def picked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Config]:
    """The runs of the benchmark whose file names match a pattern, in a store of their own, read once."""

    @cache
    def of(pattern: str) -> Config:
        folder = tmp_path_factory.mktemp("picked")
        (folder / "data" / "trajectories").mkdir(parents=True)
        for run in (SHARED / "data" / "iso_bench" / "trajectories").glob(pattern):
            (folder / "data" / "trajectories" / run.name).symlink_to(run)
        tool = SHARED / "tools" / "expand_trajectories.py"
        subprocess.run(
            [sys.executable, str(tool), str(folder / "data"), str(folder / "logs")],
            check=True, capture_output=True,
        )  # fmt: skip
        found = settings(folder)
        pipeline.ingest([str(folder / "logs")], found)
        return found

    return of


@pytest.fixture(scope="session")
def runs(
    tmp_path_factory: pytest.TempPathFactory, expanded: Callable[[str, int], Path]
) -> Callable[[str, int], Config]:
    """The same in a store of their own, read once; the settings that name it."""

    @cache
    def of(provider: str, files: int) -> Config:
        found = settings(tmp_path_factory.mktemp("runs"))
        pipeline.ingest([str(expanded(provider, files))], found)
        return found

    return of
