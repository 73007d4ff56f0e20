"""costscope: where LLM tokens go, what would have saved some, and whether it got worse. Offline."""

__version__ = "0.1.0"
