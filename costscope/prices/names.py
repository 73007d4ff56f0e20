"""Model and provider names as strings: who serves a call, and what a model is called without dates,
regions and prefixes. Knows no price; see match for what the price library lists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

SELF_HOSTED = "self-hosted"

_CHANNELS = {"bedrock": "bedrock", "vertex": "google", "azure": "azure", "openrouter": "openrouter"}

PROXY = "litellm_proxy"
"""A door that bills by its own price list, which knows a provider's list prices but not its hours."""

_WORDS = {
    "openrouter": "openrouter", "bedrock": "bedrock", "aws": "bedrock", "amazon": "bedrock",
    "azure": "azure", "foundry": "azure", "vertex": "google", "vertexai": "google",
    "groq": "groq", "together": "together", "togetherai": "together", "fireworks": "fireworks",
    "cerebras": "cerebras", "databricks": "databricks", "copilot": "github-copilot",
    "perplexity": "perplexity", "novita": "novita", "cloudflare": "cloudflare",
    "openai": "openai", "chatgpt": "openai", "anthropic": "anthropic", "claude": "anthropic",
    "google": "google", "gemini": "google", "mistral": "mistral", "mistralai": "mistral",
    "deepseek": "deepseek", "xai": "xai", "grok": "xai", "cohere": "cohere",
    "moonshot": "moonshotai", "moonshotai": "moonshotai", "voyage": "voyageai",
    "zhipu": "zhipuai", "zhipuai": "zhipuai", "minimax": "minimax",
}  # fmt: skip
"""A word of a provider's name → the platform that bills. Hosts come before makers: the first of
this table that occurs in the name wins, so that "azure.ai.openai" is Azure."""

_SPELT = {
    "x-ai": "xai", "x.ai": "xai", "x_ai": "xai", "z.ai": "zai", "gcp": "google",
    SELF_HOSTED: SELF_HOSTED, "claude_platform": "anthropic", "vllm": SELF_HOSTED, "hosted_vllm": SELF_HOSTED,
    "ollama": SELF_HOSTED,
}  # fmt: skip

_LISTED = (
    "arcee", "avian", "baseten", "cursor", "doubleword", "elevenlabs", "github-copilot",
    "huggingface_cerebras", "huggingface_fireworks-ai", "huggingface_groq", "huggingface_hyperbolic",
    "huggingface_nebius", "huggingface_novita", "huggingface_nscale", "huggingface_ovhcloud",
    "huggingface_publicai", "huggingface_sambanova", "huggingface_together", "meta", "modal",
    "openai-decisions", "ovhcloud", "quicksilverpro", "typesafe", "voyageai", "zai",
)  # fmt: skip
"""Providers of the price library that go by its own id only."""

HOSTS = frozenset({
    "openrouter", "bedrock", "azure", "google", "groq", "together", "fireworks", "cerebras",
    "databricks", "perplexity", "novita", "cloudflare", *_LISTED,
})  # fmt: skip
"""Platforms that serve other makers' models, each at its own price."""

CLOSED = frozenset({"openai", "anthropic", "google", "xai", "cohere"})
"""Makers whose models cost the maker's price wherever nothing else is known; open weights do not."""

_ROUTES = re.compile(
    r"litellm|litellm_proxy|models|publishers|converse|invoke|us|eu|apac|global|global-standard|[a-z]{2}-[a-z-]+-\d|arn:.*"
)
"""Segments of a model's path that are no part of its name."""

_MAKERS = (
    (r"claude", "anthropic"), (r"gemini-", "google"), (r"grok-", "xai"),
    (r"(gpt-(?!oss)|chatgpt|o[134](-|$)|text-embedding-|ft:gpt)", "openai"),
    (r"deepseek", "deepseek"), (r"kimi-", "moonshotai"), (r"command(-|$)", "cohere"),
    (r"((mi|mini|magi|code|dev|pix|vox)stral|(pix|vox|mix)tral|open-mi)", "mistral"),
    (r"voyage-", "voyageai"), (r"minimax-", "minimax"), (r"glm-", "zhipuai"),
)  # fmt: skip

