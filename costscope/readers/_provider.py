"""Who served a call and through which door, from what a log declares and how the model is named."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

CHANNELS = {
    "bedrock": "bedrock", "aws": "bedrock", "amazon-bedrock": "bedrock", "aws_bedrock": "bedrock",
    "bedrock_converse": "bedrock", "amazon_bedrock": "bedrock",
    "vertex": "vertex", "vertex_ai": "vertex", "vertexai": "vertex", "google-vertex": "vertex",
    "azure": "azure", "azure_openai": "azure", "azure-openai": "azure", "azure_ai": "azure",
    "openrouter": "openrouter",
    "vllm": "self-hosted", "ollama": "self-hosted", "hosted_vllm": "self-hosted",
}  # fmt: skip
"""A declared provider that is a reseller or a door, not the model's maker."""

ALIASES = {
    "gemini": "google", "google_ai_studio": "google", "google-genai": "google", "gcp": "google",
    "x-ai": "xai", "x.ai": "xai", "grok": "xai", "mistralai": "mistral", "claude": "anthropic",
    "text-completion-openai": "openai", "chatgpt": "openai",
}  # fmt: skip

HOSTS = frozenset((
    "groq", "together", "togetherai", "together_ai", "fireworks", "fireworks_ai", "cerebras",
    "deepinfra", "novita", "sambanova", "baseten", "hyperbolic", "nebius", "perplexity",
    "databricks", "cloudflare", "replicate", "github-copilot",
))  # fmt: skip
"""Declared providers that serve models of other makers at prices of their own."""

_MAKERS = (
    (re.compile(r"claude"), "anthropic"),
    (re.compile(r"^(gpt-(?!oss)|chatgpt|o\d(-|$)|text-embedding|davinci|codex|ft:gpt)"), "openai"),
    (re.compile(r"^gemini"), "google"),
    (re.compile(r"^(mistral|ministral|magistral|codestral|pixtral|devstral)"), "mistral"),
    (re.compile(r"^deepseek"), "deepseek"),
    (re.compile(r"^grok"), "xai"),
    (re.compile(r"^command"), "cohere"),
    (re.compile(r"nova-(micro|lite|pro|premier)|^amazon\."), "amazon"),
)
_GEO = re.compile(r"^(us|eu|apac|ap|jp|au|global|us-gov)\.(anthropic|amazon|meta|mistral|cohere)\.")
_BEDROCK_ID = re.compile(
    r"^((us|eu|apac|ap|jp|au|global|us-gov)\.)?(anthropic|amazon|meta|cohere)\."
)


@lru_cache(4096)
def identify(declared: str, model: str, asked: str = "") -> tuple[str, str]:
    """(provider, channel) of a call. `provider` is the host where one is declared, else the model's
    maker where its name tells, else what the log declares, else "": unknown. `asked` is the model
    as it was requested, which may name a door that the answer leaves out."""
    said = declared.strip().lower()
    name = model.lower()
    channel = CHANNELS.get(said) or _door(name)
    if channel == "direct":
        channel = _door(asked.lower())
    if said in HOSTS:
        return said, channel
    bare = name.rpartition("/")[2]
    for pattern, maker in _MAKERS:
        if pattern.search(_GEO.sub("", bare)):
            return maker, channel
    return ("" if said in CHANNELS else ALIASES.get(said, said)), channel


def region(*names: str) -> str | None:
    """Where a cloud's own form of a model's name says that it is served: us, eu, global, ..."""
    found = (_GEO.match(name.lower()) for name in names)
    return next((match[1] for match in found if match), None)


def _door(name: str) -> str:
    """The channel that a model's name itself tells: a router's prefix or a cloud's own form of it."""
    if _BEDROCK_ID.match(name) or re.match(r"arn:aws[\w-]*:bedrock:", name):
        return "bedrock"
    if "publishers/" in name or re.search(r"claude.*@\d{8}$", name):
        return "vertex"
    return CHANNELS.get(name.partition("/")[0], "direct") if "/" in name else "direct"


TIERS = {
    **{name: name for name in ("batch", "flex", "priority", "fast", "ultrafast", "scale", "provisioned")},
    "on_demand_flex": "flex", "on_demand_priority": "priority",
    "provisioned_throughput": "provisioned", "reserved": "provisioned",
}  # fmt: skip
"""A provider's word for a served tier → ours; any other is the standard one. `scale` and
`provisioned` are capacity that was paid for beforehand, so that tokens have no price of their own."""


def tier(served: Any) -> str:
    """A provider's word for the served tier as ours."""
    return TIERS.get(served.strip().lower(), "standard") if isinstance(served, str) else "standard"
