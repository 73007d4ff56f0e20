"""Events of Claude's managed agents (`/v1/sessions/{id}/events`), as the API lists or streams them, with the
session itself where it was logged. Each span of a model request is a call; the prompt is put together
again from the events before it. System prompt and built-in tools are Anthropic's own and not in it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Block, Call, Ignored, Skipped, Slot, Usage
from costscope.readers import _blocks, _fields, _json, _messages, _platform, _usage
from costscope.readers.interface import Reader
from costscope.sources import Record

_START, _END = "span.model_request_start", "span.model_request_end"
_CALLS = ("agent.tool_use", "agent.mcp_tool_use", "agent.custom_tool_use")
_RESULTS = (
    "agent.tool_result", "agent.mcp_tool_result", "user.custom_tool_result", "user.tool_result",
)  # fmt: skip
_KINDS = ("session.", "span.", "agent.", "user.", "system.")


class ManagedAgents(Reader):
    """Sessions of managed agents; `model_usage` counts cached tokens beside `input_tokens`."""

    about = "session events of Claude's managed agents, listed or streamed"
    whole_file = True

    def score(self, record: dict[str, Any]) -> float:
        """Sure for events with the API's own ids, and for a session."""
        kind = record.get("type")
        if not isinstance(kind, str):
            return 0.0
        if kind == "session":
            return (
                1.0 if isinstance(record.get("agent"), dict) and "environment_id" in record else 0.0
            )
        named = str(record.get("id", "")).startswith("sevt_") or "processed_at" in record
        return 1.0 if named and kind.startswith(_KINDS) else 0.0

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """Every record; what a recording holds beside objects (names of methods, ids) is no call."""
        session = _Session({})
        for record in records:
            try:
                event = _blocks.decode(record.raw)
                if isinstance(event, dict) and event.get("type") == "session":
                    session = _Session(event)
                yield session.take(event, record, source)
            except (ValueError, TypeError, KeyError) as error:
                yield Skipped(source, record.line, str(error) or type(error).__name__)
            except RecursionError:
                yield Skipped(source, record.line, "the JSON is nested too deeply")


class _Session:
    """A session as its events have told it so far."""

    def __init__(self, session: Mapping[str, Any]) -> None:
        agent = _blocks.inner(session.get("agent"))
        model = agent.get("model")
        self._model = _blocks.inner(model) if isinstance(model, dict) else {"id": model}
        self._id = _platform.named(session, "id")
        self._agent = _platform.named(agent, "name")
        self._system = agent.get("system")
        self._tools = [t for t in _blocks.dicts(agent.get("tools")) if "input_schema" in t]
        self._messages: list[bytes] = []
        self._reply: list[Mapping[str, Any]] = []
        self._start: Mapping[str, Any] = {}
        self._sent = 0
        self._failed: tuple[str, int] = ("", -1)
        """The last request if it failed, and how much had been said before it."""

    def take(self, event: Any, record: Record, source: str) -> Call | Skipped | Ignored:
        """What an event is: a call where it ends a model request. Raises ValueError for bad counts."""
        if isinstance(event, (str, list)):
            return Ignored()
        kind = event.get("type") if isinstance(event, dict) else None
        if not isinstance(kind, str) or not (kind == "session" or kind.startswith(_KINDS)):
            return Skipped(source, record.line, "not a record of the managed_agents format")
        if kind == _END:
            call = self._call(event)
            call.offset, call.line = record.offset, record.line
            return call
        if kind == _START:
            self._start, self._reply, self._sent = event, [], len(self._messages)
        elif "id" in event:
            # What was sent comes back in the stream with an id: then it counts.
            self._say(kind, event)
        return Ignored()

    def _say(self, kind: str, event: Mapping[str, Any]) -> None:
        """Take an event into the conversation."""
        if kind == "agent.message":
            self._answer([p for p in _blocks.parts(event.get("content")) if isinstance(p, dict)])
        elif kind in _CALLS:
            self._answer(
                [{"type": "tool_use", "name": event.get("name"), "input": event.get("input")}]
            )
        elif kind in _RESULTS:
            self._add("user", [{"type": "tool_result", "content": event.get("content")}])
        elif kind == "user.message":
            self._add("user", event.get("content"))

    def _answer(self, parts: Sequence[Mapping[str, Any]]) -> None:
        self._reply += parts
        self._add("assistant", list(parts))

    def _add(self, role: str, content: Any) -> None:
        self._messages.append(_json.dumps({"role": role, "content": content}))

    def _call(self, end: Mapping[str, Any]) -> Call:
        found = _blocks.inner(end.get("model_usage"))
        failed = end.get("is_error") is True
        facts = _fields.facts({}, {"start_time": self._start.get("processed_at"),
                                   "end_time": end.get("processed_at")}, {})  # fmt: skip
        own = _platform.named(end, "id") or ""
        last, said = self._failed
        call = Call(
            call_id=own,
            retry_of=last if said == self._sent else None,
            session=self._id,
            sent_at=facts.sent_at,
            latency_us=facts.latency_us,
            provider="anthropic",
            model=_platform.named(self._model, "id") or "",
            tier="fast" if self._model.get("speed") == "fast" else "standard",
            status="error" if failed else "ok",
            feature=self._agent,
            usage=_usage.anthropic(found) or (Usage() if failed else None),
            dialect=blocks,
            tools=Raw(_json.dumps(self._tools)) if self._tools else _json.NONE,
            system=Raw(_json.dumps(self._system)) if self._system else _json.NONE,
            messages=self._messages[: self._sent],
            reply=Raw(_json.dumps(self._reply)) if self._reply else _json.NONE,
        )
        self._failed = (own, self._sent) if failed else ("", -1)
        self._start, self._reply, self._sent = {}, [], len(self._messages)
        return call


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Events hold Anthropic's content blocks; nothing marks where the service put its breakpoints."""
    return _messages.blocks(slot, raw)