GEO = r"(?:us|eu|apac|ap|jp|au|ca|in|sa|me|af|us-gov|global|regional)"
_HEAD = re.compile(rf"^(?:({GEO})\.)?(?:[a-z][a-z0-9]*\.(?=[a-z]))?")
_ZONES = re.compile(r"us|eu|apac|us-gov-[a-z]+-\d|[a-z]{2}-[a-z]+-\d")
_BEDROCK = re.compile(
    rf"^(?:{GEO}\.)?(?:anthropic|amazon|meta|mistral|cohere|ai21|deepseek|openai|qwen|nvidia|writer)\."
)
_DATE = (
    r"20\d\d-?[01]\d-?[0-3]\d|(?:0[1-9]|1[0-2])-(?:20\d\d|[0-3]\d)|2[3-9](?:0[1-9]|1[0-2])"
    r"|(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])"
)
_VERSION = r"v\d+(?:\.\d+)?|00\d|(?<=:)\d+k?"
_WORD = r"latest|preview|exp|experimental|beta|stable|default|nightly"
_SUFFIX = rf"[-@.:_](?:{_DATE}|{_VERSION}|{_WORD})(?=[-@.:_]|$)"
_TAIL = re.compile(rf"(?:{_SUFFIX})*$")
_TUNED = re.compile(r":[a-z0-9_-]*:[a-z0-9_-]*:[a-z0-9_-]+(?::ckpt-step-\d+)?$")


@dataclass(frozen=True)
class Place:
    """Where a model is billed. `platform`: a data file's name, a library provider, or "" (unknown).
    `refs`: the name as given, then with path prefixes taken off. `scope`: "global", "regional" or
    "" of a Bedrock inference profile. `zone`: a region or data zone that the name itself states."""

    platform: str
    channel: str
    refs: tuple[str, ...]
    scope: str = ""
    zone: str = ""

    @property
    def name(self) -> str:
        """The model's name without path prefixes."""
        return self.refs[-1]


@lru_cache(maxsize=65536)
def place(provider: str, channel: str, model: str) -> Place:
    """The place of a call's (provider, channel, model). A channel decides first, then a host that
    the model's path names ("azure/…"), then the provider, then the maker the name tells."""
    refs = _refs(model)
    segments = refs[0].split("/")
    name = refs[-1]
    platform = _platform(provider.lower().strip(), channel.lower().strip(), segments, name)
    door = channel if channel not in ("", "direct") else _door(provider.lower(), segments)
    zones = [segment for segment in segments[:-1] if _ZONES.fullmatch(segment)]
    scope = ""
    if platform == "bedrock":
        geo = _HEAD.match(name)
        zones += [geo[1]] if geo and geo[1] else []
        scope = "global" if "global" in zones else "regional"
    return Place(platform, door.lower(), refs, scope, zones[0] if zones else "")


def _refs(model: str) -> tuple[str, ...]:
    """ "a/b/c" → a/b/c, b/c, c; lower case, without the "[1m]" that Claude Code appends. What stands
    in front is taken off only where it is a platform or a route: "deepseek-ai/…" is open weights."""
    name = re.sub(r"\[\w+\]$", "", model.strip().lower())
    found = [name]
    if re.match(r"projects/|publishers/", name) and "/models/" in name:
        found.append(name.rpartition("/models/")[2])
    while "/" in found[-1]:
        head, _, rest = found[-1].partition("/")
        if not (_stated(head) or _ROUTES.fullmatch(head)):
            break
        found.append(rest)
    return tuple(found)


def _stated(segment: str) -> str:
    """The platform that a segment of a model's path names, "" if none."""
    if segment in ("mistralai", "moonshotai", "deepseek-ai", "zai-org"):
        return ""  # repositories of open weights, not APIs
    return alias(segment)


