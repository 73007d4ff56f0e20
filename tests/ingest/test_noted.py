"""What the store notes beside calls: units, doubts and retries; skips and duplicates, once each."""

from pathlib import Path
from typing import Any

import pytest

from costscope.ingest import load, rows, worker
from costscope.model import Call, Skipped, Usage
from costscope.readers._house import parsed
from costscope.readers.interface import Reader
from costscope.store import Store

from .logs import call, read, row, write


def noted(store: Path, table: str) -> list[tuple[Any, ...]]:
    with Store.open(store, create=False) as opened:
        return opened._db.execute(f"select * from {table} order by all").fetchall()


def test_units_doubts_and_retries_are_stored(
    store: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = worker.find_reader

    def found(*given: Any) -> Reader:
        reader = real(*given)

        def one(*_: Any) -> Call:
            return Call(
                call_id="b", model="m", usage=Usage(fresh=9), retry_of="a", ambiguous=True,
                units={"web_search": 2, "input_audio": 0},
            )  # fmt: skip

        monkeypatch.setattr(reader, "one", one)
        return reader

    monkeypatch.setattr(worker, "find_reader", found)
    read(store, write(log, [row(1)]))
    with Store.open(store, create=False) as opened:
        said = opened._db.execute("select units, ambiguous, retry_of from calls").fetchall()
    assert said == [('{"web_search": 2}', True, "a")]


def test_a_count_of_units_that_cannot_be_is_a_skip() -> None:
    found = rows.checked(Call(units={"web_search": -1}), "log")
    assert found == Skipped("log", 0, "the count of units is out of range")


def test_skips_are_noted_with_line_and_reason(store: Path, log: Path) -> None:
    read(store, write(log, [row(1), "{broken", row(2), {"model": "m"}]))
    lines = [(line, records) for _, line, _, records in noted(store, "skips")]
    assert lines == [(2, 1), (4, 1)]
    assert noted(store, "skips")[0][2].startswith("not valid JSON")


def test_more_skips_than_are_kept_are_still_counted(
    store: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "MAX_EXAMPLES", 3)
    read(store, write(log, [row(1), *["{broken"] * 8]))
    kept = {(line, records): reason for _, line, reason, records in noted(store, "skips")}
    assert set(kept) == {(2, 1), (3, 1), (4, 1), (4, 5)}
    assert kept[4, 5] == "not kept one by one"


def test_duplicates_are_noted_once_and_never_for_reading_a_file_again(
    store: Path, log: Path
) -> None:
    copy = log.with_name("copy.jsonl")
    read(store, write(log, [call(1), call(2), call(1)]), write(copy, [call(2), call(3)]))
    assert noted(store, "duplicates") == [(0, 3), (1, 1)]
    before = noted(store, "duplicates")
    # Mended in place: read anew from its start.
    write(log, [call(1), call(2), call(1), call(4)])
    log.touch()
    read(store, log)
    assert len(noted(store, "duplicates")) == len(before)


def test_notes_of_a_large_log_are_stored_whatever_its_pieces(
    store: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "ROWS", 100)
    records: list[Any] = [row(n) if n % 10 else "{broken" for n in range(500)]
    read(store, write(log, records))
    assert [line for _, line, _, _ in noted(store, "skips")] == list(range(1, 501, 10))


def test_another_reader_takes_a_file_over_where_it_finds_calls(store: Path, log: Path) -> None:
    read(store, write(log, [call(1), call(2)]))
    wrong = read(store, log, reader="hash_trace")
    assert (wrong.added.new, wrong.skipped) == (0, 2)
    with Store.open(store, create=False) as opened:
        assert opened.count() == 2
    again = read(store, log, reader="openai_chat")
    assert again.added.new == 2
    with Store.open(store, create=False) as opened:
        assert opened.count() == 2
    assert noted(store, "duplicates") == []
    assert noted(store, "skips") == []


def test_a_map_takes_a_file_over_from_a_reader(store: Path, log: Path) -> None:
    text = (
        '[call]\nmodel = "model"\nfeature = { value = "jobs" }\n[usage]\ninput = "input_tokens"\n'
    )
    found = read(store, write(log, [row(1), row(2), row(3)]))
    assert found.added.new == 3
    house = parsed(text)
    mapped = read(store, log, house=house)
    assert (mapped.added.new, mapped.readers) == (3, {house.id: 1})
    with Store.open(store, create=False) as opened:
        rows = opened._db.execute("select feature, count(*), sum(output) from calls group by 1")
        assert rows.fetchall() == [("jobs", 3, 0)]
        (parts,) = opened._db.execute("select count(distinct call_no) from parts").fetchone() or ()
    assert parts == 3
