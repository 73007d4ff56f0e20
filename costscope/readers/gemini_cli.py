"""What Gemini CLI writes: recorded sessions (one document, or lines since 0.40), its telemetry log, and
recorded responses. Its counts are those of the API: the input holds the cached tokens, and the thoughts
stand beside the output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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

METHODS = frozenset(("generateContent", "generateContentStream"))
TOKENS: Mapping[str, str] = {
    "input": "promptTokenCount", "output": "candidatesTokenCount", "total": "totalTokenCount",
    "cached": "cachedContentTokenCount", "thoughts": "thoughtsTokenCount",
    "tool": "toolUsePromptTokenCount",
}  # fmt: skip
"""A session's counts → the API's, as the CLI's chat recording takes them over."""
TELEMETRY: Mapping[str, str] = {
    "input_token_count": "promptTokenCount", "output_token_count": "candidatesTokenCount",
    "total_token_count": "totalTokenCount", "cached_content_token_count": "cachedContentTokenCount",
    "thoughts_token_count": "thoughtsTokenCount", "tool_token_count": "toolUsePromptTokenCount",
}  # fmt: skip
REPLIES = ("gemini", "model")
NOTES = ("user", "info", "error", "warning")


class GeminiCLI(SessionReader):
    """Sessions, telemetry and recorded responses of Gemini CLI."""

    ahead = True
    about = "Gemini CLI sessions (JSON and JSON lines), telemetry logs and recorded responses"

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a session's header, a recorded response or an event by name; fair for a message."""
        if {"sessionId", "projectHash"} <= record.keys() or _event(record):
            return 1.0
        if record.get("method") in (*METHODS, "countTokens") and "response" in record:
            return 1.0
        if record.keys() & {"$set", "$rewindTo"} or _is_checkpoint(record):
            return 0.9
        if not {"id", "timestamp", "type"} <= record.keys() or "message" in record:
            return 0.0
        return 0.9 if record["type"] == "gemini" else 0.4 if record["type"] in NOTES else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """A session; of a message that was written again as it grew, the last state counts."""
        latest = {string(line.value.get("id")): line.value for line in lines}
        return _Chat({name: value for name, value in latest.items() if name})


def _event(record: dict[str, Any]) -> str:
    """The name of a telemetry event without its prefix; "" where it is none of this client."""
    name = string(part(record, "attributes").get("event.name"))
    return name.removeprefix("gemini_cli.") if name.startswith("gemini_cli.") else ""


def _is_checkpoint(record: dict[str, Any]) -> bool:
    history = items(record.get("history"))
    return bool(history) and all("parts" in item and "role" in item for item in history)


