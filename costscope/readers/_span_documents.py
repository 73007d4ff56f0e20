"""Documents that a retrieval span found, marked where they stand in the prompts of the same trace: the
log itself names them as retrieved context."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from costscope.readers import _json
from costscope.readers._span_tree import Node

MIN_CHARACTERS = 20
"""A shorter document may stand in a prompt by chance."""
MAX_DOCUMENTS = 500
"""Of one trace; more are not looked for, so that a long trace is read in its own time."""


class Cutter:
    """The documents of a file by trace; each distinct message is looked through once."""

    def __init__(self, nodes: Iterable[Node]) -> None:
        self._found: dict[str, dict[str, None]] = {}
        for node in nodes:
            texts = [t for t in node.documents if len(t) >= MIN_CHARACTERS]
            if texts:
                self._found.setdefault(node.trace, {}).update(dict.fromkeys(texts))
        self._cut: dict[tuple[str, bytes], bytes] = {}

    def messages(self, trace: str, messages: Sequence[Any]) -> list[Any]:
        """Messages with the retrieved documents in them as parts of their own."""
        texts = list(self._found.get(trace, ()))[:MAX_DOCUMENTS]
        if not texts:
            return list(messages)
        # Of documents inside each other the longest is the one that was put in.
        texts.sort(key=lambda text: (-len(text), text))
        return [self._message(trace, bytes(raw), texts) for raw in messages]

    def _message(self, trace: str, raw: bytes, texts: Sequence[str]) -> bytes:
        key = trace, raw
        if key not in self._cut:
            self._cut[key] = _marked(raw, texts)
        return self._cut[key]


def _marked(raw: bytes, texts: Sequence[str]) -> bytes:
    """A message with documents marked; unchanged where it has none."""
    try:
        message = _json.loads(raw)
    except (ValueError, RecursionError):
        return raw
    if isinstance(message, str):
        message = {"role": "user", "content": message}
    if not isinstance(message, dict):
        return raw
    name = "parts" if "parts" in message else "content"
    held = message.get(name)
    parts = [held] if isinstance(held, str) else held if isinstance(held, list) else []
    found = [piece for part in parts for piece in _pieces(part, texts)]
    return raw if found == parts else _json.dumps({**message, name: found})


def _pieces(part: Any, texts: Sequence[str]) -> list[Any]:
    """A part of a message, cut at the borders of the documents in it."""
    name = _name(part)
    if name is None:
        return [part]
    whole = part[name] if isinstance(part, dict) else part
    spans = _places(whole, texts)
    if not spans:
        return [part]
    pieces: list[Any] = []
    at = 0
    for start, end in spans:
        if start > at:
            pieces.append({"type": "text", "text": whole[at:start]})
        pieces.append({"type": "document", "text": whole[start:end]})
        at = end
    if at < len(whole):
        pieces.append({"type": "text", "text": whole[at:]})
    if isinstance(part, dict):
        # What else is said of the part, such as a cache mark, stands at its end.
        pieces[-1] |= {k: v for k, v in part.items() if k not in ("type", name)}
    return pieces


def _name(part: Any) -> str | None:
    """Under which name a part has its text; "" for a bare text, None for what is no text."""
    if isinstance(part, str):
        return ""
    if not isinstance(part, dict) or part.get("type", "text") != "text":
        return None
    return next((n for n in ("text", "content") if isinstance(part.get(n), str)), None)


def _places(whole: str, texts: Sequence[str]) -> list[tuple[int, int]]:
    """Where documents stand in a text, in order and apart from each other."""
    spans: list[tuple[int, int]] = []
    for text in texts:
        at = whole.find(text)
        end = at + len(text)
        if at >= 0 and all(end <= start or at >= stop for start, stop in spans):
            spans.append((at, end))
    return sorted(spans)
