"""Claude Code transcripts: a tree of records in which each model reply is streamed over several lines.

Replies are known by (message id, request id) and the last snapshot of each is billed. The prompt of a
call is rebuilt from its ancestors; the system prompt and tools were never logged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from msgspec import Raw, Struct

from costscope.model import Block, Call, Ignored, Skipped, Slot, Usage
from costscope.readers import _diagnostics, _fields, _json, _messages, _provider, _units, _usage
from costscope.readers._transcript import Key, Line, Node, Prompts, by_reply, node, tree_of
from costscope.readers.interface import Reader
from costscope.sources import Record

OWN_TYPES = frozenset(("file-history-snapshot", "queue-operation"))
"""Types of records that no other format has, and that lack the transcript's usual keys."""


class ClaudeCode(Reader):
    """Transcripts as Claude Code writes them under its projects folder, sub-agents included."""

    whole_file = True
    about = "Claude Code transcripts, sub-agents included; the last snapshot of a stream counts"

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a record with the transcript's own keys; one that is cut off may lack its uuid."""
        kind = record.get("type")
        if kind in OWN_TYPES or (kind == "summary" and "leafUuid" in record):
            return 1.0
        if "sessionId" not in record or _is_qwen(record):
            return 0.0
        tree = {"uuid", "parentUuid"} & record.keys()
        return 1.0 if tree else 0.6 if isinstance(kind, str) and "message" not in record else 0.0

    def read(self, records: Iterable[Record], source: str) -> Iterator[Call | Skipped | Ignored]:
        """One call for each distinct reply; every other record of the format is ignored by count."""
        nodes = []
        for record in records:
            item = _node(record)
            if isinstance(item, Node):
                nodes.append(item)
            else:
                yield Skipped(source, record.line, item)
        tree = tree_of(nodes)
        replies = by_reply(nodes)
        prompts = Prompts(tree, replies)
        for key, lines in replies.items():
            yield from _calls(key, lines, prompts, source)
        if others := len(nodes) - sum(map(len, replies.values())):
            yield Ignored(others)


def _is_qwen(record: dict[str, Any]) -> bool:
    """Whether it is a line of Qwen Code, which took the tree over but speaks Gemini's words."""
    message = record.get("message")
    return "systemPayload" in record or (isinstance(message, dict) and "parts" in message)


def _node(record: Record) -> Node | str:
    """A line, or the reason why it is none."""
    try:
        return node(record)
    except RecursionError:
        return "the JSON is nested too deeply"
    except (ValueError, TypeError) as error:
        return str(error)


class _Snapshot(Struct):
    """A streamed snapshot of a reply with its usage."""

    node: Node
    usage: Usage | None
    tier: str
    region: str | None
    units: dict[str, int]

    @property
    def order(self) -> tuple[Any, ...]:
        # Times tie within a stream, and output only grows.
        output = self.usage.output if self.usage else -1
        return (
            self.node.at or 0,
            output,
            self.node.message.stop_reason is not None,
            *self.node.order,
        )


def _snapshot(item: Node) -> _Snapshot | str:
    """A snapshot, or the reason why it cannot be billed."""
    try:
        raw = item.message.usage
        if _json.has(raw) and _json.first(raw) != b"{":
            return f"usage is no object: {_usage.short(_json.loads(raw))}"
        found = _json.mapping(raw)
        tier = "fast" if found.get("speed") == "fast" else _provider.tier(found.get("service_tier"))
        geo = found.get("inference_geo")
        region = geo if isinstance(geo, str) and geo not in ("", "not_available") else None
        return _Snapshot(item, _usage.anthropic(found), tier, region, _units.tools(found))
    except (ValueError, RecursionError) as error:
        return str(error)


def _calls(
    key: Key, lines: Sequence[Node], prompts: Prompts, source: str
) -> Iterator[Call | Skipped | Ignored]:
    good: list[_Snapshot] = []
    for line in lines:
        snapshot = _snapshot(line)
        if isinstance(snapshot, _Snapshot):
            good.append(snapshot)
        else:
            yield Skipped(source, line.number, snapshot)
    if not good:
        return
    last = max((s for s in good if s.usage), key=_order, default=max(good, key=_order))
    yield _call(key, last, lines, prompts)
    if len(good) > 1:
        yield Ignored(len(good) - 1)


def _order(snapshot: _Snapshot) -> tuple[Any, ...]:
    return snapshot.order


def _call(key: Key, last: _Snapshot, lines: Sequence[Node], prompts: Prompts) -> Call:
    line, message, first = last.node.line, last.node.message, lines[0]
    ended = max((n.at for n in lines if n.at is not None), default=None)
    asked = prompts.asked_at(first)
    sent_at = min((t for t in (asked, first.at) if t is not None), default=None)
    agent = _agent(line)
    provider, channel = _provider.identify("", message.model or "")
    return Call(
        call_id=key[0],
        request_id=key[1],
        revision=last.node.at or 1,
        session=_session(line, agent),
        trace=line.session_id,
        sent_at=sent_at,
        latency_us=None if sent_at is None or ended is None else ended - sent_at,
        provider=provider or "anthropic",
        channel=channel,
        region=last.region,
        model=message.model or "",
        tier=last.tier,
        status="error" if line.is_api_error_message else "ok",
        finish_reason=message.stop_reason,
        feature=f"claude-code/{agent}",
        tags=_tags(line) | _missed(lines),
        usage=last.usage,
        units=last.units,
        reported_pd=_cost(line),
        dialect=blocks,
        messages=prompts.before(first),
        reply=Raw(_joined(lines)),
        offset=last.node.offset,
        line=last.node.number,
    )


def _agent(line: Line) -> str:
    if not line.is_sidechain and not line.agent_id:
        return "main"
    return "compaction" if (line.agent_id or "").startswith("acompact") else "sub-agent"


def _session(line: Line, agent: str) -> str | None:
    """Sub-agents run beside the main conversation, with prompts and caches of their own."""
    if agent == "main":
        return line.session_id
    return "/".join(filter(None, (line.session_id, line.agent_id or agent)))


def _tags(line: Line) -> dict[str, str]:
    project = re.split(r"[\\/]", (line.cwd or "").rstrip("\\/"))[-1]
    named = {"branch": line.git_branch, "project": project, "version": line.version}
    return {name: text for name, value in named.items() if (text := _fields.label(value))}


def _missed(lines: Sequence[Node]) -> dict[str, str]:
    """Why the provider read less of the prompt than was there, as any of a reply's lines tells it."""
    words = (_diagnostics.reason(n.message.diagnostics) for n in reversed(lines))
    found = next(filter(None, words), "")
    return {_diagnostics.TAG: found} if found else {}


def _cost(line: Line) -> int | None:
    try:
        return _fields.picodollars(line.cost_usd)
    except ValueError:
        return None


def _joined(lines: Sequence[Node]) -> bytes:
    """The content blocks of a reply's lines as one array, each once."""
    found = {bytes(block): None for n in lines for block in _json.array(n.message.content)}
    return b"[" + b",".join(found) + b"]"


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Transcript messages are Anthropic's; nothing marks where the client put its cache breakpoints."""
    return _messages.blocks(slot, raw)
