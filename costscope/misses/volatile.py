"""Something in the system prompt that never comes twice: a time, an id, a count, lines in random order."""

from __future__ import annotations

from typing import ClassVar

from costscope.misses import _head, _moving
from costscope.misses._state import State
from costscope.misses.interface import Cause, Repair


class Volatile(Cause):
    """All that varies is moved behind the last message; what comes in any order comes in one."""

    order: ClassVar[int] = 10
    title: ClassVar[str] = "Volatile text early in the prompt"
    fix: ClassVar[str] = (
        "Move what changes from call to call behind the last message, or leave it out, and keep the "
        "rest in one order."
    )

    def repaired(self, state: State) -> Repair | None:
        """With the volatile spans of system prompts at the end of the prompt."""
        return _moving.moved(state, _head.VOLATILE, to_the_end=True)
