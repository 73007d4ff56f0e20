"""Real logs, file by file: every record told calls, a reason or nothing, and what is no log is refused.
Skipped where they are missing."""

from pathlib import Path

import pytest

from costscope import sources
from costscope.errors import InputError
from costscope.ingest.task import Task
from costscope.ingest.worker import Outcome, Worker
from costscope.sources import Source

DATA = Path(__file__).parent.parent.parent.parent / "shared" / "data"
pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real logs (../shared) are not on this machine"
)
FOLDERS = sorted(p.name for p in DATA.iterdir() if p.is_dir()) if DATA.is_dir() else []
NO_LOGS = {"azure_trace", "gptcache", "mtrag", "prompt_templates", "routellm", "vcache"}
NO_LOG_NAMES = (
    "licen", ".md", ".csv", ".txt", "provenance", "price", "state.json", "summary.json", "meta.json",
    "results.json", "few_shot", "empty.json", "capture-results", "m_assistant_small/002", "m_user_small/001",
)  # fmt: skip
"""Files beside logs: licences, indexes, notes of states, and texts of parts of messages."""


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Worker:
    """A worker that reads and keeps nothing."""

    class Forgetful(Worker):
        def add(self, *_: object) -> None:
            pass

    return Forgetful(b"k" * 32, str(tmp_path_factory.mktemp("real")))


def outcome(worker: Worker, path: Path) -> tuple[Source | None, Outcome | str]:
    """A file's source and what became of it; or why it was not read."""
    try:
        source = sources.identify(str(path))
    except InputError as error:
        return None, str(error)
    end = source.size if source.seekable else None
    (found,) = worker.run((Task(source, 0, 0, "", 0, end),)).outcomes
    return source, found.refused or found


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_record_is_accounted_for(worker: Worker, folder: str) -> None:
    for path in sorted(p for p in (DATA / folder).rglob("*") if p.is_file()):
        source, found = outcome(worker, path)
        if isinstance(found, str):
            assert folder in NO_LOGS or any(n in str(path).lower() for n in NO_LOG_NAMES), found
            assert found.startswith(f"{path}: ")
            assert "\n" not in found
            continue
        assert source is not None
        assert folder not in NO_LOGS, path
        assert found.records == found.told + found.broken + found.ignored, path
        assert found.told <= found.calls
        if source.container == "jsonl" and not source.packing:
            lines = path.read_bytes().splitlines()
            assert found.records == sum(bool(line.strip()) for line in lines), path
