"""The account of a task's records: which told calls, and which only why they told none."""

from __future__ import annotations


class Account:
    """Counts records by what they told. A record may tell several things, in any order: one that told a
    call and a reason told a call. `alone`: each tells one, so that nothing has to be remembered."""

    def __init__(self, *, alone: bool = False) -> None:
        self._alone = alone
        self._told: set[int] = set()
        self._broken: set[int] = set()
        self._more_told = self._more_broken = 0

    def told(self, line: int) -> None:
        """The record at a line told a call."""
        if self._alone:
            self._more_told += 1
        else:
            self._told.add(line)

    def broken(self, line: int) -> None:
        """The record at a line told a reason why it, or a part of it, is no call."""
        if self._alone:
            self._more_broken += 1
        else:
            self._broken.add(line)

    def tear(self) -> None:
        """The file broke off; that counts as one broken record."""
        self._more_broken += 1

    def counts(self) -> tuple[int, int]:
        """(records that told a call or more, records that told only reasons)."""
        broken = len(self._broken - self._told)
        return len(self._told) + self._more_told, broken + self._more_broken
