"""The fields of records whose format is not known: where they are, what they hold, what they are called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cached_property
from typing import Any

from costscope.readers import _fields, _json, _places
from costscope.readers._places import Step

MAX_DEPTH = 8
MAX_LEAVES = 400
"""A record with more fields than this is data, and its tail is not looked at."""
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+[a-z]?")
ROLE_KEYS = ("role", "from", "speaker", "author", "sender")
CONTENT_KEYS = ("content", "text", "value", "message", "body", "said")
PATTERNS = (
    "%Y/%m/%d %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S",
    "%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %Z", "%Y%m%d%H%M%S", "%b %d, %Y %I:%M:%S %p",
)  # fmt: skip
"""Times that are not ISO, as logs write them; of day and month the first that fits every value."""
_RANGES = (("epoch_s", 10**9, 4 * 10**9), ("epoch_ms", 10**12, 4 * 10**12),
           ("epoch_us", 10**15, 4 * 10**15))  # fmt: skip
"""2001 to 2096 in each unit."""


@dataclass
class Leaf:
    """One field that is no object: its values by the number of the record that has them."""

    steps: tuple[Step, ...]
    values: dict[int, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """As a map names it."""
        return _places.shown(self.steps)

    @cached_property
    def names(self) -> list[list[str]]:
        """The words of each name on the way, the field's own first."""
        return [words(step) for step in reversed(self.steps) if isinstance(step, str)]

    @cached_property
    def all_words(self) -> frozenset[str]:
        """Every word on the way."""
        return frozenset(word for name in self.names for word in name)

    @cached_property
    def numbers(self) -> dict[int, Decimal]:
        """Values by record; empty where one of them is no number."""
        found = {n: number(v) for n, v in self.values.items()}
        return {} if None in found.values() else {n: v for n, v in found.items() if v is not None}

    @property
    def counts(self) -> dict[int, int]:
        """Whole numbers of at least 0 by record; empty where one value is none."""
        whole = all(v >= 0 and v == int(v) for v in self.numbers.values())
        return {n: int(v) for n, v in self.numbers.items()} if whole else {}

    @property
    def texts(self) -> list[str]:
        """Values, where all are text; else none."""
        found = [v for v in self.values.values() if isinstance(v, str)]
        return found if len(found) == len(self.values) else []


def words(name: str) -> list[str]:
    """`promptTokens`, `prompt_tokens` and `Prompt Tokens` are prompt, tokens."""
    return [w.lower() for w in _WORD.findall(name)]


def number(value: Any) -> Decimal | None:
    """A finite number, also as text; None where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        found = Decimal(str(value).strip().lstrip("$"))
    except InvalidOperation:
        return None
    return found if found.is_finite() and abs(found) < 10**20 else None


def leaves(records: Sequence[Mapping[str, Any]]) -> list[Leaf]:
    """The fields of all records, in the order in which they are met."""
    found: dict[tuple[Step, ...], Leaf] = {}
    for n, record in enumerate(records):
        for steps, value in _walk(record, ()):
            if steps in found or len(found) < MAX_LEAVES:
                found.setdefault(steps, Leaf(steps)).values[n] = value
    return list(found.values())


def _walk(value: Any, steps: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Any]]:
    inner = _json.inside(value) if isinstance(value, str) else value
    if isinstance(inner, dict) and len(steps) < MAX_DEPTH and inner:
        for name, item in inner.items():
            yield from _walk(item, (*steps, name))
    elif isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict):
        # A list that always holds one thing is as good as the thing; messages stay a list.
        yield steps, inner
        if not is_messages(inner):
            yield from _walk(inner[0], (*steps, 0))
    elif isinstance(inner, list):
        yield steps, inner
    elif value is not None and value != "":
        yield steps, value


def is_messages(value: Any) -> bool:
    """Whether a value is a conversation: objects that each name a speaker and what was said."""
    return bool(
        isinstance(value, list)
        and value
        and all(isinstance(m, dict) and _key(m, ROLE_KEYS) and _key(m, CONTENT_KEYS) for m in value)
    )


def message_keys(value: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """(role, content): what a conversation calls them."""
    return _key(value[0], ROLE_KEYS), _key(value[0], CONTENT_KEYS)


def _key(message: Mapping[str, Any], names: Sequence[str]) -> str:
    return next((n for n in names if n in message), "")


def time_format(leaf: Leaf) -> str | None:
    """The format of a field's times: "" for one that is told by its size, None where it holds no times."""
    values = list(leaf.values.values())
    if leaf.numbers:
        return next((n for n, low, high in _RANGES if _within(leaf, low, high)), _nanoseconds(leaf))
    if not leaf.texts:
        return None
    if all(_is_iso(v) for v in values):
        return "iso"
    return next((p for p in PATTERNS if all(_is_like(v, p) for v in values)), None)


def _within(leaf: Leaf, low: int, high: int) -> bool:
    return all(low <= v < high for v in leaf.numbers.values())


def _nanoseconds(leaf: Leaf) -> str | None:
    return "" if _within(leaf, 10**18, 4 * 10**18) else None


def _is_iso(value: str) -> bool:
    try:
        return len(value) >= 10 and value[:4].isdecimal() and _fields.micros(value) is not None
    except ValueError:
        return False


def _is_like(value: str, pattern: str) -> bool:
    try:
        datetime.strptime(value.strip(), pattern)
    except ValueError:
        return False
    return True
