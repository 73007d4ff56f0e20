"""What a span says was billed, under the names of every convention, as disjoint buckets. Whether the
input holds the cached tokens is decided by billing.md's rule, and last by the library's habit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from costscope.model import Usage
from costscope.readers import _json, _units, _usage, _usage_types
from costscope.readers._counts import (
    Normalised,
    decide,
    first,
    from_total,
    known,
    with_reasoning,
)
from costscope.readers._spans import Span

_U, _T, _V = "gen_ai.usage.", "llm.token_count.", "ai.usage."
INPUT = (
    _T + "prompt", _U + "input_tokens", _U + "prompt_tokens", "llm.usage.prompt_tokens",
    _V + "inputTokens", _V + "promptTokens", _V + "tokens", "ai.prompt_tokens.used",
)  # fmt: skip
FRESH = (_V + "inputTokenDetails.noCacheTokens",)
READ = (
    _T + "prompt_details.cache_read", _T + "prompt_details.cache_input",
    _U + "cache_read.input_tokens", _U + "cache_read_input_tokens", _U + "input_tokens.cached",
    _U + "details.cache_read_tokens", _U + "details.cache_read_input_tokens",
    _U + "details.cached_tokens", _U + "prompt_tokens_details.cached_tokens",
    _U + "cached_input_tokens", "gen_ai.openai.usage.prompt_tokens_cached", "llm.usage.cache_read_input_tokens",
    _V + "inputTokenDetails.cacheReadTokens", _V + "cachedInputTokens",
)  # fmt: skip
WRITE = (
    _T + "prompt_details.cache_write", _U + "cache_creation.input_tokens",
    _U + "cache_write.input_tokens", _U + "cache_creation_input_tokens",
    _U + "cache_write_input_tokens", _U + "input_tokens.cache_write",
    _U + "details.cache_write_tokens", _U + "details.cache_creation_input_tokens",
    "llm.usage.cache_creation_input_tokens", _V + "inputTokenDetails.cacheWriteTokens",
)  # fmt: skip
OUTPUT = (
    _T + "completion", _U + "output_tokens", _U + "completion_tokens",
    "llm.usage.completion_tokens", _V + "outputTokens", _V + "completionTokens",
    "ai.completion_tokens.used",
)  # fmt: skip
REASONING = (
    _T + "completion_details.reasoning", _U + "reasoning.output_tokens", _U + "reasoning_tokens",
    _U + "output_tokens.reasoning", _U + "details.reasoning_tokens",
    _U + "details.thoughts_tokens", _U + "thinking_tokens", _U + "reasoning_output_tokens",
    _U + "completion_tokens_details.reasoning_tokens",
    "llm.usage.reasoning_tokens", _V + "outputTokenDetails.reasoningTokens",
    _V + "reasoningTokens",
)  # fmt: skip
TOTAL = (
    _T + "total", _U + "total_tokens", "llm.usage.total_tokens", _V + "totalTokens",
    "ai.total_tokens.used",
)  # fmt: skip
_AUDIO = {
    "input": (_T + "prompt_details.audio", _U + "details.input_audio_tokens"),
    "cache": (_U + "details.cache_audio_read_tokens",),
    "output": (_T + "completion_details.audio", _U + "details.output_audio_tokens"),
}  # fmt: skip
_APART = ("google", "xai")
"""Makers that count thoughts beside the output: what their total has more than both is thoughts."""
_PROMPTS = (
    "prompt_token_count", "promptTokenCount", "prompt_tokens", "input_tokens", "inputTokens",
)  # fmt: skip
"""What providers call the input in their own usage objects."""
_DETAILED = _V + "inputTokenDetails."
_BESIDE = (
    (re.compile(r"^opentelemetry\.instrumentation\.bedrock"), ()),
    (re.compile(r"^ai$"), ("anthropic", "amazon")),
    (re.compile(r"agno"), ("anthropic", "amazon")),
    (re.compile(r"genkit"), ("anthropic", "amazon")),
    (re.compile(r"strands"), ()),
    (re.compile(r"langfuse"), ()),
)
"""Libraries whose input does not hold the cached tokens (for these makers; (): for all), and whose total
is no witness, since they add it up from that input: openllmetry #4449 (Bedrock), vercel/ai #8794 and
#8795 (before version 6), agno #9538, genkit #5412. Strands hands on Bedrock's counts, and
Langfuse's handlers take the cached tokens out (billing.md section 5)."""
_RAW_READ = _U + "cache_read_input_tokens"
_SPEC = re.compile(r"instrumentation|litellm|logfire|pydantic|langchain|traceloop")
"""Libraries that add the cached tokens to the input under Anthropic's names as well."""


def is_counted(attributes: Mapping[str, Any]) -> bool:
    """Whether a span counts tokens at all."""
    return any(attributes.get(name) is not None for name in (*INPUT, *OUTPUT, *FRESH))


