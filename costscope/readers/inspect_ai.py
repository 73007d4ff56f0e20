"""Logs of Inspect evaluations, as one JSON document or as the members of an `.eval` archive. The model
events of a sample are its calls; what Inspect answered from its own cache was never sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _chat, _columns, _json, _provider, _usage
from costscope.readers._counts import Normalised
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    cost,
    digest,
    items,
    part,
    string,
    tags,
    when,
)

LINKS = ("attachment://", "tc://")
"""A text that stands but once in a sample, under its hash; the second is that of logs before 2025."""
DOORS = {"azureai": "azure"}
"""Inspect's names for channels, where they are not everybody's."""
SETTINGS = ("max_tokens", "top_p", "seed", "reasoning_effort", "reasoning_tokens", "effort")


class InspectAI(SessionReader):
    """Evaluation logs of inspect_ai, old and new."""

    about = (
        "inspect_ai evaluation logs (.eval archives and JSON); a sample's model events are calls"
    )

    def score(self, record: dict[str, Any]) -> float:
        """Sure for a log, its header, a sample or an event by the keys that only Inspect puts together."""
        keys = record.keys()
        if keys >= {"eval", "plan"} or keys >= {"id", "epoch", "input", "target"}:
            return 1.0
        if keys >= {"event", "timestamp"} and keys & {"span_id", "working_start"}:
            return 0.9
        return 0.5 if keys >= {"scorer", "samples"} else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """An evaluation; an archive begins with what is known of it (`_journal/start.json`)."""
        return _Evaluation()


class _Evaluation(Session):
    def __init__(self) -> None:
        super().__init__()
        self._header: dict[str, Any] = {}
        self._loose = 0

    def take(self, line: Line) -> None:
        """A log with its samples, one sample, or one event."""
        value = line.value
        self._header = part(value, "eval") or self._header
        if value.get("event") == "model":
            self._loose += 1
            self._event(value, {}, self._loose, line)
        for sample in items(value.get("samples")) if "eval" in value else [value]:
            self._sample(sample, line)

    def _sample(self, sample: dict[str, Any], line: Line) -> None:
        events = items(sample.get("events")) or items(part(sample, "transcript").get("events"))
        for number, event in enumerate(events):
            if event.get("event") == "model":
                self._event(event, sample, number, line)
        if not events and "epoch" in sample:
            self._transcript(sample, line)

    def _transcript(self, sample: dict[str, Any], line: Line) -> None:
        """A sample whose events were not logged: each reply in its messages was a call."""
        messages = items(sample.get("messages"))
        for number, message in enumerate(messages):
            if message.get("role") == "assistant":
                output = {"model": message.get("model"), "choices": [{"message": message}]}
                event = {
                    "model": self._header.get("model"),
                    "input": messages[:number],
                    "output": output,
                }
                self._event(event, sample, number, line)

    def _event(
        self, event: dict[str, Any], sample: dict[str, Any], number: int, line: Line
    ) -> None:
        if event.get("cache") == "read" or event.get("pending"):
            return
        output, response = part(event, "output"), part(event, "call", "response")
        asked = string(event.get("model"))
        model = string(output.get("model")) or asked.rpartition("/")[2]
        provider, channel = _identity(asked, model)
        failed = bool(event.get("error") or output.get("error"))
        billed = Normalised(Usage()) if failed else _billed(output, response, provider)
        named, unique = string(response.get("id")), self._name(event, sample, number)
        call = Call(
            call_id=named or unique,
            request_id=unique if named else "",
            revision=1 if unique and not named else 0,
            sent_at=when(event.get("timestamp")),
            latency_us=_latency(event, output),
            provider=provider,
            channel=channel,
            model=model,
            tier=_tier(event, response),
            status="error" if failed else "ok",
            finish_reason=_stop(output),
            usage=billed.usage,
            ambiguous=billed.ambiguous,
            units=billed.units,
            reported_pd=cost(part(output, "usage").get("total_cost")),
            **self._whose(event, sample),
            **_settings(part(event, "config")),
            **_texts(event, output, sample),
        )
        self.add(line, call)

    def _name(self, event: dict[str, Any], sample: dict[str, Any], number: int) -> str:
        """Its own id, else its place in the run; "" for an event that nothing is known of."""
        if (name := string(event.get("uuid"))) or "id" not in sample:
            return name
        own = (sample["id"], sample.get("epoch"), number, event.get("timestamp"))
        return digest(self._header.get("run_id"), *own)

    def _whose(self, event: dict[str, Any], sample: dict[str, Any]) -> dict[str, Any]:
        """The task is the feature, a sample the conversation, the run what all have in common."""
        run, place = string(self._header.get("run_id")), f"{sample.get('id')}/{sample.get('epoch')}"
        shown = {
            "epoch": sample.get("epoch"), "role": event.get("role"), "retries": event.get("retries"),
            "eval": self._header.get("eval_id"), "solver": self._header.get("solver"),
        }  # fmt: skip
        return {
            "session": string(sample.get("uuid")) or (f"{run}/{place}" if "id" in sample else None),
            "trace": run or None,
            "task": str(sample["id"]) if "id" in sample else None,
            "feature": string(self._header.get("task")) or None,
            "tags": tags(shown),
        }


def _identity(asked: str, model: str) -> tuple[str, str]:
    """(provider, channel) of `openai/gpt-4o`, `anthropic/bedrock/claude-...`, `together/meta-llama/...`."""
    maker, _, rest = asked.partition("/")
    door = rest.partition("/")[0]
    declared = door if door in _provider.CHANNELS else DOORS.get(maker, maker if rest else "")
    return _provider.identify(declared, model, asked)


def _billed(output: dict[str, Any], response: dict[str, Any], provider: str) -> Normalised:
    """The API's own usage where it was logged, else Inspect's, whose input may hold the cached tokens or
    not: versions differ, and the total tells (billing.md section 5, decision rule)."""
    raw = part(response, "usage")
    found = _usage.read(raw, provider) if raw else Normalised(None)
    if found.usage is not None:
        return found
    own = dict(part(output, "usage"))
    own["cache_read_tokens"] = own.pop("input_tokens_cache_read", None)
    own["cache_write_tokens"] = own.pop("input_tokens_cache_write", None)
    return _columns.read(own, provider)


def _latency(event: dict[str, Any], output: dict[str, Any]) -> int | None:
    seconds = output.get("time")
    if isinstance(seconds, (int, float)) and seconds >= 0:
        return round(seconds * 10**6)
    start, end = when(event.get("timestamp")), when(event.get("completed"))
    return None if start is None or end is None or end < start else end - start


def _tier(event: dict[str, Any], response: dict[str, Any]) -> str:
    if part(event, "config").get("batch"):
        return "batch"
    return _provider.tier(response.get("service_tier"))


def _stop(output: dict[str, Any]) -> str | None:
    return next((string(c.get("stop_reason")) or None for c in items(output.get("choices"))), None)


def _settings(config: dict[str, Any]) -> dict[str, Any]:
    degree = config.get("temperature")
    given = {name: config[name] for name in SETTINGS if config.get(name) is not None}
    return {
        "temperature": float(degree) if isinstance(degree, (int, float)) else None,
        "params": _json.dumps(given).decode() if given else "",
        "json_reply": bool(config.get("response_schema")),
    }


def _texts(event: dict[str, Any], output: dict[str, Any], sample: dict[str, Any]) -> dict[str, Any]:
    links = {**part(sample, "transcript", "content"), **part(sample, "attachments")}
    choices = [{"message": _message(c, links)} for c in _replies(output)]
    tools = items(event.get("tools"))
    return {
        "dialect": _chat.blocks,
        "tools": Raw(_json.dumps(_linked(tools, links))) if tools else Raw(b""),
        "messages": [_json.dumps(_message(m, links)) for m in _prompt(event, sample)],
        "reply": Raw(_json.dumps(choices)),
    }


def _replies(output: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (part(choice, "message") for choice in items(output.get("choices")))


def _prompt(event: dict[str, Any], sample: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of an event, also where it only says which of the sample's pool they are."""
    found = items(event.get("input"))
    pool = sample.get("message_pool") or part(sample, "events_data").get("messages")
    for span in event.get("input_refs") or ():
        start, end = span if isinstance(span, list) else (span, span + 1)
        found += items(pool)[start:end]
    return found


def _message(message: dict[str, Any], links: Mapping[str, Any]) -> dict[str, Any]:
    """A chat message in the API's shape, with what it links to put in."""
    content = _linked(message.get("content"), links)
    thoughts = [p["reasoning"] for p in items(content) if string(p.get("reasoning"))]
    if thoughts:
        content = [p for p in items(content) if p.get("type") != "reasoning"]
    called = [
        {"function": {"name": c.get("function"), "arguments": _linked(c.get("arguments"), links)}}
        for c in items(message.get("tool_calls"))
    ]
    shown = {"role": message.get("role"), "content": content, "tool_calls": called}
    return {**shown, "reasoning_content": "\n".join(thoughts)} if thoughts else shown


def _linked(value: Any, links: Mapping[str, Any]) -> Any:
    """A value with its links replaced by the texts that they stand for."""
    if isinstance(value, str):
        return links.get(value.partition("://")[2], value) if value.startswith(LINKS) else value
    if isinstance(value, list):
        return [_linked(item, links) for item in value]
    if isinstance(value, dict):
        return {key: _linked(item, links) for key, item in value.items()}
    return value
