"""Token counts in the columns of a table, under the names that people and tools give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from costscope.model import Usage
from costscope.readers import _usage

INPUT = (
    "input_tokens", "prompt_tokens", "tokens_in", "n_input_tokens", "request_tokens",
    "tokens_prompt", "tokens_input", "prompt_token_count", "input_token_count", "total_input_tokens",
    "num_input_tokens", "num_prompt_tokens", "native_tokens_prompt",
)  # fmt: skip
FRESH = (
    "uncached_input_tokens", "input_tokens_uncached", "fresh_tokens", "fresh_input_tokens",
    "input_uncached_tokens", "non_cached_input_tokens", "prompt_cache_miss_tokens",
)  # fmt: skip
READ = (
    "cache_read_tokens", "cache_read_input_tokens", "cached_tokens", "cached_input_tokens",
    "input_cached_tokens", "cache_read", "cached_prompt_tokens", "prompt_cache_hit_tokens",
    "prompt_tokens_details_cached_tokens", "input_tokens_details_cached_tokens", "tokens_cached",
    "cached_content_token_count", "native_tokens_cached", "cache_read_input_token_count",
    "total_cached_tokens",
)  # fmt: skip
WRITE = (
    "cache_write_tokens", "cache_creation_input_tokens", "cache_creation_tokens", "cache_write",
    "cache_write_input_tokens", "input_cache_write_tokens", "prompt_tokens_details_cache_write_tokens",
    "input_tokens_details_cache_write_tokens", "native_tokens_cache_creation",
    "cache_write_input_token_count",
)  # fmt: skip
"""All writes, whatever their lifetime, unless the row's own lifetimes exceed it."""
LIVES: Mapping[str, tuple[str, ...]] = {
    "cache_write_5m": (
        "cache_write_5m_tokens", "cache_write_5m", "ephemeral_5m_input_tokens",
        "cache_creation_ephemeral_5m_input_tokens",
    ),
    "cache_write_30m": ("cache_write_30m_tokens", "cache_write_30m", "ephemeral_30m_input_tokens"),
    "cache_write_1h": (
        "cache_write_1h_tokens", "cache_write_1h", "ephemeral_1h_input_tokens",
        "cache_creation_ephemeral_1h_input_tokens",
    ),
    "cache_write_12h": ("cache_write_12h_tokens", "cache_write_12h", "ephemeral_12h_input_tokens"),
}  # fmt: skip
OUTPUT = (
    "output_tokens", "completion_tokens", "tokens_out", "n_output_tokens", "response_tokens",
    "tokens_completion", "tokens_output", "output_token_count", "completion_token_count",
    "candidates_token_count", "total_output_tokens", "num_output_tokens", "num_completion_tokens",
    "native_tokens_completion",
)  # fmt: skip
REASONING = (
    "reasoning_tokens", "thinking_tokens", "output_reasoning_tokens", "thoughts_token_count",
    "reasoning_output_tokens", "completion_tokens_details_reasoning_tokens",
    "output_tokens_details_reasoning_tokens", "native_tokens_reasoning", "total_thought_tokens",
)  # fmt: skip
TOTAL = ("total_tokens", "tokens_total", "total_token_count", "tokens")
ALL = (
    *INPUT, *FRESH, *READ, *WRITE, *(n for names in LIVES.values() for n in names), *OUTPUT,
    *REASONING, *TOTAL,
)  # fmt: skip
_SKIPPED = re.compile(r"[_\-. ]")
_PREFIX = re.compile(r"^(.*[._])?(usage|usage_?metadata|token_?usage)[._](?=.)", re.IGNORECASE)


@lru_cache(8192)
def canonical(name: str) -> str:
    """A column's name without case, separators and the path of the usage object that it was flattened
    from: `usage.prompt_tokens`, `promptTokens` and `Prompt Tokens` are one."""
    return _SKIPPED.sub("", _PREFIX.sub("", name.lower()))


_NAMES = {
    column: tuple(canonical(n) for n in names)
    for column, names in (
        ("input", INPUT), ("fresh", FRESH), ("read", READ), ("write", WRITE), ("output", OUTPUT),
        ("reasoning", REASONING), ("total", TOTAL), *LIVES.items(),
    )
}  # fmt: skip
_KNOWN = frozenset(canonical(n) for n in ALL)


class Counts:
    """The token counts of one row."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self._columns = {
            c: (name, value) for name, value in row.items()
            if value is not None and (c := canonical(name)) in _KNOWN
        }  # fmt: skip

    def get(self, column: str) -> int | None:
        """A count; None where no column holds it. Raises ValueError where it is none."""
        for name in _NAMES[column]:
            if name in self._columns:
                shown, value = self._columns[name]
                return _usage.count(value, shown)
        return None

    @property
    def found(self) -> bool:
        """Whether the row counts what went in or came out."""
        names = (*_NAMES["input"], *_NAMES["fresh"], *_NAMES["output"])
        return any(name in self._columns for name in names)


def usage(row: Mapping[str, Any], maker: str) -> Usage | None:
    """Disjoint buckets from a row's columns; None where they do not say what was put in.

    Whether the input holds the cached tokens is decided by the row's own total, else by its
    arithmetic, else by the maker's habit (billing.md section 5, decision rule). Raises ValueError
    where a count is none, or the counts contradict each other.
    """
    counts = Counts(row)
    if not counts.found:
        return None
    total = _known(counts, "total")
    read, writes = counts.get("read") or 0, _writes(counts, maker)
    cached = read + sum(writes.values())
    fresh, given = counts.get("fresh"), counts.get("input")
    if fresh is not None:
        given = fresh + cached
    given, output = _usage.from_total(given, counts.get("output"), total)
    if given is None:
        return None
    reasoning = counts.get("reasoning") or 0
    output = _usage.with_reasoning(given, output, reasoning, total)
    if fresh is None:
        inside = maker != "anthropic"
        fresh = _usage.uncached(given, cached, output, total, inside=inside)
    return Usage(
        fresh=fresh, cache_read=read, output=output, reasoning=min(reasoning, output), **writes
    )


def _writes(counts: Counts, maker: str) -> dict[str, int]:
    writes = {bucket: counts.get(bucket) or 0 for bucket in LIVES}
    named, total = sum(writes.values()), counts.get("write") or 0
    default = "cache_write_30m" if maker == "openai" else "cache_write_5m"
    # A total below what the lifetimes say is no total but what names none.
    writes[default] += total - named if total >= named else total
    return writes


def _known(counts: Counts, column: str) -> int | None:
    """A total as far as it is one: it only helps to read the other counts."""
    try:
        return counts.get(column)
    except ValueError:
        return None
