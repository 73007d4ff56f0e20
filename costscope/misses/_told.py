"""What providers say themselves of misses, as far as a log keeps it in its tags."""

from __future__ import annotations

import polars as pl

REASON = "cache_miss_reason"
"""The tag: Anthropic's `diagnostics.cache_miss_reason.type` or the `reason` of OpenAI's
`prompt_cache_diagnostics`."""
COMPACTED = "context_compacted"
"""OpenAI's other verdict on the prompt. Reasons that do not say what changed (not found, unavailable) are
verdicts on the comparison; Anthropic's `unavailable` can also mean that tool_choice or thinking
changed, which nobody can tell from it."""


def reasons(calls: pl.DataFrame) -> pl.DataFrame:
    """call_no and REASON of the calls whose provider says what had changed."""
    tags = calls.select("call_no", "tags").filter(
        pl.col("tags").str.contains(f'"{REASON}"', literal=True)
    )
    told = tags.select("call_no", pl.col("tags").str.json_path_match(f"$.{REASON}").alias(REASON))
    return told.filter(pl.col(REASON).str.ends_with("_changed") | (pl.col(REASON) == COMPACTED))
