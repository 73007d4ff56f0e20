"""What stands at a path of a record; see `costscope.places` for paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from costscope.places import ANY, Place, Step, parse, shown
from costscope.readers import _json

__all__ = ["ANY", "Place", "Step", "every", "first", "parse", "shown"]


def every(value: Any, steps: Sequence[Step]) -> Iterator[Any]:
    """All values at a path that are not null. JSON text inside a string is opened on the way; a flat
    record whose names have dots in them (`usage.input`) is as good as a nested one."""
    for i, step in enumerate(steps):
        if isinstance(value, str):
            value = _json.inside(value)
        if step == ANY:
            for item in value if isinstance(value, list) else ():
                yield from every(item, steps[i + 1 :])
            return
        if isinstance(value, dict) and step not in value and len(steps) > i + 1:
            joined = ".".join(map(str, steps[i:]))
            value = value.get(joined)
            break
        value = _into(value, step)
    if value is not None:
        yield value


def _into(value: Any, step: Step) -> Any:
    if isinstance(step, int):
        within = isinstance(value, list) and -len(value) <= step < len(value)
        return value[step] if within else None
    return value.get(step) if isinstance(value, dict) else None


def first(value: Any, steps: Sequence[Step]) -> Any:
    """The first value at a path; None where there is none."""
    return next(every(value, steps), None)
