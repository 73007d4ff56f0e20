"""What happens to a call that the store has already, and to a batch that cannot be finished."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from costscope.errors import StoreError
from costscope.store import Added, Store
from tests.store.tables import SOURCE, add, calls, parts, stored


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "store.duckdb", create=True) as opened:
        yield opened


def test_the_same_batch_twice_changes_nothing(store: Store) -> None:
    rows = [{"identity": "a"}, {"identity": "b", "output": 7}]
    assert add(store, *rows) == Added(2, 0, 0)
    before = stored(store)
    assert add(store, *rows) == Added(0, 0, 2)
    assert stored(store) == before == {"a": (0, 5, 2), "b": (0, 5, 7)}


def test_duplicates_within_a_batch(store: Store) -> None:
    found = add(store, {"identity": "a"}, {"identity": "a"}, {"identity": "b"})
    assert found == Added(2, 0, 1)
    store.scope("true", [], {})
    assert store.table("scope_parts").num_rows == 4


def test_a_later_snapshot_replaces_an_earlier_one_in_the_same_batch(store: Store) -> None:
    rows = [{"identity": "a", "revision": n, "output": n} for n in (1, 3, 2)]
    assert add(store, *rows) == Added(1, 0, 2)
    assert stored(store) == {"a": (3, 5, 3)}


def test_a_later_snapshot_replaces_an_earlier_one_of_an_earlier_batch(store: Store) -> None:
    add(store, {"identity": "a", "revision": 1, "output": 1}, {"identity": "b"})
    assert add(store, {"identity": "a", "revision": 2, "output": 9}) == Added(0, 1, 0)
    assert add(store, {"identity": "a", "revision": 1, "output": 99}) == Added(0, 0, 1)
    assert stored(store) == {"a": (2, 5, 9), "b": (0, 5, 2)}
    assert store.count() == 2


def test_of_equal_revisions_the_fuller_record_stays_whatever_comes_first(tmp_path: Path) -> None:
    poor = {"identity": "a", "estimated": True, "output": 50}
    usage = {"identity": "a", "request_hash": 0, "output": 3}
    short = {"identity": "a", "output": 3}
    full = {"identity": "a", "output": 4}
    for n, order in enumerate([(poor, usage, short, full), (full, short, usage, poor)]):
        with Store.open(tmp_path / f"{n}.duckdb", create=True) as store:
            for row in order:
                add(store, row)
            assert stored(store) == {"a": (0, 5, 4)}
            assert store.count() == 1


def broken_off(store: Store, rows: list[dict[str, object]]) -> None:
    with store.transaction():
        store.add(calls(*rows), parts(*rows))
        store.save_sources([SOURCE._replace(consumed=99)])
        raise KeyboardInterrupt


def test_a_failing_transaction_leaves_the_store_as_it_was(store: Store) -> None:
    add(store, {"identity": "a", "revision": 1})
    before = stored(store), store.sources()
    rows = [{"identity": "a", "revision": 2, "output": 9}, {"identity": "c"}]
    with pytest.raises(KeyboardInterrupt):
        broken_off(store, rows)
    assert (stored(store), store.sources()) == before
    assert add(store, *rows) == Added(1, 1, 0)
    assert stored(store) == {"a": (2, 5, 9), "c": (0, 5, 2)}


def test_what_the_database_refuses_is_one_line(store: Store) -> None:
    row = {"identity": "a"}
    wrong = parts(row).set_column(2, "segment", pa.array(["nonsense"] * 2))
    with pytest.raises(StoreError) as caught, store.transaction():
        store.add(calls(row), wrong)
    assert "\n" not in str(caught.value)
    assert str(store.path) in str(caught.value)
    assert store.count() == 0
    assert add(store, row) == Added(1, 0, 0)


def test_sources_are_replaced_by_number(store: Store) -> None:
    other = SOURCE._replace(source_no=1, path="b.jsonl")
    with store.transaction():
        store.save_sources([SOURCE, other])
    moved = SOURCE._replace(path="c.jsonl", consumed=20, lines=4)
    with store.transaction():
        store.save_sources([moved])
    assert store.sources() == [moved, other]


def test_large_and_odd_values_survive(store: Store) -> None:
    add(store, {
        "identity": "a", "request_hash": 2**64 - 1, "reported_pd": 10**37, "tags": '{"k": "v"}',
        "sent_at": 253_402_300_799_999_999, "feature": "naïve \U0001f600\0x", "temperature": 0.5,
    })  # fmt: skip
    store.scope("true", [], {})
    (row,) = store.table("scope_calls").to_pylist()
    assert (row["request_hash"], int(row["reported_pd"])) == (2**64 - 1, 10**37)
    assert (row["sent_at"].year, row["feature"]) == (9999, "naïve \U0001f600\0x")
    assert {r["prefix"] for r in store.table("scope_parts").to_pylist()} == {2**64 - 1}


def test_lines_are_counted_from_the_pieces_first_line(store: Store) -> None:
    add(store, {"identity": "a", "line": 3, "first_line": 40})
    store.scope("true", [], {})
    assert store.table("scope_calls").to_pylist()[0]["call_id"] == "a.jsonl:43"


def test_a_killed_process_leaves_a_store_that_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store.open(path, create=True) as store:
        add(store, {"identity": "a"})
        copy = tmp_path / "copy.duckdb"
        # What a killed process leaves: the file, and a log that was not yet worked in.
        copy.write_bytes(path.read_bytes())
        log = path.with_name(path.name + ".wal")
        if log.exists():
            copy.with_name(copy.name + ".wal").write_bytes(log.read_bytes())
    for create in (False, True):
        with Store.open(copy, create=create) as again:
            assert again.count() == 1


def test_it_holds_no_text_columns_beyond_names() -> None:
    with duckdb.connect() as db:
        from costscope.store.files import sql

        db.execute(sql("schema"))
        names = {n for (n,) in db.execute("select column_name from duckdb_columns()").fetchall()}
    assert not {"text", "prompt", "messages", "reply"} & names
