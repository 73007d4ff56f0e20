"""The texts of a span: prompt, reply and tools, from attributes with numbered names, JSON in an
attribute, or events; told apart by who wrote them, and handed on message by message as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from costscope.readers import _json, _span_lists
from costscope.readers._span_lists import opened
from costscope.readers._spans import KIND, Event, Span, first

_SENT = (
    "gen_ai.input.messages", "gen_ai.request.messages", "ai.prompt.messages", "gen_ai.prompt",
    "gen_ai.input_messages", "ai.input_messages", "ai.prompt",
    "langfuse.observation.input",
)  # fmt: skip
"""Attributes that hold the whole prompt, as JSON text or as a list."""
_GOT = ("gen_ai.output.messages", "gen_ai.output_messages", "gen_ai.completion",
        "langfuse.observation.output")  # fmt: skip
_TOOLS = (
    "gen_ai.tool.definitions", "gen_ai.request.available_tools", "ai.prompt.tools",
    "gen_ai.request.tools", "tools",
)  # fmt: skip
_SYSTEM = ("gen_ai.system_instructions", "gen_ai.request.system_instructions")
_REPLY_TEXT = ("gen_ai.response.text", "ai.response.text", "ai.response.object", "ai.responses")
_REPLY_CALLS = ("gen_ai.response.tool_calls", "ai.response.toolCalls")
_REPLY_THOUGHT = ("ai.response.reasoning", "gen_ai.response.reasoning")
_EVENT_ROLES = {
    "gen_ai.system.message": "system", "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant", "gen_ai.tool.message": "tool",
}  # fmt: skip
_CHOICES = frozenset(("gen_ai.choice", "gen_ai.assistant.response"))
_CONTENTS = {"gen_ai.content.prompt": _SENT, "gen_ai.content.completion": _GOT}
_DETAILS = "gen_ai.client.inference.operation.details"


class Texts(Struct):
    """What was said, as raw JSON for the spans' dialect."""

    tools: Raw = Raw(b"")
    system: Raw = Raw(b"")
    messages: list[bytes] = []
    reply: Raw = Raw(b"")

    @property
    def empty(self) -> bool:
        """Whether nothing was recorded of what was said."""
        return not self.messages and not bytes(self.reply)


def of_span(span: Span) -> Texts:
    """The texts that a span holds, in its attributes or else in its events."""
    lists = _span_lists.numbered(span.attributes)
    body = _body(span.attributes)
    found = _Found(
        tools=_tools(span.attributes, lists) or _json.array(body.get("tools", _json.NONE)),
        system=opened(first(span.attributes, _SYSTEM)) or body.get("system"),
        sent=_json.array(body.get("messages", _json.NONE)) or _sent(span.attributes, lists),
        got=_got(span.attributes, lists),
    )
    if not found.sent or not found.got:
        told = _told([*_listed_events(span.attributes), *span.events])
        found.sent, found.got = found.sent or told.sent, found.got or told.got
        found.system, found.tools = found.system or told.system, found.tools or told.tools
    return _texts(found)


def _body(attributes: Mapping[str, Any]) -> Mapping[str, Raw]:
    """The request as it went to an API of messages, where OpenInference kept it: it has the system
    prompt and the cache marks, which the numbered attributes lack. Empty where there is none."""
    held = attributes.get("input.value")
    if KIND not in attributes or not isinstance(held, str) or '"messages"' not in held:
        return {}
    try:
        fields = msgspec.json.decode(held, type=dict[str, Raw])
        messages = _json.array(fields.get("messages", _json.NONE))
    except (msgspec.DecodeError, UnicodeError):
        return {}
    plain = all(_json.first(m) == b"{" and b'"role"' in bytes(m) for m in messages)
    return fields if messages and plain and "model" in fields else {}


def of_events(events: Iterable[Event]) -> Texts:
    """The texts that events tell, which a log may hold apart from their span."""
    return _texts(_told(events))


