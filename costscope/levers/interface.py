"""What a lever is: a frozen dataclass whose fields are its settings, mapping a workload to another.

A lever never sees a price. It changes `model`, `tier`, `billing_class` or `tokens`, or drops or adds
rows; money is the difference of two price joins, made by `advise`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

if TYPE_CHECKING:
    from costscope.model import Table, Workload

STACK = ("waste", "response_cache", "truncation", "routing", "prompt_cache", "batching")
"""The order in which levers take hold of a call; a lever names its stage."""


@dataclass(frozen=True)
class Lever(ABC):
    """A what-if. Subclasses are frozen dataclasses; every field has a default and a plain type."""

    name: ClassVar[str]
    """Set by the registry from the file's name."""
    title: ClassVar[str]
    """What it does, in a few words that stand in a table: "Send easy calls to a cheaper model"."""
    stage: ClassVar[str]
    """One of STACK."""
    flag: ClassVar[str]
    """The option of `simulate` that switches it on, without dashes: "cache", "route". Levers of one
    stage may share one."""
    effort: ClassVar[str]
    """low (a setting), medium (a code change), high (a project)."""
    risk: ClassVar[str]
    """low (same answers), medium (answers may differ), high (answers will differ)."""
    rewrites_prompts: ClassVar[bool]
    """True where it changes prompts, models or which calls exist, so that provider caching as it is
    in force must be simulated on both sides."""
    order: ClassVar[int] = 0
    """Its turn within the stage: 0 first, then by name."""
    by_request: ClassVar[bool] = False
    """True for a project with a price of its own: `simulate --all` leaves it out, its flag asks for it."""
    family: ClassVar[str] = ""
    """Levers of one family are several ways to do one thing; of them `recommend` keeps the best."""
    prerequisites: ClassVar[Sequence[str]] = ()
    caveats: ClassVar[Sequence[str]] = ()

    @abstractmethod
    def apply(self, workload: Workload) -> Workload:
        """The workload as it would have been. Never mutates its argument; the same in, the same out."""

    @abstractmethod
    def action(self, before: Workload, after: Workload) -> str:
        """What to do, in one plain sentence with the names and numbers of this log."""

    def scenarios(self) -> tuple[Self, Self]:
        """The same lever under its own pessimistic and optimistic assumptions (low, high)."""
        return self, self

    def grounded(self, workload: Workload) -> bool:
        """Whether the log bears out what decides its figure. Where that is an assumption alone,
        `recommend` leaves it out and says so; `simulate` shows it, marked as assumed."""
        return True

    def delay_s(self) -> int:
        """How much later an answer may come because of it, in seconds."""
        return 0

    def backtest(self, workload: Workload) -> Mapping[str, Any] | None:
        """How well it predicts what the log already shows, or None where the log has no truth."""
        return None

    def notes(self, before: Workload, after: Workload) -> Sequence[str]:
        """Assumptions it made about this log, each a sentence with its number."""
        return ()

    def details(self, before: Workload, after: Workload) -> Sequence[Table]:
        """What it found out beside the figure: a curve, a histogram. Counts and tokens, no money."""
        return ()


PLUGIN = Lever
