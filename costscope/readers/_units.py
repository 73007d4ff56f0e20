"""What a usage object bills beside text tokens, under the names of the price book's units: requests of
server tools, and how many of its tokens are audio or images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from costscope.model import Usage
from costscope.readers._counts import inner, known

TOOLS = {
    "web_search_requests": "web_search", "web_search_calls": "web_search",
    "web_fetch_requests": "web_fetch", "code_execution_requests": "code_execution",
    "code_interpreter_calls": "code_execution", "file_search_calls": "file_search",
    "x_search_calls": "x_search", "document_search_calls": "file_search",
    "num_search_queries": "web_search", "num_sources_used": "search_source",
    "search_units": "rerank_search",
}  # fmt: skip
"""Counts of server-tool requests → the unit."""
_TOOL_NAMES = frozenset(TOOLS)
_TOOL_PLACES = (
    "server_tool_use", "server_side_tool_usage_details", "server_side_tool_usage",
    "prompt_tokens_details", "billed_units",
)  # fmt: skip
_TOOL_KEYS = frozenset((*TOOLS, *_TOOL_PLACES))
ITEMS = {
    "web_search_call": "web_search", "file_search_call": "file_search",
    "code_interpreter_call": "code_execution",
}  # fmt: skip
"""Items of a Responses output → the unit."""
MODES = ("audio", "image", "video")
_MODE_NAMES = (*MODES, *(f"{mode}_tokens" for mode in MODES))
_NUMBERED = {2: "image", 3: "video", 4: "audio"}
"""The numbers of Google's Modality enum, which dumps without names hold."""


def tools(found: Mapping[str, Any]) -> dict[str, int]:
    """Requests of server tools that a usage object counts; none of a tool that was only offered."""
    units: dict[str, int] = {}
    if _TOOL_KEYS.isdisjoint(found):
        return units
    for place in (found, *map(found.get, _TOOL_PLACES)):
        if isinstance(place, dict) and not _TOOL_NAMES.isdisjoint(place):
            for name, unit in TOOLS.items():
                if number := known(place, name):
                    units[unit] = max(units.get(unit, 0), number)
    return units


def items(output: Iterable[Any]) -> dict[str, int]:
    """Server-tool requests among the decoded items of a Responses output. A web search item that only
    opened a page or looked for text in one is no search; one that failed is not billed."""
    units: dict[str, int] = {}
    for item in output:
        if not isinstance(item, dict) or item.get("status") == "failed":
            continue
        unit = ITEMS.get(str(item.get("type")))
        action = item.get("action")
        if unit == "web_search" and isinstance(action, dict) and action.get("type") != "search":
            continue
        if unit:
            units[unit] = units.get(unit, 0) + 1
    return units


def modes(
    usage: Usage,
    given: Mapping[str, int],
    cached: Mapping[str, int],
    output: Mapping[str, int],
) -> dict[str, int]:
    """How many of a usage's tokens are audio, image or video, given counts of the whole input (with
    what was cached), of the cached part and of the output, each by modality. Where a log does not
    split the cached part, what exceeds the uncached input must have been cached."""
    units: dict[str, int] = {}
    if not given and not cached and not output:
        return units
    fresh, read, out = usage.fresh, usage.cache_read, usage.output
    for mode in MODES:
        hit = min(cached.get(mode, 0), read)
        new = max(0, given.get(mode, 0) - hit)
        hit = min(read, hit + max(0, new - fresh))
        new, made = min(new, fresh), min(output.get(mode, 0), out)
        fresh, read, out = fresh - new, read - hit, out - made
        named = {f"input_{mode}": new, f"cache_{mode}": hit, f"output_{mode}": made}
        units |= {name: number for name, number in named.items() if number}
    return units


def by_name(detail: Mapping[str, Any]) -> dict[str, int]:
    """Counts by modality of a details object such as {"audio_tokens": 12} or {"audio": 12}."""
    found = {mode: known(detail, f"{mode}_tokens", mode) for mode in MODES}
    return {mode: number for mode, number in found.items() if number}


def by_list(detail: Any) -> dict[str, int]:
    """Counts by modality of Google's list, [{"modality": "AUDIO", "tokenCount": 12}]."""
    found: dict[str, int] = {}
    for item in detail if isinstance(detail, list) else ():
        said = item.get("modality", "") if isinstance(item, dict) else ""
        mode = _NUMBERED.get(said, "") if isinstance(said, int) else str(said).lower()
        number = known(item, "tokenCount", "token_count", "tokens") if mode in MODES else None
        found[mode] = found.get(mode, 0) + (number or 0)
    return {mode: number for mode, number in found.items() if number}


def of_details(usage: Usage, given: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, int]:
    """Units of OpenAI's details objects, whose cached part may be split by modality itself."""
    if not any(map(given.get, _MODE_NAMES)) and not any(map(output.get, _MODE_NAMES)):
        return {}
    if not given and not output:
        return {}
    cached = inner(given, "cached_tokens_details")
    return modes(usage, by_name(given), by_name(cached), by_name(output))
