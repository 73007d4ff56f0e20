"""What a response says of its own cache miss: the provider's comparison with the request before."""

from __future__ import annotations

from msgspec import Raw

from costscope.readers import _fields, _json
from costscope.readers._wire import Answer

TAG = "cache_miss_reason"
"""The tag of a call that holds the reason, in the provider's own word."""


def tags(answer: Answer) -> dict[str, str]:
    """The reason as a tag; none where nothing was compared, or where all was found."""
    word = reason(answer.diagnostics) or verdict(answer.prompt_cache_diagnostics)
    return {TAG: word} if word else {}


def reason(diagnostics: Raw) -> str:
    """Anthropic's word: `cache_miss_reason.type` in the `diagnostics` of a message, which streams have
    in `message_start`. "" while the comparison runs, and where it found no difference
    (https://platform.claude.com/docs/en/build-with-claude/cache-diagnostics)."""
    found = _json.mapping(diagnostics).get(TAG) if _json.has(diagnostics) else None
    return _fields.label(found.get("type")) or "" if isinstance(found, dict) else ""


def verdict(diagnostics: Raw) -> str:
    """OpenAI's word: the `reason` in the `prompt_cache_diagnostics` of a response, which only a
    `cache_miss` has (https://developers.openai.com/api/docs/guides/prompt-caching/diagnostics)."""
    found = _json.mapping(diagnostics) if _json.has(diagnostics) else {}
    return _fields.label(found.get("reason")) or ""
