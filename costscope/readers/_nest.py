"""Spans of one call within each other: a wrapper that logged the same call once more counts once."""

from __future__ import annotations

from collections.abc import Sequence

from costscope.model import Usage


class Nest:
    """What has been seen of the calls of a log, in any order. Of a call within a call one is the other's
    wrapper where both were billed the same, where the outer one was billed what those within it were
    together, or where one of the two does not say what it was billed."""

    def __init__(self) -> None:
        self._billed: dict[str, Usage] = {}
        self._within: dict[str, list[Usage]] = {}
        self._parents: dict[str, str] = {}
        self._around_unknown: set[str] = set()

    def note(self, own: str, parent: str) -> None:
        """That a span, whatever it is of, lies within another."""
        if own and parent:
            self._parents[own] = parent

    def above(self, own: str) -> list[str]:
        """The spans around one, the nearest first, as far as they have been noted."""
        found: list[str] = []
        while (own := self._parents.get(own, "")) and own not in found:
            found.append(own)
        return found

    def is_twin(self, own: str, above: Sequence[str], usage: Usage) -> bool:
        """Whether a call has been seen already, as a call around it or within it. If not, it has now."""
        within = self._within.get(own, ())
        twin = any(self._billed.get(span) == usage for span in above) or (
            bool(within) and (usage in within or usage == _sum(within))
        )
        if own:
            self._billed[own] = usage
        if not twin:
            for span in above:
                self._within.setdefault(span, []).append(usage)
        return twin

    def wait(self, above: Sequence[str]) -> None:
        """That a call lies within these spans that does not say what it was billed."""
        self._around_unknown.update(above)

    def is_wrapper(self, own: str, above: Sequence[str]) -> bool:
        """Whether a call that does not say what it was billed is another's double; ask when all have
        been seen."""
        around = own in self._within or own in self._around_unknown
        return around or any(span in self._billed for span in above)


def _sum(usages: Sequence[Usage]) -> Usage:
    return Usage(*(sum(getattr(u, f) for u in usages) for f in Usage.__struct_fields__))
