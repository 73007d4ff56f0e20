"""What `droid exec` prints as a stream: what was said and done, and at the end what the whole run was
billed. Where that is counted the run is one call, for its single requests are not told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call, Usage
from costscope.readers import _messages, _provider, _talk, _usage
from costscope.readers._session import Line, Session, SessionReader, part, string, tags, when

TYPES = frozenset(("system", "message", "tool_call", "tool_result", "completion", "error"))


class DroidExec(SessionReader):
    """The stream of one run."""

    ahead = True
    about = "Factory `droid exec` streams; with usage a run is one call, without its replies are estimated"

    def score(self, record: dict[str, Any]) -> float:
        """High for an event of a run; other streams keep the message in an object. A run's last event
        may be all there is: its usage is spelled as the Messages API does."""
        own = record.get("type") in TYPES and record.keys() & {"session_id", "sessionId"}
        if not own or record.keys() & {"message_id", "uuid", "parentUuid"}:
            return 0.0
        if isinstance(record.get("message"), dict):
            return 0.0
        if "finalText" in record:
            return 1.0
        return 0.9 if record.keys() & {"toolName", "toolCallId", "text"} else 0.6

    def begin(self, lines: Sequence[Line]) -> Session:
        """A run, which may be counted at its end."""
        return _Run(counted=any(part(line.value, "usage") for line in lines))


class _Run(Session):
    def __init__(self, *, counted: bool) -> None:
        super().__init__()
        self._counted = counted
        self._system: dict[str, Any] = {}
        self._said: list[bytes] = []
        self._last = ""

    def take(self, line: Line) -> None:
        value, kind = line.value, line.value.get("type")
        if kind == "system":
            self._system = value
        elif kind == "message":
            self._say(_talk.ROLES.get(string(value.get("role")), "user"), value.get("text"), line)
        elif kind == "tool_call":
            self._spoken(_talk.parts(None, [value]), line)
        elif kind == "tool_result":
            self._said.append(_talk.message("tool", _talk.parts(_shown(value.get("value")))))
            self._last = "tool"
        elif kind == "completion":
            self._complete(value, line)
        elif kind == "error":
            self._call(line, []).status = "error"

    def _say(self, role: str, text: Any, line: Line) -> None:
        shown = _talk.parts(text)
        if role == "assistant":
            self._spoken(shown, line)
        else:
            self._said.append(_talk.message(role, shown))
            self._last = role

    def _spoken(self, shown: list[Any], line: Line) -> None:
        """Words or a tool call of the model; what follows them without an answer is of the same reply."""
        if self._last != "assistant" and not self._counted:
            self._call(line, shown)
        self._said.append(_talk.message("assistant", shown))
        self._last = "assistant"

    def _complete(self, value: dict[str, Any], line: Line) -> None:
        found, shown = part(value, "usage"), _talk.parts(value.get("finalText"))
        if found:
            if self._last == "assistant":
                self._said.pop()  # it is told once more as the run's final text
            call = self._call(line, shown)
            call.usage = _usage.of(found, call.provider)
        elif self._last != "assistant" and shown:
            self._spoken(shown, line)

    def _call(self, line: Line, shown: list[Any]) -> Call:
        value, model = line.value, string(self._system.get("model"))
        provider, channel = _provider.identify("", model)
        named = string(value.get("session_id")) or string(value.get("sessionId"))
        call = Call(
            call_id=string(value.get("id")),
            session=named or None,
            sent_at=when(value.get("timestamp")),
            provider=provider,
            channel=channel,
            model=model,
            feature="droid/exec",
            tags=tags({"project": self._system.get("cwd")}),
            usage=Usage() if value.get("type") == "error" else None,
            dialect=_messages.blocks,
            messages=list(self._said),
            reply=_talk.reply(shown),
        )
        self.add(line, call)
        return call


def _shown(value: Any) -> Any:
    return string(value.get("stdout")) or [value] if isinstance(value, dict) else value
