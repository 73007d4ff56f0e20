"""Paths into JSON as text: `usage.input`, `events[0].model`, `"a.b".c`, `calls[*]`, `$.request.id`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

ANY = -(2**31)
"""The step `[*]`: every item of a list."""
Step = str | int
_TOKEN = re.compile(
    r'"(?P<quoted>(?:[^"\\]|\\.)*)"|\[(?P<index>-?\d+|\*)\]|(?P<dot>\.)|(?P<bare>[^."\[\]]+)'
)
_BARE = re.compile(r'[^."\[\]\s$][^."\[\]\n\r]*')


class Place(NamedTuple):
    """A path: steps by name or number. `outer` starts at the whole record, where a record holds many
    calls; any other path starts at the call."""

    steps: tuple[Step, ...]
    outer: bool = False


def parse(text: str) -> Place:
    """A path from its text. Raises ValueError where it is none."""
    outer = text.startswith("$.")
    rest, steps, named = text.removeprefix("$."), list[Step](), False
    at = 0
    while at < len(rest):
        found = _TOKEN.match(rest, at)
        if found is None:
            raise ValueError(f"no path: {text!r}")
        if (step := _step(found)) is None:
            # A dot stands between two steps, never before one or at the end.
            if not steps or not named or found.end() == len(rest):
                raise ValueError(f"no path: {text!r}")
            named = False
        elif isinstance(step, str) and named:
            raise ValueError(f"no path: {text!r}")
        else:
            steps.append(step)
            named = True
        at = found.end()
    if not steps:
        raise ValueError("an empty path")
    return Place(tuple(steps), outer)


def _step(found: re.Match[str]) -> Step | None:
    if found["dot"]:
        return None
    if found["index"]:
        return ANY if found["index"] == "*" else int(found["index"])
    if found["quoted"] is not None:
        return re.sub(r"\\(.)", r"\1", found["quoted"])
    return found["bare"].strip()


def shown(steps: Sequence[Step]) -> str:
    """Steps as the text of a path; names that have dots or brackets are quoted."""
    text = ""
    for step in steps:
        if isinstance(step, int):
            text += "[*]" if step == ANY else f"[{step}]"
        else:
            plain = _BARE.fullmatch(step) and step == step.strip()
            name = step if plain else '"' + re.sub(r'(["\\])', r"\\\1", step) + '"'
            text += f".{name}" if text else name
    return text