class _Chat(Session):
    def __init__(self, latest: Mapping[str, dict[str, Any]]) -> None:
        super().__init__()
        self._latest = latest
        self._seen: set[str] = set()
        self._meta: dict[str, Any] = {}
        self._said: list[tuple[str, bytes]] = []
        """(message id, content), in order."""
        self._asked: int | None = None
        self._requests: dict[str, list[bytes]] = {}

    def take(self, line: Line) -> None:
        value = line.value
        if "projectHash" in value or _is_checkpoint(value):
            self._meta = {k: v for k, v in value.items() if k not in ("messages", "history")}
            for message in items(value.get("messages") or value.get("history")):
                self._message(message, line)
        elif value.get("method") in METHODS:
            self._recorded(value, line)
        elif event := _event(value):
            self._telemetry(event, part(value, "attributes"), line)
        elif "$rewindTo" in value:
            self._rewind(value["$rewindTo"])
        elif (name := string(value.get("id"))) and name not in self._seen:
            self._seen.add(name)
            self._message(self._latest[name], line)

    def _rewind(self, name: Any) -> None:
        """What was said from a message on is taken back; it was billed all the same."""
        ids = [own for own, _ in self._said]
        if name in ids:
            del self._said[ids.index(name) :]

    def _message(self, message: dict[str, Any], line: Line) -> None:
        kind = message.get("type") or message.get("role")
        if kind in REPLIES:
            self._reply(message, line)
        elif kind == "user":
            self._say(message, "user", _parts(message))
            self._asked = when(message.get("timestamp"))

    def _say(self, message: dict[str, Any], role: str, parts: list[Any]) -> None:
        if parts:
            raw = _json.dumps({"role": role, "parts": parts})
            self._said.append((string(message.get("id")), raw))

    def _reply(self, message: dict[str, Any], line: Line) -> None:
        parts, answered = _replied(message)
        at = when(message.get("timestamp"))
        call = self._call(
            line,
            call_id=string(message.get("id")),
            sent_at=self._asked or at,
            latency_us=since(self._asked, at),
            model=string(message.get("model")) or string(part(self._meta, "meta").get("model")),
            **_counted(part(message, "tokens"), TOKENS),
            messages=[raw for _, raw in self._said],
            reply=_candidate(parts),
        )
        # A message's id is its own, but only within its session.
        call.request_id = call.session or ""
        self._say(message, "model", parts)
        self._say(message, "user", answered)
        times = [when(c.get("timestamp")) for c in items(message.get("toolCalls"))]
        self._asked = max((t for t in times if t is not None), default=at)

    def _call(self, line: Line, **facts: Any) -> Call:
        provider, channel = _provider.identify("", facts["model"])
        meta = {"project": part(self._meta, "meta").get("cwd"), "kind": self._meta.get("kind")}
        call = Call(**{
            "session": string(self._meta.get("sessionId")) or None,
            "provider": provider or "google",
            "channel": channel,
            "feature": f"gemini-cli/{string(meta.pop('kind')) or 'main'}",
            "tags": tags(meta),
            "dialect": _gemini.blocks,
            **facts,
        })  # fmt: skip
        self.add(line, call)
        return call

    def _recorded(self, value: dict[str, Any], line: Line) -> None:
        """A response with nothing of its request; a stream's pieces are put together."""
        response = value.get("response")
        pieces = items(response if isinstance(response, list) else [response])
        candidates = [c for piece in pieces for c in items(piece.get("candidates"))[:1]]
        parts = [p for c in candidates for p in items(part(c, "content").get("parts"))]
        metadata: dict[str, Any] = {}
        for piece in pieces:
            metadata |= _gemini.get(piece, "usageMetadata") or {}
        named = (string(_gemini.get(piece, "modelVersion")) for piece in pieces)
        self._call(
            line,
            call_id=next(filter(None, (string(p.get("responseId")) for p in pieces)), ""),
            model=next(filter(None, named), ""),
            finish_reason=next((string(_gemini.get(c, "finishReason")) for c in candidates[::-1]), None) or None,
            **_billed(metadata),
            reply=_candidate(parts),
        )  # fmt: skip

    def _telemetry(self, event: str, facts: dict[str, Any], line: Line) -> None:
        prompt = string(facts.get("prompt_id"))
        if event == "api_request":
            asked = _json.inside(string(facts.get("request_text")))
            self._requests[prompt] = [_json.dumps(content) for content in items(asked)]
        if event not in ("api_response", "api_error"):
            return
        failed = event == "api_error"
        ended, took = when(facts.get("event.timestamp")), facts.get("duration_ms")
        span = round(took * 1000) if isinstance(took, (int, float)) else None
        text = string(facts.get("response_text"))
        self._call(
            line,
            call_id=digest(prompt, ended, took, facts.get("model")),
            revision=1,
            session=string(facts.get("session.id")) or None,
            trace=prompt or None,
            sent_at=None if ended is None else ended - (span or 0),
            latency_us=span,
            channel="vertex" if facts.get("auth_type") == "vertex-ai" else "direct",
            model=string(facts.get("model")),
            status="error" if failed else "ok",
            **({"usage": Usage()} if failed else _counted(facts, TELEMETRY)),
            messages=self._requests.pop(prompt, []),
            reply=Raw(_json.dumps(text)) if text else Raw(b""),
        )


def _counted(found: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return _billed({ours: found[n] for n, ours in names.items() if found.get(n) is not None})


def _billed(metadata: dict[str, Any]) -> dict[str, Any]:
    """What a call was billed, by the API's own counts."""
    billed = _usage.read(metadata, "google") if metadata else Normalised(None)
    return {"usage": billed.usage, "units": billed.units, "ambiguous": billed.ambiguous}


def _candidate(parts: list[Any]) -> Raw:
    return Raw(_json.dumps([{"content": {"role": "model", "parts": parts}}]))


def _parts(message: dict[str, Any]) -> list[Any]:
    """What a message says; text, a part, or a list of either."""
    content = message.get("content") or message.get("parts") or []
    listed = content if isinstance(content, list) else [content]
    return [{"text": p} if isinstance(p, str) else p for p in listed]


def _replied(message: dict[str, Any]) -> tuple[list[Any], list[Any]]:
    """(what a model said, what its tools answered): the CLI keeps both in one message."""
    thoughts = [
        {"text": ": ".join(filter(None, map(string, (t.get("subject"), t.get("description"))))),
         "thought": True}
        for t in items(message.get("thoughts"))
    ]  # fmt: skip
    calls = items(message.get("toolCalls"))
    called = [{"functionCall": {"name": c.get("name"), "args": c.get("args")}} for c in calls]
    return [*thoughts, *_parts(message), *called], [p for c in calls for p in _answers(c)]


def _answers(call: dict[str, Any]) -> list[Any]:
    result = call.get("result")
    if isinstance(result, list):
        return result
    shown = result or call.get("resultDisplay")
    named = {"name": call.get("name"), "response": {"output": shown}}
    return [{"functionResponse": named}] if shown else []
