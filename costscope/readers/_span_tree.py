"""The spans of a file as trees: which of them are the calls, where a framework's span and the one of
the client inside it tell of the same call, and what a call inherits from the spans above it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from msgspec import Struct, field

from costscope.model import Call, Usage
from costscope.readers._span_kinds import CALL, WRAPPER
from costscope.readers._span_usage import put_in

_PROVIDERS_ID = re.compile(r"(chatcmpl|cmpl|resp|msg|gen)[-_]")
DIMENSIONS = ("session", "user_id", "tenant", "team", "feature")
"""What a call takes over from the spans above it."""


class Node(Struct):
    """What is kept of a span. `call` only where its kind is CALL or WRAPPER."""

    trace: str
    id: str
    parent: str
    kind: str
    call: Call | None = None
    scope: str = ""
    service: str = ""
    dimensions: Mapping[str, str] = {}
    documents: Sequence[str] = ()


class Tree(Struct):
    """The spans of a file, in its order."""

    nodes: list[Node] = field(default_factory=list)
    places: dict[tuple[str, str], int] = field(default_factory=dict)
    """Trace and span id → the number of the node."""

    def add(self, node: Node) -> bool:
        """Take in a span; False where it was known already and tells nothing more."""
        known = self.places.get((node.trace, node.id)) if node.id else None
        if known is None:
            if node.id:
                self.places[node.trace, node.id] = len(self.nodes)
            self.nodes.append(node)
            return True
        if _weight(node) > _weight(self.nodes[known]):
            self.nodes[known] = node
        return False

    def calls(self) -> list[Node]:
        """The spans that are calls, each call once: of spans inside each other that tell of the same
        one, the innermost. Where a file has none with a count, a wrapper's count is all there is."""
        kept = _Choice(self).kept()
        found = [self.nodes[i] for i in sorted(kept)]
        calls = [node for node in found if node.kind == CALL]
        alone = not any(_spent(node) for node in calls)
        chosen = [n for n in found if n.kind == CALL or (alone and _call(n).model)]
        self._inherit(chosen)
        return chosen

    def parent(self, number: int) -> int:
        """The number of the node above one, -1 where the file has none."""
        node = self.nodes[number]
        return self.places.get((node.trace, node.parent), -1) if node.parent else -1

    def _inherit(self, chosen: Sequence[Node]) -> None:
        """Give calls the session, user and the like that only a span above them names."""
        known: dict[int, Mapping[str, str]] = {}
        for node in chosen:
            found = self._above(self.places.get((node.trace, node.id), -1), known)
            call = _call(node)
            for name in DIMENSIONS:
                if getattr(call, name) is None and name in found:
                    setattr(call, name, found[name])
            call.feature = call.feature or node.service or None

    def _above(self, number: int, known: dict[int, Mapping[str, str]]) -> Mapping[str, str]:
        path: list[int] = []
        seen: set[int] = set()
        while number >= 0 and number not in known and number not in seen:
            seen.add(number)
            path.append(number)
            number = self.parent(number)
        found: Mapping[str, str] = known.get(number, {})
        for step in reversed(path):
            own = self.nodes[step].dimensions
            found = {**found, **own} if own else found
            known[step] = found
        return found


def _call(node: Node) -> Call:
    return node.call if node.call is not None else Call()


def _spent(node: Node) -> int:
    """All tokens of a node's call; 0 where it has no count."""
    usage = _call(node).usage
    return 0 if usage is None else put_in(usage) + usage.output


def _weight(node: Node) -> tuple[bool, bool, int]:
    """How much a span tells: of one that was exported twice, the fuller one counts."""
    return node.call is not None, node.kind == CALL, _spent(node)


