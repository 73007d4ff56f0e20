"""The pieces of the other APIs' streams merged into the responses that they are of: Anthropic, Gemini,
Converse, Cohere and Ollama."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from costscope.readers import _json
from costscope.readers._deltas import Chunk, Joined, dict_of, dicts_of, last_of, merged, place_of

# Messages: https://docs.anthropic.com/en/api/messages-streaming


def is_messages(chunk: Chunk) -> bool:
    return chunk.get("type") in ("message_start", "content_block_delta", "message_delta")


def messages(chunks: Sequence[Chunk]) -> Joined:
    """Events; `message_start` has the usage as far as it was known, and `message_delta` the counts so
    far, which take its place and are not added to it."""
    body: dict[str, Any] = {"type": "message"}
    blocks: dict[int, dict[str, Any]] = {}
    ended = False
    for chunk in chunks:
        kind = chunk.get("type")
        if kind == "message_start":
            body |= dict_of(chunk.get("message"))
        elif kind == "content_block_start":
            blocks[place_of(chunk)] = dict(dict_of(chunk.get("content_block")))
        elif kind == "content_block_delta":
            _block(blocks.setdefault(place_of(chunk), {}), dict_of(chunk.get("delta")))
        elif kind == "message_delta":
            body |= {k: v for k, v in dict_of(chunk.get("delta")).items() if v is not None}
            usage = {k: v for k, v in dict_of(chunk.get("usage")).items() if v is not None}
            body["usage"], ended = {**dict_of(body.get("usage")), **usage}, ended or bool(usage)
    body["content"] = [_arguments(block) for block in blocks.values()]
    if not ended:
        # The output tokens of a stream's beginning are no count of its end.
        body["usage"] = None
    return Joined(body, ended)


def _block(block: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for name, value in delta.items():
        if isinstance(value, str) and name != "type":
            have = block.get(name)
            block[name] = (have if isinstance(have, str) else "") + value
    if "type" not in block:
        block["type"] = "thinking" if "thinking" in delta else "text"


def _arguments(block: dict[str, Any]) -> dict[str, Any]:
    """A tool call with its streamed JSON as arguments; as text where that was cut off."""
    text = block.pop("partial_json", "")
    if text:
        found = _json.inside(text)
        block["input"] = text if found is None else found
    return block


# Text Completions of Anthropic, which have no usage


def is_completion(chunk: Chunk) -> bool:
    return chunk.get("type") == "completion" and "completion" in chunk


def completion(chunks: Sequence[Chunk]) -> Joined:
    text = "".join(str(chunk.get("completion") or "") for chunk in chunks)
    return Joined(
        {**last_of(chunks, "id", "model", "stop_reason", "type"), "completion": text}, False
    )


# generateContent: https://ai.google.dev/api/generate-content


def is_gemini(chunk: Chunk) -> bool:
    return isinstance(chunk.get("candidates"), list) or "usageMetadata" in chunk


def gemini(chunks: Sequence[Chunk]) -> Joined:
    """Responses that each hold the next parts; each usage counts all until then, so the last one is
    the bill."""
    candidates: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        for item in dicts_of(chunk.get("candidates")):
            known = candidates.setdefault(place_of(item), {})
            old, new = dict_of(known.get("content")), dict_of(item.get("content"))
            known |= {k: v for k, v in item.items() if v is not None}
            parts = _parts(dicts_of(old.get("parts")), dicts_of(new.get("parts")))
            known["content"] = {**old, **new, "parts": parts}
    body = last_of(
        chunks, "usageMetadata", "usage_metadata", "modelVersion", "responseId", "createTime",
        "promptFeedback",
    )  # fmt: skip
    body["candidates"] = list(candidates.values())
    ended = all(c.get("finishReason") for c in candidates.values())
    return Joined(body, ended and ("usageMetadata" in body or "usage_metadata" in body))


def _parts(old: list[Chunk], new: list[Chunk]) -> list[Chunk]:
    """Parts with texts of the same kind that follow each other as one."""
    found = list(old)
    for part in new:
        last = found[-1] if found else {}
        alike = "text" in last and "text" in part and last.get("thought") == part.get("thought")
        if alike:
            found[-1] = {**last, **part, "text": f"{last['text']}{part['text']}"}
        else:
            found.append(part)
    return found


# Converse, and Nova through InvokeModel


def is_converse(chunk: Chunk) -> bool:
    return not chunk.keys().isdisjoint(("messageStart", "contentBlockDelta", "messageStop"))


def converse(chunks: Sequence[Chunk]) -> Joined:
    """Events of ConverseStream; the usage is in the one called `metadata`."""
    blocks: dict[int, dict[str, Any]] = {}
    body: dict[str, Any] = {}
    for chunk in chunks:
        for name in ("contentBlockStart", "contentBlockDelta"):
            event = dict_of(chunk.get(name))
            if event:
                place = place_of(event, "contentBlockIndex")
                delta = dict_of(event.get("start") or event.get("delta"))
                blocks[place] = merged(blocks.get(place, {}), delta)
        body |= last_of([dict_of(chunk.get("messageStop"))], "stopReason")
        body |= last_of([dict_of(chunk.get("metadata"))], "usage", "metrics", "performanceConfig")
    content = [_tool_use(blocks[i]) for i in sorted(blocks)]
    body["output"] = {"message": {"role": "assistant", "content": content}}
    return Joined(body, "usage" in body)


def _tool_use(block: dict[str, Any]) -> dict[str, Any]:
    use = block.get("toolUse")
    if not isinstance(use, dict) or not isinstance(use.get("input"), str):
        return block
    found = _json.inside(use["input"])
    return {**block, "toolUse": {**use, "input": use["input"] if found is None else found}}


# Cohere: v1 says the whole response at the end, v2 streams it in parts


def is_cohere(chunk: Chunk) -> bool:
    return "event_type" in chunk or chunk.get("type") in ("message-start", "message-end")


def cohere(chunks: Sequence[Chunk]) -> Joined:
    end = next((c for c in reversed(chunks) if c.get("event_type") == "stream-end"), None)
    if end is not None and isinstance(end.get("response"), dict):
        return Joined(end["response"], True)
    if any("event_type" in chunk for chunk in chunks):
        text = "".join(c["text"] for c in chunks if isinstance(c.get("text"), str))
        return Joined({**last_of(chunks, "generation_id"), "text": text}, False)
    message: Any = {}
    body = last_of(chunks, "id")
    for chunk in chunks:
        delta = dict_of(chunk.get("delta"))
        message = merged(message, _indexed(dict_of(delta.get("message")), place_of(chunk)))
        body |= last_of([delta], "finish_reason", "usage")
    body["message"] = message
    return Joined(body, "usage" in body)


def _indexed(message: dict[str, Any], place: Any) -> dict[str, Any]:
    """A part of a message as one of a list, where the whole message has a list."""
    lists = ("content", "tool_calls", "citations")
    return {
        k: [{"index": place, **v}] if k in lists and isinstance(v, dict) else v
        for k, v in message.items()
    }


# Ollama


def is_ollama(chunk: Chunk) -> bool:
    return "done" in chunk and ("message" in chunk or "response" in chunk)


def ollama(chunks: Sequence[Chunk]) -> Joined:
    body = dict(chunks[-1])
    for name in ("message", "response"):
        parts = [chunk[name] for chunk in chunks if name in chunk]
        for part in parts[1:]:
            parts[0] = merged(parts[0], part)
        body |= {name: parts[0]} if parts else {}
    return Joined(body, body.get("eval_count") is not None)


# Interactions: https://ai.google.dev/api/interactions-api


def is_interaction(chunk: Chunk) -> bool:
    """Whether a chunk is of the Interactions API."""
    return str(chunk.get("event_type", "")).startswith("interaction.")


def interaction(chunks: Sequence[Chunk]) -> Joined:
    """Events; the last tells of the interaction with its usage, the steps came before it."""
    body = dict(dict_of(last_of(chunks, "interaction").get("interaction")))
    steps: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        step = steps.setdefault(place_of(chunk), {}) if "index" in chunk else {}
        step |= dict_of(chunk.get("step"))
        delta = dict_of(chunk.get("delta"))
        if isinstance(delta.get("text"), str):
            said = dicts_of(step.get("content")) or [{"type": "text", "text": ""}]
            step["content"] = [{"type": "text", "text": f"{said[0].get('text')}{delta['text']}"}]
    if not body.get("steps"):
        body["steps"] = [steps[i] for i in sorted(steps)]
    return Joined(body, isinstance(body.get("usage"), dict))
