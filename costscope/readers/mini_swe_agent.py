"""Trajectories of mini-swe-agent: one document with the messages of a run. Since its version 1.8 a reply
holds the whole response with its usage, and since 2 its cost; before that only the run's cost is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from costscope.model import BlockParser, Call
from costscope.readers import _chat, _json, _provider, _responses, _usage
from costscope.readers._counts import Normalised
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    cost,
    digest,
    items,
    part,
    string,
    tags,
    when,
)

OWN = ("extra", "timestamp")
"""What the agent adds to a message, and takes off before it is sent."""


class MiniSweAgent(SessionReader):
    """Runs of mini-swe-agent, with one call for each reply."""

    about = "mini-swe-agent trajectories (.traj.json); each reply with its response, usage and cost"

    def score(self, record: dict[str, Any]) -> float:
        """Sure where the document says what it is, or counts a run's calls beside its messages."""
        if string(record.get("trajectory_format")).startswith("mini-swe-agent"):
            return 1.0
        stats = part(record, "info", "model_stats")
        return (
            0.95 if {"instance_cost", "api_calls"} <= stats.keys() and "messages" in record else 0.0
        )

    def begin(self, lines: Sequence[Line]) -> Session:
        """A run, which is one record."""
        return _Runs()


class _Runs(Session):
    def take(self, line: Line) -> None:
        run = _Run(line.value)
        for call in run.calls():
            self.add(line, call)


class _Run:
    def __init__(self, value: dict[str, Any]) -> None:
        self._messages = items(value.get("messages"))
        self._info = part(value, "info")
        self._settings = part(self._info, "config", "model")
        self._task = string(value.get("instance_id")) or None
        first = next((m for m in self._messages if _is_reply(m)), {})
        self._session = self._task or digest(*map(_json.dumps, [*self._messages[:2], first]))

    def calls(self) -> list[Call]:
        """Its replies as calls; one that was refused for its form is kept only as a complaint."""
        sent: list[bytes] = []
        found: list[Call] = []
        for message in self._messages:
            if message.get("role") == "exit":
                continue
            if _is_reply(message):
                found.append(self._call(message, Told(sent)))
            elif refused := string(part(message, "extra").get("model_response")):
                found.append(self._refused(message, refused, Told(sent)))
            sent += _sent(message)
        if len(found) == 1 and found[0].reported_pd is None:
            found[0].reported_pd = _cost(part(self._info, "model_stats").get("instance_cost"))
        return found

    def _call(self, message: dict[str, Any], sent: Sequence[bytes]) -> Call:
        extra = part(message, "extra")
        is_response = message.get("object") == "response"
        response = message if is_response else part(extra, "response")
        call = self._about(message, string(response.get("model")), sent)
        raw = part(response, "usage")
        billed = _usage.read(raw, call.provider) if raw else Normalised(None)
        call.call_id = string(response.get("id"))
        call.tier = _provider.tier(response.get("service_tier"))
        call.usage, call.ambiguous, call.units = billed.usage, billed.ambiguous, billed.units
        call.reported_pd = _cost(extra.get("cost"))
        if is_response:
            call.reply = Raw(_json.dumps(message.get("output")))
            call.finish_reason = _word(message, "status")
        else:
            call.reply = Raw(_json.dumps([{"message": _bare(message)}]))
            choices = items(response.get("choices"))
            call.finish_reason = _word(choices[0], "finish_reason") if choices else None
        return call

    def _refused(self, message: dict[str, Any], text: str, sent: Sequence[bytes]) -> Call:
        call = self._about(message, "", sent)
        call.reply = Raw(_json.dumps([{"message": {"role": "assistant", "content": text}}]))
        return call

    def _about(self, message: dict[str, Any], answered: str, sent: Sequence[bytes]) -> Call:
        asked = string(self._settings.get("model_name"))
        declared = asked.partition("/")[0] if "/" in asked else ""
        provider, channel = _provider.identify(declared, answered or asked, asked)
        given = part(self._settings, "model_kwargs")
        degree = given.get("temperature")
        rest = {k: v for k, v in sorted(given.items()) if k not in ("temperature", "api_key")}
        return Call(
            session=self._session,
            task=self._task,
            sent_at=when(part(message, "extra").get("timestamp")) or when(message.get("timestamp")),
            provider=provider,
            channel=channel,
            model=answered or asked.rpartition("/")[2],
            feature="mini-swe-agent",
            tags=tags({"version": self._info.get("mini_version")}),
            temperature=float(degree) if isinstance(degree, (int, float)) else None,
            params=_json.dumps(rest).decode() if rest else "",
            dialect=self._dialect(),
            messages=sent,
        )

    def _dialect(self) -> BlockParser:
        """Runs over the Responses API keep its items."""
        listed = any(m.get("object") == "response" for m in self._messages)
        return _responses.blocks if listed else _chat.blocks


def _is_reply(message: dict[str, Any]) -> bool:
    return message.get("role") == "assistant" or message.get("object") == "response"


def _bare(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in OWN}


def _sent(message: dict[str, Any]) -> list[bytes]:
    """What of a message goes into the next prompts."""
    if message.get("object") == "response":
        return [_json.dumps(item) for item in items(message.get("output"))]
    return [_json.dumps(_bare(message))]


def _cost(value: Any) -> int | None:
    """A cost; 0 where the agent was told to go on without a price."""
    return cost(value) or None


def _word(found: dict[str, Any], name: str) -> str | None:
    return string(found.get(name)) or None
