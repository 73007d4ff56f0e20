"""Trajectories of Trae Agent: one document a run, with every model call and, of each prompt, only the
messages that were new. The prompt is what the calls before it said, and these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call
from costscope.readers import _messages, _provider, _talk, _usage
from costscope.readers._counts import Normalised
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    digest,
    items,
    part,
    string,
    when,
)  # fmt: skip


class TraeAgent(SessionReader):
    """Runs of Trae Agent; the times are those of the answers."""

    about = "Trae Agent trajectories (one JSON document a run)"

    def score(self, record: dict[str, Any]) -> float:
        """Sure where a document lists a run's calls beside its task, and names who served them."""
        if "llm_interactions" not in record:
            return 0.0
        return 1.0 if {"task", "provider", "model"} <= record.keys() else 0.5

    def begin(self, lines: Sequence[Line]) -> Session:
        """A run, which is one record."""
        return _Runs()


class _Runs(Session):
    def take(self, line: Line) -> None:
        run = line.value
        session = digest(run.get("start_time"), run.get("task"), run.get("model"))
        told: list[bytes] = []
        for number, step in enumerate(items(run.get("llm_interactions"))):
            told += [message for m in items(step.get("input_messages")) if (message := _message(m))]
            response = part(step, "response")
            call = _call(step, response, f"{session}-{number}", Told(told))
            call.session = session
            self.add(line, call)
            if shown := _talk.parts(response.get("content"), response.get("tool_calls")):
                told.append(_talk.message("assistant", shown))


def _call(step: dict[str, Any], response: dict[str, Any], name: str, sent: Sequence[bytes]) -> Call:
    model = string(response.get("model")) or string(step.get("model"))
    asked = string(step.get("model"))
    provider, channel = _provider.identify(string(step.get("provider")), model, asked)
    billed = _billed(part(response, "usage"), provider)
    shown = _talk.parts(response.get("content"), response.get("tool_calls"))
    return Call(
        call_id=name,
        sent_at=when(step.get("timestamp")),
        provider=provider,
        channel=channel,
        region=_provider.region(model, asked) if channel == "bedrock" else None,
        model=model,
        feature="trae-agent",
        finish_reason=string(response.get("finish_reason")) or None,
        usage=billed.usage,
        ambiguous=billed.ambiguous,
        dialect=_messages.blocks,
        messages=sent,
        reply=_talk.reply(shown),
    )


def _billed(usage: dict[str, Any], provider: str) -> Normalised:
    """Its counts: of one vocabulary for all providers, with each provider's own way of counting, so
    OpenAI's input holds the cached tokens and Anthropic's does not."""
    if not usage:
        return Normalised(None)
    if provider == "anthropic":
        return _usage.read(usage, provider)
    counts = {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": {"cached_tokens": usage.get("cache_read_input_tokens") or 0},
        "completion_tokens_details": {"reasoning_tokens": usage.get("reasoning_tokens") or 0},
    }
    return _usage.read(counts, provider)


def _message(message: dict[str, Any]) -> bytes | None:
    """A new message of a prompt: what a tool answered, or text."""
    if result := part(message, "tool_result"):
        error = string(result.get("error"))
        text = "\n".join(filter(None, (string(result.get("result")), error)))
        return _talk.message("tool", [{"type": "tool_result", "content": text}])
    role = _talk.ROLES.get(string(message.get("role")), "user")
    shown = _talk.parts(message.get("content"), message.get("tool_calls"))
    return _talk.message(role, shown)
