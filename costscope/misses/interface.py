"""What a cause of cache misses is: a way to take it out of a log, so that simulation tells what it costs.

A cause sees prompts and rules, never a price: money is the difference of two simulations.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import polars as pl

from costscope.misses._state import State


@dataclass(frozen=True)
class About:
    """What is told of a cause in one group of calls."""

    where: str = ""
    """The place in the prompt, or the models between which a conversation went, in words."""
    pair: tuple[tuple[int, int], ...] = ()
    """Two variants of what varies: number of the call, content hash of the block."""
    gaps: tuple[tuple[str, int], ...] = ()
    """How many calls came how long after the last touch of their prefix."""


@dataclass(frozen=True)
class Repair:
    """A log with one cause taken out, wherever it is seen."""

    free: State
    """As if the cause cost nothing to take out: what the misses cost."""
    real: State | None = None
    """As the remedy would leave it, with what that costs; None: the same as `free`."""
    before: State | None = None
    """The log as it is, where it had to be looked at more closely; None: as it came."""
    reads: pl.DataFrame | None = None
    """call_no and `read`: what the misses cost is that these tokens would have been read of the log as
    it is, and that it goes on as it is; None: `free` tells."""
    was: pl.DataFrame | None = None
    """call_no and `read`: what each call reads of the log as it is, where the bill itself tells it of some
    calls; None: what the simulator says of all."""
    about: Mapping[int, About] = field(default_factory=dict)
    """By group."""


class Cause(ABC):
    """One reason why prompts are not found in a cache."""

    name: ClassVar[str]
    """Set by the registry from the file's name."""
    order: ClassVar[int]
    """Causes are taken out one after another; what an earlier one explains, no later one does."""
    title: ClassVar[str]
    fix: ClassVar[str]
    """What to do, in one sentence."""
    in_vain: ClassVar[str] = ""
    """What to say instead where the remedy would save nothing."""
    only_if_it_pays: ClassVar[bool] = False
    """True where the remedy costs tokens, and there is nothing to say unless it is worth them."""

    @abstractmethod
    def repaired(self, state: State) -> Repair | None:
        """The log without this cause; None where nothing of it is seen. Never changes its argument."""


PLUGIN = Cause