class _Choice:
    """Finds the calls bottom-up, in time that grows with the number of spans."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._nodes = tree.nodes
        self._candidates = [i for i, n in enumerate(tree.nodes) if n.call is not None]
        self._above: dict[int, int] = {}
        self._kept: set[int] = set()

    def kept(self) -> set[int]:
        """The numbers of the nodes that are calls, or wrappers without one inside."""
        inside: dict[int, list[int]] = {}
        over = {i: self._nearest(i) for i in self._candidates}
        for i, above in over.items():
            inside.setdefault(above, []).append(i)
        order, reached = [], set[int]()
        # Spans that are each other's parents are no tree: each of them stands for itself.
        for start in (*inside.get(-1, ()), *self._candidates):
            stack = [start]
            while stack:
                i = stack.pop()
                if i not in reached:
                    reached.add(i)
                    order.append(i)
                    stack.extend(inside.get(i, ()))
        tops: dict[int, list[int]] = {}
        for i in reversed(order):
            found = _merged([tops.pop(c) for c in inside.get(i, ()) if c in tops])
            tops[i] = self._settle(i, found)
        return self._kept

    def _nearest(self, number: int) -> int:
        """The nearest node above one that may be a call, -1 where there is none."""
        path: list[int] = []
        seen = {number}
        at = self._tree.parent(number)
        while at >= 0 and self._nodes[at].call is None and at not in self._above:
            if at in seen:
                at = -1
                break
            seen.add(at)
            path.append(at)
            at = self._tree.parent(at)
        if at >= 0 and self._nodes[at].call is None:
            at = self._above[at]
        self._above.update(dict.fromkeys(path, at))
        return at

    def _settle(self, number: int, found: list[int]) -> list[int]:
        """Decide on a node, given the calls inside it; what its own ancestors see of both."""
        node = self._nodes[number]
        calls = [i for i in found if self._nodes[i].kind == CALL]
        inner = [self._nodes[i] for i in calls]
        if node.kind == WRAPPER:
            if not found:
                self._kept.add(number)
                return [number]
            return found
        if inner and repeats(node, inner):
            _lend(node, inner)
            return found
        self._kept.add(number)
        if inner and _spent(node) and not any(map(_spent, inner)):
            # The same call seen from outside and from inside, and only the outside counted.
            self._kept.difference_update(i for i in calls if _may_be(node, self._nodes[i]))
        return [number]


def _merged(lists: list[list[int]]) -> list[int]:
    """All in one, into the longest, so that nothing is copied often."""
    if not lists:
        return []
    longest = max(lists, key=len)
    for other in lists:
        if other is not longest:
            longest.extend(other)
    return longest


def repeats(node: Node, inner: Sequence[Node]) -> bool:
    """Whether a span tells of the same calls as those inside it, and is none itself: it has the id or
    the count of one of them, or of all together, or no count; or another library wrote it, as a
    framework's span lies around a client's. A provider's id of its own shows a call of its own."""
    own = _call(node)
    if _spent(node) and not any(map(_spent, inner)):
        return False
    ids = {_call(n).call_id for n in inner}
    if own.call_id in ids:
        return True
    if _provided(own.call_id) and any(map(_provided, ids)):
        return False
    if not _spent(node):
        return True
    counted = [usage for n in inner if (usage := _call(n).usage) is not None and _spent(n)]
    made = (own.usage or Usage()).output
    if made == sum(u.output for u in counted) or any(made == u.output for u in counted):
        return True
    return any(n.scope != node.scope for n in inner)


def _may_be(node: Node, inner: Node) -> bool:
    """Whether a span inside another, of which nothing was counted, may tell of the same call."""
    own, other = _call(node).call_id, _call(inner).call_id
    if _call(inner).status == "error":
        return False
    return own == other or not (_provided(own) and _provided(other))


def _provided(call_id: str) -> bool:
    return bool(_PROVIDERS_ID.match(call_id))


def _lend(node: Node, inner: Sequence[Node]) -> None:
    """Give a call the texts and the cost that only the span around it has."""
    call = _call(node)
    counted = [_call(n) for n in inner if _call(n).status != "error"]
    if len(counted) != 1:
        return
    (only,) = counted
    if only.reported_pd is None:
        only.reported_pd = call.reported_pd
    if only.dialect is None and call.dialect is not None:
        only.dialect, only.tools, only.system = call.dialect, call.tools, call.system
        only.messages, only.reply = call.messages, call.reply
