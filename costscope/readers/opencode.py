"""What opencode keeps: a file for each message, with its parts in files of their own, and whole sessions as
its export writes them. A message of the assistant is one call, with tokens and cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call, Usage
from costscope.readers import _counts, _messages, _provider, _talk
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    cost,
    items,
    part,
    since,
    string,
    tags,
    when,
)


class OpenCode(SessionReader):
    """Messages of opencode's storage folder, and exported sessions."""

    about = "opencode messages with tokens and cost, one by one or as an exported session"

    def score(self, record: dict[str, Any]) -> float:
        """High for a message, a part or a session by the ids that they carry."""
        keys = record.keys()
        if keys >= {"id", "sessionID", "role"} or keys >= {"id", "projectID", "directory"}:
            return 0.95
        if _parts_of(record) and keys >= {"info", "messages"}:
            return 0.95
        return 0.9 if keys >= {"id", "messageID", "type"} else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """Messages in order."""
        return _Messages()


def _parts_of(record: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of an export: each with what is known of it and its parts."""
    return [m for m in items(record.get("messages")) if "info" in m and "parts" in m]


class _Messages(Session):
    def __init__(self) -> None:
        super().__init__()
        self._said: list[bytes] = []
        self._asked: int | None = None

    def take(self, line: Line) -> None:
        for message in _parts_of(line.value):
            self._message(part(message, "info"), items(message.get("parts")), line)
        if "sessionID" in line.value and "role" in line.value:
            self._message(line.value, items(line.value.get("parts")), line)

    def _message(self, info: dict[str, Any], parts: list[dict[str, Any]], line: Line) -> None:
        if info.get("role") == "assistant":
            self._reply(info, parts, line)
        elif shown := _talk.parts([p for p in parts if p.get("type") == "text"]):
            self._said.append(_talk.message("user", shown))

    def _reply(self, info: dict[str, Any], parts: list[dict[str, Any]], line: Line) -> None:
        started, ended = when(part(info, "time").get("created")), when(part(info, "time").get("completed"))  # fmt: skip
        chosen = part(info, "model")
        model = string(info.get("modelID")) or string(chosen.get("modelID"))
        declared = string(info.get("providerID")) or string(chosen.get("providerID"))
        provider, channel = _provider.identify(declared, model)
        said = [p for p in parts if p.get("type") in ("text", "reasoning")]
        ran = [p for p in parts if p.get("type") == "tool"]
        shown = _talk.parts(said, [{"name": p.get("tool"), **part(p, "state")} for p in ran])
        call = Call(
            call_id=string(info.get("id")),
            session=string(info.get("sessionID")) or None,
            sent_at=started,
            latency_us=since(started, ended),
            provider=provider,
            channel=channel,
            model=model,
            status="error" if info.get("error") else "ok",
            finish_reason=string(info.get("finish")) or None,
            feature=f"opencode/{string(info.get('agent')) or string(info.get('mode')) or 'main'}",
            tags=tags({"project": part(info, "path").get("root"), "variant": info.get("variant")}),
            usage=_billed(part(info, "tokens"), provider),
            reported_pd=cost(info.get("cost")) if isinstance(info.get("cost"), (int, float)) else None,
            dialect=_messages.blocks,
            messages=Told(self._said),
            reply=_talk.reply(shown),
        )  # fmt: skip
        self.add(line, call)
        if shown:
            self._said.append(_talk.message("assistant", shown))
        for tool in ran:
            state = part(tool, "state")
            answer = state.get("output") or state.get("error")
            self._said.append(_talk.message("tool", _talk.parts(answer)))


def _billed(found: dict[str, Any], provider: str) -> Usage | None:
    """Buckets: opencode leaves the cached tokens out of its input and bills reasoning beside its output
    (its session's getUsage), unless the total shows otherwise."""
    if found.get("input") is None:
        return None
    given, output, reasoning, total = (
        _counts.count(found.get(name) or 0, name)
        for name in ("input", "output", "reasoning", "total")
    )
    read, written = (
        _counts.count(part(found, "cache").get(n) or 0, f"cache.{n}") for n in ("read", "write")
    )
    whole = output if total and total == given + read + written + output else output + reasoning
    fresh = _counts.uncached(given, read + written, whole, total or None, inside=False)
    bucket = "cache_write_30m" if provider == "openai" else "cache_write_5m"
    return Usage(
        fresh=fresh,
        cache_read=read,
        output=whole,
        reasoning=min(reasoning, whole),
        **{bucket: written},
    )
