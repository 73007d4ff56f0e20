"""A store's files: the folder with its .gitignore, the secret of the hashes, and the database file."""

from __future__ import annotations

import os
import re
import secrets
from functools import cache
from importlib import resources
from pathlib import Path

import duckdb

from costscope.errors import StoreError

VERSION = "3"
SECRET_BYTES = 32
OFFLINE: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
}
"""Whatever a query names, DuckDB fetches no extension for it."""
_LOCKED = re.compile(r"lock.*?\(PID (\d+)\)|lock", re.DOTALL)


def prepare(path: Path) -> None:
    """A store's folder, with a .gitignore of its own: what is in it is nobody's to commit. A file of
    no bytes gives way. Raises StoreError where the folder cannot be made."""
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if folder.name == ".costscope" and not (folder / ".gitignore").exists():
            (folder / ".gitignore").write_text("*\n!.gitignore\n!baseline.json\n")
        if path.is_file() and path.stat().st_size == 0:
            path.unlink()
    except OSError as error:
        raise StoreError(f"{folder}: cannot be made ({error.strerror})") from error


def connect(path: Path, *, read_only: bool) -> duckdb.DuckDBPyConnection:
    """A connection to a store's file. Raises StoreError where it is no database, or in use."""
    try:
        return duckdb.connect(str(path), read_only=read_only, config=OFFLINE)
    except duckdb.Error as error:
        if locked := _LOCKED.search(str(error)):
            who = f" by process {locked[1]}" if locked[1] else ""
            raise StoreError(f"{path}: in use{who}; try again when that is done") from error
        raise StoreError(f"{path}: not a store that can be opened ({first_line(error)})") from error


def in_memory() -> duckdb.DuckDBPyConnection:
    """A new database that writes nothing anywhere, with the schema. It is small: other threads would only
    take memory of their own, and its spilled pages would lie where the user is."""
    db = duckdb.connect(":memory:", config={**OFFLINE, "threads": 1, "temp_directory": ""})
    db.execute(sql("schema"))
    return db


def make_tables(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """The schema in a database that holds nothing yet; one that does is left alone.

    Raises StoreError where it cannot be written.
    """
    try:
        if db.execute("select count(*) from duckdb_tables()").fetchone() != (0,):
            return
        db.execute("begin")
        db.execute(sql("schema"))
        db.execute("commit")
    except duckdb.Error as error:
        raise StoreError(f"{path}: cannot be written ({first_line(error)})") from error


def check_version(db: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Raises StoreError where a database is no store, or a store of another version."""
    try:
        row = db.execute("select value from meta where key = 'schema_version'").fetchone()
    except duckdb.Error as error:
        raise StoreError(f"{path}: a DuckDB file, but no costscope store") from error
    if row is None or row[0] != VERSION:
        found = row[0] if row else "none"
        raise StoreError(
            f"{path}: store version {found}, this program reads {VERSION}; ingest into a new store"
        )


def secret_of(path: Path, *, make: bool) -> bytes:
    """The key of a store's hashes, from the file beside it, made if `make`; only its owner may read it.

    Raises StoreError where it is missing or damaged: with another key nothing would be recognised.
    """
    file = path.with_name(path.name + ".secret")
    try:
        if make and not file.exists():
            _write_secret(file, secrets.token_bytes(SECRET_BYTES))
        found = file.read_bytes()
    except OSError as error:
        raise StoreError(
            f"{file}: the store's secret cannot be read ({error.strerror}); "
            "put it back or ingest into a new store"
        ) from error
    if len(found) != SECRET_BYTES:
        raise StoreError(f"{file}: not a store's secret; put it back or ingest into a new store")
    return found


def give_secret(path: Path, secret: bytes) -> None:
    """Set the key of a store that is yet to be made."""
    _write_secret(path.with_name(path.name + ".secret"), secret)


def _write_secret(file: Path, secret: bytes) -> None:
    """Whole or not at all. The caller holds the store open, so nobody else writes."""
    new = file.with_name(file.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(secret)
    new.replace(file)


def first_line(error: Exception) -> str:
    """What DuckDB says, without the lines that show where."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


@cache
def sql(name: str) -> str:
    """The text of `schema` or of a named query."""
    folder = resources.files("costscope.store")
    file = folder / "schema.sql" if name == "schema" else folder / "queries" / f"{name}.sql"
    return file.read_text(encoding="utf-8")
