"""Prompts and replies as gateways and observability platforms keep them: Chat Completions mostly, with
Anthropic's content blocks, LangChain's serialised messages and plain texts among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Block, Slot
from costscope.readers import _blocks, _chat, _json, _langchain, _messages

PROMPTS = ("messages", "input", "contents", "prompt", "prompts")
"""Under which key of a request object its messages stand, the surest first."""
SYSTEMS = ("system", "instructions", "system_prompt", "system_instruction")
TOOLS = ("tools", "functions")
REPLIES = (
    "choices", "generations", "output", "candidates", "message", "messages", "response", "result",
)  # fmt: skip
"""Under which key of a response object its reply stands."""
_ANTHROPIC = frozenset(("tool_use", "tool_result", "thinking", "redacted_thinking", "document"))
_SPOKEN = frozenset((
    "role", "content", "parts", "tool_calls", "function_call", "arguments", "output", "refusal",
    "summary",
))  # fmt: skip
"""Without one of these an object is no message but data."""
_CHAT_KEYS = frozenset(("role", "lc", "type", "message", "content", *PROMPTS, *REPLIES))


def blocks(slot: Slot, raw: bytes | memoryview) -> Sequence[Block]:
    """Any of these shapes as blocks: messages one by one, tools, system prompt and reply whole."""
    value = _blocks.decode(raw)
    if slot == "tools":
        return [Block("system", "tool_schema", _blocks.text_of(tool)) for tool in _tools(value)]
    if slot == "reply":
        return _reply(value)
    return _message(value, "system" if slot == "system" else "user")


def prompt(raw: Raw) -> dict[str, Any]:
    """`tools`, `system` and `messages` of what a platform calls the input: a list of messages, an API's
    request, either as JSON text, or a text."""
    raw = _structure(raw)
    kind = _json.first(raw)
    if kind == b"[":
        return {"messages": _flat(raw)}
    if kind != b"{":
        return {"messages": [raw] if _json.has(raw) else []}
    fields = _json.raws(raw)
    name = _named(fields, PROMPTS)
    if name is None:
        return {"messages": [raw] if fields else []}
    found = prompt(fields[name])
    for slot, names in (("tools", TOOLS), ("system", SYSTEMS)):
        if place := _named(fields, names):
            found[slot] = fields[place]
    return found


def reply(raw: Raw) -> Raw:
    """The reply in what a platform calls the output, in one of the shapes that `blocks` reads; nothing
    for an API's response without any, such as an error or an embedding's vectors."""
    raw = _structure(raw)
    if _json.first(raw) != b"{":
        return raw if _json.has(raw) else _json.NONE
    fields = _json.raws(raw)
    if not _MESSAGE.isdisjoint(fields):
        return raw
    name = _named(fields, REPLIES)
    if name is None:
        return raw if fields and _BARE.isdisjoint(fields) else _json.NONE
    return reply(fields[name]) if _json.first(fields[name]) in (b"{", b'"') else fields[name]


_MESSAGE = frozenset(("role", "lc", "content", "tool_calls"))
_BARE = frozenset(("error", "object", "usage", "usage_metadata", "data", "embeddings", "embedding"))
"""Without a reply an object with one of these is a response that has none."""


def finish_reason(raw: Raw) -> str | None:
    """Why a reply ended, from an API's response or the choices in it; None where it does not say."""
    raw = _structure(raw)
    value: Any = _json.loads(raw) if _json.first(raw) in (b"{", b"[") else None
    while isinstance(value, list):
        value = value[0] if value else None
    if not isinstance(value, dict):
        return None
    for name in ("finish_reason", "stop_reason", "finishReason", "done_reason"):
        word = value.get(name)
        # LangSmith's JavaScript client keeps the whole last chunk under this name.
        word = word.get(name) if isinstance(word, dict) else word
        if isinstance(word, str):
            return word
    for name in _AROUND:
        inner = value.get(name)
        if isinstance(inner, (dict, list)) and (found := finish_reason(Raw(_json.dumps(inner)))):
            return found
    return None


_AROUND = ("choices", "generations", "generation_info", "message", "kwargs", "response_metadata")
"""Where in a response the reason may stand deeper."""


def _structure(raw: Raw) -> Raw:
    """A value, also where it stands as JSON text; other texts stay what they are, though they be JSON:
    models are asked for JSON and given it."""
    if _json.first(raw) != b'"':
        return raw
    found = _json.inside(str(_json.loads(raw)))
    if found == {} or found == []:
        return _json.NONE
    first = found[0] if isinstance(found, list) and found else found
    while isinstance(first, list) and first:
        first = first[0]
    known = isinstance(first, dict) and not _CHAT_KEYS.isdisjoint(first)
    return Raw(_json.dumps(found)) if known else raw


