"""The texts of many blocks again, from logs of several formats, as far as they are still there."""

from pathlib import Path

import pytest

from costscope import pipeline
from costscope.explain import log_texts
from costscope.explain.log_texts import LogTexts
from costscope.filters import Filters, Reading
from costscope.ingest import passing
from costscope.ingest.load import ingest
from costscope.store import Store
from tests.explain.logs import log

SAMPLES = Path(__file__).parent.parent / "readers" / "samples"
KINDS = (
    "openai_chat.jsonl",
    "anthropic_messages.jsonl",
    "claude_code.jsonl",
    "langfuse.trace.json",
)


def contents(store: Store) -> set[int]:
    """Every hash of a text that some part has."""
    return set(pipeline.workload(store, Filters()).parts["content"]) - {0}


@pytest.fixture(params=["kept", "read each time"], autouse=True)
def few(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways: all texts read once and kept, and each when it is asked for."""
    monkeypatch.setattr(log_texts, "FEW", 10**9 if request.param == "kept" else -1)


@pytest.mark.parametrize("name", KINDS)
def test_every_text_is_read_once(name: str, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.duckdb", create=True) as store:
        ingest(store, [str(SAMPLES / name)])
        wanted = contents(store)
        found = list(LogTexts(store, Reading()).read(wanted))
    assert wanted
    assert sorted(content for content, _ in found) == sorted(wanted)
    assert all(isinstance(text, str) for _, text in found)


def test_many_places_say_what_few_say(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.duckdb", create=True) as store:
        ingest(store, [str(log(tmp_path / "chat.jsonl", sessions=12))])
        texts, wanted = LogTexts(store, Reading()), contents(store)
        all_at_once = dict(texts.read(wanted))
        assert all_at_once == {c: text for one in wanted for c, text in texts.read([one])}
    assert "Question 3.0: how large is it?" in all_at_once.values()


def test_of_nothing_nothing_is_read(tmp_path: Path) -> None:
    with Store.open(tmp_path / "store.duckdb", create=True) as store:
        ingest(store, [str(log(tmp_path / "chat.jsonl"))])
        assert list(LogTexts(store, Reading()).read([0])) == []
        assert list(LogTexts(store, Reading()).read([12345])) == []


def test_a_log_that_is_gone_says_nothing(tmp_path: Path) -> None:
    first, second = log(tmp_path / "a.jsonl"), log(tmp_path / "b.jsonl", sessions=9)
    with Store.open(tmp_path / "store.duckdb", create=True) as store:
        ingest(store, [str(first), str(second)])
        wanted = contents(store)
        second.unlink()
        found = dict(LogTexts(store, Reading()).read(wanted))
    assert found.keys() < wanted
    assert found


@pytest.mark.parametrize("name", KINDS)
def test_what_this_run_has_read_is_handed_on_as_reading_it_again_finds_it(name: str) -> None:
    with passing.passing([str(SAMPLES / name)], Reading(), None) as store:
        wanted = contents(store)
        handed_on = list(LogTexts(store, Reading()).read(wanted))
        some = list(LogTexts(store, Reading()).read(sorted(wanted)[:2]))
        store.texts = {}
        again = list(LogTexts(store, Reading()).read(wanted))
    assert handed_on == again
    assert {content for content, _ in handed_on} == wanted
    assert {content for content, _ in some} == set(sorted(wanted)[:2])


def test_what_is_handed_on_needs_no_log_any_more(tmp_path: Path) -> None:
    path = log(tmp_path / "chat.jsonl", sessions=12)
    with passing.passing([str(path)], Reading(), None) as store:
        path.unlink()
        assert len(list(LogTexts(store, Reading()).read(contents(store)))) == len(contents(store))


def test_too_much_text_is_not_handed_on_but_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = log(tmp_path / "chat.jsonl", sessions=12)
    monkeypatch.setattr(passing, "MOST_TEXT", 500)
    with passing.passing([str(path)], Reading(), None) as store:
        assert store.texts == {}
        assert len(list(LogTexts(store, Reading()).read(contents(store)))) == len(contents(store))
