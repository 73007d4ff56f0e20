"""A store that is made of logs for one run: gone after it, and keyed by the logs themselves."""

import os
from pathlib import Path

import pytest

from costscope.errors import InputError
from costscope.filters import Reading
from costscope.ingest.passing import passing, secret_for
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


def test_the_store_has_that_key_and_is_gone_afterwards(tmp_path: Path) -> None:
    log = str(write(tmp_path / "a.jsonl", [call(1), call(2)]))
    with passing([log], Reading(), None) as store:
        assert (store.count(), store.secret) == (2, secret_for([log]))
        path = store.path
    assert not path.parent.exists()


def test_a_path_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError), passing([str(tmp_path / "gone.jsonl")], Reading(), None):
        pass