def _flat(raw: Raw) -> list[Raw]:
    """Messages of a list; LangChain nests a list for each prompt."""
    return [
        message
        for item in _json.array(raw)
        for message in (_flat(item) if _json.first(item) == b"[" else [item])
    ]


def _named(fields: Mapping[str, Raw], names: Sequence[str]) -> str | None:
    """The first of the names that holds anything."""
    return next((n for n in names if bytes(fields.get(n, _json.NONE)) not in _EMPTY), None)


_EMPTY = (b"", b"null", b"[]", b"{}", b'""')


def _tools(value: Any) -> list[Any]:
    """Tool definitions of a list, or of an object that has them by name, each perhaps as JSON text."""
    if isinstance(value, dict) and not {"name", "function", "type"} & value.keys():
        value = list(value.values())
    return [item for item in _blocks.parts(value) if item]


def _reply(value: Any) -> list[Block]:
    if not isinstance(value, list):
        return _message(_inner(value), "assistant")
    if value and all(isinstance(p, dict) and p.get("type") in _CONTENT for p in value):
        return _message({"role": "assistant", "content": value}, "assistant")
    # What is billed as reasoning is not the summary that the Responses API gives of it.
    return [block for item in value if not _is_reasoning(item) for block in _reply(item)]


def _is_reasoning(item: Any) -> bool:
    return isinstance(item, dict) and item.get("type") == "reasoning"


_CONTENT = frozenset(("text", "output_text", *_ANTHROPIC))


def _inner(value: Any) -> Any:
    """The message of a choice or of a generation, which may have a text only."""
    if not isinstance(value, dict) or "role" in value or "lc" in value:
        return value
    for name in ("message", "text", "content"):
        if value.get(name):
            # Gemini's candidates have a whole message there, others only what it says.
            return value[name] if name != "content" or isinstance(value[name], dict) else value
    return value


def _message(value: Any, role: str) -> list[Block]:
    """One message in any of the shapes; `role` where it names none."""
    if isinstance(value, list):
        return [block for item in value for block in _message(item, role)]
    message = _langchain.plain(value) if isinstance(value, dict) else {"content": value}
    if _SPOKEN.isdisjoint(message):
        text = _blocks.shown(message)
        return [Block(role, "text", text)] if message else []
    if (item := _item(message)) is not None:
        return [item]
    content = message.get("content", message.get("parts"))
    if isinstance(content, list):
        content = [_part(part) for part in content]
    said = str(message.get("role") or role)
    message = {**message, "role": "assistant" if said == "model" else said, "content": content}
    if isinstance(content, list) and any(_is_anthropic(part) for part in content):
        return _anthropic(message)
    return list(_chat.blocks("message", _json.dumps(message)))


def _part(part: Any) -> Any:
    """A content part; those of the AI SDK (`tool-call`, `tool-result`, `reasoning`) in Anthropic's form."""
    kind = part.get("type") if isinstance(part, dict) else None
    if kind == "tool-call":
        arguments = part.get("input", part.get("args"))
        return {"type": "tool_use", "name": part.get("toolName"), "input": arguments}
    if kind == "tool-result":
        return {"type": "tool_result", "content": part.get("output", part.get("result"))}
    if kind == "reasoning":
        return {"type": "thinking", "thinking": part.get("text")}
    return part


def _is_anthropic(part: Any) -> bool:
    return isinstance(part, dict) and part.get("type") in _ANTHROPIC


def _anthropic(message: Mapping[str, Any]) -> list[Block]:
    """A message of content blocks. Calls that stand beside them once more are not said twice."""
    found = list(_messages.blocks("message", _json.dumps(message)))
    calls = {k: v for k, v in message.items() if k != "content"}
    if not any(block.kind == "tool_call" for block in found):
        found += _chat.blocks("message", _json.dumps(calls))
    return found


def _item(message: Mapping[str, Any]) -> Block | None:
    """A tool call or its output as an item of its own, as the Responses API has them."""
    kind = str(message.get("type", ""))
    if kind == "reasoning":
        text = message.get("summary") or message.get("content")
        return Block("assistant", "thinking", _blocks.text_of(text))
    if kind.endswith("_call_output"):
        return Block("tool", "tool_result", _blocks.text_of(message.get("output")))
    if kind.endswith("_call") and "role" not in message:
        arguments = message.get("arguments", message.get("input", message.get("action")))
        return Block(
            "assistant", "tool_call", _blocks.call_text(message.get("name", kind), arguments)
        )
    return None
