"""The settings of a request as canonical text: those that change its answer, and those of which a
change makes a provider read its prompt anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import Raw

from costscope.readers import _json
from costscope.readers._json import NONE
from costscope.readers._wire import Body

_ANSWER = (
    "top_p", "top_k", "seed", "frequency_penalty", "presence_penalty", "max_tokens",
    "max_output_tokens", "max_completion_tokens", "n", "stop", "stop_sequences", "logit_bias",
    "tool_choice", "response_format", "text", "reasoning", "reasoning_effort", "verbosity", "thinking",
    "output_config", "previous_response_id",
)  # fmt: skip
_CACHE = (
    "tool_choice", "parallel_tool_calls", "response_format", "text", "reasoning",
    "reasoning_effort", "verbosity", "thinking", "output_config",
)  # fmt: skip
_OBJECTS = ("text", "reasoning", "thinking", "output_config")
_answer_of, _cache_of = attrgetter(*_ANSWER), attrgetter(*_CACHE)


def params(request: Body) -> str:
    """The settings that change an answer, as canonical text; two calls with the same text of these
    and the same prompt ask for the same thing."""
    given = _given(_ANSWER, _answer_of(request))
    return ";".join([f"{name}={_canonical(value)}" for name, value in given])


def _given(names: Sequence[str], values: Sequence[Any]) -> list[tuple[str, Any]]:
    """The settings that are there, with their names; most are not."""
    return [
        (name, value)
        for name, value in zip(names, values, strict=True)
        if value is not None and value is not NONE and _is_given(name, value)
    ]


def _is_given(name: str, value: Any) -> bool:
    """Whether a setting is there; where request and log are one object, some may be prose."""
    if not isinstance(value, Raw):
        return True
    return _json.has(value) and (name not in _OBJECTS or _json.first(value) == b"{")


def _canonical(value: Any) -> str:
    if isinstance(value, Raw):
        value = _json.decode(value)
    elif not isinstance(value, (dict, list)):
        return str(value)
    return msgspec.json.encode(value, order="sorted").decode("utf-8", "replace")


def cache_params(provider: str, request: Body) -> str:
    """`invalidating` for the settings of a request."""
    if provider not in _RULES:
        return ""
    given = {
        name: _json.decode(value) if isinstance(value, Raw) else value
        for name, value in _given(_CACHE, _cache_of(request))
    }
    return invalidating(provider, given)


def invalidating(provider: str, given: Mapping[str, Any]) -> str:
    """The settings of which a change invalidates a provider's prompt cache, as canonical text; "" where
    all are left at their defaults, or where the provider names no such settings.

    Left out are temperature and limits, which leave a prompt as it is, and images, which are a part
    of it. What is changed with them, the whole prompt or its messages, is a fact of `prices`.
    """
    rule = _RULES.get(provider)
    found = rule(given) if rule and given else {}
    return ";".join(f"{name}={_canonical(value)}" for name, value in found.items() if value)


_AUTO: tuple[Any, ...] = ("auto", {"type": "auto"}, {"auto": {}})
"""The default choice of tools, in the words of gateways, Anthropic and Converse."""


def _anthropic(given: Mapping[str, Any]) -> dict[str, Any]:
    """tool_choice (with its switch for parallel tools), thinking and effort
    (https://platform.claude.com/docs/en/build-with-claude/prompt-caching, what invalidates the cache).
    A gateway's `reasoning` sets thinking."""
    choice, thinking = given.get("tool_choice"), _object(given.get("thinking"))
    if isinstance(choice, dict):
        choice = {name: value for name, value in choice.items() if value is not False}
    budget = thinking.get("budget_tokens") or _object(given.get("reasoning")).get("max_tokens")
    return {
        "tool_choice": None if choice in _AUTO else choice,
        "thinking": thinking.get("type"),
        "budget": budget,
        "effort": _effort(given),
    }


def _openai(given: Mapping[str, Any]) -> dict[str, Any]:
    """parallel_tool_calls, the schema of the answer, effort and verbosity; tool_choice leaves the prompt
    as it is (https://developers.openai.com/api/docs/guides/prompt-caching)."""
    text = _object(given.get("text"))
    form = _object(given.get("response_format") or text.get("format"))
    verbosity = text.get("verbosity") or given.get("verbosity")
    return {
        "one_tool_at_a_time": given.get("parallel_tool_calls") is False,
        "format": None if form == {"type": "text"} else form,
        "effort": _effort(given),
        "verbosity": None if verbosity == "medium" else verbosity,
    }


def _effort(given: Mapping[str, Any]) -> Any:
    objects = (_object(given.get(name)) for name in ("reasoning", "output_config"))
    efforts = (*(held.get("effort") for held in objects), given.get("reasoning_effort"))
    return next(filter(None, efforts), None)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


_RULES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "anthropic": _anthropic,
    "openai": _openai,
}
