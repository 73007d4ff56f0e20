"""The guards against the network are themselves tested: without this they might guard nothing."""

import socket
import subprocess
import sys

import pytest

from tests.cli.conftest import environment

ADDRESS = ("192.0.2.1", 80)
"""Reserved for documentation: nobody answers there."""


def test_a_test_that_connects_fails() -> None:
    with pytest.raises(BaseException, match="the network was used"):
        socket.create_connection(ADDRESS)
    with socket.socket() as plain, pytest.raises(BaseException, match="the network was used"):
        plain.connect(ADDRESS)


def test_fetching_a_vocabulary_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    from tiktoken.load import read_file_cached

    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", "")
    with pytest.raises(BaseException, match="the network was used"):
        read_file_cached("https://example.org/o200k_base.tiktoken")


@pytest.mark.parametrize(
    "program",
    [
        f"import socket; socket.create_connection({ADDRESS})",
        f"import socket; socket.socket().connect({ADDRESS})",
        "import socket; socket.getaddrinfo('example.org', 80)",
    ],
)
def test_a_process_that_connects_ends_at_once(program: str) -> None:
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (99, "the network was used\n")
