"""Who served the call of a span: from the system that its library names and the server it spoke to."""

from __future__ import annotations

from typing import Any

from costscope.readers import _hosts, _provider
from costscope.readers._spans import Span

SYSTEMS = {
    "aws.bedrock": "bedrock", "aws": "bedrock", "amazon-bedrock": "bedrock", "bedrock": "bedrock",
    "gcp.vertex_ai": "vertex", "vertexai": "vertex", "google.vertex": "vertex",
    "vertex_ai": "vertex", "gcp.gemini": "google", "gcp.gen_ai": "google", "gemini": "google",
    "google": "google", "google_genai": "google", "google.generative-ai": "google",
    "az.ai.openai": "azure", "azure.ai.openai": "azure", "azure.ai.inference": "azure",
    "az.ai.inference": "azure", "azure": "azure", "azure-openai": "azure",
    "mistral_ai": "mistral", "mistralai": "mistral", "mistral": "mistral", "x_ai": "xai",
    "xai": "xai", "ibm.watsonx.ai": "watsonx", "watsonx": "watsonx",
}  # fmt: skip
"""Systems as the semantic conventions, OpenInference and the AI SDK name them → who we say that is."""
_NOBODY = frozenset((
    "langchain", "llamaindex", "llama_index", "haystack", "crewai", "litellm", "_other", "unknown",
    "gateway", "ai", "agno", "dspy", "autogen", "semantic_kernel", "strands-agents", "pydantic-ai",
    "smolagents", "instructor",
))  # fmt: skip
"""Frameworks, which serve no models."""
_ADDRESSES = (
    "server.address", "gen_ai.openai.api_base", "openai.api_base", "gen_ai.request.base_url",
    "net.peer.name", "url.full", "http.url",
)  # fmt: skip
_DECLARED = (
    "llm.provider", "gen_ai.provider.name", "gen_ai.system", "llm.system", "ai.model.provider",
    "llm.vendor",
)  # fmt: skip


def identify(span: Span, model: str, asked: str) -> tuple[str, str, str | None]:
    """(provider, channel, region) of the call of a span; "" and None where nothing tells."""
    place = _hosts.place(_address(span))
    if place.channel == "self-hosted" and not _provider.identify("", model, asked)[0]:
        # The client speaks OpenAI's API, so its library says openai; a maker's model may lie behind
        # a gateway of one's own, but any other is served there.
        return "", place.channel, None
    declared = place.provider
    if not declared or declared == "openai":
        declared = _declared(span) or declared
    provider, channel = _provider.identify(declared, model, asked)
    return provider, channel, place.region or _provider.region(model, asked)


def _address(span: Span) -> str:
    """The address of the server, which may be a bare host."""
    value: Any = span.first(*_ADDRESSES)
    if not isinstance(value, str):
        return ""
    return value if "//" in value[:10] else f"https://{value}"


def _declared(span: Span) -> str:
    """The first system that is named and that serves models. The AI SDK adds the API's name to it
    (`openai.responses`)."""
    for name in _DECLARED:
        value = span.attributes.get(name)
        word = value.strip().lower() if isinstance(value, str) else ""
        if not word or word in _NOBODY:
            continue
        for candidate in (word, word.rpartition(".")[0], word.partition(".")[0]):
            if candidate in SYSTEMS:
                return SYSTEMS[candidate]
        return word.partition(".")[0]
    return ""
