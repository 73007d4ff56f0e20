"""Files that are no logs: told in one line each, beside the good ones; alone they are an error."""

import gzip
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from costscope.errors import ExitCode, InputError
from tests.ingest.logs import call, ids, lines, numbers, read, row, write

BAD = {
    "empty.jsonl": b"", "blank.jsonl": b"\n \n", "binary.jsonl": bytes(range(256)) * 20,
    "text.log": b"2026-11-01 started\n", "other.jsonl": b'{"level": "info", "msg": "hello"}\n' * 5,
    "torn.json.gz": gzip.compress(b"x" * 1000)[:20], "fake.parquet": b"PAR1nonsense",
    "numbers.json": b"[1, 2, 3]", "nul.jsonl": b'{"a": 1}\n\0\0\0',
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_alone_it_is_an_error_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(BAD[name])
    with pytest.raises(InputError) as caught:
        read(tmp_path / "s.duckdb", tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.UNABLE


@pytest.mark.parametrize("processes", [1, 2])
def test_beside_good_ones_they_are_told_and_the_rest_is_read(
    tmp_path: Path, processes: int
) -> None:
    for name, content in BAD.items():
        (tmp_path / "logs").mkdir(exist_ok=True)
        (tmp_path / "logs" / name).write_bytes(content)
    for n in range(3):
        write(tmp_path / "logs" / f"good{n}.jsonl", [call(n)])
    found = read(tmp_path / "s.duckdb", tmp_path / "logs", processes=processes)
    assert (found.files, len(found.refused), found.added.new) == (len(BAD) + 3, len(BAD), 3)
    for name in BAD:
        assert sum(f"{os.sep}{name}: " in reason for reason in found.refused) == 1
    assert len(ids(tmp_path / "s.duckdb")) == 3


def test_nothing_there(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "none.jsonl", tmp_path / "*.jsonl"):
        with pytest.raises(InputError, match=r"no logs in this folder|no such file or folder"):
            read(tmp_path / "s.duckdb", path)


def test_a_file_that_goes_away_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from costscope.ingest.worker import Worker

    good, gone = (write(tmp_path / f"{n}.jsonl", [call(n)]) for n in (1, 2))
    run = Worker.run
    monkeypatch.setattr(
        Worker, "run", lambda self, job: (gone.unlink(missing_ok=True), run(self, job))[1]
    )
    found = read(tmp_path / "s.duckdb", good, gone)
    assert found.added.new == 1
    assert len(found.refused) == 1
    assert "2.jsonl" in found.refused[0]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    good, shut = (write(tmp_path / f"{n}.jsonl", [call(n)]) for n in (1, 2))
    shut.chmod(0)
    found = read(tmp_path / "s.duckdb", good, shut)
    assert (found.added.new, len(found.refused)) == (1, 1)
    assert "Permission denied" in found.refused[0]


@pytest.mark.parametrize("make", [call, row])
@pytest.mark.parametrize("packed", [False, True])
def test_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: object, packed: bool
) -> None:
    content = lines([make(n) for n in range(20)])  # type: ignore[operator]

    def given(content: bytes) -> None:
        piped = io.TextIOWrapper(io.BytesIO(gzip.compress(content) if packed else content))
        monkeypatch.setattr(sys, "stdin", piped)

    given(content)
    assert numbers(read(tmp_path / "s.duckdb", "-")) == (20, 0, 0)
    given(content)
    again = read(tmp_path / "s.duckdb", "-")
    assert (again.added.new, again.added.duplicates) == (0, 20)
    given(lines([make(n + 50) for n in range(9)] + ["bad"]))  # type: ignore[operator]
    found = read(tmp_path / "s.duckdb", "-")
    assert (found.added.new, found.skipped) == (9, 1)
    assert found.examples[0].line == 10
    assert "tmp" not in found.examples[0].source


def test_a_pipe_with_a_name(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=lambda: pipe.write_bytes(lines([call(1), call(2)])))
    writer.start()
    found = read(tmp_path / "s.duckdb", pipe)
    writer.join()
    assert numbers(found) == (2, 0, 0)


BOMB = """
import sys
from pathlib import Path
from costscope.errors import InputError
from tests.ingest.logs import read
try:
    found = read(Path(sys.argv[1]) / "s.duckdb", sys.argv[1] + "/bomb.jsonl.gz", sys.argv[1] + "/a.jsonl")
    print(found.added.new, found.skipped, len(found.refused))
except InputError as error:
    print(error)
# Of this process: what getrusage says also holds the process that started it, on Linux.
own = [line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
print(int(own[0].split()[1]) // 1024, file=sys.stderr)
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux tells a peak")
def test_a_packed_bomb_takes_bounded_memory(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", [call(1)])
    head, more = lines([call(2)]) + b'{"a": "', gzip.compress(b"x" * (64 * 1024 * 1024), 1)
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(head) + 7 * more)
    done = subprocess.run(
        [sys.executable, "-c", BOMB, str(tmp_path)], cwd=Path(__file__).parents[2], text=True,
        capture_output=True, env={**os.environ, "PYTHONPATH": "."},
    )  # fmt: skip
    assert done.stdout == "2 1 0\n", done.stderr
    assert int(done.stderr) < 1000
