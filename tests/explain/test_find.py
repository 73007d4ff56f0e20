"""Which call a word means: an id, its beginning, or a place; never a guess."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from costscope.errors import InputError
from costscope.explain.find import find
from costscope.store import Store
from tests.ingest.logs import call, read, row, write


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve calls of one log, line by line, one of them again in the last line, and two rows without ids."""
    found = tmp_path_factory.mktemp("found")
    calls = [call(n) for n in range(12)]
    write(found / "in" / "a.jsonl", [*calls, calls[3]])
    write(found / "in" / "b.jsonl", [row(1), row(2)])
    read(found / "s.duckdb", found / "in")
    return found


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    """The store of these, opened for each test: what one asks for is no other one's scope."""
    with Store.open(folder / "s.duckdb", create=False) as opened:
        opened.scope("true", [], {})
        yield opened


def line(store: Store, number: int) -> tuple[str, int]:
    store.scope(f"call_no = {number}", [], {})
    (facts,) = store.table("explain_call").to_pylist()
    store.scope("true", [], {})
    return Path(facts["path"]).name, facts["line"]


def test_a_whole_id_and_a_beginning_that_one_call_has(store: Store) -> None:
    assert line(store, find(store, "chatcmpl-Abcdef00000004")) == ("a.jsonl", 5)
    assert line(store, find(store, "chatcmpl-Abcdef00000011")) == ("a.jsonl", 12)
    store.scope("call_id <> 'chatcmpl-Abcdef00000010'", [], {})
    assert line(store, find(store, "chatcmpl-Abcdef0000001")) == ("a.jsonl", 12)


def test_a_whole_id_is_meant_before_ids_that_begin_with_it(store: Store, tmp_path: Path) -> None:
    longer = call(4)
    longer["response"]["id"] = "chatcmpl-Abcdef00000004-b"
    read(tmp_path / "t.duckdb", write(tmp_path / "t.jsonl", [call(4), longer]))
    with Store.open(tmp_path / "t.duckdb", create=False) as opened:
        opened.scope("true", [], {})
        assert line(opened, find(opened, "chatcmpl-Abcdef00000004")) == ("t.jsonl", 1)
        assert line(opened, find(opened, "chatcmpl-Abcdef00000004-")) == ("t.jsonl", 2)


@pytest.mark.parametrize(
    "place", ["b.jsonl:2", "in/b.jsonl:2", "./in/b.jsonl:2", "{}/in/b.jsonl:2"]
)
def test_a_place_by_the_end_of_its_path(store: Store, folder: Path, place: str) -> None:
    assert line(store, find(store, place.format(folder))) == ("b.jsonl", 2)


def test_several_are_listed_and_the_rest_counted(store: Store) -> None:
    with pytest.raises(InputError) as told:
        find(store, "chatcmpl-A")
    assert "means 12 calls: chatcmpl-Abcdef00000000, chatcmpl-Abcdef00000001" in str(told.value)
    assert str(told.value).endswith("and 7 more")


@pytest.mark.parametrize(
    "word", ["", "nobody", "a.jsonl:99", "jsonl:2", "b.jsonl:", "%", "a.jsonl:99999999999999999999"]
)
def test_what_is_no_call_is_an_error(store: Store, word: str) -> None:
    with pytest.raises(InputError, match="no call has this id"):
        find(store, word)


def test_a_record_that_told_of_a_call_again_says_so(store: Store) -> None:
    with pytest.raises(InputError, match="tells of a call again"):
        find(store, "a.jsonl:13")


def test_only_calls_of_the_scope_are_meant(store: Store) -> None:
    store.scope("call_id <> 'chatcmpl-Abcdef00000004'", [], {})
    with pytest.raises(InputError):
        find(store, "chatcmpl-Abcdef00000004")


def test_calls_of_one_id_are_told_apart_by_their_places(tmp_path: Path) -> None:
    rows = [row(n, id="r", timestamp=f"2026-11-0{n}T00:00:00Z") for n in (1, 2)]
    read(tmp_path / "s.duckdb", write(tmp_path / "c.jsonl", rows))
    with Store.open(tmp_path / "s.duckdb", create=False) as opened:
        opened.scope("true", [], {})
        with pytest.raises(InputError, match=r"c\.jsonl:1, .*c\.jsonl:2$"):
            find(opened, "r")
        assert line(opened, find(opened, "c.jsonl:2")) == ("c.jsonl", 2)
