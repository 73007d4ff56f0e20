"""One store file: opened, filled in transactions, and read back as Arrow tables."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import duckdb
import pyarrow as pa

from costscope.errors import StoreError
from costscope.store import files
from costscope.store.files import sql

MEMORY = Path(":memory:")


class SourceState(NamedTuple):
    """What is known of a file that was read before."""

    source_no: int
    path: str
    reader: str
    size: int
    modified: int
    """Nanoseconds, as the file system has it."""
    consumed: int
    """Bytes from its start that need not be read again."""
    fingerprint: str
    """Of these bytes: their beginning and their end."""
    beginning: str
    """Of its first line, which a file keeps while it grows."""
    origin: int
    """The first source that held these records: another one for a copy, else its own."""
    lines: int
    """Line breaks in the consumed bytes."""


class Skip(NamedTuple):
    """Records of a file that could not become calls: one at a line, or more than are kept one by one."""

    source_no: int
    line: int
    reason: str
    records: int = 1


@dataclass(frozen=True)
class Added:
    """What became of a batch's calls: each is one of the three."""

    new: int = 0
    updated: int = 0
    """Later snapshots, or fuller records, of calls that were stored before."""
    duplicates: int = 0

    def __add__(self, other: Added) -> Added:
        return Added(
            self.new + other.new, self.updated + other.updated, self.duplicates + other.duplicates
        )


