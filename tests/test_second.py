"""The second process: jobs come out the same whoever does them, and whatever becomes of it."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from operator import add
from pickle import loads
from threading import Lock
from types import SimpleNamespace

import pytest

from costscope import second, tokens
from costscope.second import Second
from tests.jobs import HERE, THERE, inverse, odd, slow


@pytest.fixture
def helper() -> Iterator[Second]:
    made = Second()
    yield made
    made.end()
    assert made._process.returncode is not None


def ready(made: Second) -> Second:
    """The process when it has started, and made what its jobs are given."""
    made.prepare(HERE, partial(str, THERE))
    assert made.now(partial(add, 1, 2), 60) == 3
    assert made._noted(60)
    return made


def test_both_do_some_and_the_answers_are_in_order(helper: Second) -> None:
    done = ready(helper).share(HERE, [partial(slow, number) for number in range(20)])
    assert [number for _, number in done] == [*range(20)]
    assert done[0][0] == THERE
    assert done[-1][0] == HERE
    assert helper.share(HERE, []) == []


def test_without_anything_prepared_all_is_done_here(helper: Second) -> None:
    jobs = [partial(slow, number) for number in range(3)]
    assert helper.share(HERE, jobs) == [(HERE, 0), (HERE, 1), (HERE, 2)]
    assert ready(helper).share("other", jobs) == [("other", 0), ("other", 1), ("other", 2)]


def test_one_job_is_not_waited_for(helper: Second) -> None:
    assert ready(helper).share(HERE, [partial(slow, 7)]) == [(HERE, 7)]


def test_what_cannot_be_sent_stays_here(helper: Second) -> None:
    ready(helper)
    kept = Lock()
    jobs: list[Callable[[str], object]] = [lambda state: (state, kept), partial(slow, 1)]
    assert helper.share(HERE, [*jobs, partial(slow, 2)]) == [(HERE, kept), (HERE, 1), (HERE, 2)]
    helper.prepare(HERE, lambda: kept)
    assert helper.share(HERE, jobs[1:]) == [(HERE, 1)]
    assert helper.now(partial(add, 1, 2)) is None


@pytest.mark.parametrize("action", ["die", "hang", "raise"])
def test_whatever_becomes_of_it_all_is_done(
    helper: Second, action: str, capfd: pytest.CaptureFixture[str]
) -> None:
    jobs = [partial(odd, action, number) for number in range(4)]
    ready(helper)
    began = time.monotonic()
    for _ in range(2):
        assert helper.share(HERE, jobs, 0.1) == [*range(4)]
    assert time.monotonic() - began < 20
    if action != "hang":
        assert helper.now(partial(add, 1, 2)) is None
    assert capfd.readouterr() == ("", "")


def test_what_it_prints_is_not_seen(helper: Second, capfd: pytest.CaptureFixture[str]) -> None:
    jobs = [partial(odd, "print", number) for number in range(4)]
    assert ready(helper).share(HERE, jobs) == [*range(4)]
    assert capfd.readouterr() == ("", "")


def test_an_answer_that_does_not_come_is_not_waited_for(helper: Second) -> None:
    ready(helper)
    assert helper.now(partial(time.sleep, 30), 0.05) is None
    assert helper.now(partial(add, 1, 2), 0.05) is None


def test_it_answers_while_it_is_at_a_job(helper: Second) -> None:
    ready(helper).share(HERE, [partial(odd, "hang", number) for number in range(2)], 0)
    assert helper.now(partial(add, 1, 2), 60) == 3


def test_an_error_here_is_an_error(helper: Second) -> None:
    with pytest.raises(ZeroDivisionError):
        ready(helper).share(HERE, [partial(inverse, number) for number in (1, 0)])


def test_it_ends_with_the_pipe_also_when_it_is_at_a_job(helper: Second) -> None:
    ready(helper).share(HERE, [partial(odd, "hang", number) for number in range(2)], 0)
    helper._outbox.put(b"")  # as when this process is gone
    assert helper._process.wait(60) == 0


def test_an_answer_is_whole_also_where_it_is_written_in_parts() -> None:
    written = bytearray()

    def write(left: memoryview) -> int:
        written.extend(left[:5])
        return len(left[:5])

    second._answer(SimpleNamespace(write=write), Lock(), 7, "some words")  # type: ignore[arg-type]
    assert loads(written) == (7, "some words")


def test_it_looks_at_no_environment_where_this_process_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "flags", SimpleNamespace(ignore_environment=0))
    assert "-I" not in second._command()
    monkeypatch.setattr(sys, "flags", SimpleNamespace(ignore_environment=1))
    assert second._command()[1] == "-I"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
def test_ctrl_c_is_not_for_it(helper: Second) -> None:
    ready(helper)._process.send_signal(signal.SIGINT)
    assert helper.now(partial(add, 1, 2), 60) == 3


@pytest.mark.parametrize(
    "command", [["no-such-program"], [sys.executable, "-c", "print('hello')"]], ids=["none", "odd"]
)
def test_one_that_cannot_be_understood_is_none(
    command: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(second, "cores", lambda: 2)
    monkeypatch.setattr(second, "_begun", None)
    monkeypatch.setattr(second, "_command", lambda: command)
    made = second.begin()
    if made is not None:
        made.prepare(HERE, partial(str, THERE))
        assert made.share(HERE, [partial(slow, n) for n in range(2)]) == [(HERE, 0), (HERE, 1)]
        made.end()
    assert capfd.readouterr() == ("", "")


def test_it_is_begun_once_and_only_where_a_core_is_to_spare(
    helper: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []
    monkeypatch.setattr(second, "_begun", None)
    monkeypatch.setattr(second, "Second", lambda: (made.append(1), helper)[1])
    monkeypatch.setattr(second.atexit, "register", lambda call: None)
    assert second.begin() is None
    monkeypatch.setattr(second, "cores", lambda: 2)
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert second.begin() is None
    monkeypatch.delattr(sys, "frozen")
    assert second.begin() is second.begin() is second.begun() is helper
    assert made == [1]


TEXTS = [
    "",
    "two words",
    "two words",
    "a lone \ud83d surrogate",
    "a pair \ud83d\ude00",
    "<|endoftext|>",
]


def test_tokens_are_counted_elsewhere_and_the_same(helper: Second) -> None:
    here = tokens.count(TEXTS), tokens.count(TEXTS, "cl100k_base")
    asked: list[int] = []

    def counter(texts: list[str], encoding: str) -> list[int] | None:
        asked.append(len(texts))
        return helper.now(partial(tokens.count, texts, encoding), 60)

    tokens.count_elsewhere(counter)
    assert (tokens.count(TEXTS), tokens.count(TEXTS, "cl100k_base")) == here
    assert tokens.count([]) == []
    assert asked == [5, 5]


def test_who_cannot_count_is_not_asked_again() -> None:
    asked: list[int] = []
    tokens.count_elsewhere(lambda texts, encoding: asked.append(len(texts)))
    assert tokens.count(["one", "two words"]) == tokens.count(["one", "two words"]) == [1, 2]
    assert asked == [2]
    with pytest.raises(ValueError, match="no vocabulary"):
        tokens.count(["one"], "none")
