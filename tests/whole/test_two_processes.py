"""Sample logs read and tried out in one process and in two, one of which may die: the same bytes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from costscope import pipeline, plugins, second, tokens
from costscope.filters import Filters, Reading
from costscope.ingest import passing, plan, pool
from costscope.renderers.json import Json
from costscope.second import Second

from .conftest import SAMPLES, settings

LOGS = [str(SAMPLES / "claude_code")]


def recommended() -> str | bytes:
    """What is recommended for the logs, from reading them on."""
    found = settings(SAMPLES)
    with pipeline.opened(found.db, LOGS) as store:
        return Json().render(pipeline.recommend(store, found, Filters()))


def simulated() -> str | bytes:
    """What some levers would save, as they are set."""
    found = settings(SAMPLES)
    with pipeline.opened(found.db, LOGS) as store:
        levers = pipeline.levers(found, ["cache", "batch", "truncate", "cache-tuning"])
        return Json().render(pipeline.simulate(store, found, Filters(), levers))


@pytest.fixture(scope="module")
def alone() -> str | bytes:
    return recommended()


@pytest.fixture
def helper(monkeypatch: pytest.MonkeyPatch) -> Iterator[Second]:
    """The second process, with its imports done."""
    monkeypatch.setattr(plan, "FEW_BYTES", 200_000)
    made = Second()
    monkeypatch.setattr(second, "_begun", made)
    tokens.count_elsewhere(lambda *given: made.now(partial(tokens.count, *given), 60))
    made.prepare(None, partial(plugins.all_of, "levers"))
    assert made._noted(60)
    yield made
    made.end()


def test_two_recommend_and_simulate_what_one_does(alone: str | bytes, helper: Second) -> None:
    assert recommended() == alone
    both = simulated()
    assert not helper._gone
    second._begun = None
    assert simulated() == both


def test_one_that_dies_changes_nothing(
    alone: str | bytes, helper: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ask = list[str](), Second._ask

    def dying(self: Second, kind: second.Kind, call: object) -> int:
        asked.append(kind)
        if asked.count("job") == 2:
            self._process.kill()  # the logs are read, and levers are tried
        return ask(self, kind, call)  # type: ignore[arg-type]

    monkeypatch.setattr(Second, "_ask", dying)
    assert recommended() == alone
    assert helper._gone


MAP = """name = "house"
[call]
model = "m"
[usage]
input = "in"
output = "out"
[text]
messages = "said"
"""
FILES = 4


def house_logs(folder: Path) -> Reading:
    """Logs of a house format, of which some calls are in two, and how they are to be read."""
    for number in range(FILES):
        rows = (
            {
                "m": "gpt-4o",
                "in": 10 + i,
                "out": 5,
                "said": [{"role": "user", "content": f"Word {i}"}],
            }
            for i in range(number * 10, number * 10 + 15)
        )
        (folder / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "house.toml").write_text(MAP)
    return Reading(map=str(folder / "house.toml"))


def read(folder: Path, reading: Reading) -> tuple[list[object], dict[int, str]]:
    """What is stored of the logs in a folder, and the texts that are kept."""
    with pipeline.opened(Path("none"), [str(folder)], reading) as store:
        work = pipeline.workload(store, Filters())
        return [work.calls.rows(), work.parts.rows()], dict(store.texts)


def test_a_house_format_is_read_in_two(
    helper: Second, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = house_logs(tmp_path)
    monkeypatch.setattr(plan, "FEW_BYTES", 1)
    both = read(tmp_path, reading)
    assert not helper._gone
    assert len(both[1]) == FILES * 10 + 5
    monkeypatch.setattr(second, "_begun", None)
    assert read(tmp_path, reading) == both


def test_of_too_much_text_little_is_handed_on_and_none_kept(
    helper: Second, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, heard = house_logs(tmp_path), list[str]()
    for module in (pool, passing):
        monkeypatch.setattr(module, "MOST_TEXT", 20)
    keep = passing._Texts.keep

    def hear(self: passing._Texts, content: int, text: str) -> None:
        heard.append(text)
        keep(self, content, text)

    monkeypatch.setattr(passing._Texts, "keep", hear)
    monkeypatch.setattr(plan, "FEW_BYTES", 1)
    assert read(tmp_path, reading)[1] == {}
    assert 20 < sum(map(len, heard)) < FILES * 40
