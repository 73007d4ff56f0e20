"""The texts of a call again, each under the hash by which its parts are known. For showing, not for storing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import cast

from costscope.attribute.interner import Interner
from costscope.attribute.spans import spans
from costscope.attribute.stated import Ruled, RuleSet
from costscope.model import Block, Call, Slot


def texts_of(call: Call, secret: bytes, rules: RuleSet | None = None) -> dict[int, str]:
    """Content hash → text of every piece of a call, as reading it with this secret, and what a user says
    of its feature, makes them. Messages of a shape that the call's dialect does not know have none."""
    return _kept(_Keeper(secret), call, rules)


def uncut(call: Call, secret: bytes) -> dict[int, str]:
    """The same for whole blocks, as if nothing in them told where to cut."""
    return _kept(_Whole(secret), call, None)


def _kept(keeper: _Keeper, call: Call, rules: RuleSet | None) -> dict[int, str]:
    if call.dialect is None:
        return {}
    slots = (("tools", [call.tools]), ("system", [call.system]), ("message", call.messages),
             ("reply", [call.reply]))  # fmt: skip
    for slot, raws in slots:
        given = [raw for raw in raws if memoryview(raw).nbytes]
        keeper.ids(cast(Slot, slot), call.dialect, "o200k_base", given, rules)
    return keeper.texts


def border(text: str, counted: list[int], upto: int, whole: int) -> int:
    """Where in a text `upto` of its `whole` tokens end: at the nearest border of its spans, of which
    `counted` are the tokens."""
    if upto in (0, whole):
        return len(text) if upto else 0
    stops = [span.stop for span in spans(text)]
    if len(stops) != len(counted):
        return len(text) * upto // whole
    wanted, sums = upto * sum(counted), accumulate(counted)
    nearest = min((abs(n * whole - wanted), stop) for n, stop in zip(sums, stops, strict=True))
    return nearest[1]


class _Keeper(Interner):
    """Keeps the text of each piece, and nothing else that an interner makes of it."""

    def __init__(self, secret: bytes) -> None:
        self.texts: dict[int, str] = {}
        super().__init__(secret)

    def _add_block(self, block: Block, encoding: str, cuts: Sequence[Ruled]) -> None:
        for cut, _ in cuts:
            if text := block.text[cut.start : cut.stop]:
                self._keep(self._hash(block, text), text)

    def _keep(self, content: int, text: str) -> None:
        self.texts[content] = text


class _Whole(_Keeper):
    """Keeps the text of each block as a whole."""

    def _add_block(self, block: Block, encoding: str, cuts: Sequence[Ruled]) -> None:
        if block.text:
            self._keep(self._hash(block, block.text), block.text)


class Wanted(_Keeper):
    """Of many calls the texts that are wanted; a message that several of them repeat is read once."""

    def __init__(self, secret: bytes, wanted: Collection[int]) -> None:
        self.left = set(wanted)
        """What has not been found yet."""
        super().__init__(secret)

    def of(self, call: Call, rules: RuleSet | None) -> dict[int, str]:
        """Content hash → text of what a call, cut by what a user says of its feature, has of it."""
        if self.full:
            self.reset()
        self.texts = {}
        return _kept(self, call, rules)

    def _keep(self, content: int, text: str) -> None:
        if content in self.left:
            self.left.remove(content)
            super()._keep(content, text)
