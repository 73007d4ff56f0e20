"""What the address of a request tells of a call: who served it, through which door, where, and, for the
APIs whose bodies do not name it, the model."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

HOSTS = {
    "api.openai.com": "openai", "api.anthropic.com": "anthropic", "api.mistral.ai": "mistral",
    "api.groq.com": "groq", "api.x.ai": "xai", "api.deepseek.com": "deepseek",
    "openrouter.ai": "openrouter", "api.cohere.com": "cohere", "api.cohere.ai": "cohere",
    "generativelanguage.googleapis.com": "google", "api.together.ai": "together",
    "api.together.xyz": "together", "api.fireworks.ai": "fireworks", "api.cerebras.ai": "cerebras",
    "api.deepinfra.com": "deepinfra", "api.perplexity.ai": "perplexity", "api.voyageai.com": "voyage",
    "api.writer.com": "writer", "api.replicate.com": "replicate", "api.novita.ai": "novita",
    "api.sambanova.ai": "sambanova", "api.moonshot.ai": "moonshot",
}  # fmt: skip
"""Hosts and the provider whose prices they bill."""
_CLOUDS = (
    (re.compile(r"^bedrock-runtime(?:-fips)?\.([\w-]+)\.amazonaws\.com"), "bedrock", "bedrock"),
    (re.compile(r"^(?:([\w-]+)-)?aiplatform\.googleapis\.com"), "vertex", "vertex"),
    (re.compile(r"\.(?:openai|services\.ai|cognitiveservices)\.azure\.com$()"), "azure", "azure"),
)
CLOSED = frozenset(("openai", "anthropic", "google", "xai", "cohere", "amazon"))
"""Makers whose models nobody else runs: on a machine of one's own there is a proxy to them."""
_OWN = re.compile(r"^(localhost|0\.0\.0\.0|127\.|10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.)")
_MODEL = re.compile(
    r"/deployments/([^/]+)/|/model/([^/]+)/(?:converse|invoke)|/models/([^/:]+)(?::[a-zA-Z]|/predictions)"
)
_LOCATION = re.compile(r"(?:^|/)projects/[^/]+/locations/([\w-]+)/")
"""Vertex names what it serves by project and place, in addresses and alone."""


def parts(url: str) -> tuple[str, str]:
    """(host in small letters, path) of an address; empty where it is none."""
    try:
        found = urlsplit(url)
        return (found.hostname or "").lower(), found.path
    except ValueError:
        return "", ""


class Place(NamedTuple):
    """What an address says; "" where it says nothing."""

    provider: str = ""
    channel: str = ""
    region: str = ""
    model: str = ""
    maker: str = ""
    """Whose models a host serves that is nobody's own."""


@lru_cache(1024)
def place(url: str) -> Place:
    """An address as far as it is one that is known. The model of an Azure deployment is the name that
    somebody gave it, which need not be the model's."""
    host, path = parts(url)
    match = _MODEL.search(path)
    named = next((group for group in match.groups() if group), "") if match else ""
    model = unquote(unquote(named))  # Bedrock's clients escape a name once or twice
    location = _LOCATION.search(path)
    if location and not host:
        return Place("vertex", "vertex", location[1], model)
    for pattern, provider, channel in _CLOUDS:
        if cloud := pattern.search(host):
            maker = "openai" if ".openai.azure." in host else ""
            region = location[1] if location else cloud[1] or ""
            return Place(provider, channel, region, model, maker)
    if _OWN.match(host):
        return Place("", "self-hosted", "", model)
    provider = HOSTS.get(host, "")
    return Place(provider, "openrouter" if provider == "openrouter" else "", "", model)
