"""Telemetry in words of its own: Claude Code's requests as spans and events, those of Gemini CLI and of
Codex as events, and the counts of Langfuse's SDK. They are put into the words of the conventions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from costscope.readers import _json
from costscope.readers._counts import known

_U = "gen_ai.usage."
_NAMES: Mapping[str, tuple[str, ...]] = {
    "gen_ai.response.model": ("model", "model_name"),
    "gen_ai.response.id": ("request_id",),
    "session.id": ("conversation.id", "session_id"),
    "user.id": ("user.email", "user.account_uuid"),
    _U + "output_tokens": ("output_tokens", "output_token_count"),
    _U + "reasoning_tokens": ("thoughts_token_count", "reasoning_token_count"),
    _U + "cache_read.input_tokens": (
        "cache_read_tokens", "cached_content_token_count", "cached_token_count",
    ),
    _U + "cache_creation.input_tokens": ("cache_creation_tokens",),
    _U + "cost": ("cost_usd",),
}  # fmt: skip
"""The convention's name → the agents' names. What stands there already stays."""
_EVENTS: Mapping[str, str] = {
    "claude_code.api_request": "anthropic", "claude_code.api_error": "anthropic",
    "api_request": "anthropic", "api_error": "anthropic",
    "gemini_cli.api_response": "google", "gemini_cli.api_error": "google",
    "codex.sse_event": "openai",
}  # fmt: skip
"""Events that tell of one request to a model → who answered it."""
_LANGFUSE: Mapping[str, str] = {
    "input": "input_tokens", "output": "output_tokens", "total": "total_tokens",
    "input_cached_tokens": "cache_read.input_tokens", "input_cache_read": "cache_read.input_tokens",
    "cache_read_input_tokens": "cache_read.input_tokens",
    "input_cache_creation": "cache_creation.input_tokens",
    "cache_creation_input_tokens": "cache_creation.input_tokens",
    "output_reasoning_tokens": "reasoning_tokens", "output_reasoning": "reasoning_tokens",
}  # fmt: skip
"""Keys of Langfuse's usage details → the convention's name."""


def request(name: str, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
    """The attributes of an agent's event or span of one request to a model, in the words of the
    conventions; None where it is something else."""
    maker = _maker(name, attributes)
    if maker is None:
        return None
    found = dict(attributes)
    for ours, theirs in _NAMES.items():
        value = next((attributes[n] for n in theirs if attributes.get(n) is not None), None)
        if value is not None:
            found.setdefault(ours, value)
    found |= {"gen_ai.system": maker, "gen_ai.operation.name": "chat"}
    if name.endswith("error"):
        found["error.type"] = attributes.get("error") or "error"
    if (given := _given(maker, attributes)) is not None:
        found[_U + "input_tokens"] = given
        found[_U + "total_tokens"] = given + _output(maker, found)
    return found


def counted(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The counts that Langfuse's SDK writes as one JSON text, under the names of the convention."""
    held = attributes.get("langfuse.observation.usage_details")
    details = _json.inside(held) if isinstance(held, str) else None
    if not isinstance(details, dict):
        return {}
    return {_U + name: details[key] for key, name in _LANGFUSE.items() if key in details}


def _maker(name: str, attributes: Mapping[str, Any]) -> str | None:
    if attributes.get("span.type") == "llm_request" or name == "claude_code.llm_request":
        return "anthropic"
    if name == "codex.sse_event" and attributes.get("event.kind") != "response.completed":
        return None
    known_by = attributes.get("model", attributes.get("model_name"))
    return _EVENTS.get(name) if isinstance(known_by, str) else None


def _given(maker: str, attributes: Mapping[str, Any]) -> int | None:
    """All input. Claude Code counts the cached tokens beside it, as Anthropic does; the others in it.
    Gemini's tool results are input, too."""
    given = known(attributes, "input_tokens", "input_token_count")
    if given is None:
        return None
    beside = ("cache_read_tokens", "cache_creation_tokens") if maker == "anthropic" else ()
    more = ("tool_token_count",) if maker == "google" else ()
    return given + sum(known(attributes, name) or 0 for name in (*beside, *more))


def _output(maker: str, found: dict[str, Any]) -> int:
    """All output; Gemini's thoughts stand beside it."""
    output = known(found, _U + "output_tokens") or 0
    if maker == "google":
        output += known(found, _U + "reasoning_tokens") or 0
        found[_U + "output_tokens"] = output
    return output
