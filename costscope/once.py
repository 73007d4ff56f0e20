"""Facts that many what-ifs ask for, worked out once for as long as what they are of is in memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar
from weakref import ref

T = TypeVar("T")
Of = TypeVar("Of")
P = ParamSpec("P")


def once(fact: Callable[Concatenate[Of, P], T]) -> Callable[Concatenate[Of, P], T]:
    """`fact`, which answers from memory where it was asked of the very same object before, with the
    same further arguments.

    For workloads and their tables, which nothing changes once they are made. What it answers must
    not be changed either, and must not hold the object itself.
    """
    known: dict[tuple[Any, ...], T] = {}
    alive: dict[int, ref[Of]] = {}

    def forget(number: int) -> None:
        del alive[number]
        # A list, for other threads may ask of other objects meanwhile.
        for key in [key for key in list(known) if key[0] == number]:
            del known[key]

    @wraps(fact)
    def asked(of: Of, /, *args: P.args, **kwargs: P.kwargs) -> T:
        number = id(of)
        if number not in alive:
            alive[number] = ref(of, lambda _: forget(number))
        key = (number, args, tuple(kwargs.items()))
        if key not in known:
            known[key] = fact(of, *args, **kwargs)
        return known[key]

    return asked
