"""Usage objects in every vocabulary as disjoint buckets (billing.md, section 5). A source's words tell
its convention: whether cached tokens are inside the input, and reasoning inside the output."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from costscope.model import Usage

MAX_TOKENS = 2**31 - 1
LIVES = {
    "ephemeral_5m_input_tokens": "cache_write_5m", "ephemeral_30m_input_tokens": "cache_write_30m",
    "ephemeral_1h_input_tokens": "cache_write_1h", "ephemeral_12h_input_tokens": "cache_write_12h",
    "ttl_30m_tokens": "cache_write_30m", "ttl_12h_tokens": "cache_write_12h",
}  # fmt: skip
"""Counts of cache writes that name a lifetime → our bucket."""


@dataclass(frozen=True)
class _Words:
    """What one API calls its counts."""

    given: str
    output: str
    detail: str
    output_detail: str


_CHAT = _Words(
    "prompt_tokens", "completion_tokens", "prompt_tokens_details", "completion_tokens_details"
)
_RESPONSES = _Words(
    "input_tokens", "output_tokens", "input_tokens_details", "output_tokens_details"
)


def of(found: Mapping[str, Any], maker: str) -> Usage | None:
    """Buckets from a usage object, whoever made it; None where it does not say what was put in.

    `maker` is the model's, and decides the lifetime of cache writes that do not name one. Raises
    ValueError where a count is none, or the counts contradict each other.
    """
    if found.get("prompt_tokens") is not None or found.get("completion_tokens") is not None:
        return _openai(found, _CHAT, maker)
    if found.get("input_tokens_details") is not None:
        return _openai(found, _RESPONSES, maker)
    return anthropic(found)


def anthropic(found: Mapping[str, Any]) -> Usage | None:
    """Anthropic's: cached tokens stand beside `input_tokens`. Writes without a lifetime are of 5
    minutes, the API's default. The parts of one reply that compaction split are added up."""
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
    fresh = _first(found, "input_tokens")
    if fresh is None:
        return None
    output = _first(found, "output_tokens") or 0
    detail = _object(found, "output_tokens_details")
    reasoning = _first(detail, "thinking_tokens", "reasoning_tokens") or 0
    return Usage(
        fresh=fresh,
        cache_read=_first(found, "cache_read_input_tokens") or 0,
        output=output,
        reasoning=min(reasoning, output),
        **_writes("cache_write_5m", found),
    )


def _openai(found: Mapping[str, Any], words: _Words, maker: str) -> Usage | None:
    """OpenAI's, and that of the many who speak it: cached tokens stand inside the input."""
    detail = _object(found, words.detail)
    given, output = _first(found, words.given), _first(found, words.output)
    total = _known(found.get("total_tokens"))
    given, output = from_total(given, output, total)
    if given is None:
        return None
    read = max(
        _first(detail, "cached_tokens") or 0,
        _first(found, "prompt_cache_hit_tokens", "cache_read_input_tokens", "cached_tokens") or 0,
    )
    default = "cache_write_30m" if maker in ("openai", "") else "cache_write_5m"
    writes = _writes(default, found, detail)
    reasoning = _first(_object(found, words.output_detail), "reasoning_tokens") or 0
    output = with_reasoning(given, output, reasoning, total)
    cached = read + sum(writes.values())
    fresh = uncached(given, cached, output, total, inside=True)
    return Usage(
        fresh=fresh, cache_read=read, output=output, reasoning=min(reasoning, output), **writes
    )


def _writes(default: str, *places: Mapping[str, Any]) -> dict[str, int]:
    """Cache writes by bucket; what names no lifetime has the default one."""
    if not any(_WRITES & place.keys() for place in places):
        return {}
    total = max(_first(place, name) or 0 for place in places for name in _TOTALS)
    splits = [_object(place, name) for place in places for name in _SPLITS]
    writes = {
        bucket: max(_first(split, name) or 0 for split in splits)
        for name, bucket in LIVES.items()
        if any(name in split for split in splits)
    }
    writes[default] = writes.get(default, 0) + max(0, total - sum(writes.values()))
    return writes


_TOTALS = ("cache_creation_input_tokens", "cache_creation_tokens", "cache_write_tokens")
_SPLITS = ("cache_creation", "cache_creation_token_details", "cache_write_tokens_details")
_WRITES = frozenset((*_TOTALS, *_SPLITS))


def from_total(given: int | None, output: int | None, total: int | None) -> tuple[int | None, int]:
    """(input, output), one worked out from the total where only that tells; no output is 0, as an
    embedding has none."""
    if given is None and output is not None and total is not None and total >= output:
        given = total - output
    if output is None:
        output = max(0, total - given) if given is not None and total is not None else 0
    return given, output


def with_reasoning(given: int, output: int, reasoning: int, total: int | None) -> int:
    """All output: reasoning is added where the total shows that it stands beside (xAI, Gemini)."""
    return output + reasoning if reasoning and total == given + output + reasoning else output


def uncached(given: int, cached: int, output: int, total: int | None, *, inside: bool) -> int:
    """The input that was not cached, by billing.md's rule: the log's total decides, else its
    arithmetic, else the source's habit (`inside`: its input holds the cached tokens)."""
    if cached == 0:
        return given
    if total == given + output:
        if cached > given:
            raise ValueError(f"cached tokens {cached} exceed the input of {given}")
        return given - cached
    if total == given + cached + output or cached > given:
        return given
    return given - cached if inside else given


def count(value: Any, name: str) -> int:
    """A token count: a whole number of at least 0, also as text or 12.0. Raises ValueError naming it."""
    if type(value) is int and 0 <= value <= MAX_TOKENS:
        return value
    if not isinstance(value, bool) and isinstance(value, (float, str, Decimal)):
        try:
            number = Decimal(value.strip() if isinstance(value, str) else value)
        except InvalidOperation:
            number = Decimal("NaN")
        if number.is_finite() and 0 <= number <= MAX_TOKENS and number == int(number):
            return int(number)
    raise ValueError(f"{name} is no token count: {short(value)}")


def short(value: Any) -> str:
    """A value for a message, not too long."""
    text = ascii(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _first(found: Mapping[str, Any], *names: str) -> int | None:
    """The first count that is not null; None where there is none."""
    for name in names:
        if (value := found.get(name)) is not None:
            return count(value, name)
    return None


def _known(value: Any) -> int | None:
    """A total as far as it is one: it only helps to read the other counts."""
    try:
        return None if value is None else count(value, "total_tokens")
    except ValueError:
        return None


def _object(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = found.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{name} is no object: {short(value)}")
    return value
