"""Step logs of Antigravity's agent. They count no tokens; a planner's response was a call, and the model is
known where the user chose it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from costscope.model import Call
from costscope.readers import _messages, _provider, _talk
from costscope.readers._session import Line, Session, SessionReader, since, string, when

_CHOSEN = re.compile(r"`Model Selection` from .*? to (.+?)\.(?:\s|$)")
_REPLY = "PLANNER_RESPONSE"


class Antigravity(SessionReader):
    """The steps of one conversation."""

    about = "Antigravity step logs without usage: every planner response is an estimated call"

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a numbered step with a source."""
        return 1.0 if record.keys() >= {"step_index", "source", "type", "status"} else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """A conversation."""
        return _Steps()


class _Steps(Session):
    def __init__(self) -> None:
        super().__init__()
        self._said: list[bytes] = []
        self._model = ""
        self._asked: int | None = None

    def take(self, line: Line) -> None:
        value, kind = line.value, string(line.value.get("type"))
        content = value.get("content")
        if kind == _REPLY:
            self._reply(value, line)
        elif content is None:
            return
        elif kind == "USER_INPUT":
            self._choose(string(content))
            self._hear("user", content, line)
        elif kind == "CHECKPOINT":
            # The conversation goes on from a summary.
            self._said = []
            self._hear("user", content, line)
        else:
            self._hear("tool" if value.get("source") == "MODEL" else "user", content, line)

    def _choose(self, text: str) -> None:
        if chosen := _CHOSEN.search(text):
            name = chosen[1].partition("(")[0].strip().lower()
            self._model = re.sub(r"\s+", "-", name)

    def _hear(self, role: str, content: Any, line: Line) -> None:
        self._said.append(_talk.message(role, _talk.parts(content)))
        self._asked = when(line.value.get("created_at"))

    def _reply(self, value: dict[str, Any], line: Line) -> None:
        shown = _talk.parts(value.get("content"), value.get("tool_calls"), value.get("thinking"))
        provider, channel = _provider.identify("", self._model)
        ended = when(value.get("created_at"))
        call = Call(
            sent_at=self._asked or ended,
            latency_us=since(self._asked, ended),
            provider=provider,
            channel=channel,
            model=self._model,
            status="ok" if value.get("status") == "DONE" else string(value.get("status")).lower(),
            feature="antigravity/main",
            dialect=_messages.blocks,
            messages=list(self._said),
            reply=_talk.reply(shown),
        )
        self.add(line, call)
        self._said.append(_talk.message("assistant", shown))
