"""Usage objects that are neither OpenAI's nor Anthropic's: Google's, Amazon's, Cohere's, and those of
tools that count for everybody. One row of FORMS a vocabulary (billing.md, section 5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from costscope.model import Usage
from costscope.readers._counts import Normalised, first
from costscope.readers._usage_forms import Form, Google

Reading = Callable[[Mapping[str, Any], str], Normalised]


def google(found: Mapping[str, Any], *, grounded: bool = False) -> Normalised:
    """Buckets of a Gemini usage object in either API's words; without any where it is none."""
    for form in (GENERATE, INTERACTIONS):
        if not form.signs.isdisjoint(found):
            return form(found, "google", grounded=grounded)
    return Normalised(None)


GENERATE = Google(
    frozenset(("promptTokenCount", "candidatesTokenCount", "totalTokenCount", "thoughtsTokenCount",
               "candidates_token_count", "total_token_count", "thoughts_token_count",
               "cached_content_token_count", "cachedContentTokenCount")),
    ("promptTokenCount", "prompt_token_count"),
    ("cachedContentTokenCount", "cached_content_token_count"),
    ("candidatesTokenCount", "responseTokenCount", "candidates_token_count", "response_token_count"),
    ("thoughtsTokenCount", "thoughts_token_count"),
    ("toolUsePromptTokenCount", "tool_use_prompt_token_count"),
    ("totalTokenCount", "total_token_count"),
)  # fmt: skip
INTERACTIONS = Google(
    frozenset(("total_input_tokens", "total_output_tokens")),
    ("total_input_tokens",), ("total_cached_tokens",), ("total_output_tokens",),
    ("total_thought_tokens",), ("total_tool_use_tokens",), ("total_tokens",),
)  # fmt: skip
VERCEL = Form(
    frozenset(("cachedInputTokens", "inputTokenDetails", "outputTokenDetails", "reasoningTokens")),
    given=("inputTokens",), output=("outputTokens",), total=("totalTokens",), sure=False,
    read=("inputTokenDetails.cacheReadTokens", "cachedInputTokens"),
    write=("inputTokenDetails.cacheWriteTokens",), fresh=("inputTokenDetails.noCacheTokens",),
    reasoning=("outputTokenDetails.reasoningTokens", "reasoningTokens"),
)  # fmt: skip
"""The AI SDK's; only the newer ones of its providers count the cached tokens as input."""
AMAZON = Form(
    frozenset(("inputTokens", "outputTokens", "inputTokenCount", "outputTokenCount",
               "inputTextTokenCount", "input.inputTokenCount")),
    given=("inputTokens", "inputTokenCount", "input.inputTokenCount", "inputTextTokenCount"),
    output=("outputTokens", "outputTokenCount", "output.outputTokenCount"),
    read=("cacheReadInputTokens", "cacheReadInputTokenCount", "input.cacheReadInputTokenCount"),
    write=("cacheWriteInputTokens", "cacheWriteInputTokenCount", "input.cacheWriteInputTokenCount"),
    inside=False,
)  # fmt: skip
"""Bedrock's: Converse, invocation metrics, invocation log. Cached tokens stand beside the input."""
LLAMA = Form(
    frozenset(("generation_token_count",)), ("prompt_token_count",), ("generation_token_count",)
)
ADMIN = Form(
    frozenset(("input_uncached_tokens", "input_cached_tokens", "num_model_requests")),
    given=("input_tokens",), output=("output_tokens",), fresh=("input_uncached_tokens",),
    read=("input_cached_tokens",), write=("input_cache_write_tokens",),
    units={"input_audio": ("input_audio_tokens",), "output_audio": ("output_audio_tokens",),
           "input_image": ("input_image_tokens",), "output_image": ("output_image_tokens",)},
)  # fmt: skip
"""OpenAI's usage API, by the hour or day."""
CODEX = Form(
    frozenset(("cached_input_tokens", "reasoning_output_tokens")),
    given=("input_tokens",), output=("output_tokens",), total=("total_tokens",), sure=False,
    read=("cached_input_tokens",), write=("cache_write_input_tokens",),
    reasoning=("reasoning_output_tokens",),
)  # fmt: skip
COHERE = Form(
    frozenset(("billed_units",)), sure=False,
    given=("billed_units.input_tokens", "tokens.input_tokens"),
    output=("billed_units.output_tokens", "tokens.output_tokens"), read=("cached_tokens",),
)  # fmt: skip
OLLAMA = Form(
    frozenset(("prompt_eval_count", "eval_count")), ("prompt_eval_count",), ("eval_count",)
)
_OTEL, _OI = "gen_ai.usage.", "llm.token_count."
OTEL = Form(
    frozenset(), sure=False,
    given=(_OTEL + "input_tokens", _OTEL + "prompt_tokens"),
    output=(_OTEL + "output_tokens", _OTEL + "completion_tokens"),
    total=(_OTEL + "total_tokens", "llm.usage.total_tokens"),
    read=(_OTEL + "cache_read.input_tokens", _OTEL + "cache_read_input_tokens",
          _OTEL + "input_tokens.cached", _OTEL + "prompt_tokens_details.cached_tokens"),
    write=(_OTEL + "cache_creation.input_tokens", _OTEL + "cache_write.input_tokens",
           _OTEL + "cache_creation_input_tokens", _OTEL + "input_tokens.cache_write"),
    reasoning=(_OTEL + "reasoning.output_tokens", _OTEL + "reasoning_tokens",
               _OTEL + "output_tokens.reasoning"),
)  # fmt: skip
"""OpenTelemetry's: cached tokens SHOULD be counted as input, but many emitters do not."""
OPENINFERENCE = Form(
    frozenset(), sure=False,
    given=(_OI + "prompt",), output=(_OI + "completion",), total=(_OI + "total",),
    read=(_OI + "prompt_details.cache_read", _OI + "prompt_details.cache_input"),
    write=(_OI + "prompt_details.cache_write",),
    reasoning=(_OI + "completion_details.reasoning",),
    units={"input_audio": (_OI + "prompt_details.audio",),
           "output_audio": (_OI + "completion_details.audio",)},
)  # fmt: skip
VOYAGERS = frozenset(("voyage", "voyageai", "jina", "jina_ai"))
"""Makers of embeddings whose usage is a total and nothing else."""
FORMS: tuple[Form | Google, ...] = (
    VERCEL, AMAZON, LLAMA, GENERATE, INTERACTIONS, CODEX, ADMIN, COHERE, OLLAMA,
)  # fmt: skip

_SIGNS = frozenset(name for form in FORMS for name in form.signs)


def fitting(found: Mapping[str, Any]) -> Reading | None:
    """What reads a usage object's words; None where they are none of these."""
    if not _SIGNS.isdisjoint(found):
        return next(form for form in FORMS if not form.signs.isdisjoint(found))
    for prefix, form in ((_OTEL, OTEL), (_OI, OPENINFERENCE)):
        if any(name.startswith(prefix) for name in found):
            return form
    if found.keys() == {"total_tokens"}:
        return _embedded
    nested = found.get("input")
    return AMAZON if isinstance(nested, dict) and "inputTokenCount" in nested else None


def _embedded(found: Mapping[str, Any], maker: str) -> Normalised:
    total = first(found, "total_tokens")
    return Normalised(Usage(fresh=total) if maker in VOYAGERS and total is not None else None)
