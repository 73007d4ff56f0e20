"""OpenHands: the events of a conversation (trajectory.json, a line or file for each event), and the results
of its evaluations, which hold all events of a run and count its calls one by one.

An action carries the response that it came from; several actions of one response are one call. Where the
response is missing the agent's running totals tell: a call is their difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Raw

from costscope.model import Call, Usage
from costscope.readers import _chat, _json, _provider, _usage
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
    since,
    string,
    when,
)

COUNTS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")


class OpenHands(SessionReader):
    """Events and evaluation results of OpenHands; its logs of single requests are chat records."""

    about = "OpenHands event trajectories and evaluation outputs, with usage and cost by response"

    def score(self, record: dict[str, Any]) -> float:
        """High for an event, or for a result that holds events."""
        if {"instance_id", "history", "metrics"} <= record.keys():
            return 0.95
        return 0.9 if _is_event(record) else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """A conversation, or one for each result."""
        return _Events()


def _is_event(record: dict[str, Any]) -> bool:
    kind = record.keys() & {"action", "observation"}
    return bool(kind) and {"source", "message"} <= record.keys() and "timestamp" in record


class _Events(Session):
    def __init__(self) -> None:
        super().__init__()
        self._only = _Run({})

    def take(self, line: Line) -> None:
        value = line.value
        if "history" not in value:
            if call := self._only.hear(value):
                self.add(line, call)
            return
        run = _Run(value)
        heard = [call for event in items(value.get("history")) if (call := run.hear(event))]
        for call in run.counted() or heard:
            self.add(line, call)


class _Run:
    def __init__(self, result: dict[str, Any]) -> None:
        self._result = result
        self._task = string(result.get("instance_id")) or None
        self._model = string(part(result, "metadata", "llm_config").get("model"))
        self._name = ""
        """Of the conversation: the task's, or one made of how it begins, for events do not tell."""
        self._said: list[bytes] = []
        self._asked: int | None = None
        self._seen: dict[str, Call] = {}
        self._before = dict.fromkeys(COUNTS, 0)
        self._cost = 0

    def hear(self, event: dict[str, Any]) -> Call | None:
        """The next event; a call where it is the first that tells of a response."""
        at = when(event.get("timestamp"))
        self._name = (
            self._name or self._task or digest(event.get("timestamp"), event.get("message"))
        )
        call = self._reply(event, at) if event.get("source") == "agent" else None
        if "observation" in event:
            self._say("tool", event.get("content"))
            self._asked = at
        elif role := self._speaker(event):
            self._say(role, part(event, "args").get("content"))
            self._asked = at
        return call

    def _speaker(self, event: dict[str, Any]) -> str:
        """Who says what the model did not; "" where that is nobody."""
        if event.get("action") == "system":
            return "system"
        return "user" if event.get("action") == "message" and event.get("source") == "user" else ""

    def _say(self, role: str, content: Any) -> None:
        if content:
            self._said.append(_json.dumps({"role": role, "content": content}))

    def _reply(self, event: dict[str, Any], at: int | None) -> Call | None:
        response = part(event, "tool_call_metadata", "model_response")
        totals = part(event, "llm_metrics", "accumulated_token_usage")
        name = string(response.get("id")) or string(totals.get("response_id"))
        added = self._added(totals)
        told = "action" in event and event["action"] != "system"
        if not told or name in self._seen or not (response or added):
            return None
        raw = part(response, "usage")
        call = self._call(
            string(response.get("model")) or string(totals.get("model")), raw or added
        )
        call.call_id, call.sent_at = name, self._asked or at
        call.latency_us = since(self._asked, at)
        call.reported_pd = self._spent(part(event, "llm_metrics"))
        call.messages = Told(self._said)
        said = [part(choice, "message") for choice in items(response.get("choices"))]
        message = said[0] if said else {"role": "assistant", "content": _words(event)}
        call.reply = Raw(_json.dumps([{"message": message}]))
        self._said.append(_json.dumps(message))
        if name:
            self._seen[name] = call
        return call

    def _added(self, totals: dict[str, Any]) -> dict[str, int]:
        """What the running totals grew by; nothing where they did not, or where there are none."""
        if not totals:
            return {}
        now = {name: _usage.count(totals.get(name) or 0, name) for name in COUNTS}
        added = {name: now[name] - self._before[name] for name in COUNTS}
        self._before = now
        return added if min(added.values()) >= 0 and any(added.values()) else {}

    def _spent(self, metrics: dict[str, Any]) -> int | None:
        total = cost(metrics.get("accumulated_cost"))
        if total is None or total < self._cost:
            return None
        spent, self._cost = total - self._cost, total
        return spent

    def counted(self) -> list[Call]:
        """The calls that a result's own metrics list, with the texts that its events tell of them."""
        metrics = part(self._result, "metrics")
        usages, costs = items(metrics.get("token_usages")), items(metrics.get("costs"))
        took = {
            e.get("response_id"): e.get("latency") for e in items(metrics.get("response_latencies"))
        }
        found = []
        for number, usage in enumerate(usages):
            name = string(usage.get("response_id"))
            call = self._call(string(usage.get("model")), usage)
            if heard := self._seen.get(name):
                call.messages, call.reply, call.sent_at = heard.messages, heard.reply, heard.sent_at
            call.call_id = name
            known = len(costs) == len(usages)
            call.reported_pd = cost(costs[number].get("cost")) if known else None
            seconds = took.get(name)
            if isinstance(seconds, (int, float)) and seconds >= 0:
                call.latency_us = round(seconds * 10**6)
            found.append(call)
        return found

    def _call(self, answered: str, usage: dict[str, Any]) -> Call:
        model = answered or self._model
        declared = model.partition("/")[0] if "/" in model else ""
        provider, channel = _provider.identify(
            "" if declared == "litellm_proxy" else declared, model, self._model
        )
        billed = _billed(usage, provider)
        return Call(
            session=self._name or self._task,
            task=self._task,
            provider=provider,
            channel=channel,
            model=model.rpartition("/")[2],
            feature="openhands",
            usage=billed.usage,
            ambiguous=billed.ambiguous,
            units=billed.units,
            dialect=_chat.blocks,
        )


def _billed(usage: dict[str, Any], provider: str) -> Normalised:
    """Both the response's usage and the agent's own counts hold the cached tokens in the prompt, as
    LiteLLM gives them (billing.md section 5)."""
    if not usage:
        return Normalised(None)
    if "cache_read_tokens" not in usage:
        return _usage.read(usage, provider)
    given, output, read, written = (_usage.count(usage.get(n) or 0, n) for n in COUNTS)
    fresh = _usage.uncached(given, read + written, output, given + output, inside=True)
    bucket = "cache_write_30m" if provider == "openai" else "cache_write_5m"
    return Normalised(Usage(fresh=fresh, cache_read=read, output=output, **{bucket: written}))


def _words(event: dict[str, Any]) -> str:
    args = part(event, "args")
    shown = (args.get(name) for name in ("thought", "content", "command", "code"))
    return "\n".join(text for text in shown if isinstance(text, str) and text)
