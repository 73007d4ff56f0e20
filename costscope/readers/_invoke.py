"""The bodies of InvokeModel that are a vendor's own and hold a text and its continuation: Titan, Llama,
Mistral, AI21, Cohere's older ones and Anthropic's text completions; also what they stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.readers import _blocks
from costscope.readers._deltas import Joined

METRICS = "amazon-bedrock-invocationMetrics"
"""The member of a stream's last chunk that counts tokens and time."""
PROMPTS = ("inputText", "prompt")
_LISTS = ("results", "outputs", "completions", "generations")
_TEXTS = ("generation", "completion", "outputText")
_REASONS = ("stop_reason", "stopReason", "completionReason", "finish_reason", "finishReason")
_COUNTS = (
    "inputTextTokenCount", "prompt_token_count", "generation_token_count",
    "totalOutputTextTokenCount",
)  # fmt: skip


def prompt(sent: Mapping[str, Any]) -> str | None:
    """The text that was sent; None where the body is of another kind."""
    return next((v for name in PROMPTS if isinstance(v := sent.get(name), str)), None)


def reply(got: Mapping[str, Any]) -> str | None:
    """The text that came back; None where there is none."""
    for name in _TEXTS:
        if isinstance(text := got.get(name), str):
            return text
    texts = [text for item in _items(got) if (text := _said(item)) is not None]
    return "\n".join(texts) if texts else None


def _items(got: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Answers in a list, as each vendor calls it."""
    return [item for name in _LISTS for item in _blocks.dicts(got.get(name))]


def _said(item: Mapping[str, Any]) -> str | None:
    inner = _blocks.inner(item.get("data"))
    found = item.get("text", item.get("outputText", inner.get("text")))
    return found if isinstance(found, str) else None


def finish(got: Mapping[str, Any]) -> str | None:
    """Why the answer ended, in the vendor's word."""
    for place in (got, *_items(got)):
        for name in _REASONS:
            value = place.get(name)
            value = value.get("reason") if isinstance(value, Mapping) else value
            if isinstance(value, str):
                return value
    return None


def counts(got: Mapping[str, Any]) -> dict[str, Any]:
    """Token counts of a body under Bedrock's own names, with those of Llama and Titan as they are; empty
    where the vendor gives none (Mistral, AI21 and Cohere tell them in the HTTP headers alone)."""
    if isinstance(metrics := got.get(METRICS), Mapping):
        return dict(metrics)
    found = {name: got[name] for name in _COUNTS if got.get(name) is not None}
    if "inputTextTokenCount" in found:
        made = found.pop("totalOutputTextTokenCount", None)
        made = [made] if made is not None else [r.get("tokenCount") for r in _items(got)]
        found["outputTokenCount"] = sum(int(n) for n in made if isinstance(n, (int, float)))
    return found


def headers(found: Mapping[str, Any]) -> dict[str, Any]:
    """Token counts and the id that Bedrock puts into the HTTP headers of a response."""
    lower = {str(k).lower(): v for k, v in found.items()}
    named = {ours: lower.get(theirs) for theirs, ours in _HEADERS.items()}
    plain = {k: v[0] if isinstance(v, list) and v else v for k, v in named.items()}
    return {k: v for k, v in plain.items() if v is not None}


_HEADERS = {
    "x-amzn-bedrock-input-token-count": "inputTokenCount",
    "x-amzn-bedrock-output-token-count": "outputTokenCount",
    "x-amzn-bedrock-cache-read-input-token-count": "cacheReadInputTokenCount",
    "x-amzn-bedrock-cache-write-input-token-count": "cacheWriteInputTokenCount",
}  # fmt: skip


def is_chunk(chunk: Mapping[str, Any]) -> bool:
    """Whether a chunk is of such a stream."""
    named = "generation" in chunk or "outputText" in chunk
    return (
        METRICS in chunk
        or (named and "stop_reason" in chunk)
        or "totalOutputTextTokenCount" in chunk
    )


def stream(chunks: Sequence[Mapping[str, Any]]) -> Joined:
    """The chunks of a vendor's stream as one body: texts go on, of all else the last counts."""
    texts: dict[str, str] = {}
    whole: dict[str, Any] = {}
    for chunk in chunks:
        said = next((n for n in (*_TEXTS, "text") if isinstance(chunk.get(n), str)), "")
        text = chunk[said] if said else reply(chunk)
        if text:
            texts[said or "generation"] = texts.get(said or "generation", "") + str(text)
        whole |= {k: v for k, v in chunk.items() if v is not None and k not in _LISTS}
        if (reason := finish(chunk)) is not None:
            whole["stop_reason"] = reason
    return Joined({**whole, **texts}, METRICS in whole or "stop_reason" in whole)
