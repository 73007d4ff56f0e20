"""Wire logs of Kimi Code: what is said and done, step by step. A step's end holds what its request was
billed; a request that another attempt follows came to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _counts, _json, _messages, _provider, _talk
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    digest,
    items,
    part,
    since,
    string,
    tags,
    when,
)

COUNTS = ("inputOther", "inputCacheRead", "inputCacheCreation", "output")
TYPES = frozenset((
    "config.update", "context.append_message", "context.append_loop_event", "llm.request", "usage.record",
    "llm.tools_snapshot", "context.apply_compaction", "turn.prompt", "tools.set_active_tools",
))  # fmt: skip


class KimiCode(SessionReader):
    """The wire log of one agent, main or sub-agent."""

    about = "Kimi Code wire logs: steps with usage, compactions, and the attempts that failed"

    def score(self, record: dict[str, Any]) -> float:
        """Sure for the log's own dotted types."""
        if record.get("type") in TYPES and "time" in record:
            return 1.0
        dotted = "." in string(record.get("type")) and type(record.get("time")) is int
        return 1.0 if "protocol_version" in record else 0.8 if dotted else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """One agent's conversation."""
        return _Wire()


class _Wire(Session):
    def __init__(self) -> None:
        super().__init__()
        self._config: dict[str, Any] = {}
        self._tools = Raw(b"")
        self._said: list[bytes] = []
        self._users: list[bytes] = []
        self._parts: list[Any] = []
        self._answers: list[bytes] = []
        self._asked: Line | None = None
        self._failed: str | None = None
        self._told = False
        """Whether the last step's end has told already what the next usage record repeats."""

    def take(self, line: Line) -> None:
        """One line, by its type; what is none of these is a note of the client's."""
        value, kind = line.value, string(line.value.get("type"))
        if kind in ("turn.cancel", "turn.ended"):
            self._give_up("aborted")
        elif kind == "usage.record":
            self._record(value, line)
        elif kind == "llm.request":
            self._ask(line)
        elif kind == "context.append_loop_event":
            self._step(part(value, "event"), line)
        else:
            self._learn(kind, value)

    def _learn(self, kind: str, value: dict[str, Any]) -> None:
        """What the next prompts are made of."""
        if kind == "config.update":
            self._config |= value
        elif kind == "llm.tools_snapshot":
            tools = items(value.get("tools"))
            self._tools = Raw(_json.dumps(tools)) if tools else Raw(b"")
        elif kind == "context.append_message":
            self._hear(part(value, "message"))
        elif kind == "context.apply_compaction":
            self._compact(value)

    def close(self) -> None:
        self._give_up("aborted")

    def _hear(self, message: dict[str, Any]) -> None:
        role = _talk.ROLES.get(string(message.get("role")), "user")
        raw = _talk.message(role, _talk.parts(message.get("content"), message.get("toolCalls")))
        self._said.append(raw)
        if role == "user":
            self._users.append(raw)

    def _compact(self, value: dict[str, Any]) -> None:
        """A summary stands for all but the newest things that the user said."""
        kept = value.get("keptUserMessageCount")
        newest = self._users[-kept:] if isinstance(kept, int) and kept > 0 else []
        summary = value.get("contextSummary") or value.get("summary")
        self._said = [*newest, _talk.message("user", _talk.parts(summary))]

    def _ask(self, line: Line) -> None:
        self._give_up("error")
        self._asked = line

    def _give_up(self, status: str) -> None:
        """The open request got no answer."""
        if self._asked is None:
            return
        call = self._call(self._asked, status)
        call.call_id = digest(_time(self._asked), self._asked.value.get("turnStep"), status)
        call.revision, call.usage = 1, Usage()
        self.add(self._asked, call)
        self._asked, self._failed = None, call.call_id

    def _step(self, event: dict[str, Any], line: Line) -> None:
        kind = event.get("type")
        if kind == "content.part":
            self._parts += _talk.parts([event.get("part")])
        elif kind == "tool.call":
            self._parts += _talk.parts(None, [event])
        elif kind == "tool.result":
            self._answers.append(_talk.message("tool", _talk.parts(_result(event))))
        elif kind == "step.begin":
            self._turn()
        elif kind == "step.end":
            self._end(event, line)

    def _turn(self) -> None:
        """What the last step said and its tools answered is part of the next prompt."""
        if self._parts:
            self._said.append(_talk.message("assistant", self._parts))
        self._said += self._answers
        self._parts, self._answers = [], []

    def _end(self, event: dict[str, Any], line: Line) -> None:
        usage = part(event, "usage")
        call = self._call(line, "ok")
        call.call_id = string(event.get("messageId")) or string(event.get("uuid"))
        call.finish_reason = string(event.get("finishReason")) or None
        call.usage = _billed(usage) if usage else None
        call.reply = _talk.reply(self._parts)
        self.add(line, call)
        self._asked, self._failed, self._told = None, None, bool(usage)
        self._turn()

    def _record(self, value: dict[str, Any], line: Line) -> None:
        """What a step's end has told is told once more; anything else (a compaction) only here."""
        if self._told:
            self._told = False
            return
        call = self._call(line, "ok")
        call.call_id, call.revision = digest(_time(line), *part(value, "usage").values()), 1
        call.usage = _billed(part(value, "usage"))
        call.model = call.model or string(value.get("model")).rpartition("/")[2]
        self.add(line, call)
        self._asked, self._failed = None, None

    def _call(self, line: Line, status: str) -> Call:
        asked = self._asked.value if self._asked is not None else {}
        alias = string(self._config.get("modelAlias"))
        model = string(asked.get("model")) or alias.rpartition("/")[2]
        declared = string(asked.get("provider"))
        provider, channel = _provider.identify("" if declared == "kimi" else declared, model)
        sent, kind = when(asked.get("time")), string(asked.get("kind"))
        effort = string(asked.get("thinkingEffort"))
        return Call(
            trace=string(line.value.get("agentId")) or None,
            sent_at=sent or _time(line),
            latency_us=since(sent, _time(line)) if line.value is not asked else None,
            provider=provider or "moonshotai",
            channel=channel,
            model=model,
            status=status,
            feature=f"kimi-code/{kind if kind not in ('', 'loop') else self._profile()}",
            tags=tags({"project": self._config.get("cwd")}),
            params=f"effort={effort}" if effort else "",
            retry_of=self._failed,
            dialect=_messages.blocks,
            tools=self._tools,
            system=Raw(_json.dumps(self._config.get("systemPrompt") or "")),
            messages=Told(self._said),
        )

    def _profile(self) -> str:
        name = string(self._config.get("profileName"))
        return "main" if name in ("", "agent") else name


def _result(event: dict[str, Any]) -> Any:
    result = event.get("result")
    return result.get("output", result) if isinstance(result, dict) else result


def _time(line: Line) -> int | None:
    return when(line.value.get("time"))


def _billed(found: dict[str, Any]) -> Usage:
    fresh, read, written, output = (_counts.count(found.get(n) or 0, n) for n in COUNTS)
    return Usage(fresh=fresh, cache_read=read, cache_write_5m=written, output=output)
