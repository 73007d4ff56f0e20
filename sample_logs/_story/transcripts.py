"""code-agent, second half: the same developers' sessions as Claude Code writes them to disk.

A line a content block; lines of one reply share its ids and repeat its usage, whose output grows
until the last. The prompt of the program itself is billed but, as in real transcripts, not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from random import Random
from typing import Any

from _story import repository
from _story.agent import block_text, usage
from _story.caching import ClaudeCache, Piece
from _story.counting import claude
from _story.repository import Step
from _story.weeks import DESK, days, later, moment, stamp

MAIN, HELPER = "claude-opus-4-5-20251101", "claude-haiku-4-5-20251001"
SMALLEST = 4096
"""The shortest prefix that both of these models keep."""
HIDDEN = {MAIN: 5_800, HELPER: 4_300}
"""Tokens of the program's own prompt and tools, which no transcript shows."""
TURN_END = 3
SESSIONS = 40
STEPS = (1, 2, 3, 2, 1, 4)
SECOND_TASK = 8
"""Each eighth session gets a second task."""
HELPED, COMPACTED, LONG_BREAK = (5, 27), 12, 20
"""Sessions of a week with a sub-agent, with a compaction, and with a break of seventy minutes."""
SUMMARISE = (
    "Summarise this conversation so that the work can go on without it: what was asked, which "
    "files were read or changed, what the tests said, and what is left to do."
)


def _uuid(session: int, number: int) -> str:
    """An id in the usual form that nobody can take for a real one."""
    return f"5a3b1e00-{session:04x}-4000-8000-{number:012x}"


@dataclass
class Request:
    """One call to the API with the lines that its reply became; billed when all calls are known."""

    at: datetime
    model: str
    prompt: list[Piece]
    reply: list[dict[str, Any]]
    lines: list[dict[str, Any]] = field(default_factory=list)

    def bill(self, cache: ClaudeCache) -> None:
        """Write the usage into the lines; only the last has the whole output."""
        billed = cache.bill(self.at, self.model, self.prompt)
        counts = [claude(_content(block)) for block in self.reply]
        for i, line in enumerate(self.lines):
            last = i == len(self.lines) - 1
            output = sum(counts) if last else 1 + sum(counts[: i + 1]) // 5
            line["message"]["usage"] = usage(billed, output)


def _content(block: dict[str, Any]) -> str:
    return str(block["thinking"]) if block["type"] == "thinking" else block_text(block)


@dataclass
class Transcript:
    """One file: its lines, and the prompt as it stands for the next call."""

    session: int
    name: str
    model: str
    at: datetime
    agent: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    context: list[Piece] = field(default_factory=list)
    parent: str | None = None

    def add(self, **fields: Any) -> dict[str, Any]:
        """Append a line below the last one and return it."""
        number = len(self.lines) + (0x10000 * int(self.agent[-4:], 16) if self.agent else 0) + 1
        line: dict[str, Any] = {
            "parentUuid": self.parent, "isSidechain": bool(self.agent), "userType": "external",
            "cwd": "/home/sample/fernlight-hub", "sessionId": _uuid(self.session, 0),
            "version": "2.1.40", "gitBranch": f"ticket-{400 + self.session}",
            **({"agentId": self.agent} if self.agent else {}), **fields,
            "uuid": _uuid(self.session, number), "timestamp": stamp(self.at),
        }  # fmt: skip
        self.lines.append(line)
        self.parent = line["uuid"]
        return line

    def hear(self, text: str, **fields: Any) -> None:
        """A person speaks, or the program in their name."""
        self.add(type="user", message={"role": "user", "content": text}, **fields)
        self.context.append(Piece(text, claude(text)))

    def result(self, call: str, text: str, **about: Any) -> None:
        """A tool answers."""
        block = {"tool_use_id": call, "type": "tool_result", "content": text}
        message = {"role": "user", "content": [block]}
        self.add(type="user", message=message, toolUseResult=about)
        self.context.append(Piece(text, claude(text)))

    def call(self, reply: list[dict[str, Any]], stop: str) -> None:
        """The model replies; each block of the reply is a line."""
        ttl = "5m" if self.model == HELPER else "1h"
        hidden = Piece(f"hidden prompt of {self.model}", HIDDEN[self.model], ttl)
        *before, last = self.context
        prompt = [hidden, *before, Piece(last.text, last.tokens, ttl), Piece("", TURN_END)]
        request = Request(self.at, self.model, prompt, reply)
        number = f"{self.session:02d}{self.agent[-2:]}{len(self.requests) + 1:02d}"
        for i, block in enumerate(reply):
            self.at = later(self.at, 900 + 9 * claude(_content(block)))
            stopped = stop if i == len(reply) - 1 else None
            message: dict[str, Any] = {
                "model": self.model, "id": f"msg_sample_c{number}", "type": "message",
                "role": "assistant", "content": [block], "stop_reason": stopped,
                "stop_sequence": None, "usage": {},
            }  # fmt: skip
            line = self.add(type="assistant", message=message, requestId=f"req_sample_c{number}")
            request.lines.append(line)
        self.requests.append(request)
        self.context += [Piece(_content(b), claude(_content(b))) for b in reply]

    def wait(self, milliseconds: int) -> None:
        """Time passes."""
        self.at = later(self.at, milliseconds)


