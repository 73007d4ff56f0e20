"""A user's own SQL: one statement that reads the store and can reach nothing else."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa

from costscope.errors import StoreError
from costscope.store import files

FENCES = (
    "set temp_directory = ''",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


def query(path: Path, sql: str) -> pa.Table:
    """One read-only statement on a store, without any access to files or network from within it.

    Raises StoreError with DuckDB's message where it is refused or wrong.
    """
    if not path.exists():
        raise StoreError(f"{path}: no store here; run `costscope ingest LOGS` first")
    db = files.connect(path, read_only=True)
    try:
        files.check_version(db, path)
        for fence in FENCES:
            db.execute(fence)
        statements = db.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise StoreError("sql takes one SELECT statement; the store is read-only")
        return db.sql(statements[0].query).to_arrow_table()
    except duckdb.Error as error:
        raise StoreError(f"the query failed: {files.first_line(error)}") from error
    finally:
        db.close()
