"""Opening a store: what is made, what is refused, and that it is said in one line."""

import multiprocessing
import os
import stat
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from costscope.errors import ExitCode, StoreError
from costscope.store import Store, files
from tests.store.tables import add


def refused(path: Path, *, create: bool = False) -> str:
    with pytest.raises(StoreError) as caught:
        Store.open(path, create=create)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.UNABLE
    return str(caught.value)


def test_a_new_store_and_what_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / ".costscope" / "store.duckdb"
    with Store.open(path, create=True) as store:
        assert store.count() == 0
        secret = store.secret
    assert len(secret) == 32
    assert (path.parent / ".gitignore").read_text().splitlines()[0] == "*"
    file = path.with_name("store.duckdb.secret")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == secret
    with Store.open(path, create=True) as store:
        assert store.secret == secret


def test_a_store_in_memory_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.in_memory(b"k" * 32) as store:
        assert (add(store, {"identity": "a"}, {"identity": "b"}).new, store.count()) == (2, 2)
        assert store.secret == b"k" * 32
        assert store._one("select current_setting('threads')") == 1
    with Store.in_memory(b"k" * 32) as other:
        assert other.count() == 0
    assert list(tmp_path.iterdir()) == []


def test_git_ignores_all_but_the_baseline(tmp_path: Path) -> None:
    with Store.open(tmp_path / ".costscope" / "store.duckdb", create=True) as store:
        assert store.secret
    (tmp_path / ".costscope" / "baseline.json").write_text("{}")
    git = ["git", "-C", str(tmp_path)]
    subprocess.run([*git, "init", "-q"], check=True)
    shown = subprocess.run(
        [*git, "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True
    ).stdout.split()
    assert set(shown) - {"??"} == {".costscope/.gitignore", ".costscope/baseline.json"}


def test_another_folder_gets_no_gitignore(tmp_path: Path) -> None:
    with Store.open(tmp_path / "mine.duckdb", create=True):
        assert not (tmp_path / ".gitignore").exists()


def test_nothing_is_made_where_nothing_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "no" / "store.duckdb"
    assert refused(path).endswith("run `costscope ingest LOGS` first or name the logs")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "cannot be made" in refused(tmp_path / "file" / "store.duckdb", create=True)


@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_database(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "store.duckdb"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    before = path.read_bytes()
    assert "not a store that can be opened" in refused(path, create=create)
    assert path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    assert "not a store" in refused(tmp_path)


@pytest.mark.parametrize("create", [True, False])
def test_somebody_elses_database(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "store.duckdb"
    with duckdb.connect(str(path)) as db:
        db.execute("create table mine (a integer)")
    assert "no costscope store" in refused(path, create=create)


@pytest.mark.parametrize("create", [True, False])
def test_another_version(tmp_path: Path, create: bool) -> None:
    path = tmp_path / "store.duckdb"
    Store.open(path, create=True).__exit__(None, None, None)
    with duckdb.connect(str(path)) as db:
        db.execute("update meta set value = '999'")
    assert "store version 999, this program reads 3" in refused(path, create=create)


def test_a_truncated_store(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store.open(path, create=True) as store:
        add(store, {"identity": "a"})
    path.write_bytes(path.read_bytes()[:9000])
    refused(path)


@pytest.mark.parametrize("begun", ["nothing", "empty database"])
def test_a_store_that_was_never_finished_is_made_anew(tmp_path: Path, begun: str) -> None:
    path = tmp_path / "store.duckdb"
    if begun == "nothing":
        path.touch()
    else:
        duckdb.connect(str(path)).close()
    with Store.open(path, create=True) as store:
        assert store.count() == 0


def test_a_lost_secret_is_no_new_secret(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store.open(path, create=True) as store:
        assert store.secret
        add(store, {"identity": "a"})
    path.with_name("store.duckdb.secret").unlink()
    with Store.open(path, create=True) as store, pytest.raises(StoreError, match="put it back"):
        assert store.secret


def test_a_damaged_secret(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    path.with_name("store.duckdb.secret").write_bytes(b"short")
    with Store.open(path, create=True) as store, pytest.raises(StoreError, match="not a store's"):
        assert store.secret


def _hold(path: str, ready: "multiprocessing.Event", done: "multiprocessing.Event") -> None:  # type: ignore[valid-type]
    with duckdb.connect(path):
        ready.set()
        done.wait(30)


def test_a_store_in_use(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    Store.open(path, create=True).__exit__(None, None, None)
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    holder = context.Process(target=_hold, args=(str(path), ready, done))
    holder.start()
    try:
        assert ready.wait(30)
        for create in (True, False):
            message = refused(path, create=create)
            assert f"in use by process {holder.pid}" in message
    finally:
        done.set()
        holder.join()


def test_many_can_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    with Store.open(path, create=True) as store:
        add(store, {"identity": "a"})
    program = (
        "import sys; from pathlib import Path; from costscope.store import Store\n"
        "with Store.open(Path(sys.argv[1]), create=False) as s: print(s.scope('true', [], {}))"
    )
    with Store.open(path, create=False) as store:
        assert store.scope("true", [], {}) == 1
        done = subprocess.run(
            [sys.executable, "-c", program, str(path)],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True, text=True,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path: Path) -> None:
    path = tmp_path / "store.duckdb"
    Store.open(path, create=True).__exit__(None, None, None)
    path.chmod(0)
    refused(path)


def test_the_schema_names_what_the_model_names() -> None:
    from costscope import model

    text = files.sql("schema")
    for name, values in (
        ("segment", model.SEGMENTS), ("role", model.ROLES), ("kind", model.KINDS), ("rule", model.RULES),
        ("billing_class", model.CLASSES),
    ):  # fmt: skip
        start = text.index(f"create type {name} as enum")
        listed = text[text.index("(", start) + 1 : text.index(")", start)]
        assert tuple(v.strip().strip("'") for v in listed.split(",")) == values