def transcripts() -> dict[str, list[dict[str, Any]]]:
    """Two weeks of sessions: the path of a file below `claude_code/` → its lines."""
    files = [file for week in (0, 1) for file in _week(week)]
    cache = ClaudeCache(SMALLEST)
    requests = [request for file in files for request in file.requests]
    for request in sorted(requests, key=lambda r: (r.at, r.lines[0]["uuid"])):
        request.bill(cache)
    return {file.name: file.lines for file in files}


def _week(week: int) -> Iterator[Transcript]:
    rng = Random(f"transcripts/week {week}")
    for i, day in enumerate(days(SESSIONS, DESK)):
        number = week * SESSIONS + i + 1
        name = f"{_uuid(number, 0)}.jsonl"
        main = Transcript(number, name, MAIN, moment(rng, week, day))
        yield main
        yield from _session(main, i, rng)


def _session(main: Transcript, i: int, rng: Random) -> Iterable[Transcript]:
    """Fill the main file; the files beside it are returned."""
    module, others = rng.randrange(len(repository.modules())), []
    main.lines.append(_snapshot(main))
    if i in HELPED:
        others.append(_ask_helper(main, module, rng))
    else:
        _task(main, module, STEPS[i % len(STEPS)], rng)
    if i == COMPACTED:
        others.append(_compact(main, module))
    if i in (COMPACTED, LONG_BREAK) or i % SECOND_TASK == 3:
        main.wait(70 * 60_000 if i == LONG_BREAK else rng.randrange(30_000, 200_000))
        _task(main, module, 2, rng)
    return others


def _snapshot(main: Transcript) -> dict[str, Any]:
    """The line with which such a file begins; it is no message."""
    message = {"messageId": _uuid(main.session, 2)}
    state = {**message, "trackedFileBackups": {}, "timestamp": stamp(main.at)}
    return {
        "type": "file-history-snapshot", **message, "snapshot": state, "isSnapshotUpdate": False,
    }  # fmt: skip


def _task(file: Transcript, module: int, count: int, rng: Random) -> None:
    fault = rng.randrange(repository.FAULTS)
    file.hear(f"Ticket {400 + file.session}. {repository.task(module, fault)}")
    file.wait(rng.randrange(1_000, 2_500))
    _loop(file, repository.steps(module, count, rng), repository.ending(module, fault), rng)
    file.add(type="system", subtype="turn_duration", durationMs=9_000 + 7_000 * count, isMeta=False)


