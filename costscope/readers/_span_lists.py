"""Lists among a span's attributes: flattened into numbered names, written as JSON text, or as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from costscope.readers import _json
from costscope.sources import loose

NUMBERED = (
    "llm.input_messages", "llm.output_messages", "llm.tools", "llm.request.functions",
    "gen_ai.prompt", "gen_ai.completion", "embedding.embeddings", "llm.prompts", "llm.choices",
    "retrieval.documents", "reranker.output_documents",
)  # fmt: skip
"""Names before `.0.`, `.1.`, …: a list that was flattened."""


def numbered(attributes: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The lists among the attributes, by name: put together from numbered names, or as they are."""
    parts: dict[str, dict[str, Any]] = {}
    lists: dict[str, list[Any]] = {}
    for name, value in attributes.items():
        if not name.startswith(NUMBERED):
            continue
        for prefix in NUMBERED:
            rest = name[len(prefix) + 1 :]
            if not name.startswith(prefix):
                continue
            if rest[:1].isdigit():
                parts.setdefault(prefix, {})[rest] = value
            elif not rest and (whole := _whole(value)):
                lists[prefix] = [nested(item) for item in whole]
    return lists | {prefix: _in_order(nested(flat)) for prefix, flat in parts.items()}


def _whole(value: Any) -> list[Any]:
    """A list, also as JSON text; an empty one where there is something else."""
    found = _json.inside(value) if isinstance(value, str) else value
    return found if isinstance(found, list) else []


def nested(value: Any) -> Any:
    """An object with dotted names as objects in objects; names that are numbers make lists."""
    if isinstance(value, list):
        return [nested(item) for item in value]
    if not isinstance(value, dict):
        return value
    root: dict[str, Any] = {}
    for name, held in value.items():
        *path, last = str(name).split(".")
        place = root
        for step in path:
            inner = place.setdefault(step, {})
            place = inner if isinstance(inner, dict) else {}
        place.setdefault(last, nested(held))
    return _lists(root)


def _lists(value: Any) -> Any:
    """Objects whose names are all numbers as lists, in the order of the numbers."""
    if not isinstance(value, dict):
        return value
    inner = {name: _lists(held) for name, held in value.items()}
    return _in_order(inner) if inner and all(map(_is_number, inner)) else inner


def _is_number(name: str) -> bool:
    return name.isdecimal() and len(name) < 10


def _in_order(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    return [value[name] for name in sorted((n for n in value if _is_number(n)), key=int)]


def opened(value: Any) -> Any:
    """What JSON text holds, each message of a list raw; any other value as it is. SDKs cut long
    attributes off: of what is left whole messages are taken."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    try:
        return msgspec.json.decode(value, type=list[Raw] if value.lstrip()[0] == "[" else Raw)
    except (ValueError, UnicodeError):
        found = _json.inside(value)
    if found is None:
        found = loose.closed(value)
    return found if isinstance(found, (dict, list)) and found else value
