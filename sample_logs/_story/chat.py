"""Chat Completions as a gateway logs them: a record a call, the whole request beside the reply."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random
from typing import Any

from _story.caching import OpenAICache, Piece
from _story.counting import FRAME, many, tokens
from _story.weeks import later, stamp

SERVED = {
    "gpt-4o": "gpt-4o-2024-08-06", "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-4.1": "gpt-4.1-2025-04-14", "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
}  # fmt: skip
"""What the API calls a model in its reply. Others are called as they were asked for."""
REASONS = "gpt-5-mini"
"""The one model of the story that thinks before it writes; it takes no temperature."""
ERRORS = {
    429: ("rate_limit_error", "Rate limit reached, try again in 2 s"),
    500: ("server_error", "The server had an error while processing the request"),
}
TIMEOUT = 504
"""The gateway gave up on a reply that the provider went on to finish, and to bill."""
WAITS_MS = {429: 2_000, 500: 3_000, TIMEOUT: 900}
"""How long the client waits before it sends the same request again."""


@dataclass(frozen=True)
class Message:
    """One message, kept in the pieces that other prompts may share."""

    role: str
    pieces: tuple[str, ...]

    @property
    def text(self) -> str:
        """What is sent."""
        return "".join(self.pieces)


@dataclass(frozen=True)
class Chat:
    """One attempt at one call."""

    at: datetime
    model: str
    messages: tuple[Message, ...]
    reply: str
    labels: dict[str, str]
    temperature: float | None = None
    reasoning: int = 0
    status: int = 200
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def billed(self) -> bool:
        """Whether the provider made a reply, whoever was still there to read it."""
        return self.status not in ERRORS

    @property
    def latency(self) -> int:
        """Milliseconds until the client had its reply, or gave up."""
        if not self.billed:
            return 140 + len(self.messages[-1].text) % 90
        if self.status == TIMEOUT:
            return 20_000
        return 420 + 13 * (tokens(self.reply) + self.reasoning) + len(self.reply) % 310


def say(role: str, *pieces: str) -> Message:
    """A message from its pieces."""
    return Message(role, pieces)


def with_retry(call: Chat, failed: int) -> list[Chat]:
    """The attempt that failed and the identical request after it."""
    first = replace(call, status=failed)
    return [first, replace(call, at=later(call.at, first.latency + WAITS_MS[failed]))]


def records(calls: Iterable[Chat]) -> list[dict[str, Any]]:
    """Every call as its log record, in order of time, with what the provider billed."""
    cache = OpenAICache(Random("chat/misses"))
    ordered = sorted(calls, key=lambda call: (call.at, call.model, call.messages[-1].text))
    return [_record(call, number, cache) for number, call in enumerate(ordered, 1)]


def _record(call: Chat, number: int, cache: OpenAICache) -> dict[str, Any]:
    request = {
        "model": call.model,
        "messages": [{"role": m.role, "content": m.text} for m in call.messages],
        **({} if call.temperature is None else {"temperature": call.temperature}),
        **call.settings,
    }
    return {
        "timestamp": stamp(call.at),
        "latency_ms": call.latency,
        "status_code": call.status,
        "request": request,
        "response": _response(call, number, cache) if call.billed else _error(call.status),
        "metadata": call.labels,
    }


def _error(status: int) -> dict[str, Any]:
    kind, message = ERRORS[status]
    return {"error": {"type": kind, "message": message, "param": None, "code": None}}


def _response(call: Chat, number: int, cache: OpenAICache) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-sample-{number:05d}",
        "object": "chat.completion",
        "created": int(call.at.timestamp()),
        "model": SERVED.get(call.model, call.model),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": call.reply, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": _usage(call, cache),
        "service_tier": "default",
    }


def _usage(call: Chat, cache: OpenAICache) -> dict[str, Any]:
    prompt = sum(many([m.text for m in call.messages])) + FRAME * (len(call.messages) + 1)
    completion = tokens(call.reply) + call.reasoning
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {
            "cached_tokens": cache.cached(call.at, call.model, _pieces(call.messages))
        },
        "completion_tokens_details": {"reasoning_tokens": call.reasoning},
    }


def _pieces(messages: Sequence[Message]) -> list[Piece]:
    found = []
    for message in messages:
        counts = many(message.pieces)
        counts[0] += FRAME
        found += [Piece(p, n) for p, n in zip(message.pieces, counts, strict=True)]
    return found
