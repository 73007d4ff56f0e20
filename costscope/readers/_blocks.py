"""Helpers for dialects: content in its many shapes as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from costscope.readers import _json

decode = _json.loads
"""Any JSON as Python values, leniently: text with half a surrogate pair is still counted."""
_SEALED = frozenset(("encrypted_content", "encrypted_index", "signature", "cache_control"))
"""Fields that no model reads as text."""


def text_of(value: Any) -> str:
    """Any JSON value as the text a model would be shown: strings as they are, the rest as JSON with
    sorted keys, so that key order alone makes no other text."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    return msgspec.json.encode(value, order="sorted").decode()


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a JSON array; a lone object counts as an array of one, a string as none."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def parts(value: Any) -> list[Any]:
    """A message's content as a list of its parts; a string is one, null none."""
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def message(value: Any) -> Mapping[str, Any]:
    """A message object. Raises TypeError where it is none."""
    if not isinstance(value, dict):
        raise TypeError("a message is no object")
    return value


def inner(value: Any) -> Mapping[str, Any]:
    """An object inside a message; an empty one where there is something else."""
    return value if isinstance(value, dict) else {}


def is_media(part: Any) -> bool:
    """Whether a content part is an image, sound or file: its bytes are no text and are not counted."""
    if not isinstance(part, dict):
        return False
    kind = str(part.get("type", ""))
    return (
        "image" in kind or "audio" in kind or kind in ("file", "input_file", "computer_screenshot")
    )


def shown(part: Any) -> str:
    """A content part as text: its own text if it has one, else JSON without what is sealed."""
    if not isinstance(part, dict):
        return text_of(part)
    if isinstance(part.get("text"), str):
        return str(part["text"])
    return text_of({k: v for k, v in part.items() if k not in _SEALED})


def call_text(name: Any, arguments: Any) -> str:
    """A tool call as text: its name and its arguments, which logs hold as an object or as JSON text."""
    if isinstance(arguments, str):
        try:
            arguments = decode(arguments.encode())
        except (ValueError, RecursionError):
            return f"{name}\n{arguments}"
    return f"{name}\n{text_of(arguments)}"
