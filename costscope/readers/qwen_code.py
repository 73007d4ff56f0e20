"""Qwen Code sessions: a tree of lines like Claude Code's, whose messages and counts are Gemini's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _gemini, _json, _provider, _usage
from costscope.readers._counts import Normalised
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    digest,
    items,
    part,
    since,
    string,
    tags,
    when,
)

SPOKEN = frozenset(("user", "assistant", "tool_result"))
"""Types of lines that went to the model."""


class QwenCode(SessionReader):
    """Sessions as Qwen Code writes them under its projects folder."""

    ahead = True
    about = (
        "Qwen Code sessions: replies with Gemini's usageMetadata, and the errors of its telemetry"
    )

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a line of the tree with Gemini's parts or a payload of the client's own."""
        if not {"uuid", "sessionId", "parentUuid"} <= record.keys():
            return 0.0
        return 1.0 if "parts" in part(record, "message") or "systemPayload" in record else 0.1

    def begin(self, lines: Sequence[Line]) -> Session:
        """A session, with all its lines by their ids."""
        return _Session(lines)


class _Session(Session):
    def __init__(self, lines: Sequence[Line]) -> None:
        super().__init__()
        self._lines: dict[str, list[Line]] = {}
        for line in lines:
            self._lines.setdefault(_name(line), []).append(line)
        self._done: set[str] = set()

    def take(self, line: Line) -> None:
        """A reply, whole with its first line; or a request that failed."""
        name = _name(line)
        if line.value.get("type") == "assistant" and name not in self._done:
            self._done.add(name)
            self._reply(self._lines[name])
        event = part(line.value, "systemPayload", "uiEvent")
        if string(event.get("event.name")).endswith(".api_error"):
            self._fail(event, line)

    def _reply(self, lines: Sequence[Line]) -> None:
        last = max(lines, key=lambda line: (bool(part(line.value, "usageMetadata")), line.number))
        value, metadata = last.value, part(last.value, "usageMetadata")
        asked = self._asked(lines[0])
        ended = when(value.get("timestamp"))
        parts = [p for line in lines for p in items(part(line.value, "message").get("parts"))]
        candidate = {"content": {"role": "model", "parts": parts}}
        call = self._call(value, string(value.get("model")))
        call.call_id = string(value.get("uuid")) or digest(value.get("sessionId"), last.number)
        call.sent_at, call.latency_us = asked or ended, since(asked, ended)
        billed = _usage.read(metadata, "") if metadata else Normalised(None)
        call.usage, call.units, call.ambiguous = billed.usage, billed.units, billed.ambiguous
        call.messages, call.reply = self._before(lines[0]), Raw(_json.dumps([candidate]))
        self.add(last, call)

    def _fail(self, event: dict[str, Any], line: Line) -> None:
        call = self._call(line.value, string(event.get("model")))
        call.call_id = string(event.get("response_id")) or string(line.value.get("uuid"))
        call.sent_at = when(event.get("event.timestamp")) or when(line.value.get("timestamp"))
        call.status, call.usage = "error", Usage()
        self.add(line, call)

    def _call(self, value: dict[str, Any], model: str) -> Call:
        provider, channel = _provider.identify("", model)
        shown = {"project": value.get("cwd"), "branch": value.get("gitBranch")}
        return Call(
            session=string(value.get("sessionId")) or None,
            provider=provider,
            channel=channel,
            model=model,
            feature="qwen-code/main",
            tags=tags({**shown, "version": value.get("version")}),
            dialect=_gemini.blocks,
        )

    def _asked(self, first: Line) -> int | None:
        above = self._lines.get(string(first.value.get("parentUuid")))
        return when(above[-1].value.get("timestamp")) if above else None

    def _before(self, first: Line) -> list[bytes]:
        """The contents that led to a reply, oldest first; a compressed history stands for what it
        replaced."""
        found: list[bytes] = []
        name, seen = string(first.value.get("parentUuid")), set[str]()
        while name and name not in seen and (lines := self._lines.get(name)):
            seen.add(name)
            kept = items(part(lines[-1].value, "systemPayload").get("compressedHistory"))
            if kept:
                return [*map(_json.dumps, kept), *found[::-1]]
            found.extend(
                _content(line) for line in lines[::-1] if string(line.value.get("type")) in SPOKEN
            )
            name = string(lines[0].value.get("parentUuid"))
        return found[::-1]


def _name(line: Line) -> str:
    return string(line.value.get("uuid")) or f"#{line.number}"


def _content(line: Line) -> bytes:
    return _json.dumps(part(line.value, "message"))
