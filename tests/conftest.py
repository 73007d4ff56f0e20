"""What holds in every test: no network, no settings of this machine, goldens written only when asked."""

import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings

from costscope import second, tokens

# A shared machine may pause any example; what is slow is measured by `make bench`.
settings.register_profile("costscope", deadline=None, max_examples=40)
settings.load_profile("costscope")

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden/")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whole logs come first: what takes longest, so that no process waits for another in the end."""
    items.sort(key=lambda item: "whole" not in item.path.parts)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """A file stays in one process, and so do all files of whole logs: what a module or session makes
    once is not made once more by the other process. Any `--dist` but the usual one is obeyed."""
    if config.getoption("dist") != "load":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            file = Path(nodeid.partition("::")[0])
            return file.parent.as_posix() if file.parent.name == "whole" else file.as_posix()

    config.option.loadscopereorder = False
    return ByFile(config, log)


class NetworkUsed(BaseException):
    """Not an Exception, so that no handler in the program can swallow it."""


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails a test that opens a connection or looks up a name; local sockets stay allowed."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def refused(*args: Any, **kwargs: Any) -> NoReturn:
        raise NetworkUsed(f"the network was used: {args}")

    def guarded(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(self: socket.socket, address: Any) -> Any:
            return real(self, address) if self.family == socket.AF_UNIX else refused(address)

        return call

    monkeypatch.setattr(socket.socket, "connect", guarded(connect))
    monkeypatch.setattr(socket.socket, "connect_ex", guarded(connect_ex))
    for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex", "create_connection"):
        monkeypatch.setattr(socket, name, refused)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No COSTSCOPE_* variable and no settings file of whoever runs the tests."""
    for name in [name for name in os.environ if name.startswith("COSTSCOPE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.getbasetemp() / "no-settings"))


@pytest.fixture(autouse=True)
def one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second process but where a test asks for one."""
    monkeypatch.setattr(second, "cores", lambda: 1)
    monkeypatch.setattr(tokens, "_elsewhere", None)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compares text with tests/golden/NAME; with --update-golden writes it instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        assert text == path.read_bytes().decode("utf-8")

    return compare