def documents(span: Span) -> list[str]:
    """The texts of the documents that a retrieval found."""
    lists = _span_lists.numbered(span.attributes)
    held = [*lists.get("retrieval.documents", ()), *lists.get("reranker.output_documents", ())]
    found = (item.get("document", item) if isinstance(item, dict) else {} for item in held)
    texts = (d.get("content") if isinstance(d, dict) else None for d in found)
    return [text for text in texts if isinstance(text, str)]


class _Found(Struct):
    tools: Any = None
    system: Any = None
    sent: list[Any] = []
    got: list[Any] = []


def _texts(found: _Found) -> Texts:
    return Texts(
        tools=_raw(found.tools),
        system=_raw(found.system),
        messages=[_dumped(message) for message in found.sent],
        reply=_raw(found.got),
    )


def _raw(value: Any) -> Raw:
    return Raw(_dumped(value)) if value else Raw(b"")


def _dumped(value: Any) -> bytes:
    return bytes(value) if isinstance(value, Raw) else _json.dumps(value)


def _content(value: Any) -> Any:
    """The content of a message: a list of parts where it is JSON text of one."""
    if not isinstance(value, str) or value.lstrip()[:1] != "[":
        return value
    found = _json.inside(value)
    known = isinstance(found, list) and all(isinstance(p, dict) and "type" in p for p in found)
    return found if known and found else value


def _plain(item: Any) -> Any:
    """A flattened message: without the word that OpenInference puts before its fields."""
    for wrapper in ("message", "prompt", "completion"):
        if isinstance(item, dict) and isinstance(item.get(wrapper), dict):
            item = item[wrapper]
    if not isinstance(item, dict):
        return item
    if "text" in item and "content" not in item:
        item = {**item, "content": item["text"]}
    return {**item, "content": _content(item["content"])} if "content" in item else item


def _sent(attributes: Mapping[str, Any], lists: Mapping[str, list[Any]]) -> list[Any]:
    for name in ("llm.input_messages", "gen_ai.prompt", "llm.prompts"):
        if held := lists.get(name):
            return [_plain(item) for item in held]
    if held := lists.get("embedding.embeddings"):
        inner = (item.get("embedding", item) for item in held if isinstance(item, dict))
        texts = (e.get("text", e.get("embedding.text")) for e in inner if isinstance(e, dict))
        return [text for text in texts if isinstance(text, str)]
    if values := attributes.get("ai.values") or attributes.get("ai.value"):
        whole = _json.inside(values) if isinstance(values, str) else values
        return [_unquoted(v) for v in (whole if isinstance(whole, list) else [values])]
    return _messages(first(attributes, _SENT))


def _messages(value: Any) -> list[Any]:
    """A whole prompt, however it is written down, as its messages."""
    value = opened(value)
    if isinstance(value, Raw):
        value = _json.loads(value)
    if isinstance(value, dict) and not value.keys().isdisjoint(("messages", "prompt", "system")):
        system = value.get("system")
        inner = _messages(value.get("messages") or value.get("prompt"))
        return ([{"role": "system", "content": system}] if system else []) + inner
    if value in (None, ""):
        return []
    return value if isinstance(value, list) else [value]


def _unquoted(value: Any) -> Any:
    """A text that an SDK wrote as JSON."""
    if isinstance(value, str) and value[:1] == '"':
        try:
            return _json.loads(value.encode())
        except (ValueError, UnicodeError):
            return value
    return value


def _got(attributes: Mapping[str, Any], lists: Mapping[str, list[Any]]) -> list[Any]:
    for name in ("llm.output_messages", "gen_ai.completion", "llm.choices"):
        if held := lists.get(name):
            return [_plain(item) for item in held]
    if whole := _messages(first(attributes, _GOT)):
        return whole
    text, calls = first(attributes, _REPLY_TEXT), first(attributes, _REPLY_CALLS)
    thought = first(attributes, _REPLY_THOUGHT)
    if text is None and calls is None and thought is None:
        return []
    if isinstance(calls, str):
        calls = _json.inside(calls) or []
    message = {"role": "assistant", "content": _single(text), "tool_calls": calls}
    if isinstance(thought, str):
        message["reasoning"] = thought
    return [{name: held for name, held in message.items() if held}]


