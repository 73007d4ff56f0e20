"""The lines of a Claude Code transcript as a tree, and the prompt of each reply rebuilt from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Raw, Struct

from costscope.readers import _fields, _json
from costscope.readers._bodies import tolerant
from costscope.sources import Record

SYNTHETIC = "<synthetic>"
"""The model of messages that the client wrote itself."""
Key = tuple[str, str]
"""What tells replies apart: message id and request id."""


class Message(Struct):
    """What was said, as the API holds it."""

    id: str | None = None
    model: str | None = None
    content: Raw = _json.NONE
    usage: Raw = _json.NONE
    stop_reason: str | None = None
    diagnostics: Raw = _json.NONE


class Line(Struct, rename="camel"):
    """One line of a transcript."""

    type: str | None = None
    uuid: str | None = None
    parent_uuid: str | None = None
    session_id: str | None = None
    request_id: str | None = None
    timestamp: str | None = None
    is_sidechain: bool = False
    agent_id: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    version: str | None = None
    is_api_error_message: bool = False
    cost_usd: float | None = msgspec.field(default=None, name="costUSD")
    message: Raw = _json.NONE


class Node(Struct):
    """A line with its message decoded and its place."""

    line: Line
    message: Message
    at: int | None
    """Its time in UTC microseconds."""
    offset: int
    number: int
    depth: int = 0
    """How many lines of the tree lie above it."""

    @property
    def is_reply(self) -> bool:
        """Whether a model wrote it."""
        has_text = _json.has(self.message.content) or _json.has(self.message.usage)
        return self.line.type == "assistant" and self.message.model != SYNTHETIC and has_text

    @property
    def is_result(self) -> bool:
        """Whether it holds the results of tool calls."""
        content = self.message.content
        listed = self.line.type == "user" and _json.first(content) == b"["
        return listed and b'"tool_result"' in bytes(content)

    @property
    def order(self) -> tuple[int, int, str, bytes]:
        """Its place among others, by time and then by the tree; where in the file it stands is no
        matter."""
        return self.at or 0, self.depth, self.line.uuid or "", bytes(self.message.content)


_line = msgspec.json.Decoder(Line, strict=False)
_message = msgspec.json.Decoder(Message, strict=False)


def node(record: Record) -> Node:
    """A record as a line of a transcript. Raises ValueError where it is no object with a type, and
    RecursionError where it is nested too deeply."""
    raw: bytes | memoryview = record.raw
    try:
        line = tolerant(_line, raw)
    except _json.NOT_STRICT:
        raw = _json.clean(raw)
        line = tolerant(_line, raw)
    if line.type is None:
        raise ValueError("not a record of the claude_code format")
    held = line.message if _json.first(line.message) == b"{" else Raw(b"{}")
    return Node(line, tolerant(_message, held), _time(line.timestamp), record.offset, record.line)


def _time(value: str | None) -> int | None:
    try:
        return _fields.micros(value)
    except ValueError:
        return None


def by_reply(nodes: Iterable[Node]) -> dict[Key, list[Node]]:
    """The lines of each reply in order. A line without a request id is of the request that its message
    id belongs to, if that is one only; a line without a message id is a reply by itself."""
    requests: dict[str, set[str]] = {}
    found: dict[Key, list[Node]] = {}
    own = [n for n in nodes if n.is_reply]
    for item in own:
        requests.setdefault(item.message.id or "", set()).add(item.line.request_id or "")
    for item in own:
        message, request = item.message.id or "", item.line.request_id or ""
        if not message:
            message = item.line.uuid or f"#{item.number}"
        elif not request and len(others := requests[message] - {""}) == 1:
            (request,) = others
        found.setdefault((message, request), []).append(item)
    for lines in found.values():
        lines.sort(key=_order)
    return found


def _order(item: Node) -> tuple[int, int, str, bytes]:
    return item.order


def tree_of(nodes: Sequence[Node]) -> dict[str, Node]:
    """The lines by uuid, after noting the depth of each. Of lines with one uuid the last in order
    stays."""
    depths = _depths({n.line.uuid: n.line.parent_uuid or "" for n in nodes if n.line.uuid})
    tree: dict[str, Node] = {}
    for item in nodes:
        if uuid := item.line.uuid:
            item.depth = depths[uuid]
            tree[uuid] = max(tree.get(uuid, item), item, key=_order)
    return tree


def _depths(parents: Mapping[str, str]) -> dict[str, int]:
    known: dict[str, int] = {}
    for uuid in parents:
        path: dict[str, None] = {}
        while uuid in parents and uuid not in known and uuid not in path:
            path[uuid] = None
            uuid = parents[uuid]
        above = known.get(uuid, -1)
        known |= {step: depth for depth, step in enumerate(reversed(path), above + 1)}
    return known


class Prompts:
    """The text that was sent with each call: its ancestors in the tree, oldest first.

    Results of parallel tool calls hang side by side on the lines of one reply, so all results of a
    reply belong to what follows it.
    """

    def __init__(self, tree: Mapping[str, Node], replies: Mapping[Key, Sequence[Node]]) -> None:
        self._tree, self._replies = tree, replies
        self._reply_of = {
            n.line.uuid: key for key, lines in replies.items() for n in lines if n.line.uuid
        }
        self._results: dict[Key, list[Node]] = {}
        self._answers: dict[str, Key] = {}
        """Lines with results → the reply whose tool calls they answer."""
        for uuid, item in sorted(tree.items(), key=lambda pair: pair[1].order):
            key = self._reply_of.get(item.line.parent_uuid or "")
            if key is not None and item.is_result:
                self._results.setdefault(key, []).append(item)
                self._answers[uuid] = key
        self._plain: dict[int, bytes] = {}

    def asked_at(self, first: Node) -> int | None:
        """When the newest message before a reply was written: about when the request was sent."""
        parent = self._tree.get(first.line.parent_uuid or "")
        if parent is None or parent.line.uuid in self._reply_of:
            return None
        key = self._answers.get(first.line.parent_uuid or "")
        asked = [parent] if key is None else self._results[key]
        times = [n.at for n in asked if n.at is not None and n.at <= (first.at or n.at)]
        return max(times, default=parent.at)

    def before(self, first: Node) -> list[bytes]:
        """The raw messages that led to a reply. A compaction starts a new tree, and so a new prompt."""
        own = self._reply_of.get(first.line.uuid or "")
        found: list[bytes] = []
        uuid, seen = first.line.parent_uuid, set[str | Key]()
        while uuid and uuid not in seen and (item := self._tree.get(uuid)):
            seen.add(uuid)
            key = self._reply_of.get(uuid)
            if key is not None and key != own and key not in seen:
                seen.add(key)
                turn = [*self._replies[key], *self._results.get(key, ())]
                found.extend(self._raw(n) for n in reversed(turn))
                uuid = self._replies[key][0].line.parent_uuid
                continue
            if item.line.type == "user" and uuid not in self._answers:
                found.append(self._raw(item))
            uuid = item.line.parent_uuid
        return found[::-1]

    def _raw(self, item: Node) -> bytes:
        if item.number not in self._plain:
            role = b"assistant" if item.line.type == "assistant" else b"user"
            content = bytes(item.message.content) or b'""'
            self._plain[item.number] = b'{"role":"%s","content":%s}' % (role, content)
        return self._plain[item.number]
