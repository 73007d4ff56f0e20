"""How a vocabulary of token counts is written down, and how one is read: by plain names, or as Google
counts. Which there are stands in `_usage_words`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from costscope.model import Usage
from costscope.readers import _units
from costscope.readers._counts import Normalised, decide, first, flat, from_total, known

LIFE_NAMES = {"5m": "cache_write_5m", "30m": "cache_write_30m", "1h": "cache_write_1h",
              "12h": "cache_write_12h"}  # fmt: skip
"""A lifetime as logs write it → our bucket."""


@dataclass(frozen=True)
class Form:
    """A vocabulary: which keys it is known by, and under which names each count stands. Names of
    nested objects are joined by dots."""

    signs: frozenset[str]
    given: tuple[str, ...]
    output: tuple[str, ...]
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    fresh: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    total: tuple[str, ...] = ()
    inside: bool = True
    """Whether its input holds the cached tokens."""
    sure: bool = True
    """Whether its words alone say so; else the total and the arithmetic are asked first."""
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Modality counts that are part of input or output → names."""

    def __call__(self, found: Mapping[str, Any], maker: str) -> Normalised:
        """A usage object of these words; errors as in `_usage.of`."""
        level = flat(found)
        total = known(level, *self.total)
        read, writes = first(level, *self.read) or 0, self._writes(found, level, maker)
        cached = read + sum(writes.values())
        fresh = first(level, *self.fresh)
        given = first(level, *self.given) if fresh is None else fresh + cached
        given, output = from_total(given, first(level, *self.output), total)
        if given is None:
            return Normalised(None)
        guessed = False
        if fresh is None and not self.inside:
            fresh = given
        elif fresh is None:
            fresh, guessed = decide(given, cached, output, total, inside=True, sure=self.sure)
        reasoning = min(first(level, *self.reasoning) or 0, output)
        usage = Usage(fresh=fresh, cache_read=read, output=output, reasoning=reasoning, **writes)
        return Normalised(usage, guessed, self._units(usage, level) | _units.tools(found))

    def _writes(
        self, found: Mapping[str, Any], level: Mapping[str, Any], maker: str
    ) -> dict[str, int]:
        total = first(level, *self.write) or 0
        writes = _lives(found, level)
        default = "cache_write_30m" if maker == "openai" else "cache_write_5m"
        if total > sum(writes.values()):
            writes[default] = writes.get(default, 0) + total - sum(writes.values())
        return writes

    def _units(self, usage: Usage, level: Mapping[str, Any]) -> dict[str, int]:
        counts: dict[str, dict[str, int]] = {"input": {}, "cache": {}, "output": {}}
        for unit, names in self.units.items():
            side, _, mode = unit.partition("_")
            counts[side][mode] = known(level, *names) or 0
        return _units.modes(usage, counts["input"], counts["cache"], counts["output"])


def _lives(found: Mapping[str, Any], level: Mapping[str, Any]) -> dict[str, int]:
    """Cache writes whose lifetime is named: by Converse's list, or at the end of a count's name."""
    writes: dict[str, int] = {}
    details = found.get("cacheDetails")
    for item in details if isinstance(details, list) else ():
        bucket = LIFE_NAMES.get(str(item.get("ttl"))) if isinstance(item, dict) else None
        if bucket:
            writes[bucket] = writes.get(bucket, 0) + (first(item, "inputTokens") or 0)
    for name in level:
        for life, bucket in LIFE_NAMES.items():
            if name.endswith(f"ephemeral_{life}_input_tokens"):
                writes[bucket] = max(writes.get(bucket, 0), first(level, name) or 0)
    return {bucket: number for bucket, number in writes.items() if number}


@dataclass(frozen=True)
class Google:
    """Google's: cached tokens inside the prompt, tool results and thoughts beside it and the answer."""

    signs: frozenset[str]
    given: tuple[str, ...]
    read: tuple[str, ...]
    output: tuple[str, ...]
    thoughts: tuple[str, ...]
    tools: tuple[str, ...]
    total: tuple[str, ...]

    def __call__(self, found: Mapping[str, Any], _: str, *, grounded: bool = False) -> Normalised:
        """A usageMetadata object. `grounded`: its tool tokens are search results, which are not
        charged (billing.md section 4)."""
        thoughts, tools = first(found, *self.thoughts) or 0, first(found, *self.tools) or 0
        total, output = known(found, *self.total), first(found, *self.output)
        given = first(found, *self.given)
        if given is None and total is not None:
            given = total - (output or 0) - thoughts - tools
        if given is None or given < 0:
            return Normalised(None)
        made = output or 0
        if total != given + made + tools:
            made += thoughts  # else the answer's count holds the thoughts already
        read = min(first(found, *self.read) or 0, given)
        fresh = given - read + (0 if grounded else tools)
        usage = Usage(fresh=fresh, cache_read=read, output=made, reasoning=min(thoughts, made))
        return Normalised(usage, units=_google_units(usage, found))


def _google_units(usage: Usage, found: Mapping[str, Any]) -> dict[str, int]:
    def listed(*names: str) -> dict[str, int]:
        return _units.by_list(next((found[n] for n in names if found.get(n)), None))

    return _units.modes(
        usage,
        listed("promptTokensDetails", "prompt_tokens_details", "input_tokens_by_modality"),
        listed("cacheTokensDetails", "cache_tokens_details", "cached_tokens_by_modality"),
        listed("candidatesTokensDetails", "candidates_tokens_details", "output_tokens_by_modality"),
    )
