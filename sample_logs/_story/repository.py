"""The code base that the coding agent works on: ten small modules, their tests, tasks and tools."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from _story.texts import prose, sections

FIELDS = (
    "var", "cls", "title", "first", "last", "stale", "low", "high", "unit", "dwell", "byte",
    "byte2", "signed",
)  # fmt: skip
FAULTS = 5
"""How many kinds of tasks there are, each with its own ending."""


@dataclass(frozen=True)
class Step:
    """A tool call: what is said before it, the tool, its input, and what comes back."""

    said: str
    tool: str
    given: dict[str, Any]
    result: str


@cache
def modules() -> list[dict[str, str]]:
    """The facts of each module, by name."""
    found = []
    for line in sections("code")["modules"]:
        facts = dict(zip(FIELDS, line.split("|"), strict=True))
        facts["mid"] = str((int(facts["low"]) + int(facts["high"])) // 2)
        facts["over"] = str(int(facts["high"]) + 1)
        facts["unit_id"] = facts["unit"].replace(" ", "_")
        found.append(facts)
    return found


@cache
def source(number: int, kind: str) -> str:
    """A file of a module, kind "device" or "test", as the agent's tools show it."""
    lines = "\n".join(sections("code")[kind]).format(**modules()[number]).split("\n")
    return "\n".join(f"{i:>4}  {line}".rstrip() for i, line in enumerate(lines, 1))


def path(number: int, kind: str) -> str:
    """Where a file lies in the repository."""
    var = modules()[number]["var"]
    return f"hub/devices/{var}.py" if kind == "device" else f"tests/devices/test_{var}.py"


def task(number: int, fault: int) -> str:
    """What a developer asks for."""
    return sections("code")["tasks"][fault].format(**modules()[number])


def ending(number: int, fault: int) -> str:
    """The report at the end of a task."""
    return sections("code")["ends"][fault].format(**modules()[number])


def remark(number: int, rng: Random) -> str:
    """What a review has to say."""
    lines = rng.sample(sections("code")["remarks"], rng.randrange(0, 3))
    said = [line.format(**modules()[number]) for line in lines] or ["No remarks."]
    return "\n".join([*said, "WAIT, see the remarks above" if lines else "MERGE"])


def steps(number: int, count: int, rng: Random) -> list[Step]:
    """`count` steps of work on a module: look, look at the test, change, run, look further."""
    said = rng.sample(sections("code")["thoughts"], min(count, 6))
    makers = (_read, _read_test, _edit, _run, _callers, _run_all)
    return [
        makers[i % len(makers)](said[i % len(said)] if i % 2 == 0 else "", number, rng)
        for i in range(count)
    ]


def _read(said: str, number: int, rng: Random) -> Step:
    where = path(number, "device")
    return Step(said, "read_file", {"path": where}, source(number, "device"))


def _read_test(said: str, number: int, rng: Random) -> Step:
    where = path(number, "test")
    return Step(said, "read_file", {"path": where}, source(number, "test"))


def _edit(said: str, number: int, rng: Random) -> Step:
    facts, extra = modules()[number], rng.randrange(2, 9)
    given = {
        "path": path(number, "device"),
        "old_text": "    if age > STALE_AFTER or now < settings.quiet_until:\n"
        "        return False\n",
        "new_text": f"    if age > STALE_AFTER + {extra}:\n        return False\n"
        "    if now < settings.quiet_until:\n        return False\n",
    }
    return Step(said, "edit_file", given, f"1 passage of {facts['var']}.py replaced")


def _run(said: str, number: int, rng: Random) -> Step:
    where, passed = path(number, "test"), rng.randrange(5, 9)
    output = f"{where} {'.' * passed}\n{passed} passed in 0.{rng.randrange(11, 98)}s\nexit code 0"
    return Step(said, "run_tests", {"path": where}, output)


def _callers(said: str, number: int, rng: Random) -> Step:
    var, first = modules()[number]["var"], rng.randrange(20, 90)
    hits = (("plan/rules", first), ("plan/schedule", first + 41), ("net/report", first + 7))
    result = "\n".join(f"hub/{name}.py:{line}: may_act(" for name, line in hits)
    return Step(said, "search", {"pattern": rf"{var}\.may_act\(", "glob": "hub/**/*.py"}, result)


def _run_all(said: str, number: int, rng: Random) -> Step:
    total = rng.randrange(610, 640)
    result = f"{total} passed, 3 skipped in {rng.randrange(31, 58)}.2s\nexit code 0"
    return Step(said, "run_tests", {"path": "tests"}, result)


def diff(number: int, rng: Random) -> str:
    """A change to a module as a unified diff."""
    where, extra = path(number, "device"), rng.randrange(2, 90)
    return (
        f"--- a/{where}\n+++ b/{where}\n@@ -28,5 +28,7 @@\n"
        '     """Whether a value of this age may move something in a house."""\n'
        f"-    if age > STALE_AFTER or now < settings.quiet_until:\n"
        f"+    if age > STALE_AFTER + {extra}:\n+        return False\n"
        "+    if now < settings.quiet_until:\n         return False\n"
        "     return settings.lower <= value <= settings.upper\n"
    )


@cache
def tools() -> list[dict[str, Any]]:
    """All tools with their schemas, in the order in which they are sent."""
    return [_tool(*line.split("|")) for line in prose("tools").split("\n")]


def _tool(name: str, about: str, *fields: str) -> dict[str, Any]:
    parts = [field.split(":", 2) for field in fields]
    return {
        "name": name,
        "description": about,
        "input_schema": {
            "type": "object",
            "properties": {key: {"type": kind, "description": text} for key, kind, text in parts},
            "required": [parts[0][0]],
            "additionalProperties": False,
        },
    }


def compact(value: Any) -> str:
    """JSON as it goes over the wire."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
