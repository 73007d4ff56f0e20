"""Which regular expressions may be searched for in texts that others wrote.

Python's engine goes back and tries again without any limit of time, so those that can take exponential time
are refused. What is left can still be slow, by a power of the length of a text that is made for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any

MAX_PATTERN = 2_000
"""Characters of a pattern."""
MAX_OPEN = 6
"""Repeats without an upper limit in one pattern."""
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_AGAIN = ("GROUPREF", "GROUPREF_EXISTS")
_MANY = 1_000
"""A repeat that may be done more often is as good as without a limit."""
_parser: Any = import_module("re._parser")


def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern that may be used. Raises ValueError with what is wrong with any other."""
    if not 0 < len(pattern) <= MAX_PATTERN:
        raise ValueError(f"should have 1 to {MAX_PATTERN:,} characters, it has {len(pattern):,}")
    try:
        found = re.compile(pattern)
        tree = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"is no regular expression ({error})") from None
    _check(tree)
    return found


def ending(pattern: str) -> str:
    """The letters that every match ends with, "" where that is not plain. Behind the last place that has
    them no search can succeed, and need not be tried."""
    tree = _parser.parse(pattern)
    plain = not tree.state.flags & re.IGNORECASE
    if not plain or any(name.startswith("ASSERT") for name, _ in _nodes(tree)):
        return ""
    letters: list[str] = []
    for name, argument in reversed([_named(item) for item in tree]):
        if name != "LITERAL":
            break
        letters.append(chr(argument))
    return "".join(reversed(letters))


def _check(tree: Any) -> None:
    """Raises ValueError for what may take exponential time."""
    nodes = list(_nodes(tree))
    if any(name in _AGAIN for name, _ in nodes):
        raise ValueError("refers back to a group, which can take exponential time")
    repeats = [argument for name, argument in nodes if name in _REPEATS]
    if sum(_is_open(high) for _, high, _ in repeats) > MAX_OPEN:
        raise ValueError(f"has more than {MAX_OPEN} repeats without a limit")
    for name, argument in nodes:
        if name in _REPEATS[:2] and argument[1] > 1:
            _check_body(argument[2])


def _check_body(body: Any) -> None:
    """What is repeated must match in one way only, or going back multiplies."""
    for name, argument in _nodes(body):
        if name in _REPEATS[:2] and argument[0] != argument[1]:
            raise ValueError(
                "has a repeat inside a repeat, which can take exponential time; match one of them "
                "(every match counts), or make a repeat possessive: *+"
            )
        if name == "BRANCH" and not _differ(argument[1]):
            raise ValueError(
                "repeats alternatives that may begin alike, which can take exponential time"
            )


def _differ(branches: Iterable[Any]) -> bool:
    """Whether alternatives begin with different letters, in whatever case."""
    firsts = [_named(branch[0]) if len(branch) else ("", 0) for branch in branches]
    letters = {chr(letter).casefold()[:1] for name, letter in firsts if name == "LITERAL"}
    return len(letters) == len(firsts)


def _nodes(tree: Any) -> Iterator[tuple[str, Any]]:
    """All nodes of a parsed pattern by name, with what each holds."""
    for item in tree:
        name, argument = _named(item)
        yield name, argument
        for inner in _inner(argument):
            yield from _nodes(inner)


def _inner(argument: Any) -> Iterator[Any]:
    """The patterns inside what a node holds, however they are wrapped."""
    if isinstance(argument, _parser.SubPattern):
        yield argument
    elif isinstance(argument, (tuple, list)):
        for part in argument:
            yield from _inner(part)


def _named(item: Any) -> tuple[str, Any]:
    return str(item[0]), item[1]


def _is_open(high: Any) -> bool:
    return int(high) > _MANY
