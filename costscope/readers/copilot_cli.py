"""Event logs of GitHub Copilot CLI. They count a reply's output, and the input only for a session as a
whole, so what its calls were billed is estimated from what was said."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call, Usage
from costscope.readers import _columns, _messages, _provider, _talk
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    items,
    part,
    since,
    string,
    tags,
    when,
)

STARTS = ("session.", "assistant.", "user.", "system.", "tool.", "hook.", "subagent.", "abort")


class CopilotCLI(SessionReader):
    """The events of one session."""

    ahead = True
    about = (
        "GitHub Copilot CLI session events; input is counted by session only, so it is estimated"
    )

    def score(self, record: dict[str, Any]) -> float:
        """Sure for an event with data and a dotted type."""
        dotted = string(record.get("type")).startswith(STARTS)
        return (
            1.0 if dotted and isinstance(record.get("data"), dict) and "parentId" in record else 0.0
        )

    def begin(self, lines: Sequence[Line]) -> Session:
        """A session, resumed or not."""
        return _Events()


class _Events(Session):
    def __init__(self) -> None:
        super().__init__()
        self._start: dict[str, Any] = {}
        self._model = ""
        self._said: dict[str, list[bytes]] = {}
        """Conversation → its messages; "" is the main one, a sub-agent's has the id of its tool call."""
        self._asked: int | None = None
        self._failed: str | None = None

    def take(self, line: Line) -> None:
        kind, data = string(line.value.get("type")), part(line.value, "data")
        if kind.startswith("session."):
            self._session(kind, data, line)
        elif kind == "assistant.message":
            self._reply(data, line)
        elif kind == "assistant.usage":
            self._bill(data)
        else:
            self._hear(kind, data, line)

    def _hear(self, kind: str, data: dict[str, Any], line: Line) -> None:
        said = self._said.setdefault(string(data.get("parentToolCallId")), [])
        if kind == "user.message":
            shown = _talk.parts(data.get("transformedContent") or data.get("content"))
            said.append(_talk.message("user", shown))
        elif kind == "system.message":
            said.append(_talk.message("system", _talk.parts(data.get("content"))))
        elif kind == "tool.execution_complete":
            result = part(data, "result").get("content")
            said.append(_talk.message("tool", _talk.parts(result)))
        else:
            return
        self._asked = when(line.value.get("timestamp"))

    def _session(self, kind: str, data: dict[str, Any], line: Line) -> None:
        if kind == "session.start":
            self._start = data
        named = data.get("newModel") or data.get("selectedModel") or data.get("chosenModel")
        self._model = string(named) or self._model
        if kind == "session.error":
            call = self._call(data, line, self._said.get("", []))
            call.status, call.usage = "error", Usage()
            call.call_id = string(data.get("providerCallId")) or string(line.value.get("id"))
            self._failed = call.call_id
            self.add(line, call)

    def _reply(self, data: dict[str, Any], line: Line) -> None:
        said = self._said.setdefault(string(data.get("parentToolCallId")), [])
        shown = _talk.parts(
            data.get("content"), data.get("toolRequests"), data.get("reasoningText")
        )
        call = self._call(data, line, said)
        call.call_id = string(data.get("apiCallId")) or string(data.get("messageId"))
        call.call_id = call.call_id or string(line.value.get("id"))
        call.request_id = string(data.get("requestId"))
        call.retry_of, self._failed = self._failed, None
        call.reply = _talk.reply(shown)
        self.add(line, call)
        said.append(_talk.message("assistant", shown))

    def _bill(self, data: dict[str, Any]) -> None:
        """The usage of a reply, in those versions that write it down."""
        row = {
            "input_tokens": data.get("inputTokens"), "output_tokens": data.get("outputTokens"),
            "cache_read_tokens": data.get("cacheReadTokens"),
            "cache_write_tokens": data.get("cacheWriteTokens"),
        }  # fmt: skip
        named = string(data.get("apiCallId"))
        for call in self.calls[::-1]:
            if call.usage is None and named in ("", call.call_id):
                billed = _columns.read(row, "openai")
                call.usage, call.ambiguous = billed.usage, billed.ambiguous
                return

    def _call(self, data: dict[str, Any], line: Line, said: list[bytes]) -> Call:
        ended, context = when(line.value.get("timestamp")), part(self._start, "context")
        model = string(data.get("model")) or self._model
        provider, channel = _provider.identify("github-copilot", model)
        shown = {"project": context.get("cwd"), "branch": context.get("branch")}
        return Call(
            session=string(self._start.get("sessionId")) or None,
            trace=string(data.get("interactionId")) or None,
            sent_at=self._asked or ended,
            latency_us=since(self._asked, ended),
            provider=provider,
            channel=channel,
            model=model,
            feature="copilot/sub-agent" if data.get("parentToolCallId") else "copilot/main",
            tags=tags({**shown, "version": self._start.get("copilotVersion")}),
            units=_searches(data),
            dialect=_messages.blocks,
            messages=Told(said),
        )


def _searches(data: dict[str, Any]) -> dict[str, int]:
    made = sum(r.get("name") == "web_search" for r in items(data.get("serverToolRequests")))
    return {"web_search": made} if made else {}
