"""The user's own SQL reads the store, and nothing else in the world."""

import shutil
from pathlib import Path

import pyarrow as pa
import pytest

from costscope.errors import StoreError
from costscope.store import Store, query
from tests.store.tables import add


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("made") / "store.duckdb"
    with Store.open(found, create=True) as store:
        add(store, {"identity": "a"}, {"identity": "b", "output": 7})
    return found


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy for each test, so that none finds what another one did to it."""
    (tmp_path / "secret.csv").write_text("word\nplease\n")
    return Path(shutil.copy(made, tmp_path))


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("select count(*) as n from calls", [{"n": 2}]),
        ("select sum(tokens)::int as n from parts where segment = 'output';", [{"n": 9}]),
        ("with t as (select 1 as n) from t -- a remark; with a semicolon", [{"n": 1}]),
        ("values ('a;b')", [{"col0": "a;b"}]),
    ],
)
def test_reading(path: Path, sql: str, rows: list[dict[str, object]]) -> None:
    assert query(path, sql).to_pylist() == rows


@pytest.mark.parametrize("sql", ["show tables", "describe calls", "summarize parts"])
def test_looking_around(path: Path, sql: str) -> None:
    assert query(path, sql).num_rows > 0


NOT_ONE_SELECT = (
    "", "-- nothing", "select 1; select 2", "select 1; drop table calls", "drop table calls",
    "delete from calls", "update calls set model = 'x'", "insert into meta values ('a', 'b')",
    "create table t as select 1", "create temp view v as select 1", "begin", "checkpoint", "vacuum",
    "pragma database_list", "set threads = 1", "reset threads", "use memory", "install httpfs", "load httpfs",
    "attach '{folder}/other.duckdb'", "copy calls to '{folder}/out.csv'", "export database '{folder}/out'",
    "import database '{folder}/out'", "call duckdb_settings()", "explain analyze select 1",
    "copy (select 1) to '/dev/stdout'", "create secret (type s3)", "prepare p as select 1",
)  # fmt: skip


@pytest.mark.parametrize("sql", NOT_ONE_SELECT)
def test_anything_but_one_select_is_refused(path: Path, sql: str) -> None:
    with pytest.raises(StoreError, match="takes one SELECT") as caught:
        query(path, sql.format(folder=path.parent))
    assert "\n" not in str(caught.value)
    assert {p.name for p in path.parent.iterdir()} == {"store.duckdb", "secret.csv"}


REACHING_OUT = (
    "select * from read_csv('{folder}/secret.csv')", "select * from '{folder}/secret.csv'",
    "from read_text('{folder}/secret.csv')", "from read_blob('{folder}/secret.csv')",
    "from glob('{folder}/*')", "from sniff_csv('{folder}/secret.csv')",
    "from read_text('{db}.tmp/../secret.csv')", "from read_json('https://example.org/a.json')",
    "from read_parquet('s3://bucket/a.parquet')", "from query_table('{folder}/secret.csv')",
    "from query('copy calls to ''{folder}/out.csv''')", "from query('drop table calls')",
    "with t as (insert into meta values ('a', 'b') returning *) from t", "select getenv('HOME')",
    "from read_duckdb('{db}')", "from sqlite_scan('a', 'b')", "from duckdb_secrets()",
    "select * from enable_logging()", "from nowhere", "select nonsense",
)  # fmt: skip


@pytest.mark.parametrize("sql", REACHING_OUT)
def test_nothing_outside_can_be_reached(path: Path, sql: str) -> None:
    with pytest.raises(StoreError, match="the query failed: ") as caught:
        query(path, sql.format(folder=path.parent, db=path))
    assert "please" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert {p.name for p in path.parent.iterdir()} == {"store.duckdb", "secret.csv"}
    assert query(path, "select count(*) as n from calls").to_pylist() == [{"n": 2}]


@pytest.mark.parametrize("name", ["leak", "statements", "path", "db", "sql"])
def test_variables_of_the_program_are_no_tables(path: Path, name: str) -> None:
    leak = pa.table({"z": [1]})
    with pytest.raises(StoreError, match=f"Table with name {name} does not exist"):
        query(path, f"from {name}")
    assert leak.num_rows == 1


def test_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no store here"):
        query(tmp_path / "store.duckdb", "select 1")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_store(tmp_path: Path) -> None:
    (tmp_path / "store.duckdb").write_bytes(b"x" * 5000)
    with pytest.raises(StoreError, match="not a store"):
        query(tmp_path / "store.duckdb", "select 1")
