"""Codex rollouts: the items of a conversation, and after each response a snapshot of counters that only
grow. A call is the difference of two snapshots; the tools and often the system prompt were never logged.

A forked or resumed rollout repeats its parent's lines, so a call is known by what was answered and where
the counters stood, not by its file: of the copies only one counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _json, _provider, _responses, _settings, _usage
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    digest,
    items,
    listed,
    part,
    since,
    string,
    tags,
    when,
)

TYPES = frozenset((
    "session_meta", "turn_context", "response_item", "event_msg", "compacted", "world_state",
))  # fmt: skip
"""What the lines of a rollout are; each has a payload."""
EXEC_TYPES = frozenset(("thread.started", "turn.completed", "turn.failed"))
"""What `codex exec --json` prints that no other log has."""
NAMES = (
    "input_tokens", "cached_input_tokens", "cache_write_input_tokens", "output_tokens",
    "reasoning_output_tokens",
)  # fmt: skip
UNSENT = frozenset(("ghost_snapshot", "compaction_trigger"))
"""Items that are the client's own and never go to the model."""


class Counters(NamedTuple):
    """One snapshot of the counters. Cached and written tokens are a part of the input, reasoning of the
    output (billing.md section 5)."""

    given: int
    read: int
    written: int
    output: int
    reasoning: int

    def since(self, before: Counters) -> Counters:
        """What was added since another snapshot; a part of it is below 0 where they began anew."""
        return Counters(*(now - then for now, then in zip(self, before, strict=True)))


class Codex(SessionReader):
    """Rollouts as Codex writes them under its sessions folder, and what `codex exec --json` prints."""

    ahead = True
    about = (
        "Codex CLI rollouts: differences of cumulative counters; forked and repeated history once"
    )

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a line with a payload and one of the rollout's own types."""
        kind = record.get("type")
        if isinstance(record.get("payload"), dict) and "timestamp" in record:
            return 1.0 if kind in TYPES else 0.3
        return (
            0.9 if kind in EXEC_TYPES and {"usage", "thread_id", "error"} & record.keys() else 0.0
        )

    def begin(self, lines: Sequence[Line]) -> Session:
        """A rollout whose calls end at its snapshots, or, where it has none, at what follows a reply."""
        return _Rollout(counted=any(_counts(line.value) for line in lines))


def _payload(value: dict[str, Any]) -> dict[str, Any]:
    return part(value, "payload") if "payload" in value else value


def _counts(value: dict[str, Any]) -> bool:
    payload = _payload(value)
    return bool(part(payload, "info") or part(payload, "usage"))


