"""code-agent, first half: Anthropic Messages as the developers' proxy logs them.

Planted: the `agent` template marks its prompt for caching; the `review` template sends three times
as many tools, never changes one of them, and marks nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

from _story import repository
from _story.caching import Billed, ClaudeCache, Piece
from _story.counting import claude
from _story.people import users
from _story.repository import Step, compact
from _story.texts import prose
from _story.weeks import DESK, days, later, moment, stamp

MODEL, SERVED = "claude-sonnet-4-5", "claude-sonnet-4-5-20250929"
SMALLEST = 1024
"""The shortest prefix that this model keeps."""
TOOL_PROMPT = 346
"""Tokens of the hidden prompt that makes Claude use tools, as published for this generation."""
TURN_END = 3
"""Tokens behind the last block, which no mark can cover."""
SESSIONS = 50
REVIEW_EVERY = 5
"""Of five sessions two are reviews."""
STEPS = (3, 5, 4, 6, 3)
AGENT_TOOLS = 8
BREAK_AT = 17
"""One session of a week pauses for seven minutes: longer than five, shorter than an hour."""
RETRIED = {10: 429, 25: 500, 41: 504}
ERRORS = {
    429: ("rate_limit_error", "This request would exceed the rate limit of your organization"),
    500: ("api_error", "Internal server error"),
}


@dataclass(frozen=True)
class Turn:
    """One attempt at one call."""

    at: datetime
    body: dict[str, Any]
    reply: list[dict[str, Any]]
    stop: str
    labels: dict[str, str]
    status: int = 200


def code_agent() -> list[dict[str, Any]]:
    """Two weeks of sessions as log records, in order of time."""
    cache = ClaudeCache(SMALLEST)
    turns = sorted(_turns(), key=lambda turn: (turn.at, turn.labels["session_id"]))
    return [_record(turn, number, cache) for number, turn in enumerate(turns, 1)]


def _turns() -> Iterator[Turn]:
    for week in (0, 1):
        rng = Random(f"agent/week {week}")
        for i, day in enumerate(days(SESSIONS, DESK)):
            review = i % REVIEW_EVERY in (1, 3)
            at = moment(rng, week, day)
            labels = _labels(week, i, review)
            steps = (1 + i % 2) if review else STEPS[i // 2 % len(STEPS)]
            ticket = 500 + week * SESSIONS + i
            session = _review(ticket, steps, rng) if review else _work(ticket, steps, rng)
            yield from _timed(session, at, labels, i, rng)


def _labels(week: int, number: int, review: bool) -> dict[str, str]:
    team = "data" if number % 6 == 0 else "platform"
    names = users(team)
    return {
        "feature": "code-agent", "team": team, "user_id": names[number % len(names)],
        "session_id": f"agent-w{week + 1}-{number + 1:02d}",
        "template": "review" if review else "agent",
        "template_version": "v3" if review else "v7",
    }  # fmt: skip


Exchange = tuple[dict[str, Any], list[dict[str, Any]], str]
"""A request body, the content of the reply and its stop reason."""


def _timed(
    session: Iterator[Exchange], at: datetime, labels: dict[str, str], number: int, rng: Random
) -> Iterator[Turn]:
    for k, (body, reply, stop) in enumerate(session):
        turn = Turn(at, body, reply, stop, labels)
        status = RETRIED.get(number) if k == 1 else None
        if status:
            yield replace(turn, status=status)
            at = later(at, 32_000 if status not in ERRORS else 2_600)
            turn = replace(turn, at=at)
        yield turn
        pause = 420_000 if number == BREAK_AT and k == 1 else rng.randrange(6_000, 45_000)
        at = later(at, _latency(turn) + pause)


def _work(ticket: int, count: int, rng: Random) -> Iterator[Exchange]:
    number, fault = rng.randrange(len(repository.modules())), rng.randrange(repository.FAULTS)
    system: dict[str, Any] = {"type": "text", "text": prose("agent")}
    system["cache_control"] = _mark("1h")
    asked = f"Ticket {ticket}. {repository.task(number, fault)}"
    steps = repository.steps(number, count, rng)
    tools = repository.tools()[:AGENT_TOOLS]
    yield from _loop([system], tools, asked, steps, repository.ending(number, fault), _mark("5m"))


def _review(ticket: int, count: int, rng: Random) -> Iterator[Exchange]:
    number = rng.randrange(len(repository.modules()))
    system = {"type": "text", "text": prose("review")}
    asked = f"Ticket {ticket}. {repository.task(number, 0)}\n\n{repository.diff(number, rng)}"
    steps = repository.steps(number, count, rng)
    remark = repository.remark(number, rng)
    yield from _loop([system], repository.tools(), asked, steps, remark, None)


def _mark(ttl: str) -> dict[str, str]:
    return {"type": "ephemeral"} | ({"ttl": ttl} if ttl != "5m" else {})


def _loop(
    system: list[dict[str, Any]], tools: list[dict[str, Any]], asked: str, steps: list[Step],
    end: str, mark: dict[str, str] | None,
) -> Iterator[Exchange]:  # fmt: skip
    messages: list[dict[str, Any]] = [_user({"type": "text", "text": asked})]
    for i, step in enumerate(steps):
        call = f"toolu_sample_{i + 1:02d}"
        reply: list[dict[str, Any]] = [{"type": "text", "text": step.said}] if step.said else []
        reply.append({"type": "tool_use", "id": call, "name": step.tool, "input": step.given})
        yield _body(system, tools, messages, mark), reply, "tool_use"
        messages.append({"role": "assistant", "content": reply})
        result = {"type": "tool_result", "tool_use_id": call, "content": step.result}
        messages.append(_user(result))
    yield _body(system, tools, messages, mark), [{"type": "text", "text": end}], "end_turn"


def _user(block: dict[str, Any]) -> dict[str, Any]:
    return {"role": "user", "content": [block]}


def _body(
    system: list[dict[str, Any]], tools: list[dict[str, Any]], messages: list[dict[str, Any]],
    mark: dict[str, str] | None,
) -> dict[str, Any]:  # fmt: skip
    """A request; only the last block of its last message carries the mark."""
    sent = deepcopy(messages)
    if mark:
        sent[-1]["content"][-1]["cache_control"] = mark
    return {
        "model": MODEL, "max_tokens": 4096, "temperature": 0.1, "system": system, "tools": tools,
        "messages": sent,
    }  # fmt: skip


def _latency(turn: Turn) -> int:
    return 900 + 11 * _output(turn.reply)


def _output(reply: list[dict[str, Any]]) -> int:
    return sum(claude(block_text(block)) for block in reply)


def block_text(block: dict[str, Any]) -> str:
    """What a content block is counted by."""
    if block["type"] == "tool_use":
        return compact({"name": block["name"], "input": block["input"]})
    return str(block.get("text") or block.get("content"))


def _pieces(body: dict[str, Any]) -> list[Piece]:
    tools = compact(body["tools"])
    blocks = [*body["system"], *(b for m in body["messages"] for b in m["content"])]
    rest = (Piece(block_text(b), claude(block_text(b)), _ttl(b)) for b in blocks)
    return [Piece(tools, claude(tools) + TOOL_PROMPT), *rest, Piece("", TURN_END)]


def _ttl(block: dict[str, Any]) -> str:
    mark = block.get("cache_control")
    return str(mark.get("ttl", "5m")) if mark else ""


def _record(turn: Turn, number: int, cache: ClaudeCache) -> dict[str, Any]:
    done = turn.status not in ERRORS
    return {
        "timestamp": stamp(turn.at),
        "latency_ms": (_latency(turn) if turn.status == 200 else 30_000) if done else 210,
        "status_code": turn.status,
        "request_body": turn.body,
        "response_body": _response(turn, number, cache) if done else _error(turn.status, number),
        "metadata": turn.labels,
    }


def _error(status: int, number: int) -> dict[str, Any]:
    kind, message = ERRORS[status]
    return {
        "type": "error",
        "error": {"type": kind, "message": message},
        "request_id": f"req_sample_{number:05d}",
    }


def _response(turn: Turn, number: int, cache: ClaudeCache) -> dict[str, Any]:
    billed = cache.bill(turn.at, MODEL, _pieces(turn.body))
    return {
        "id": f"msg_sample_{number:05d}",
        "type": "message",
        "role": "assistant",
        "model": SERVED,
        "content": turn.reply,
        "stop_reason": turn.stop,
        "stop_sequence": None,
        "usage": usage(billed, _output(turn.reply)),
    }


def usage(billed: Billed, output: int) -> dict[str, Any]:
    """Anthropic's usage object: what was read or written is not in `input_tokens`."""
    return {
        "input_tokens": billed.fresh,
        "cache_creation_input_tokens": billed.write_5m + billed.write_1h,
        "cache_read_input_tokens": billed.read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": billed.write_5m,
            "ephemeral_1h_input_tokens": billed.write_1h,
        },
        "output_tokens": output,
        "service_tier": "standard",
    }
