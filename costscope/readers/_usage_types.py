"""Langfuse's usage details: counts under any names, which its integrations fill in their own ways.

Its own normaliser and its LangChain handler take every detail out of the input and the output, so that
all counts stand beside each other; LiteLLM and others hand over a whole input with its details inside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from costscope.model import Usage
from costscope.readers import _platform, _units, _usage
from costscope.readers._counts import Normalised, count, known

_INPUT = ("input", "inputtokens", "prompttokens")
_OUTPUT = ("output", "outputtokens", "completiontokens")
_TOTAL = ("total", "totaltokens")
_WRITE = re.compile(r"creat|write|ephemeral")
_LIFE = re.compile(r"(5m|30m|1h|12h)")
_REASONING = re.compile(r"reasoning|thought|thinking")
_MODE = re.compile(r"audio|image|video")
_IN = re.compile(r"^input|prompt")
_TAKEN_OUT = re.compile(r"(input|output)(?!tokens$)(?=.)")
_OUT = re.compile(r"^output|completion|candidates")


@dataclass
class _Found:
    """Counts by what they are of."""

    given: int | None = None
    output: int | None = None
    total: int | None = None
    read: int = 0
    write: int = 0
    """All writes, where a count of them names no lifetime."""
    lives: dict[str, int] = field(default_factory=dict)
    more_input: int = 0
    more_output: int = 0
    reasoning: int = 0
    beside: bool = False
    """Whether a name is one that Langfuse gives to what it takes out of the input or the output."""
    modes: dict[str, dict[str, int]] = field(default_factory=dict)
    """Input, cached and output counts by modality."""

    @property
    def writes(self) -> int:
        return max(self.write, sum(self.lives.values()))


def read(details: Mapping[str, Any], maker: str) -> Normalised:
    """Usage details in our words. `maker` is the model's; where neither the total nor the counts
    themselves tell, it decides whether the input holds the cached tokens. Raises ValueError where a
    count is none."""
    if any(isinstance(value, dict) for value in details.values()):
        return _usage.read(_platform.settled(dict(details)), maker)
    found = _Found()
    for name, value in details.items():
        if value is not None and not isinstance(value, (str, list)):
            _take(found, re.sub(r"[_. -]", "", name.lower()), name, value)
    if found.given is None and found.total is not None and found.output is not None:
        found.given = found.total - found.output - found.more_output
    if found.given is None:
        return Normalised(None)
    usage, guessed = _usage_of(found, maker)
    given, cached, output = (found.modes.get(side, {}) for side in ("input", "cached", "output"))
    # What is cached stands beside the rest of its kind here, and within it there.
    whole = {mode: given.get(mode, 0) + cached.get(mode, 0) for mode in {**given, **cached}}
    units = _units.modes(usage, whole, cached, output)
    return Normalised(usage, guessed, units | _units.tools(details))


def _take(found: _Found, word: str, name: str, value: Any) -> None:
    """Put one count where it belongs; what is neither input nor output is no count of tokens."""
    found.beside |= _TAKEN_OUT.match(word) is not None
    if word in _TOTAL:
        found.total = known({name: value}, name)
    elif word in _INPUT:
        found.given = count(value, name)
    elif word in _OUTPUT:
        found.output = count(value, name)
    elif "cach" in word or "ephemeral" in word:
        _take_cached(found, word, count(value, name))
    elif _REASONING.search(word):
        found.reasoning += count(value, name)
    elif _IN.search(word):
        found.more_input += count(value, name)
        _take_mode(found, "input", word, value)
    elif _OUT.search(word):
        found.more_output += count(value, name)
        _take_mode(found, "output", word, value)


def _take_cached(found: _Found, word: str, number: int) -> None:
    if not _WRITE.search(word):
        found.read += number
        _take_mode(found, "cached", word, number)
    elif life := _LIFE.search(word):
        bucket = f"cache_write_{life[1]}"
        found.lives[bucket] = found.lives.get(bucket, 0) + number
    else:
        found.write += number


def _take_mode(found: _Found, side: str, word: str, number: Any) -> None:
    if mode := _MODE.search(word):
        modes = found.modes.setdefault(side, {})
        modes[mode[0]] = modes.get(mode[0], 0) + int(number)


def _usage_of(found: _Found, maker: str) -> tuple[Usage, bool]:
    inside_input, inside_output, guessed = _convention(found, maker)
    given, output = found.given or 0, found.output or 0
    cached = found.read + found.writes
    fresh = given - cached if inside_input else given + found.more_input
    if not inside_output:
        output += found.reasoning + found.more_output
    default = "cache_write_30m" if maker == "openai" else "cache_write_5m"
    writes = dict(found.lives)
    writes[default] = writes.get(default, 0) + found.writes - sum(found.lives.values())
    usage = Usage(
        fresh=fresh,
        cache_read=found.read,
        output=output,
        reasoning=min(found.reasoning, output),
        **writes,
    )
    return usage, guessed


def _convention(found: _Found, maker: str) -> tuple[bool, bool, bool]:
    """(whether the input holds its details, whether the output does, whether the first is a guess):
    by the total, else by arithmetic, else by habit."""
    given, output = found.given or 0, found.output or 0
    cached = found.read + found.writes
    inputs = given + cached + found.more_input
    outputs = output + found.reasoning + found.more_output
    doubled = found.write and sum(found.lives.values())
    sums = (
        (inputs + outputs + min(doubled, found.write), False, False), (inputs + outputs, False, False),
        (inputs + output, False, True), (given + outputs, True, False), (given + output, True, True),
    )  # fmt: skip
    for total, in_input, in_output in sums:
        if total == found.total and (not in_input or cached <= given):
            return in_input, in_output, False
    in_output = not found.beside and found.reasoning + found.more_output <= output
    if cached > given:
        return False, in_output, False
    return not found.beside and maker != "anthropic", in_output, cached > 0
