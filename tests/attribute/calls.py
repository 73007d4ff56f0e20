"""Calls made by hand in the shapes of two providers, and their parts as plain rows."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from costscope.attribute import Batch, Tables
from costscope.attribute.interner import Interner
from costscope.model import Call, Usage
from costscope.readers.anthropic_messages import AnthropicMessages
from costscope.readers.openai_chat import OpenAIChat

SECRET = b"k" * 32
Row = dict[str, Any]


def raw(value: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def openai(
    *messages: Row,
    reply: Row | None = None,
    usage: Usage | None = None,
    tools: Any = None,
    **rest: Any,
) -> Call:
    """A Chat Completions call; `reply` is the message that came back."""
    return Call(
        provider="openai",
        model="gpt-4o",
        dialect=OpenAIChat.dialect,
        messages=[raw(m) for m in messages],
        reply=raw([{"message": reply}]) if reply else msgspec.Raw(b""),
        tools=raw(tools) if tools else msgspec.Raw(b""),
        usage=usage,
        **rest,
    )


def anthropic(
    *messages: Row,
    system: Any = None,
    reply: Any = None,
    usage: Usage | None = None,
    tools: Any = None,
    **rest: Any,
) -> Call:
    """A Messages call; `reply` is the content that came back."""
    return Call(
        provider="anthropic",
        model="claude-sonnet-4-5",
        dialect=AnthropicMessages.dialect,
        messages=[raw(m) for m in messages],
        system=raw(system) if system else msgspec.Raw(b""),
        reply=raw(reply) if reply else msgspec.Raw(b""),
        tools=raw(tools) if tools else msgspec.Raw(b""),
        usage=usage,
        **rest,
    )


def user(content: Any) -> Row:
    return {"role": "user", "content": content}


def assistant(content: Any, **rest: Any) -> Row:
    return {"role": "assistant", "content": content, **rest}


def system(content: str) -> Row:
    return {"role": "system", "content": content}


def asks(name: str, number: int = 1) -> Row:
    """A tool call as Chat Completions has it."""
    return {"id": f"c{number}", "type": "function", "function": {"name": name, "arguments": "{}"}}


def tool(content: str, number: int = 1) -> Row:
    return {"role": "tool", "tool_call_id": f"c{number}", "content": content}


def use(name: str, number: int = 1) -> Row:
    """A tool call as Messages has it."""
    return {"type": "tool_use", "id": f"t{number}", "name": name, "input": {}}


def result(content: Any, number: int = 1) -> Row:
    return {"type": "tool_result", "tool_use_id": f"t{number}", "content": content}


def attributed(calls: Sequence[Call], secret: bytes = SECRET) -> Tables:
    """A batch of these calls, finished."""
    batch = Batch(Interner(secret))
    for call in calls:
        batch.add(call)
    return batch.finish()


def parts(calls: Sequence[Call], secret: bytes = SECRET) -> list[list[Row]]:
    """The rows of each call, without its number."""
    found: list[list[Row]] = [[] for _ in calls]
    for row in attributed(calls, secret).parts.to_pylist():
        found[row.pop("call")].append(row)
    return found


def segments(call: Call) -> list[str]:
    """The segments of a call's text, in order, neighbours that are alike once."""
    found: list[str] = []
    for row in parts([call])[0]:
        if row["content"] and found[-1:] != [row["segment"]]:
            found.append(row["segment"])
    return found
