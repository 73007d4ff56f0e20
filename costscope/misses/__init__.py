"""Why prompt caches miss: each cause with its dollars, its calls and what to do, one file a cause."""

from costscope.misses._find import find
from costscope.misses._texts import told

__all__ = ["find", "told"]
