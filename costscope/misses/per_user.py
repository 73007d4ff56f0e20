"""A system prompt that names the user, so that what follows is cached for each user anew."""

from __future__ import annotations

from typing import ClassVar

from costscope.misses import _head, _moving
from costscope.misses._state import State
from costscope.misses.interface import Cause, Repair


class PerUser(Cause):
    """What is one user's is moved to the end of the system prompt."""

    order: ClassVar[int] = 20
    title: ClassVar[str] = "System prompt differs by user"
    fix: ClassVar[str] = (
        "Put what is one user's behind what all users share, with a cache mark between the two."
    )

    def repaired(self, state: State) -> Repair | None:
        """With the spans that only one user has behind the others."""
        return _moving.moved(state, _head.OWN, to_the_end=False)
