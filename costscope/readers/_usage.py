"""Usage objects in every vocabulary as disjoint buckets (billing.md, section 5). A source's words tell
its convention: whether cached tokens are inside the input, and reasoning inside the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from costscope.model import Usage
from costscope.readers import _columns, _units, _usage_words
from costscope.readers._counts import (
    MAX_TOKENS,
    Normalised,
    count,
    decide,
    first,
    from_total,
    inner,
    known,
    most,
    short,
    uncached,
    with_reasoning,
)

__all__ = [
    "LIVES", "MAX_TOKENS", "Normalised", "anthropic", "count", "from_total", "of", "read", "short",
    "uncached", "with_reasoning",
]  # fmt: skip

LIVES = {
    "ephemeral_5m_input_tokens": "cache_write_5m", "ephemeral_30m_input_tokens": "cache_write_30m",
    "ephemeral_1h_input_tokens": "cache_write_1h", "ephemeral_12h_input_tokens": "cache_write_12h",
    "ttl_30m_tokens": "cache_write_30m", "ttl_12h_tokens": "cache_write_12h",
}  # fmt: skip
"""Counts of cache writes that name a lifetime → our bucket."""


@dataclass(frozen=True)
class _Words:
    """What one API calls its counts; of details the first name that is there counts."""

    given: str
    output: str
    detail: tuple[str, ...]
    output_detail: tuple[str, ...]


_CHAT = _Words(
    "prompt_tokens",
    "completion_tokens",
    ("prompt_tokens_details", "prompt_token_details"),
    ("completion_tokens_details", "completion_token_details"),
)
_RESPONSES = _Words(
    "input_tokens",
    "output_tokens",
    ("input_tokens_details", "input_token_details"),
    ("output_tokens_details", "output_token_details"),
)
"""Realtime and LangChain write input_token_details; both count the cached tokens as input."""
_READS = ("cached_tokens", "cache_read", "cached_prompt_text_tokens")
_READS_BESIDE = (
    "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens",
    "cached_prompt_text_tokens",
)  # fmt: skip
_TOTALS = ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens")
_SPLITS = ("cache_creation", "cache_creation_token_details", "cache_write_tokens_details")
_WRITES = frozenset((*_TOTALS, *_SPLITS, *LIVES))
_PLAIN = frozenset(("input_tokens", "output_tokens", "service_tier"))
_NAMED = frozenset(LIVES)
_NOTHING: Mapping[str, Any] = {}
_ANTHROPIC = frozenset((
    *_WRITES, "cache_read_input_tokens", "iterations", "server_tool_use", "output_tokens_details",
))  # fmt: skip
"""Words that nobody else puts beside `input_tokens`; without them it may be anybody's."""


def of(found: Mapping[str, Any], maker: str) -> Usage | None:
    """Buckets from a usage object, whoever made it; None where it does not say what was put in.

    `maker` is the model's, and decides the lifetime of cache writes that do not name one. Raises
    ValueError where a count is none, or the counts contradict each other.
    """
    return read(found, maker).usage


def read(found: Mapping[str, Any], maker: str) -> Normalised:
    """A usage object with what is billed beside its text tokens, and whether its convention was a
    guess. `maker` and errors as in `of`."""
    if found.get("prompt_tokens") is not None or found.get("completion_tokens") is not None:
        return _openai(found, _CHAT, maker)
    if not found.keys().isdisjoint(_RESPONSES.detail):
        return _openai(found, _RESPONSES, maker)
    usage = None
    if not _ANTHROPIC.isdisjoint(found) or found.keys() <= _PLAIN:
        usage = anthropic(found)
    if usage is not None:
        return Normalised(_settled(usage, known(found, "total_tokens")), units=_units.tools(found))
    words = _usage_words.fitting(found)
    return _columns.read(found, maker) if words is None else words(found, maker)