class _Rollout(Session):
    def __init__(self, *, counted: bool) -> None:
        super().__init__()
        self._counted = counted
        self._meta: dict[str, Any] = {}
        self._root = ""
        self._model = self._effort = ""
        self._history: list[bytes] = []
        self._prompt = Told([])
        self._reply: list[dict[str, Any]] = []
        self._asked: int | None = None
        self._last: Line | None = None
        self._before: Counters | None = None
        self._open: Call | None = None
        self._failed: str | None = None
        self._ended = "ok"

    def take(self, line: Line) -> None:
        payload = _payload(line.value)
        kind = line.value.get("type")
        if kind in ("session_meta", "thread.started"):
            self._begin(payload)
        elif kind == "turn_context":
            self._model = string(payload.get("model")) or self._model
            self._effort = string(payload.get("effort"))
        elif kind == "response_item":
            self._item(payload, line)
        elif kind == "compacted":
            self._compact(payload)
        elif kind == "event_msg" or kind in EXEC_TYPES:
            self._event(payload, line)

    def close(self) -> None:
        self._interrupt()

    def _begin(self, meta: dict[str, Any]) -> None:
        """A rollout's own line, then those of what it was forked from, the oldest last."""
        self._meta = self._meta or meta
        parent = string(meta.get("forked_from_id"))
        self._root = parent or string(meta.get("id")) or string(meta.get("thread_id"))

    def _compact(self, payload: dict[str, Any]) -> None:
        """The conversation is replaced by a summary, and by what is kept of it."""
        self._interrupt()
        kept = items(payload.get("replacement_history"))
        if not kept and (summary := string(payload.get("message"))):
            kept = [{"type": "message", "role": "user", "content": summary}]
        self._history = [_json.dumps(item) for item in kept]

    def _item(self, item: dict[str, Any], line: Line) -> None:
        if item.get("type") in UNSENT:
            return
        raw = _json.dumps(item)
        if _is_reply(item):
            self._answer(item, raw, line)
        else:
            is_result = str(item.get("type")).endswith(("_output", "_result"))
            if self._reply and not (is_result and self._counted):
                self._interrupt()
            self._asked, self._open = when(line.value.get("timestamp")), None
        self._history.append(raw)

    def _answer(self, item: dict[str, Any], raw: bytes, line: Line) -> None:
        if self._open is not None and not self._reply:
            # Older versions wrote the counters of a response before its items.
            self._open.reply = Raw(listed([*_json.array(self._open.reply), raw]))
            return
        if not self._reply:
            self._prompt = Told(self._history)
        self._reply.append(item)
        self._last = line

    def _event(self, event: dict[str, Any], line: Line) -> None:
        kind = event.get("type")
        if kind == "token_count":
            self._count(part(event, "info"), line)
        elif kind == "turn.completed":
            self._count({"total_token_usage": event.get("usage")}, line)
        elif kind in ("error", "stream_error", "turn.failed"):
            self._fail(line)
        elif kind == "turn_aborted":
            self._ended = "aborted"

    def _count(self, info: dict[str, Any], line: Line) -> None:
        added = self._added(info)
        if added is None or not any(added):
            return
        usage = _buckets(added)
        if not self._reply:
            self._prompt = Told(self._history)
        call = self._call(line, usage, self._ended)
        self._open = call if not self._reply else None
        self._reply, self._ended = [], "ok"

    def _added(self, info: dict[str, Any]) -> Counters | None:
        """What one snapshot adds; None where it only repeats the one before it."""
        total, last = (
            _counters(info.get("total_token_usage")),
            _counters(info.get("last_token_usage")),
        )
        if total is None:
            return last or _legacy(info)
        before, self._before = self._before, total
        if before is None:
            return last or total
        added = total.since(before)
        return added if min(added) >= 0 else last or total

    def _interrupt(self) -> None:
        """A reply that no snapshot follows: it was made, but what it was billed is not known."""
        if self._reply and self._last is not None:
            self._call(self._last, None, self._ended)
        self._reply, self._open, self._ended = [], None, "ok"

    def _fail(self, line: Line) -> None:
        """A request that came to nothing; the next call repeats it."""
        self._interrupt()
        self._prompt = Told(self._history)
        call = self._call(line, Usage(), "error")
        self._failed = call.call_id

    def _call(self, line: Line, usage: Usage | None, status: str) -> Call:
        meta, raws = self._meta, [_json.dumps(item) for item in self._reply]
        provider, channel = _provider.identify(string(meta.get("model_provider")), self._model)
        ended = when(line.value.get("timestamp"))
        git, searches = part(meta, "git"), sum(map(_is_search, self._reply))
        project = {"project": meta.get("cwd"), "branch": git.get("branch")}
        call = Call(
            call_id=self._name(raws, line, usage, status),
            revision=1,
            session=string(meta.get("id")) or string(meta.get("thread_id")) or None,
            trace=string(meta.get("session_id")) or self._root or None,
            sent_at=self._asked or ended,
            latency_us=since(self._asked, ended),
            provider=provider,
            channel=channel,
            model=self._model,
            status=status,
            feature="codex/sub-agent" if _is_helper(meta) else "codex/main",
            tags=tags({**project, "version": meta.get("cli_version"), "client": meta.get("originator")}),
            params=f"effort={self._effort}" if self._effort else "",
            cache_params=_settings.invalidating(provider, {"reasoning_effort": self._effort}),
            retry_of=self._failed,
            usage=usage,
            units={"web_search": searches} if searches else {},
            dialect=_responses.blocks,
            system=_system(meta),
            messages=self._prompt,
            reply=Raw(listed(raws)),
        )  # fmt: skip
        self.add(line, call)
        self._failed = None
        return call

    def _name(self, raws: Sequence[bytes], line: Line, usage: Usage | None, status: str) -> str:
        """What stays the same in every copy of a call: what was answered, with the provider's own ids,
        and the counters; else the conversation, and the place in it where no counters tell."""
        if status != "ok":
            return digest(self._root, line.value.get("timestamp"), status)
        own = any(_json.mapping(Raw(raw)).keys() & _OWN for raw in raws)
        known = raws if own else [self._root.encode(), *(raws or self._prompt[-1:])]
        place = len(self._prompt) if usage is None else ""
        return digest(self._before, place, *known)


_OWN = frozenset(("id", "call_id", "encrypted_content"))
"""Fields in which the provider's reply is unlike any other."""


def _is_reply(item: dict[str, Any]) -> bool:
    """Whether an item was written by the model."""
    kind = str(item.get("type"))
    return kind == "reasoning" or kind.endswith("_call") or item.get("role") == "assistant"


def _is_search(item: dict[str, Any]) -> bool:
    return item.get("type") == "web_search_call" and part(item, "action").get("type") == "search"


def _is_helper(meta: dict[str, Any]) -> bool:
    return meta.get("thread_source") == "subagent" or "subagent" in part(meta, "source")


def _system(meta: dict[str, Any]) -> Raw:
    text = part(meta, "base_instructions").get("text") or meta.get("instructions")
    return Raw(_json.dumps(text)) if isinstance(text, str) and text else Raw(b"")


def _counters(value: Any) -> Counters | None:
    """A snapshot; None where there is none. Raises ValueError where a count is none."""
    if not isinstance(value, dict) or all(value.get(name) is None for name in NAMES):
        return None
    return Counters(*(_usage.count(value.get(name) or 0, name) for name in NAMES))


def _legacy(info: dict[str, Any]) -> Counters | None:
    """The two counts of a single response that the first versions wrote."""
    return _counters({"input_tokens": info.get("prompt"), "output_tokens": info.get("completion")})


def _buckets(added: Counters) -> Usage:
    cached, output = added.read + added.written, added.output
    return Usage(
        fresh=_usage.uncached(added.given, cached, output, added.given + output, inside=True),
        cache_read=added.read,
        cache_write_30m=added.written,
        output=output,
        reasoning=min(added.reasoning, output),
    )
