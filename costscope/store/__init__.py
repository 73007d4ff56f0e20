"""DuckDB, and nothing else of it: what was ingested, and the tables that everybody thinks on."""

from costscope.store.query import query
from costscope.store.store import Added, SourceState, Store

__all__ = ["Added", "SourceState", "Store", "query"]