def _loop(file: Transcript, steps: list[Step], end: str, rng: Random) -> None:
    for i, step in enumerate(steps):
        call = f"toolu_sample_{file.session:02d}{len(file.lines):03d}"
        reply = [_thinking(step)] if i == 0 else []
        if step.said:
            reply.append({"type": "text", "text": step.said})
        name, given = _tool(step)
        reply.append({"type": "tool_use", "id": call, "name": name, "input": given})
        file.call(reply, "tool_use")
        file.wait(rng.randrange(200, 9_000))
        file.result(call, step.result, type="text", numLines=step.result.count("\n") + 1)
    file.call([{"type": "text", "text": end}], "end_turn")


def _thinking(step: Step) -> dict[str, Any]:
    text = f"The request names one module. I start with {step.tool} and keep the change small."
    return {"type": "thinking", "thinking": text, "signature": "c2FtcGxlLCBub3QgYSBzaWduYXR1cmU="}


def _tool(step: Step) -> tuple[str, dict[str, Any]]:
    """The same step with the tool names of this program."""
    given = step.given
    if step.tool == "read_file":
        return "Read", {"file_path": f"/home/sample/fernlight-hub/{given['path']}"}
    if step.tool == "edit_file":
        path = f"/home/sample/fernlight-hub/{given['path']}"
        return "Edit", {
            "file_path": path, "old_string": given["old_text"], "new_string": given["new_text"],
        }  # fmt: skip
    if step.tool == "search":
        return "Grep", {**given, "output_mode": "content"}
    return "Bash", {"command": f"pytest -q {given['path']}", "description": "Run the tests"}


def _ask_helper(main: Transcript, module: int, rng: Random) -> Transcript:
    """The main conversation hands a search to a sub-agent and ends with what it found."""
    var = repository.modules()[module]["var"]
    call, agent = f"toolu_sample_{main.session:02d}900", f"a5a3{main.session:04x}"
    prompt = f"Find every place that acts on a value of hub.devices.{var}, and its guards."
    found = f"may_act of hub.devices.{var} has three callers; in hub/net/report.py the age is 0."
    main.hear(f"Who acts on values of the {repository.modules()[module]['title']}, and how safely?")
    main.wait(1_400)
    given = {"description": "Find callers", "prompt": prompt, "subagent_type": "Explore"}
    main.call([{"type": "tool_use", "id": call, "name": "Task", "input": given}], "tool_use")
    folder = main.name.removesuffix(".jsonl")
    helper = Transcript(
        main.session, f"{folder}/subagents/agent-{agent}.jsonl", HELPER, main.at, agent
    )
    helper.hear(prompt)
    helper.wait(900)
    steps = [*repository.steps(module, 5, rng)[4:], *repository.steps(module, 2, rng)]
    _loop(helper, steps, found, rng)
    main.at = later(helper.at, 300)
    main.result(call, found, status="completed", agentId=agent, totalDurationMs=41_000)
    main.call([{"type": "text", "text": f"{found} I would guard that one too."}], "end_turn")
    return helper


def _compact(main: Transcript, module: int) -> Transcript:
    """The conversation is summarised by a side call and goes on from the summary."""
    agent = f"acompact-5a{main.session:04x}"
    folder = main.name.removesuffix(".jsonl")
    side = Transcript(main.session, f"{folder}/subagents/agent-{agent}.jsonl", MAIN, main.at, agent)
    side.context, side.parent = list(main.context), main.parent
    side.wait(20_000)
    side.hear(SUMMARISE)
    summary = (
        f"{repository.task(module, 0)} The files {repository.path(module, 'device')} and "
        f"{repository.path(module, 'test')} were read. {repository.ending(module, 0)}"
    )
    side.call([{"type": "text", "text": summary}], "end_turn")
    main.at, before = later(side.at, 500), main.parent
    main.parent, main.context = None, []
    size = HIDDEN[MAIN] + sum(piece.tokens for piece in side.context)
    main.add(
        type="system", subtype="compact_boundary", content="Conversation compacted", isMeta=False,
        level="info", logicalParentUuid=before,
        compactMetadata={"trigger": "manual", "preTokens": size},
    )  # fmt: skip
    text = f"This conversation goes on from an earlier one. What happened so far: {summary}"
    main.hear(text, isCompactSummary=True, isVisibleInTranscriptOnly=True)
    return side
