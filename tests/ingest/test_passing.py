"""A store that is made of logs for one run: gone after it, and keyed by the logs themselves."""

import os
from pathlib import Path

import pytest

from costscope.errors import InputError
from costscope.filters import Reading
from costscope.ingest.passing import passing, secret_for
from costscope.store.store import MEMORY
from tests.ingest.logs import call, write


def test_the_same_logs_have_the_same_key_wherever_they_lie(tmp_path: Path) -> None:
    first = write(tmp_path / "a" / "x.jsonl", [call(1)])
    write(tmp_path / "a" / "y.jsonl", [call(2)])
    write(tmp_path / "b" / "y.jsonl", [call(1)])
    write(tmp_path / "b" / "x.jsonl", [call(2)])
    assert secret_for([str(tmp_path / "a")]) == secret_for([str(tmp_path / "b")])
    assert secret_for([str(tmp_path / "a")]) != secret_for([str(first)])
    assert len(secret_for([str(first)])) == 32


def test_what_comes_through_a_pipe_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert secret_for([str(tmp_path / "pipe")]) == secret_for(["-"])


def test_the_store_of_small_logs_is_in_memory_and_has_that_key(tmp_path: Path) -> None:
    log = str(write(tmp_path / "a.jsonl", [call(1), call(2)]))
    with passing([log], Reading(), None) as store:
        assert (store.count(), store.secret) == (2, secret_for([log]))
        assert store.path == MEMORY


def test_that_of_large_ones_is_a_file_that_is_gone_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("costscope.ingest.amount.INLINE_BYTES", 10)
    log = str(write(tmp_path / "a.jsonl", [call(1), call(2)]))
    with passing([log], Reading(), None) as store:
        assert (store.count(), store.secret) == (2, secret_for([log]))
        path = store.path
        assert path.is_file()
    assert not path.parent.exists()


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError), passing([str(tmp_path / "gone.jsonl")], Reading(), None):
        pass