def anthropic(found: Mapping[str, Any]) -> Usage | None:
    """Anthropic's: cached tokens stand beside `input_tokens`. Writes without a lifetime are of 5
    minutes, the API's default. The parts of one reply that compaction split are added up; a step with
    a model of its own (an advisor) is another model's and not in it."""
    steps = found.get("iterations")
    own = (
        [s for s in steps if isinstance(s, dict) and "model" not in s]
        if isinstance(steps, list)
        else []
    )
    usages = [u for u in map(_anthropic_step, own) if u is not None]
    if not usages:
        return _anthropic_step(found)
    return Usage(*(sum(getattr(u, f) for u in usages) for f in Usage.__struct_fields__))


def _anthropic_step(found: Mapping[str, Any]) -> Usage | None:
    fresh = first(found, "input_tokens")
    if fresh is None:
        return None
    output = first(found, "output_tokens") or 0
    detail = inner(found, "output_tokens_details")
    reasoning = first(detail, "thinking_tokens", "reasoning_tokens") or 0
    return Usage(
        fresh=fresh,
        cache_read=first(found, "cache_read_input_tokens") or 0,
        output=output,
        reasoning=min(reasoning, output),
        **_writes("cache_write_5m", found),
    )


def _settled(usage: Usage, total: int | None) -> Usage:
    """Anthropic's words in a log whose total shows that it counts the cached tokens as input."""
    writes = usage.cache_write_5m + usage.cache_write_30m + usage.cache_write_1h
    cached = usage.cache_read + writes + usage.cache_write_12h
    if not cached or total != usage.fresh + usage.output or cached > usage.fresh:
        return usage
    counts = [getattr(usage, name) for name in Usage.__struct_fields__[1:]]
    return Usage(usage.fresh - cached, *counts)


def _openai(found: Mapping[str, Any], words: _Words, maker: str) -> Normalised:
    """OpenAI's, and that of the many who speak it: cached tokens stand inside the input. Counts of
    them in Anthropic's words beside it leave a doubt, which the total or the arithmetic may settle."""
    detail, made = inner(found, *words.detail), inner(found, *words.output_detail)
    total = known(found, "total_tokens")
    given, output = from_total(first(found, words.given), first(found, words.output), total)
    if given is None:
        return Normalised(None)
    read = max(most(_READS, detail), most(_READS_BESIDE, found))
    default = "cache_write_30m" if maker in ("openai", "") else "cache_write_5m"
    writes = _writes(default, found, detail)
    reasoning = most(("reasoning_tokens", "reasoning"), made) or _reasoning_beside(found)
    output = (
        output + reasoning
        if maker == "perplexity"
        else with_reasoning(given, output, reasoning, total)
    )
    cached = read + sum(writes.values())
    sure = bool(detail) or "cache_read_input_tokens" not in found
    fresh, guessed = decide(given, cached, output, total, inside=True, sure=sure)
    usage = Usage(
        fresh=fresh, cache_read=read, output=output, reasoning=min(reasoning, output), **writes
    )
    units = _units.of_details(usage, detail, made) | _units.tools(found)
    return Normalised(usage, guessed, units)


def _reasoning_beside(found: Mapping[str, Any]) -> int:
    """Reasoning that is counted beside completion and not in its details (xAI's gRPC, Perplexity)."""
    return first(found, "reasoning_tokens") or 0


def _writes(
    default: str, found: Mapping[str, Any], detail: Mapping[str, Any] = _NOTHING
) -> dict[str, int]:
    """Cache writes by bucket; what names no lifetime has the default one."""
    if _WRITES.isdisjoint(found) and _WRITES.isdisjoint(detail):
        return {}
    total = max(most(_TOTALS, found), most(_TOTALS, detail))
    plain = detail.get("cache_creation")  # LangChain's is a plain count
    if type(plain) is int:
        total, detail = max(total, plain), {**detail, "cache_creation": None}
    writes: dict[str, int] = {}
    for place in (found, detail):
        for split in (place, *(inner(place, name) for name in _SPLITS)):
            if not _NAMED.isdisjoint(split):
                for name, bucket in LIVES.items():
                    writes[bucket] = max(writes.get(bucket, 0), first(split, name) or 0)
    writes[default] = writes.get(default, 0) + max(0, total - sum(writes.values()))
    return writes
