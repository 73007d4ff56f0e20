"""The pieces of OpenAI's streams merged into the responses that they are of: Chat Completions, the
Responses API and runs of assistants; and how any delta is merged."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Chunk = dict[str, Any]
_ONCE = frozenset(("role", "id", "type", "name", "index", "object", "model"))
"""Strings that are names: they are said once or repeated, and not continued."""


class Joined(NamedTuple):
    """A response, and whether its stream came to its end with the usage."""

    body: dict[str, Any]
    complete: bool


def merged(old: Any, new: Any, key: str = "") -> Any:
    """A value so far and what a delta adds: texts go on, objects are merged, and the items of lists are
    found by their `index`."""
    if new is None or old is None:
        return old if new is None else new
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{k: merged(old.get(k), v, k) for k, v in new.items()}}
    if isinstance(old, list) and isinstance(new, list):
        return _listed(old, new)
    if isinstance(old, str) and isinstance(new, str) and key not in _ONCE:
        return old + new
    return new or old


def _listed(old: list[Any], new: list[Any]) -> list[Any]:
    found = list(old)
    for item in new:
        place = item.get("index") if isinstance(item, dict) else None
        same = [i for i, have in enumerate(found) if place is not None and _index(have) == place]
        if same:
            found[same[0]] = merged(found[same[0]], item)
        else:
            found.append(item)
    return found


def _index(value: Any) -> Any:
    return value.get("index") if isinstance(value, dict) else None


def dict_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def dicts_of(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def place_of(value: Chunk, name: str = "index") -> int:
    """Which of several choices, blocks or items a piece belongs to; 0 where it does not say."""
    place = value.get(name)
    return place if type(place) is int else 0


def last_of(chunks: Iterable[Chunk], *names: str) -> dict[str, Any]:
    """The last value of each of these fields that is not null."""
    return {n: c[n] for c in chunks for n in names if c.get(n) is not None}


# Chat Completions: https://platform.openai.com/docs/api-reference/chat-streaming


def is_chat(chunk: Chunk) -> bool:
    return isinstance(chunk.get("choices"), list)


def chat(chunks: Sequence[Chunk]) -> Joined:
    """Chunks with `choices[].delta` (or `text`); the usage is in the last that has one, Groq's older
    one under `x_groq`."""
    choices: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for choice in dicts_of(chunk.get("choices")):
            known = choices.setdefault(place_of(choice), {})
            _choice(known, choice)
    body = last_of(
        chunks, "id", "model", "created", "object", "service_tier", "provider", "x_groq", "usage",
        "system_fingerprint", "citations",
    )  # fmt: skip
    if not body.get("usage"):
        body["usage"] = dict_of(body.get("x_groq")).get("usage")
    body["choices"] = [choices[i] for i in sorted(choices)]
    ended = all(c.get("finish_reason") for c in choices.values())
    return Joined(body, ended and isinstance(body["usage"], dict))


def _choice(known: dict[str, Any], choice: Chunk) -> None:
    known["index"] = place_of(choice)
    if choice.get("finish_reason") is not None:
        known["finish_reason"] = choice["finish_reason"]
    if isinstance(choice.get("text"), str):
        known["text"] = known.get("text", "") + choice["text"]
    else:
        delta = choice.get("delta") or choice.get("message")
        known["message"] = merged(known.get("message", {}), dict_of(delta))


def is_value(chunk: Chunk) -> bool:
    """Whether a chunk is of Writer's text completions, which have nothing but texts."""
    return chunk.keys() == {"value"}


def value(chunks: Sequence[Chunk]) -> Joined:
    """Pieces of one text; there is no usage."""
    text = "".join(str(chunk.get("value") or "") for chunk in chunks)
    return Joined({"choices": [{"text": text}]}, False)


# Responses: https://platform.openai.com/docs/api-reference/responses-streaming


_ENDS = ("response.completed", "response.incomplete", "response.failed", "response.cancelled")


def is_responses(chunk: Chunk) -> bool:
    return str(chunk.get("type", "")).startswith("response.")


def responses(chunks: Sequence[Chunk]) -> Joined:
    """Events; the last holds the whole response. Without it, what was begun, with the items and texts
    that came."""
    end = next((c for c in reversed(chunks) if c.get("type") in _ENDS), None)
    body = dict(dict_of(last_of([end] if end else chunks, "response").get("response")))
    if not body.get("output"):
        body["output"] = _items(chunks)
    usage = isinstance(body.get("usage"), dict)
    if end is None:
        body["usage"] = None
    return Joined(body, end is not None and (usage or end["type"] == "response.failed"))


def _items(chunks: Sequence[Chunk]) -> list[Any]:
    """The output items that are whole, and messages of the texts that are not."""
    items: dict[int, Any] = {}
    for chunk in chunks:
        place, kind = place_of(chunk, "output_index"), chunk.get("type")
        if kind in ("response.output_item.added", "response.output_item.done"):
            items[place] = chunk.get("item")
        elif kind == "response.output_text.delta":
            said = dict_of(items.get(place)).get("content") or [{"type": "output_text", "text": ""}]
            text = str(dict_of(said[0]).get("text") or "") + str(chunk.get("delta") or "")
            content = [{"type": "output_text", "text": text}]
            items[place] = {"type": "message", "role": "assistant", "content": content}
    return [items[i] for i in sorted(items) if isinstance(items[i], dict)]


# Runs of the Assistants API


def is_run(chunk: Chunk) -> bool:
    return chunk.get("object") == "thread.run"


def run(chunks: Sequence[Chunk]) -> Joined:
    """The run as it was last told of; its usage comes when it has ended."""
    body = [c for c in chunks if is_run(c)][-1]
    return Joined(body, isinstance(body.get("usage"), dict))