def _single(text: Any) -> Any:
    """A reply that is written as a JSON list of texts, one for each choice."""
    found = _json.inside(text) if isinstance(text, str) and text[:2] == '["' else text
    return found if isinstance(found, list) and all(isinstance(t, str) for t in found) else text


def _tools(attributes: Mapping[str, Any], lists: Mapping[str, list[Any]]) -> Any:
    if held := lists.get("llm.tools"):
        return [_schema(item) for item in held]
    if held := lists.get("llm.request.functions"):
        return [_function(item) for item in held]
    if (listed := opened(first(attributes, _TOOLS))) is not None:
        return [opened(i) for i in listed] if isinstance(listed, list) else listed
    settings = attributes.get("model_request_parameters")
    found = _json.inside(settings) if isinstance(settings, str) else None
    return found.get("function_tools") if isinstance(found, dict) else None


def _schema(item: Any) -> Any:
    held = item.get("tool", item) if isinstance(item, dict) else item
    if isinstance(held, dict):
        held = held.get("json_schema", held)
    return opened(held)


def _function(item: Any) -> Any:
    """A tool as OpenLLMetry flattened it, with its parameters as JSON text."""
    if not isinstance(item, dict):
        return item
    schemas = {k: opened(item[k]) for k in ("parameters", "input_schema") if k in item}
    return {"type": "function", "function": {**item, **schemas}}


def _listed_events(attributes: Mapping[str, Any]) -> list[Event]:
    """Events that a library wrote as one attribute with a JSON list."""
    held = attributes.get("events")
    found = _json.inside(held) if isinstance(held, str) else held
    items = [i for i in found if isinstance(i, dict)] if isinstance(found, list) else []
    return [Event(str(item.get("event.name", "")), item) for item in items]


def _told(events: Iterable[Event]) -> _Found:
    found = _Found(sent=[], got=[])
    for event in events:
        held = event.attributes
        if event.name in _EVENT_ROLES:
            found.sent.append(_message(held, _EVENT_ROLES[event.name]))
        elif event.name in _CHOICES:
            found.got.append(_message(_inner(held), "assistant"))
        elif event.name in _CONTENTS:
            whole = _span_lists.numbered(held).get(_CONTENTS[event.name][-1]) or _messages(
                first(held, _CONTENTS[event.name])
            )
            (found.sent if event.name.endswith("prompt") else found.got).extend(whole)
        elif event.name == _DETAILS:
            found.sent += _messages(first(held, _SENT))
            found.got += _messages(first(held, _GOT))
            found.system = found.system or opened(first(held, _SYSTEM))
            found.tools = found.tools or opened(first(held, _TOOLS))
    return found


def _inner(held: Mapping[str, Any]) -> Mapping[str, Any]:
    """The message inside a choice, which may be JSON text or a text."""
    value = held.get("message", held)
    if isinstance(value, str):
        value = _json.inside(value) or {"content": value}
    if isinstance(value, list):
        value = {"content": value}
    return value if isinstance(value, dict) else {}


def _message(held: Mapping[str, Any], role: str) -> dict[str, Any]:
    """A message from the fields of an event; Azure's SDK writes them all as one JSON text."""
    if isinstance(whole := held.get("gen_ai.event.content"), str):
        found = _json.inside(whole)
        held = found if isinstance(found, dict) else {"content": whole}
        held = _inner(held) if isinstance(held.get("message"), dict) else held
    calls = held.get("tool_calls")
    calls = _json.inside(calls) if isinstance(calls, str) else calls
    content = held.get("content", held.get("body", ""))
    message = {"role": held.get("role") or role, "content": _content(content)}
    return {**message, "tool_calls": calls} if calls else message