class Store:
    """A DuckDB file and its secret. Use as a context manager."""

    def __init__(
        self, path: Path, connection: duckdb.DuckDBPyConnection, secret: bytes | None = None
    ) -> None:
        self.path = path
        self._secret = secret
        self.texts: Mapping[int, str] = {}
        """All texts by content hash, where this run has just read them, and they are few; never stored."""
        self._db = connection
        self._next = int(self._one("select coalesce(max(call_no) + 1, 0) from calls"))
        self._first_new = self._next

    @classmethod
    def open(cls, path: Path, *, create: bool) -> Self:
        """Open a store, making it and its folder if `create`; without it, it is only read, which
        several processes can do at once. Raises StoreError in one line."""
        if not create and not path.exists():
            raise StoreError(
                f"{path}: no store here; run `costscope ingest LOGS` first or name the logs"
            )
        if create:
            files.prepare(path)
        db = files.connect(path, read_only=not create)
        try:
            if create:
                files.make_tables(db, path)
            files.check_version(db, path)
            return cls(path, db)
        except (StoreError, duckdb.Error):
            db.close()
            raise

    @classmethod
    def in_memory(cls, secret: bytes) -> Self:
        """A new store that goes when it is closed, with hashes of this key."""
        return cls(MEMORY, files.in_memory(), secret)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    @property
    def secret(self) -> bytes:
        """The key of the stored hashes; made with the store. Raises StoreError where it is lost."""
        return self._secret or files.secret_of(self.path, make=self.count() == 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing: what is in here is one transaction. Raises StoreError where the file cannot
        take it."""
        with self._told():
            self._db.execute("begin")
            with ExitStack() as unless_committed:
                unless_committed.callback(self._roll_back)
                yield
                self._db.execute("commit")
                unless_committed.pop_all()

    def _roll_back(self) -> None:
        with suppress(duckdb.Error):  # a failed commit has been rolled back
            self._db.execute("rollback")

    def sources(self) -> list[SourceState]:
        """What is known of every file, in order of number."""
        names = ", ".join(SourceState._fields)
        with self._told():
            rows = self._db.execute(f"select {names} from sources order by source_no").fetchall()
        return [SourceState(*row) for row in rows]

    def save_sources(self, states: Sequence[SourceState]) -> None:
        """Note how far files have been read; a known number is replaced."""
        names = SourceState._fields
        rows = pa.table({name: [s[i] for s in states] for i, name in enumerate(names)})
        with self._given(batch_sources=rows):
            self._db.execute("insert or replace into sources by name select * from batch_sources")

    def held(self, source_nos: Collection[int]) -> int:
        """How many calls there are of these sources."""
        if not source_nos:
            return 0
        numbers = ", ".join(map(str, sorted(source_nos)))
        return int(self._one(f"select count(*) from calls where source_no in ({numbers})"))

    def forget(self, read_from: dict[int, int], anew: Collection[int]) -> None:
        """Inside the running transaction: drop what is noted of the lines after one of each source
        (number → line; 0 for all), which are read again; and the calls of the sources `anew`."""
        rows = pa.table({
            "source_no": pa.array(read_from.keys(), pa.int32()),
            "line": pa.array(read_from.values(), pa.int64()),
        })  # fmt: skip
        with self._given(batch_read=rows):
            for table in ("skips", "duplicates"):
                self._db.execute(sql("forget").replace("TABLE", table))
        gone = f"select call_no from calls where source_no in ({', '.join(map(str, sorted(anew)))})"
        for table in ("parts", "calls") if anew else ():
            self._run(f"delete from {table} where call_no in ({gone})")

    def save_skips(self, skips: Sequence[Skip]) -> None:
        """Note records that could not become calls."""
        if not skips:
            return
        names = Skip._fields
        rows = pa.table({name: [s[i] for s in skips] for i, name in enumerate(names)})
        with self._given(batch_skips=rows):
            self._db.execute("insert into skips by name select * from batch_skips")

    def note_rules(self, source_nos: Collection[int], digest: str) -> None:
        """Inside the running transaction: the user's rules by which the calls of these files were cut;
        "" for none."""
        keys = [f"rules.{number}" for number in source_nos]
        with self._told():
            # One statement for all: each takes about a millisecond.
            self._db.execute("delete from meta where key in (select unnest(?::varchar[]))", [keys])
            if digest and keys:
                self._db.executemany("insert into meta values (?, ?)", [(k, digest) for k in keys])

    def other_rules(self, digest: str) -> int:
        """How many files have calls that were cut by other rules of the user."""
        with self._told():
            found = self._db.execute(sql("other_rules"), {"digest": digest}).fetchall()
        return int(found[0][0])

    def add(self, calls: pa.Table, parts: pa.Table) -> Added:
        """Add a batch inside the running transaction.

        `calls.call` and `parts.call` number the calls of the batch from 0; `calls.line` is counted
        from `calls.first_line`. A call whose identity is known is a duplicate, unless its revision is
        higher or its record says more (see choose.sql): then it takes the other's place.
        """
        base, total = self._next, calls.num_rows
        self._next += total
        with self._given(batch_calls=calls, batch_parts=parts):
            self._db.execute(sql("choose"))
            kept, replaced = self._row("select count(*), count(replaces) from chosen")
            if kept < total:
                self._db.execute(sql("add_duplicates"), {"first_new": self._first_new})
            if replaced:
                for table in ("parts", "calls"):
                    self._db.execute(
                        f"delete from {table} where call_no in (select replaces from chosen)"
                    )
            self._db.execute(sql("add_calls"), {"base": base})
            self._db.execute(sql("add_parts" if kept < total else "add_all_parts"), {"base": base})
        return Added(kept - replaced, replaced, total - kept)

    def add_texts(self, texts: pa.Table, spans: pa.Table) -> None:
        """Inside the running transaction: note what is new of texts, see `attribute.interner.News`."""
        with self._given(batch_texts=texts, batch_spans=spans):
            self._db.execute(sql("add_texts"))

    def relabel(self, lessons: pa.Table) -> None:
        """Inside the running transaction: tell the parts of texts apart, as relabel.sql says."""
        with self._given(batch_lessons=lessons):
            self._db.execute(sql("relabel"))

    def plan_refining(self, groups: pa.Table, rows: int) -> None:
        """Inside the running transaction: choose the calls that refine_calls.sql and refine_rows.sql
        give, as refine_plan.sql says."""
        with self._given(batch_groups=groups):
            self._db.execute(sql("refine_plan"), {"first_new": self._first_new, "rows": rows})

    def replace_parts(self, parts: pa.Table) -> None:
        """Inside the running transaction: the parts of some calls (`call_no`) anew."""
        with self._given(batch_parts=parts):
            self._db.execute(sql("refine_replace"))

    def save_fits(self, fits: pa.Table) -> None:
        """Note what was fitted; a known provider and model is replaced."""
        with self._given(batch_fits=fits):
            self._db.execute("insert or replace into fits by name select * from batch_fits")

    @property
    def first_new(self) -> int:
        """The number of the first call that was added since the store was opened, or will be."""
        return self._first_new

    def table(
        self, name: str, values: dict[str, Any] | None = None, **arrows: pa.Table
    ) -> pa.Table:
        """The result of a named query, with Arrow tables registered under the names it uses."""
        with self._given(**arrows):
            return self._db.sql(sql(name), params=values or None).to_arrow_table()

    def count(self) -> int:
        """How many calls are stored."""
        return int(self._one("select count(*) from calls"))

    def scope(self, where: str, values: Sequence[Any], keys: dict[str, str]) -> int:
        """Choose the calls that the queries after this speak of, with the columns to group by; how
        many there are. `where` and `keys` are SQL made by `scope`, never by a user; the names of
        `keys` may be anything."""
        columns = "".join(f", {key} as {_identifier(name)}" for name, key in keys.items())
        with self._told():
            self._db.execute(
                f"create or replace temp table scope as select call_no{columns} from calls "
                f"where {where}",
                list(values),
            )
        return int(self._one("select count(*) from scope"))

    def _run(self, text: str) -> None:
        with self._told():
            self._db.execute(text)

    def _one(self, text: str) -> Any:
        return self._row(text)[0]

    def _row(self, text: str) -> tuple[Any, ...]:
        with self._told():
            # All rows, though there is one: a result that is not read to its end blocks the next.
            (row,) = self._db.execute(text).fetchall()
        return tuple(row)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """What DuckDB cannot do, as a StoreError in one line."""
        try:
            yield
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: {files.first_line(error)}") from error

    @contextmanager
    def _given(self, **arrows: pa.Table) -> Iterator[None]:
        """Arrow tables under names that the SQL in here may use."""
        with self._told():
            try:
                for name, arrow in arrows.items():
                    self._db.register(name, arrow)
                yield
            finally:
                for name in arrows:
                    with suppress(duckdb.Error):
                        self._db.unregister(name)


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