def _platform(provider: str, channel: str, segments: list[str], name: str) -> str:
    if channel == SELF_HOSTED:
        return SELF_HOSTED
    if "claude_platform" in segments:
        return "anthropic"  # LiteLLM's bedrock/claude_platform/…: sold by AWS at Anthropic's prices
    if channel in _CHANNELS:
        return _CHANNELS[channel]
    said = alias(provider)
    path = [stated for segment in segments[:-1] if (stated := _stated(segment))]
    hosts = [stated for stated in path if stated in HOSTS]
    if hosts and said not in HOSTS:
        return hosts[0]
    if _BEDROCK.match(name) and said not in HOSTS:
        return "bedrock"
    if said not in ("", "openai"):
        return said
    return _implied(provider, [stated for stated in path if stated != "openai"], name) or said


def _implied(provider: str, path: list[str], name: str) -> str:
    """The platform where no provider is given, or one that we do not know, or "openai": everybody
    speaks that protocol, so it may only be the client's name."""
    if path:
        return path[0]
    who = maker(base(name))
    return who if who in CLOSED or not (provider or "/" in name) else ""


def _door(provider: str, segments: list[str]) -> str:
    text = " ".join((provider, *segments[:-1]))
    return next((c for c in (*_CHANNELS, PROXY) if c in text), "direct")


def alias(provider: str) -> str:
    """The platform of a provider's name in any usual spelling, "" if it is none that we know."""
    if provider in _LISTED:
        return provider
    if provider in _SPELT:
        return _SPELT[provider]
    words = set(re.split(r"[^a-z0-9]+", provider))
    return next((platform for word, platform in _WORDS.items() if word in words), "")


def maker(name: str) -> str:
    """Who makes a model, where its name makes that obvious; else ""."""
    return next((who for pattern, who in _MAKERS if re.match(pattern, name)), "")


@lru_cache(maxsize=65536)
def base(name: str) -> str:
    """A model's name without path, region, vendor, date and version: "claude-haiku-3-5" is both
    "us.anthropic.claude-3-5-haiku-20241022-v1:0" and "claude-3.5-haiku-latest"."""
    bare = _TAIL.sub("", _HEAD.sub("", name.lower().rpartition("/")[2], count=1), count=1)
    if bare.startswith("claude"):
        bare = re.sub(r"(?<=\d)\.(?=\d)", "-", bare)
        bare = re.sub(r"^claude-(\d(?:-\d)?)-([a-z]+)$", r"claude-\2-\1", bare)
        return re.sub(r"^(claude-[a-z]+-\d)-0$", r"\1", bare)
    return re.sub(r"^gpt-(\d)-(\d)(?=-|$)", r"gpt-\1.\2", bare)


def date_in(name: str) -> str:
    """The date in a model's name as it stands there, "" if it has none."""
    found = re.search(rf"[-@]({_DATE})(?=[-@.:_]|$)", name)
    return found[1] if found else ""


def is_tail(literal: str, rest: str) -> bool:
    """Whether `rest`, what follows a listed `literal` in a name, is only a date, a version or a
    word such as -latest or -preview, so that the name is still the listed model.

    A literal that stops inside a word ("gemini-2.0-flash-0") is cut back to the word's start.
    """
    if literal.endswith(".ft-"):
        return rest.isalnum()
    if literal.startswith("ft:"):
        rest = _TUNED.sub("", rest)
    if rest and literal[-1] not in "-@.:_/" and rest[0] not in "-@.:_":
        start = max(literal.rfind(sep) for sep in "-@.:_/")
        if start < 0:
            return False
        rest = literal[start:] + rest
    elif rest and literal[-1] in "-@.:_":
        rest = literal[-1] + rest
    return _TAIL.fullmatch(rest) is not None


def is_head(text: str) -> bool:
    """Whether what precedes a listed name is only a region and a vendor ("us.anthropic.")."""
    return _HEAD.fullmatch(text) is not None
