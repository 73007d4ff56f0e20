"""Processes that read: what they need, what happens when one dies, and when the loading side fails."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from costscope.errors import ExitCode, InputError
from costscope.ingest import load, plan, pool
from costscope.ingest.amount import INLINE_BYTES
from costscope.store import Store
from tests.ingest.logs import account, all_calls, call, held, ids, numbers, read, write

ROOT = Path(__file__).parents[2]


def logs_in(folder: Path, files: int = 6, calls: int = 5) -> list[dict[str, Any]]:
    records = [call(n) for n in range(files * calls)]
    for n in range(files):
        write(folder / f"{n}.jsonl", records[n * calls : (n + 1) * calls])
    return records


def test_a_reading_process_loads_no_database_and_no_prices() -> None:
    program = "import sys, costscope.ingest.pool; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env={**os.environ, "PYTHONPATH": "."},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    assert not loaded & {"duckdb", "polars", "genai_prices", "typer", "rich", "tiktoken"}


SCRIPT = """
import sys
from pathlib import Path
print("started")
from tests.ingest.logs import read
print(read(Path(sys.argv[1]) / "s.duckdb", sys.argv[1] + "/logs", processes=2).added.new)
"""


def test_a_script_without_a_guard_is_not_started_over(tmp_path: Path) -> None:
    logs_in(tmp_path / "logs")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=True,
    )  # fmt: skip
    assert done.stdout == "started\n30\n"
    assert sys.modules["__main__"].__name__ == "__main__"


DEADLY = """
import os
from costscope.readers.openai_chat import OpenAIChat
from costscope.readers.interface import RecordReader

class Deadly(RecordReader):
    about = "ends its process at a certain record"

    def score(self, record):
        return 1.0 if "deadly" in record else 0.0

    def call(self, raw):
        if b'"deadly": true' in bytes(raw):
            os._exit(9)
        return None
"""


def test_a_process_that_dies_is_an_error_and_the_next_ingest_completes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugins = tmp_path / "plugins"
    write(plugins / "readers" / "deadly.py", [DEADLY])
    monkeypatch.setenv("COSTSCOPE_PLUGINS", str(plugins))
    monkeypatch.setattr(plan, "JOB_BYTES", 1)
    monkeypatch.setattr(load, "ROWS", 1)
    records = logs_in(tmp_path / "logs")
    deadly = write(tmp_path / "logs" / "9.jsonl", [{"deadly": True}])
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.duckdb", tmp_path / "logs", processes=2)
    assert "a reading process ended" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.UNABLE
    kept = len(held(tmp_path / "s.duckdb"))
    deadly.unlink()
    found = read(tmp_path / "s.duckdb", tmp_path / "logs", processes=2)
    assert numbers(found) == (30 - kept, 0, 0)
    assert ids(tmp_path / "s.duckdb") == all_calls(records)


SLOW = """
import time
from costscope.readers.interface import RecordReader

class Slow(RecordReader):
    about = "takes its time"

    def score(self, record):
        return 1.0

    def call(self, raw):
        print("reading", flush=True)
        time.sleep(1)
        return None
