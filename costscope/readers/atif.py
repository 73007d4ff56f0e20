"""Trajectories in the Agent Trajectory Interchange Format (ATIF), which Harbor and others convert the logs
of many agents to: one document a run, each step of the agent with what its call was billed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from costscope.model import Call, Usage
from costscope.readers import _counts, _messages, _provider, _talk
from costscope.readers._session import (
    Line,
    Session,
    SessionReader,
    Told,
    cost,
    items,
    part,
    since,
    string,
    tags,
    when,
)

SPEAKERS = {"system": "system", "user": "user", "agent": "assistant"}


class Atif(SessionReader):
    """Runs of any agent in ATIF, of any version."""

    about = (
        "ATIF trajectories (Harbor): an agent's steps with usage and cost, whoever the agent was"
    )

    def score(self, record: dict[str, Any]) -> float:
        """Sure where the document names its schema."""
        return 1.0 if string(record.get("schema_version")).startswith("ATIF-") else 0.0

    def begin(self, lines: Sequence[Line]) -> Session:
        """Runs; the sub-agents of one are runs of their own."""
        return _Runs()


class _Runs(Session):
    def take(self, line: Line) -> None:
        self._run(line.value, line)

    def _run(self, value: dict[str, Any], line: Line) -> None:
        said: list[bytes] = []
        asked: int | None = None
        for step in items(value.get("steps")):
            role, at = SPEAKERS.get(string(step.get("source")), "user"), when(step.get("timestamp"))
            shown = _talk.parts(step.get("message"), _called(step), step.get("reasoning_content"))
            if role == "assistant" and step.get("llm_call_count") != 0:
                call = _call(value, step, asked or at, at)
                call.messages, call.reply = Told(said), _talk.reply(shown)
                self.add(line, call)
            said.append(_talk.message(role, shown))
            results = items(part(step, "observation").get("results"))
            said += [_talk.message("tool", _talk.parts(r.get("content"))) for r in results]
            asked = at
        for other in items(value.get("subagent_trajectories")):
            self._run(other, line)


def _called(step: dict[str, Any]) -> list[dict[str, Any]]:
    calls = items(step.get("tool_calls"))
    return [{"name": c.get("function_name"), "input": c.get("arguments")} for c in calls]


def _call(value: dict[str, Any], step: dict[str, Any], sent: int | None, at: int | None) -> Call:
    agent, metrics = part(value, "agent"), part(step, "metrics")
    named = string(step.get("model_name")) or string(agent.get("model_name"))
    declared = named.partition("/")[0] if "/" in named else ""
    provider, channel = _provider.identify(declared, named)
    session = string(value.get("session_id")) or string(value.get("trajectory_id"))
    effort = string(step.get("reasoning_effort"))
    return Call(
        call_id=f"{session}/{step.get('step_id')}" if session else "",
        session=session or None,
        sent_at=sent,
        latency_us=since(sent, at),
        provider=provider,
        channel=channel,
        model=named.rpartition("/")[2],
        feature=string(agent.get("name")) or None,
        tags=tags({"version": agent.get("version")}),
        params=f"effort={effort}" if effort else "",
        usage=_billed(metrics, provider),
        reported_pd=cost(metrics.get("cost_usd")),
        dialect=_messages.blocks,
    )


def _billed(metrics: dict[str, Any], provider: str) -> Usage | None:
    """Buckets; the format says that its prompt holds the cached tokens. Converters keep the writes and the
    reasoning of those agents that tell them among the extras."""
    if metrics.get("prompt_tokens") is None:
        return None
    extra = part(metrics, "extra")
    given, output, read = (
        _counts.count(metrics.get(name) or 0, name)
        for name in ("prompt_tokens", "completion_tokens", "cached_tokens")
    )
    written, reasoning = (
        _counts.most(names, extra)
        for names in (
            ("cache_creation_input_tokens", "cache_write_tokens"),
            ("reasoning_tokens", "reasoning_output_tokens"),
        )
    )
    fresh = _counts.uncached(given, read + written, output, given + output, inside=True)
    bucket = "cache_write_30m" if provider == "openai" else "cache_write_5m"
    return Usage(
        fresh=fresh,
        cache_read=read,
        output=output,
        reasoning=min(reasoning, output),
        **{bucket: written},
    )
