"""What LiteLLM's two logs have in common: who is behind a key, its usage words, its names of models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from costscope.model import Usage
from costscope.readers import _fields, _json, _platform, _provider, _usage
from costscope.readers._counts import Normalised

PLAIN = frozenset((
    "completion", "acompletion", "text_completion", "atext_completion", "responses", "aresponses",
    "anthropic_messages", "generate_content", "agenerate_content", "",
))  # fmt: skip
"""Call types that answer with text: none of them costs no tokens. Other types become a tag."""
BATCHES = frozenset(("retrieve_batch", "aretrieve_batch"))
_NO_MODEL = re.compile(r"file|assistant|thread|vector_store|mcp_tool|health|list_|cancel|delete")
"""Calls of the proxy that reach no model, as far as they cost nothing either."""
_REGION = re.compile(
    r"bedrock-runtime[a-z-]*\.([a-z0-9-]+)\.amazonaws|//([a-z0-9-]+)-aiplatform\.googleapis"
)
_PREFIXES = frozenset(("bedrock", "converse", "invoke", "azure", "azure_ai", "vertex_ai"))
"""Providers that LiteLLM writes before a model's name and that say no more than the channel."""


def people(metadata: Mapping[str, Any], outer: Mapping[str, Any]) -> dict[str, Any]:
    """Who and what a call was for. What the client sent along as metadata comes first; a virtual key is
    made for one application as a rule, so that its alias is the feature where nothing else is."""
    sent: dict[str, Any] = {}
    for name in ("requester_metadata", "spend_logs_metadata"):
        sent.update(_platform.opened(metadata.get(name)))
    template = _platform.opened(metadata.get("prompt_management_metadata"))
    known = {
        "feature": _platform.named(metadata, "user_api_key_alias"),
        "team": _platform.named(metadata, "user_api_key_team_alias", "user_api_key_team_id")
        or _platform.named(outer, "team_id"),
        "user_id": _platform.named(outer, "end_user")
        or _platform.named(metadata, "user_api_key_end_user_id", "user_api_key_user_id")
        or _platform.named(outer, "user"),
        "tenant": _platform.named(metadata, "user_api_key_org_alias", "user_api_key_org_id")
        or _platform.named(outer, "organization_id"),
        "template": _platform.named(template, "prompt_id"),
        "template_version": _platform.named(template, "prompt_version"),
    }
    tags = outer.get("request_tags")
    tags = _json.inside(tags) if isinstance(tags, str) else tags
    facts = _fields.facts(sent, {"tags": tags}, {})
    dimensions = {name: text for name, text in known.items() if text} | facts.dimensions
    for name in ("provider", "region", "trace"):  # of these the proxy itself knows better
        dimensions.pop(name, None)
    return {**dimensions, "tags": facts.tags}


def place(outer: Mapping[str, Any], answered: str | None) -> dict[str, Any]:
    """`provider`, `channel`, `region` and `model`. The proxy may put its own public name of a model
    (`model_group`) into the answer: that is no name of a model then."""
    asked = _platform.named(outer, "model") or ""
    group = _platform.named(outer, "model_group")
    model = answered if answered and (answered != group or not asked) else asked
    declared = _platform.named(outer, "custom_llm_provider") or ""
    provider, channel = _provider.identify(declared, model, asked)
    found = _REGION.search(_platform.named(outer, "api_base") or "")
    region = (found[1] or found[2]) if found else None
    if channel == "bedrock":
        region = _provider.region(_bare(model), _bare(asked)) or region
    return {"provider": provider, "channel": channel, "region": region, "model": _bare(model)}


def _bare(model: str) -> str:
    """A model without the provider that LiteLLM writes before it, where the channel says the same."""
    while (prefix := model.partition("/")[0]) in _PREFIXES and prefix != model:
        model = model.removeprefix(f"{prefix}/")
    return model


def usage(found: Mapping[str, Any], maker: str, call_type: str) -> Normalised:
    """LiteLLM's usage object: whatever the provider, its input holds the cached tokens. A text that
    cost no tokens at all was not counted."""
    known = _usage.read(_platform.settled(dict(found)), maker)
    if known.usage == Usage() and call_type in PLAIN:
        return Normalised(None)
    return known


def is_no_model_call(call_type: str, outer: Mapping[str, Any], spent: str) -> bool:
    """Whether a row is of a call to the proxy that reached no model and cost nothing."""
    counts = (outer.get("total_tokens"), outer.get("prompt_tokens"), outer.get(spent))
    return not any(counts) and call_type not in PLAIN and bool(_NO_MODEL.search(call_type))