"""


def test_only_the_storing_process_acts_on_an_interrupt(tmp_path: Path) -> None:
    write(tmp_path / "plugins" / "readers" / "slow.py", [SLOW])
    for n in range(4):
        write(tmp_path / "logs" / f"{n}.jsonl", [{"a": 1}] * 2)
    script = tmp_path / "script.py"
    script.write_text("from costscope.ingest import plan\nplan.JOB_BYTES = 1\n" + SCRIPT)
    environment = {"COSTSCOPE_PLUGINS": str(tmp_path / "plugins"), "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)], cwd=ROOT, env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as running:  # fmt: skip
        assert running.stdout is not None
        assert running.stdout.readline() == "started\n"
        assert running.stdout.readline() == "reading\n"
        os.killpg(running.pid, signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert errors.count("Traceback") == 1
    assert errors.strip().endswith("KeyboardInterrupt")
    assert held(tmp_path / "s.duckdb") == []


class Failing:
    """Fails when so many jobs have been stored."""

    def __init__(self, after: int, error: type[BaseException]) -> None:
        self.left, self.error, self.ended = after, error, 0

    def start(self, total_bytes: int) -> None:
        assert total_bytes > 0

    def advance(self, nbytes: int) -> None:
        self.left -= 1
        if self.left < 0:
            raise self.error

    def done(self) -> None:
        self.ended += 1


@pytest.mark.parametrize(
    ("processes", "after", "rows"),
    [(1, 0, 1), (1, 2, 1), (1, 5, 1), (1, 2, 10**6), (1, 5, 10**6), (2, 2, 1)],
)
def test_a_failure_in_the_middle_leaves_whole_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, processes: int, after: int, rows: int
) -> None:
    monkeypatch.setattr(plan, "JOB_BYTES", 1)
    monkeypatch.setattr(load, "ROWS", rows)
    records = logs_in(tmp_path / "logs")
    progress = Failing(after, KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path / "s.duckdb", tmp_path / "logs", processes=processes, progress=progress)
    assert progress.ended == 1
    kept = len(held(tmp_path / "s.duckdb"))
    assert kept == (5 * (after + 1) if rows == 1 else 0)
    found = read(tmp_path / "s.duckdb", tmp_path / "logs", processes=processes)
    assert (found.unchanged, found.added.new) == (kept // 5, 30 - kept)
    assert account(found)
    assert ids(tmp_path / "s.duckdb") == all_calls(records)


def test_a_failure_between_pieces_of_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plan, "MIN_PIECE_BYTES", 2000)
    monkeypatch.setattr(plan, "JOB_BYTES", 1)
    monkeypatch.setattr(load, "ROWS", 1)
    records = logs_in(tmp_path / "logs", files=1, calls=30)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path / "s.duckdb", tmp_path / "logs", progress=Failing(1, KeyboardInterrupt))
    kept = len(held(tmp_path / "s.duckdb"))
    assert 0 < kept < 30
    found = read(tmp_path / "s.duckdb", tmp_path / "logs")
    assert numbers(found) == (30 - kept, 0, 0)
    assert ids(tmp_path / "s.duckdb") == all_calls(records)
    with Store.open(tmp_path / "s.duckdb", create=False) as store:
        assert store.sources()[0].lines == 30


def test_a_failure_while_storing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = logs_in(tmp_path / "logs")
    with monkeypatch.context() as patched:
        patched.setattr(Store, "save_sources", lambda self, states: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            read(tmp_path / "s.duckdb", tmp_path / "logs")
    assert held(tmp_path / "s.duckdb") == []
    assert numbers(read(tmp_path / "s.duckdb", tmp_path / "logs")) == (30, 0, 0)
    assert ids(tmp_path / "s.duckdb") == all_calls(records)


def test_progress_is_told_of_every_byte(tmp_path: Path) -> None:
    class Counting:
        total = read = 0

        def start(self, total_bytes: int) -> None:
            self.total = total_bytes

        def advance(self, nbytes: int) -> None:
            self.read += nbytes

        def done(self) -> None:
            pass

    logs_in(tmp_path / "logs")
    progress = Counting()
    read(tmp_path / "s.duckdb", tmp_path / "logs", progress=progress)
    assert (
        progress.total
        == progress.read
        == sum(p.stat().st_size for p in (tmp_path / "logs").iterdir())
    )
    read(tmp_path / "s.duckdb", tmp_path / "logs", progress=progress)
    assert progress.total == 0


def test_no_arrow_files_are_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", None)
    (tmp_path / "tmp").mkdir()
    logs_in(tmp_path / "logs")
    for processes in (1, 2):
        read(tmp_path / f"{processes}.duckdb", tmp_path / "logs", processes=processes)
    with pytest.raises(KeyboardInterrupt):
        read(tmp_path / "s.duckdb", tmp_path / "logs", progress=Failing(0, KeyboardInterrupt))
    assert list((tmp_path / "tmp").iterdir()) == []


def test_small_logs_are_read_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pool.processes_for(INLINE_BYTES - 1) == 1


def test_records_that_a_job_gave_are_in_order_of_the_jobs(tmp_path: Path) -> None:
    records = logs_in(tmp_path / "logs", files=12)
    read(tmp_path / "s.duckdb", tmp_path / "logs", processes=2)
    with Store.open(tmp_path / "s.duckdb", create=False) as store:
        rows = store._db.execute("select call_id from calls order by call_no").fetchall()
    expected = [
        i for n in sorted(range(12), key=str) for i in all_calls(records[5 * n : 5 * n + 5])
    ]
    assert [i for (i,) in rows] == expected
