"""DuckDB, and nothing else of it: what was ingested, and the tables that everybody thinks on."""

from costscope.store.query import query
from costscope.store.store import Added, Skip, SourceState, Store

__all__ = ["Added", "Skip", "SourceState", "Store", "query"]
