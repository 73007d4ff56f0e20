"""Sessions of pi and of what grew out of it (OpenClaw), and those that Factory's droid keeps in the same
shape: a tree of messages, replies with usage and cost where the agent notes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call, Usage
from costscope.readers import _counts, _messages, _provider, _talk
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    cost,
    digest,
    part,
    since,
    string,
    tags,
    when,
)

OWN = frozenset(("session", "session_start", "model_change", "thinking_level_change", "compaction"))


class Pi(SessionReader):
    """Sessions with one message a line, each with the id of the one before it."""

    ahead = True
    about = (
        "pi, OpenClaw and Factory droid sessions: messages by parentId, usage and cost where noted"
    )

    def score(self, record: dict[str, Any]) -> float:
        """High for the agent's own kinds of lines and for messages with ids."""
        if record.get("type") == "message":
            inner = part(record, "message")
            return 0.9 if "id" in record and {"role", "content"} & inner.keys() else 0.0
        if record.keys() & {"sessionId", "sessionID", "messageID", "data"}:
            return 0.0
        return 0.9 if record.get("type") in OWN and "id" in record else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """A session; its lines form a tree, as one may go back and go on from there."""
        return _Tree(lines)


class _Tree(Session):
    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__()
        self._by_id = {string(line.value.get("id")): line.value for line in lines}
        head = next((v for v in self._by_id.values() if _starts(v)), {})
        self._head = head
        self._agent = "droid" if head.get("type") == "session_start" else "pi"
        self._before = _previous(lines)
        self._model = self._provider = ""

    def take(self, line: Line) -> None:
        value = line.value
        if value.get("type") == "model_change":
            self._model = string(value.get("modelId"))
            self._provider = string(value.get("provider"))
        message = part(value, "message")
        if message.get("role") == "assistant":
            self._reply(value, message, line)

    def _reply(self, value: dict[str, Any], message: dict[str, Any], line: Line) -> None:
        above = self._above(value)
        # A fork copies lines into a file of its own, with their ids and times.
        named = string(message.get("responseId"))
        model = string(message.get("model")) or self._model
        provider, channel = _provider.identify(string(message.get("provider")) or self._provider, model)  # fmt: skip
        asked, ended = (when(above[-1].get("timestamp")) if above else None), when(value.get("timestamp"))  # fmt: skip
        failed = message.get("stopReason") in ("error", "aborted")
        usage, guessed = _billed(part(message, "usage"), provider)
        call = Call(
            call_id=named or digest(value.get("id"), value.get("timestamp")),
            revision=0 if named else 1,
            session=string(self._head.get("id")) or None,
            sent_at=asked or ended,
            latency_us=since(asked, ended),
            provider=provider,
            channel=channel,
            model=model,
            status=string(message.get("stopReason")) if failed else "ok",
            finish_reason=string(message.get("stopReason")) or None,
            feature=f"{self._agent}/main",
            tags=tags({"project": self._head.get("cwd"), "client": self._head.get("owner")}),
            usage=usage,
            ambiguous=guessed,
            reported_pd=cost(part(message, "usage", "cost").get("total")),
            dialect=_messages.blocks,
            messages=[_said(v) for v in above],
            reply=_talk.reply(_talk.parts(message.get("content"))),
        )
        self.add(line, call)

    def _above(self, value: dict[str, Any]) -> list[dict[str, Any]]:
        """The lines that led to a reply, oldest first; behind a compaction stands its summary."""
        found: list[dict[str, Any]] = []
        summary: list[dict[str, Any]] = []
        kept, seen = "", {id(value)}
        up = self._parent(value)
        while up and id(up) not in seen:
            seen.add(id(up))
            if up.get("type") in ("compaction", "branch_summary") and not kept:
                summary = [up]
                kept = string(up.get("firstKeptEntryId")) or "-"
            elif up.get("message") and kept != "-":
                found.append(up)
            if kept and kept == up.get("id"):
                break
            up = self._parent(up)
        return [*summary, *found[::-1]]

    def _parent(self, value: dict[str, Any]) -> dict[str, Any]:
        """The line above; the message before it where an agent names a tool call or nothing at all."""
        name = value.get("parentId", "")
        if name is None or _starts(value):
            return {}
        return self._by_id.get(string(name)) or self._before.get(id(value), {})


def _previous(lines: Sequence[Line]) -> dict[int, dict[str, Any]]:
    """Each line's message before it in the file, by the identity of the line's value."""
    found: dict[int, dict[str, Any]] = {}
    last: dict[str, Any] = {}
    for line in lines:
        found[id(line.value)] = last
        last = line.value if part(line.value, "message") else last
    return found


def _starts(value: dict[str, Any]) -> bool:
    return value.get("type") in ("session", "session_start")


def _said(value: dict[str, Any]) -> bytes:
    message = part(value, "message")
    if not message:
        return _talk.message("user", _talk.parts(value.get("summary")))
    role = _talk.ROLES.get(string(message.get("role")).lower(), "user")
    return _talk.message(role, _talk.parts(message.get("content")))


def _billed(found: dict[str, Any], provider: str) -> tuple[Usage | None, bool]:
    """(buckets, whether the convention was guessed). The agent's input leaves out what was cached; its
    total shows where a version did not."""
    if "input" not in found:
        return None, False
    given, output, read, written, total = (
        _counts.count(found.get(name) or 0, name)
        for name in ("input", "output", "cacheRead", "cacheWrite", "totalTokens")
    )
    fresh, guessed = _counts.decide(
        given, read + written, output, total or None, inside=False, sure=not total
    )
    bucket = "cache_write_30m" if provider == "openai" else "cache_write_5m"
    return Usage(fresh=fresh, cache_read=read, output=output, **{bucket: written}), guessed
