"""Token counts in the columns of a table, under the names that people and tools give them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from costscope.model import Usage
from costscope.readers import _counts, _units
from costscope.readers._counts import Normalised

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
UNITS: Mapping[str, tuple[str, ...]] = {
    "input_audio": (
        "input_audio_tokens", "prompt_audio_tokens", "audio_input_tokens",
        "prompt_tokens_details_audio_tokens", "input_tokens_details_audio_tokens",
    ),
    "cache_audio": ("cache_audio_read_tokens", "cached_audio_tokens", "cache_audio_tokens"),
    "output_audio": (
        "output_audio_tokens", "completion_audio_tokens", "audio_output_tokens",
        "completion_tokens_details_audio_tokens", "output_tokens_details_audio_tokens",
    ),
    "input_image": ("input_image_tokens", "prompt_image_tokens", "prompt_tokens_details_image_tokens"),
    "output_image": (
        "output_image_tokens", "completion_image_tokens", "completion_tokens_details_image_tokens",
    ),
}  # fmt: skip
"""Counts that are part of input, cache reads or output, and are priced otherwise."""
TOOLS: Mapping[str, tuple[str, ...]] = {
    "web_search": (
        "web_search_requests", "server_tool_use_web_search_requests", "web_searches",
        "num_search_queries", "web_search_calls",
    ),
    "web_fetch": ("web_fetch_requests", "server_tool_use_web_fetch_requests"),
    "code_execution": ("code_execution_requests", "server_tool_use_code_execution_requests"),
    "file_search": ("file_search_calls", "file_searches"),
    "rerank_search": ("search_units", "billed_units_search_units"),
}  # fmt: skip
_SURE = frozenset((
    "prompttokensdetailscachedtokens", "inputtokensdetailscachedtokens", "promptcachehittokens",
    "cachedprompttokens", "cachedcontenttokencount", "totalcachedtokens",
))  # fmt: skip
"""Names of cached tokens that say themselves that these are a part of the input."""
ALL = (
    *INPUT, *FRESH, *READ, *WRITE, *(n for names in LIVES.values() for n in names), *OUTPUT,
    *REASONING, *TOTAL, *(n for names in UNITS.values() for n in names),
    *(n for names in TOOLS.values() for n in names),
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
        ("reasoning", REASONING), ("total", TOTAL), *LIVES.items(), *UNITS.items(), *TOOLS.items(),
    )
}  # fmt: skip
_KNOWN = frozenset(canonical(n) for n in ALL)
_UNIT_NAMES = frozenset(name for unit in (*UNITS, *TOOLS) for name in _NAMES[unit])


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
                return _counts.count(value, shown)
        return None

    @property
    def has_units(self) -> bool:
        """Whether the row counts anything that is priced beside text tokens."""
        return not _UNIT_NAMES.isdisjoint(self._columns)

    @property
    def sure(self) -> bool:
        """Whether the cached tokens stand under a name that makes them a part of the input."""
        return next((name in _SURE for name in _NAMES["read"] if name in self._columns), False)

    @property
    def found(self) -> bool:
        """Whether the row counts what went in or came out."""
        names = (*_NAMES["input"], *_NAMES["fresh"], *_NAMES["output"])
        return any(name in self._columns for name in names)


def usage(row: Mapping[str, Any], maker: str) -> Usage | None:
    """The buckets of `read`."""
    return read(row, maker).usage


def read(row: Mapping[str, Any], maker: str) -> Normalised:
    """Disjoint buckets from a row's columns; without any where they do not say what was put in.

    Whether the input holds the cached tokens is decided by the row's own total, else by its
    arithmetic, else by the maker's habit (billing.md section 5, decision rule), which is a guess unless
    a column's name says so itself. Raises ValueError where a count is none, or the counts contradict
    each other.
    """
    counts = Counts(row)
    if not counts.found:
        return Normalised(None)
    total = _known(counts, "total")
    cache_read, writes = counts.get("read") or 0, _writes(counts, maker)
    cached = cache_read + sum(writes.values())
    fresh, given = counts.get("fresh"), counts.get("input")
    if fresh is not None:
        given = fresh + cached
    given, output = _counts.from_total(given, counts.get("output"), total)
    if given is None:
        return Normalised(None)
    reasoning = counts.get("reasoning") or 0
    output = _counts.with_reasoning(given, output, reasoning, total)
    guessed = False
    if fresh is None:
        inside = counts.sure or maker != "anthropic"
        fresh, guessed = _counts.decide(
            given, cached, output, total, inside=inside, sure=counts.sure
        )
    usage = Usage(
        fresh=fresh,
        cache_read=cache_read,
        output=output,
        reasoning=min(reasoning, output),
        **writes,
    )
    return Normalised(usage, guessed, _units_of(counts, usage))


def _units_of(counts: Counts, usage: Usage) -> dict[str, int]:
    if not counts.has_units:
        return {}
    found = {unit: number for unit in TOOLS if (number := _known(counts, unit))}
    sides: dict[str, dict[str, int]] = {"input": {}, "cache": {}, "output": {}}
    for unit in UNITS:
        side, _, mode = unit.partition("_")
        sides[side][mode] = _known(counts, unit) or 0
    return _units.modes(usage, sides["input"], sides["cache"], sides["output"]) | found


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