def of_span(span: Span, maker: str, found: Mapping[str, Any]) -> Normalised:
    """Buckets of a span's counts; without any where it does not say what was put in. Where it also
    has the provider's own usage object (`found`), and both agree on the input, that one tells the
    rest: the lifetimes of writes, reasoning, server tools. Raises ValueError where a count is none."""
    own = _own(span, maker)
    raw = _raw(found, maker)
    if raw.usage is None:
        return own
    if own.usage is None:
        return raw
    return _joined(own.usage, raw, span, found) or own


def _own(span: Span, maker: str) -> Normalised:
    counts = _numbers(span.attributes)
    total, fresh = known(counts, *TOTAL), first(counts, *FRESH)
    read, writes = first(counts, *READ) or 0, first(counts, *WRITE) or 0
    cached = read + writes
    given = first(counts, *INPUT) if fresh is None else fresh + cached
    given, output = from_total(given, first(counts, *OUTPUT), total)
    if given is None:
        return Normalised(None)
    reasoning = first(counts, *REASONING) or 0
    if not reasoning and maker in _APART and total != given + cached + output:
        reasoning = max(0, (total or 0) - given - output)
    output = with_reasoning(given, output, reasoning, total)
    guessed = False
    if fresh is None:
        fresh, guessed = _fresh(span, maker, given, cached, output, total)
    life = "cache_write_30m" if maker == "openai" else "cache_write_5m"
    usage = Usage(
        fresh=fresh, cache_read=read, output=output, reasoning=min(reasoning, output),
        **{life: writes},
    )  # fmt: skip
    audio = {side: {"audio": known(counts, *names) or 0} for side, names in _AUDIO.items()}
    units = _units.modes(usage, audio["input"], audio["cache"], audio["output"])
    return Normalised(usage, guessed, units)


def _numbers(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Attributes without what a library writes when it does not know: NaN, or nothing."""
    odd = ("NaN", "", "nan", None)
    return {
        k: v for k, v in attributes.items() if isinstance(v, (int, float, str)) and v not in odd
    }


def _fresh(
    span: Span, maker: str, given: int, cached: int, output: int, total: int | None
) -> tuple[int, bool]:
    """(the input that was not cached, whether that is a guess)."""
    beside = any(
        pattern.search(span.scope.lower()) and (not makers or maker in makers)
        for pattern, makers in _BESIDE
    ) and not any(name.startswith(_DETAILED) for name in span.attributes)
    if beside and total == given + output:
        total = None
    if cached > given:
        return given, False
    inside = not beside and not _is_raw(span, maker)
    return decide(given, cached, output, total, inside=inside)


def _is_raw(span: Span, maker: str) -> bool:
    """Whether the counts look like Anthropic's own, handed on by nobody who is known to add them up."""
    if maker not in ("anthropic", "amazon") or span.attributes.get(_RAW_READ) is None:
        return False
    return not _SPEC.search(span.scope.lower())


def _raw(found: Mapping[str, Any], maker: str) -> Normalised:
    """The provider's own usage object as buckets; without any where it cannot be read."""
    by = _usage_types.read if "input" in found else _usage.read  # the former are Langfuse's words
    try:
        return by(found, maker) if found else Normalised(None)
    except ValueError:
        return Normalised(None)


def response(span: Span) -> Mapping[str, Any]:
    """The provider's response that an OpenInference span keeps as `output.value`, decoded."""
    held = span.attributes.get("output.value")
    if isinstance(held, str) and '"usage' in held:
        held = _json.inside(held)
    return held if isinstance(held, dict) else {}


def provider_metadata(span: Span) -> Mapping[str, Any]:
    """What an AI SDK's provider adds to a response, without the provider's name."""
    held = span.attributes.get("ai.response.providerMetadata")
    found = _json.inside(held) if isinstance(held, str) else held
    inner = list(found.values()) if isinstance(found, dict) else []
    return inner[0] if inner and isinstance(inner[0], dict) else {}


def raw_usage(span: Span, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    """The usage object as the provider wrote it, in its response or beside it; an empty one where the
    span has none."""
    places = (answer.get("usage"), answer.get("usage_metadata"), answer.get("usageMetadata"),
              provider_metadata(span).get("usage"))  # fmt: skip
    return next((place for place in places if isinstance(place, dict) and place), {})


def _joined(own: Usage, raw: Normalised, span: Span, found: Mapping[str, Any]) -> Normalised | None:
    """The provider's buckets, where both mean the same call. Of two outputs the larger is whole: the
    other is the beginning of a stream, or lacks the thoughts."""
    told = raw.usage
    given = first(_numbers(span.attributes), *INPUT)
    if told is None or given not in (None, told.fresh, put_in(told), known(found, *_PROMPTS)):
        return None
    output = max(own.output, told.output)
    usage = Usage(
        told.fresh, told.cache_read, told.cache_write_5m, told.cache_write_30m,
        told.cache_write_1h, told.cache_write_12h, output,
        min(max(own.reasoning, told.reasoning), output),
    )  # fmt: skip
    return Normalised(usage, raw.ambiguous, raw.units)


def put_in(usage: Usage) -> int:
    """All input tokens of a usage, cached or not."""
    written = usage.cache_write_5m + usage.cache_write_30m + usage.cache_write_1h
    return usage.fresh + usage.cache_read + written + usage.cache_write_12h
