"""Conversations of agents that were kept without what they were billed: a record with all its messages, or
a message a line. Every message of the assistant was a call, whose prompt is what was said before it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call
from costscope.readers import _json, _messages, _provider, _talk
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    digest,
    items,
    part,
    string,
    tags,
    when,
)
from costscope.sources import Head

LISTS = ("traj", "messages", "conversations", "conversation", "history")
"""Where a record may hold its messages."""
RUN = frozenset((
    "session_id", "sessionId", "session_start", "trial", "reward", "exit_status", "api_calls",
    "message_count", "toolsets_used", "completed", "instance_id", "task_id", "last_updated",
    "trajectory", "environment", "replay_config",
))  # fmt: skip
"""What is written down of a run, and never of a request or of a line to train a model with."""
BILLED = frozenset((
    "response", "usage", "choices", "completion", "output", "request", "prompt_tokens", "body",
    "response_body", "usageMetadata",
))  # fmt: skip
"""What a log of single calls has."""
LINES = frozenset(("tool_call", "function_call", "tool_result", "function_result", "reasoning"))
"""Types of lines that stand between messages."""

BESIDE = frozenset(("function", "name", "result", "content", "summary"))


class Trajectory(SessionReader):
    """Transcripts without usage; whatever they cost is an estimate."""

    about = "chat trajectories and agents' transcripts without usage, by conversation or by message"

    def score(self, record: dict[str, Any]) -> float:
        """High for messages beside two facts of a run, fair for a line that is a message."""
        if BILLED & record.keys():
            return 0.0
        key, found = _listed(record)
        if found:
            spoken = any(_role(m) == "assistant" for m in found)
            run = key == "traj" or len(RUN & record.keys()) > 1
            return 0.9 if spoken and run else 0.0
        if record.keys() & {"uuid", "sessionId", "payload", "attributes", "data", "id"}:
            return 0.0
        if record.get("type") in LINES and BESIDE & record.keys():
            return 0.5
        return 0.6 if _role(record) and {"content", "message"} & record.keys() else 0.0

    def sniff(self, head: Head) -> float:
        """The records' mean; messages that nobody answers are no log of calls."""
        return super().sniff(head) if any(map(_answers, head.records)) else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """The conversations of a file."""
        return _Talks()


class _Talks(Session):
    def __init__(self) -> None:
        super().__init__()
        self._only = _Talk({})

    def take(self, line: Line) -> None:
        """A record with a conversation, or one message of the file's only one."""
        _, found = _listed(line.value)
        talk = _Talk(line.value) if found else self._only
        for message in found or [line.value]:
            if call := talk.hear(message):
                self.add(line, call)


class _Talk:
    def __init__(self, record: dict[str, Any]) -> None:
        self._record = record
        self._said: list[bytes] = []
        self._thoughts: list[Any] = []
        self._last = self._unnamed = ""
        self._tools = items(record.get("tools"))
        self._model = _model(record)
        if system := string(record.get("system_prompt")):
            self._said.append(_talk.message("system", _talk.parts(system)))

    def hear(self, message: dict[str, Any]) -> Call | None:
        """The next message; a call where the assistant says it."""
        inner = part(message, "message") or message
        role = _role(message)
        if not self._record:
            self._model = _model(message) or _model(inner) or self._model
        if message.get("type") in LINES:
            return self._beside(message)
        if role is None:
            return None
        text = inner.get("content", inner.get("value", inner.get("text")))
        if text is None and isinstance(message.get("message"), str):
            text = message["message"]
        thought = inner.get("reasoning_content") or inner.get("reasoning")
        shown = [*self._thoughts, *_talk.parts(text, _called(inner), thought)]
        self._thoughts = []
        call = self._call(message, shown) if role == "assistant" else None
        self._say(role, shown)
        return call

    def _name(self) -> str:
        """A name for a conversation that has none: what it begins with, and all of it where it is known."""
        if not self._unnamed:
            known = [_json.dumps(self._record)] if self._record else self._said[:2]
            self._unnamed = digest(*known)
        return self._unnamed

    def _say(self, role: str, shown: list[Any]) -> None:
        self._said.append(_talk.message(role, shown))
        self._last = role

    def _beside(self, line: dict[str, Any]) -> Call | None:
        """A tool's call or answer, or a thought, that is a line of its own. A tool call that follows no
        words of the assistant's was all of a reply."""
        kind, call = string(line.get("type")), None
        if kind == "reasoning":
            text = "\n".join(string(s.get("text")) for s in items(line.get("summary")))
            self._thoughts = _talk.parts([{"type": "thinking", "thinking": text}])
        elif kind.endswith("_call"):
            shown = [*self._thoughts, *_talk.parts(None, [line])]
            call = None if self._last == "assistant" else self._call(line, shown)
            self._thoughts = []
            self._say("assistant", shown)
        else:
            self._say("tool", _talk.parts(line.get("result", line.get("content"))))
        return call

    def _call(self, message: dict[str, Any], shown: list[Any]) -> Call:
        record, model = self._record, self._model or _model(message)
        provider, channel = _provider.identify("", model)
        trial = record.get("trial")
        task = record.get("task_id", record.get("instance_id"))
        named = string(record.get("session_id")) or string(record.get("sessionId"))
        unnamed = None if task is None else f"{task}/{trial if trial is not None else 0}"
        call = Call(
            session=named or unnamed or self._name(),
            task=None if task is None else str(task),
            sent_at=_at(message),
            provider=provider,
            channel=channel,
            model=model,
            finish_reason=string(message.get("finish_reason")) or None,
            tags=tags({"trial": trial, "project": record.get("cwd"), "platform": record.get("platform")}),
            dialect=_messages.blocks,
            messages=Told(self._said),
            reply=_talk.reply(shown),
        )  # fmt: skip
        if self._tools:
            call.tools = _talk.reply(self._tools)
        return call


def _listed(record: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The messages of a record, and where they stand; none where it holds none."""
    for key in LISTS:
        found = items(record.get(key))
        if found and all("role" in m or "from" in m for m in found):
            return key, found
    return "", []


def _answers(record: dict[str, Any]) -> bool:
    """Whether a model spoke in a record."""
    _, found = _listed(record)
    calls = string(record.get("type")).endswith("_call")
    return calls or any(_role(message) == "assistant" for message in found or [record])


def _role(message: dict[str, Any]) -> str | None:
    """Who speaks, in our words; None where that is nobody who is heard by the model."""
    for name in ("role", "from", "type"):
        if isinstance(word := message.get(name), str):
            return _talk.ROLES.get(word.lower())
    return None


def _called(inner: dict[str, Any]) -> Any:
    single = inner.get("function_call")
    return inner.get("tool_calls") or ([single] if isinstance(single, dict) else None)


def _model(found: dict[str, Any]) -> str:
    names = (found.get("model"), found.get("model_id"), found.get("model_name"))
    return next((name for name in names if isinstance(name, str) and name), "")


def _at(message: dict[str, Any]) -> int | None:
    return when(message.get("timestamp")) or when(message.get("created_at"))
